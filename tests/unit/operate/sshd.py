"""Machines that let people in over SSH: real servers on loopback, one of them a jump node."""

from __future__ import annotations

import asyncio
import shlex
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from mastodon_infra.operate.reach import Roster

JUMP, INSIDE = "127.0.0.1", "127.0.0.2"
USER = "alice"


@dataclass
class Machine:
    """What happened at a machine, and how it behaves."""

    may_sudo: bool = True
    connections: int = 0
    forwarded: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)


@dataclass
class Machines:
    """A jump node ``web-1`` and ``postgres-1`` behind it; ``identity`` is the key that they know."""

    roster: Roster
    jump: Machine
    inside: Machine


class Door(asyncssh.SSHServer):
    def __init__(self, machine: Machine, key: asyncssh.SSHKey) -> None:
        self._machine, self._key = machine, key

    def connection_made(self, _conn: asyncssh.SSHServerConnection) -> None:
        self._machine.connections += 1

    def begin_auth(self, _username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._key.public_data

    def connection_requested(self, dest_host: str, _port: int, _from: str, _from_port: int) -> bool:
        self._machine.forwarded.append(dest_host)
        return True


@asynccontextmanager
async def machines(folder: Path) -> AsyncIterator[Machines]:
    """Two machines, and how they are reached."""
    own = asyncssh.generate_private_key("ssh-ed25519")
    identity = folder / "id_ed25519"
    own.write_private_key(identity)
    identity.chmod(0o600)
    jump, inside = Machine(), Machine()
    jump_key, inside_key = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    first = await _serve(JUMP, 0, jump, jump_key, own)
    port = first.get_port()
    second = await _serve(INSIDE, port, inside, inside_key, own)
    lines = [f"[{JUMP}]:{port} {_line(jump_key)}", f"[{INSIDE}]:{port} {_line(inside_key)}"]
    try:
        yield Machines(
            Roster(
                addresses={"web-1": JUMP, "postgres-1": INSIDE},
                jump="web-1",
                known_hosts="\n".join(lines) + "\n",
                user=USER,
                identity=identity,
                port=port,
            ),
            jump,
            inside,
        )
    finally:
        first.close()
        second.close()


def _line(key: asyncssh.SSHKey) -> str:
    return key.export_public_key().decode().strip()


async def _serve(
    host: str, port: int, machine: Machine, host_key: asyncssh.SSHKey, client_key: asyncssh.SSHKey
) -> asyncssh.SSHAcceptor:
    async def run(process: asyncssh.SSHServerProcess[bytes]) -> None:
        words = shlex.split(process.command or "")
        machine.commands.append(process.command or "")
        if words[:3] == ["sudo", "--non-interactive", "--"]:
            if not machine.may_sudo:
                process.stderr.write(b"sudo: a password is required\n")
                process.exit(1)
                return
            words = words[3:]
        if "flock" in (process.command or ""):
            await _talk(process, words)
            return
        given = await process.stdin.read()
        done = await asyncio.to_thread(subprocess.run, words, input=given, capture_output=True, check=False)
        process.stdout.write(done.stdout)
        process.stderr.write(done.stderr)
        process.exit(done.returncode)

    return await asyncssh.listen(
        host,
        port,
        server_factory=lambda: Door(machine, client_key),
        server_host_keys=[host_key],
        process_factory=run,
        encoding=None,
    )


async def _talk(process: asyncssh.SSHServerProcess[bytes], words: list[str]) -> None:
    """Run a program that is talked with, until it ends or the session does."""
    pipe = asyncio.subprocess.PIPE
    running = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe)
    assert running.stdin is not None
    assert running.stdout is not None
    feeding = asyncio.create_task(_feed(process, running.stdin))
    try:
        async for line in running.stdout:
            process.stdout.write(line)
        process.exit(await running.wait())
    finally:
        feeding.cancel()
        if running.returncode is None:
            running.kill()
        await running.wait()


async def _feed(process: asyncssh.SSHServerProcess[bytes], to: asyncio.StreamWriter) -> None:
    with suppress(asyncssh.Error, OSError):
        async for line in process.stdin:
            to.write(line)
    to.close()
