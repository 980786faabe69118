"""Keys, passwords, environments and scripts: files that several programs read."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from mastodon_infra.render.bundle_types import BundleFile
from tests.parsers.checks.system import Files, settings_of
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

PODMAN = ("podman", "--storage-driver=vfs")


def shell(tree: Tree, files: Files) -> None:
    """Shellcheck finds nothing, Debian 13's own shell reads it, and it may be executed."""
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if not shellcheck:
        raise Refused("there is no shellcheck on this machine")
    for file in files:
        said = subprocess.run(
            [shellcheck, "--norc", "--color=never", "--format=gcc", "-"],
            input=file.content,
            capture_output=True,
            text=True,
            check=False,
        )
        if said.returncode:
            raise Refused(said.stdout.replace("-:", f"{file.path}:", 1))
        interpreter = file.content.partition("\n")[0].removeprefix("#!")
        tree.machine.must([*shlex.split(interpreter), "-n", file.path])
        if not file.mode & 0o100:
            raise Refused(f"{file.path} may not be executed: {file.mode:04o}")


def certificates(tree: Tree, files: Files) -> None:
    """Openssl reads it; a service's certificate is signed by the instance's authority, in force for years or weeks."""
    for file in files:
        tree.machine.must(["openssl", "x509", "-in", file.path, "-noout", "-checkend", "3600"])
        if file.path.startswith("/etc/mastodon-infra/") and "/tls/" not in file.path:
            tree.machine.must(["openssl", "verify", "-CAfile", "/etc/mastodon-infra/ca.crt", file.path])


def certificate_requests(tree: Tree, files: Files) -> None:
    """Openssl reads it, its signature is its own key's, and it names every public name of the plan."""
    for file in files:
        said = tree.machine.must(["openssl", "req", "-in", file.path, "-noout", "-verify", "-text"])
        named = set(re.findall(r"DNS:([^,\s]+)", said))
        if named != set(tree.plan.tls.names):
            raise Refused(f"{file.path} names {sorted(named)}")


def private_keys(tree: Tree, files: Files) -> None:
    """Openssl reads it, it belongs to what lies beside it, and nobody but its reader may see it.

    That is a certificate, or the request for one; a node that only shows what another asked for has neither.
    """
    for file in files:
        folder = file.path.rpartition("/")[0]
        public = tree.machine.must(["openssl", "pkey", "-in", file.path, "-pubout"])
        for what, suffix in (("x509", "server.crt"), ("x509", "site.crt"), ("req", ".csr")):
            for one in tree.bundle.files:
                if one.path.startswith(folder) and one.path.endswith(suffix):
                    said = tree.machine.must(["openssl", what, "-in", one.path, "-noout", "-pubkey"])
                    if public != said:
                        raise Refused(f"{file.path} does not belong to {one.path}")
        if file.mode & 0o037:
            raise Refused(f"{file.path} has mode {file.mode:04o}")


def container_environment(tree: Tree, files: Files) -> None:
    """Podman, which reads it for the container, gives it exactly the settings that the lines say."""
    tree.machine.must("mkdir -p /tmp/empty")
    for file in files:
        create = [*PODMAN, "create", "--rootfs", f"--env-file={file.path}", "--name=one", "/tmp/empty", "true"]
        tree.machine.must(create)
        said = tree.machine.must(
            f"{shlex.join(PODMAN)} inspect one 2> /dev/null; {shlex.join(PODMAN)} rm one > /dev/null 2>&1"
        )
        given = {line for line in json.loads(said)[0]["Config"]["Env"] if line.partition("=")[0] in _names(file)}
        if given != set(settings_of(file)):
            raise Refused(
                f"{file.path}: podman reads other settings: {sorted(_names_of(given ^ set(settings_of(file))))}"
            )


def _names(file: BundleFile) -> set[str]:
    return _names_of(set(settings_of(file)))


def _names_of(lines: set[str]) -> set[str]:
    return {line.partition("=")[0] for line in lines}


PASSWORD_READER = r"""
import ctypes, os, socket, struct, sys, threading
# A stand-in for the server: it asks for the password in clear text and prints it.
host, port, database, user = sys.argv[1:]
server = socket.create_server(("127.0.0.1", int(port)))
def ask():
    client, _ = server.accept()
    client.recv(4096)
    client.sendall(b"R" + struct.pack("!ii", 8, 3))
    print(client.recv(4096)[5:-1].decode())
    client.close()
thread = threading.Thread(target=ask, daemon=True)
thread.start()
door = f"host={host} hostaddr=127.0.0.1 port={port} dbname={database} user={user} sslmode=disable"
command = 'psql --no-psqlrc --no-password --dbname="$1" 2>&1 | grep -i warning'
os.spawnlp(os.P_WAIT, "sh", "sh", "-c", command, "one", door)
thread.join(5)
"""


def password_files(tree: Tree, files: Files) -> None:
    """Libpq finds in it the password for the very host, port, database and role that the line names."""
    for file in files:
        for line in settings_of(file):
            host, port, database, role, password = line.split(":")
            said = tree.machine.must(
                ["python3", "-c", PASSWORD_READER, host, port, database, role], environment={"PGPASSFILE": file.path}
            )
            if said != password:
                raise Refused(f"{file.path}: psql says as {role} to {host}:{port} something else than the password")


def fingerprints(tree: Tree, files: Files) -> None:
    """Lines that the first start can store; sha256sum makes the same of the key in Mastodon's own environment."""
    ask = (
        "value=; for file in /etc/mastodon/web.env /etc/mastodon/sidekiq.env; do "
        "if [ -e $file ]; then value=$(sed -n 's/^SECRET_KEY_BASE=//p' $file); break; fi; done; "
        'if [ -n "$value" ]; then printf \'mastodon-infra secret_key_base %s\' "$value" | sha256sum | cut -c 1-32; fi'
    )
    for file in files:
        told = dict(re.findall(r"(?m)^([a-z_]+) ([0-9a-f]{32})$", file.content))
        if len(told) != len(file.content.splitlines()):
            raise Refused(f"{file.path}: not every line is a name and 32 digits")
        counted = tree.machine.must(ask).strip()
        if counted not in {"", told.get("secret_key_base")}:
            raise Refused(f"{file.path}: the key in the environment has the fingerprint {counted}")
