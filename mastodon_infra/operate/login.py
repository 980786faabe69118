"""The system's own ``ssh`` into a machine: through the jump node, with the stack's host keys and nobody else's."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from mastodon_infra.errors import SpecError, ToolError
from mastodon_infra.operate.reach import Roster

CONNECT_SECONDS = 15


def log_in(roster: Roster, node: str, words: Sequence[str] = (), *, needs_terminal: bool = False) -> int:
    """Run ssh, with a command or for a shell, and give its exit code.

    Raises SpecError where there is no such node, ToolError where there is no ssh here.
    """
    if node not in roster.addresses:
        raise SpecError(f"there is no machine {node}", hint=f"there are {', '.join(roster.addresses)}")
    program = shutil.which("ssh")
    if program is None:
        raise ToolError("there is no ssh here", hint="install OpenSSH's client: apt-get install openssh-client")
    with tempfile.TemporaryDirectory(prefix="mastodon-infra-ssh-") as folder:
        settings = Path(folder, "config")
        known = Path(folder, "known_hosts")
        known.write_text(roster.known_hosts, encoding="utf-8")
        settings.write_text(ssh_config(roster, known), encoding="utf-8")
        terminal = ["-t"] if needs_terminal else []
        command = [program, "-F", str(settings), *terminal, node, *(["--", *words] if words else [])]
        return subprocess.run(command, check=False).returncode  # noqa: S603  # the operator's own words, to their machine


def ssh_config(roster: Roster, known_hosts: Path) -> str:
    """Settings of ssh for all machines of an instance; the jump's own connection reads them too."""
    common = [
        f"User {roster.user}",
        f"Port {roster.port}",
        f"UserKnownHostsFile {known_hosts}",
        "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes",
        "UpdateHostKeys no",
        "PasswordAuthentication no",
        f"ConnectTimeout {CONNECT_SECONDS}",
        "LogLevel ERROR",
    ]
    if roster.identity is not None:
        common += [f"IdentityFile {roster.identity.resolve()}", "IdentitiesOnly yes"]
    lines = []
    for node, address in roster.addresses.items():
        lines += [f"Host {node}", f"    HostName {address}"]
        if node != roster.jump:
            lines.append(f"    ProxyJump {roster.jump}")
    return "\n".join((*lines, "Host *", *(f"    {line}" for line in common), ""))
