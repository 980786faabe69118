"""Running programs on an instance's machines over SSH: through the jump node, with host keys that the stack knows.

Nothing is taken on trust: host keys come from the stack's outputs, and never from the file of whoever runs this.
What a program is told goes in by standard input, so no secret stands on a command line.
"""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

from mastodon_infra.errors import Problem, ToolError
from mastodon_infra.plan.firewall import SSH_PORT
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.outputs import StackOutputs

IDENTITY_VARIABLE = "MASTODON_INFRA_IDENTITY"
"""The path of a private key to log in with; without it the agent's keys and the usual ones are tried."""

CONNECT_SECONDS = 15
ALIVE_SECONDS = 20
SESSIONS_AT_ONCE = 8
"""Programs that run at a time on one machine: its sshd takes ten on a connection."""

KEY_REFUSED = "add the key to administrators in the stack's file, or set " + IDENTITY_VARIABLE
KEY_DIFFERS = (
    "if the machine was replaced by hand, run mastodon-infra refresh; else somebody may stand between: do not log in"
)


class ReachError(ToolError):
    """A machine cannot be reached, or does not let us work on it. ``where`` is the machine."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program on a machine ended with; true when with 0."""

    status: int
    stdout: str = field(repr=False)
    stderr: str = field(repr=False)

    def __bool__(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, slots=True)
class Roster:
    """How each machine is reached.

    Attributes:
        addresses: Where each node is asked for: the jump node from outside, the others from the jump node.
        jump: The node through which the others are reached.
        known_hosts: The host keys of all, as lines of a known_hosts file.
        user: Who logs in.
        identity: The private key to log in with; None for the agent and the usual keys.
    """

    addresses: Mapping[str, str]
    jump: str
    known_hosts: str = field(repr=False)
    user: str
    identity: Path | None = None
    port: int = SSH_PORT


def roster(plan: InstancePlan, outputs: StackOutputs, *, user: str = "") -> Roster:
    """Everybody in a deployed stack; the first administrator logs in unless somebody else is named."""
    given = os.environ.get(IDENTITY_VARIABLE, "")
    inside = {node.name: node.address for node in plan.nodes if node.name in outputs.node_addresses}
    return Roster(
        addresses=inside | {plan.jump: outputs.jump_address},
        jump=plan.jump,
        known_hosts=outputs.known_hosts,
        user=user or plan.spec.administrators[0].name,
        identity=Path(given) if given else None,
    )


class Fleet:
    """The machines of one instance. Connections are made when first needed, kept, and closed at the end."""

    def __init__(self, roster: Roster) -> None:
        """Take the roster; nothing is connected yet."""
        self.roster = roster
        self._stack = AsyncExitStack()
        self._open: dict[str, asyncssh.SSHClientConnection] = {}
        self._locks = {name: asyncio.Lock() for name in roster.addresses}
        self._turns = {name: asyncio.Semaphore(SESSIONS_AT_ONCE) for name in roster.addresses}

    @classmethod
    def of(cls, plan: InstancePlan, outputs: StackOutputs, *, user: str = "") -> Fleet:
        """The fleet of a deployed stack."""
        return cls(roster(plan, outputs, user=user))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # The jump's connection was opened first, and carries the others: it is closed last.
        await self._stack.aclose()

    async def run(self, node: str, *words: str, stdin: bytes = b"", sudo: bool = True, seconds: float = 60) -> Outcome:
        """Run a program on a machine, as root unless ``sudo`` is false. Every exit status is an outcome.

        Raises ReachError where the machine is not reached, does not let us in, or the program does not end in time.
        """
        command = shlex.join(("sudo", "--non-interactive", "--", *words) if sudo else words)
        connection = await self._connection(node)
        # Nothing to read is said at once: an empty input alone would leave a reader waiting.
        given: dict[str, Any] = {"input": stdin} if stdin else {"stdin": asyncssh.DEVNULL}
        try:
            async with self._turns[node]:
                done = await connection.run(command, encoding=None, check=False, timeout=seconds, **given)
        except TimeoutError:
            raise ReachError(
                f"{words[0]} did not end within {seconds:g} s", hint="the machine may be busy: try again", where=node
            ) from None
        except (asyncssh.Error, OSError) as error:
            self._open.pop(node, None)
            raise self._lost(node, error) from None
        outcome = Outcome(_status(done), _text(done.stdout), _text(done.stderr))
        if sudo and not outcome and outcome.stderr.startswith("sudo: "):
            raise ReachError(
                f"{self.roster.user} may not become root: {outcome.stderr.splitlines()[0]}",
                hint="log in as an administrator of the stack's file: --as NAME",
                where=node,
            )
        return outcome

    async def talk(self, node: str, *words: str) -> asyncssh.SSHClientProcess[str]:
        """Start a program as root that goes on until its input ends: with the connection, at the latest."""
        connection = await self._connection(node)
        try:
            return await connection.create_process(
                shlex.join(("sudo", "--non-interactive", "--", *words)), stderr=asyncssh.DEVNULL
            )
        except (asyncssh.Error, OSError) as error:
            raise self._lost(node, error) from None

    async def connect(self, nodes: Iterable[str]) -> None:
        """Open the connections to machines that will be worked on; raises ReachError that tells all that fail.

        Where the jump node fails, it alone is told: nobody else is reached without it.
        """
        asked = tuple(nodes)
        await self._connection(self.roster.jump)
        ended = await asyncio.gather(*(self._connection(node) for node in asked), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException) and not isinstance(error, ReachError):
                raise error
        errors = [error for error in ended if isinstance(error, ReachError)]
        problems = list(dict.fromkeys(problem for error in errors for problem in error.problems))
        others = [node for node, error in zip(asked, ended, strict=True) if not isinstance(error, ReachError)]
        if problems and others:
            words = " ".join(f"--node {node}" for node in others)
            problems.append(Problem((), "the others are reached", hint=f"to go on with them alone: {words}"))
        if problems:
            raise ReachError(problems)

    async def _connection(self, node: str) -> asyncssh.SSHClientConnection:
        if node not in self._locks:
            known = ", ".join(self._locks)
            raise ReachError(f"there is no machine {node} in this stack", hint=f"there are: {known}")
        async with self._locks[node]:
            kept = self._open.get(node)
            if kept is None or kept.is_closed():
                self._open[node] = kept = await self._connect(node)
            return kept

    async def _connect(self, node: str) -> asyncssh.SSHClientConnection:
        roster = self.roster
        tunnel = None if node == roster.jump else await self._connection(roster.jump)
        keys: dict[str, Any] = {}
        if roster.identity is not None:
            keys = {"client_keys": [str(roster.identity)], "agent_path": None}
        try:
            connection = await asyncssh.connect(
                roster.addresses[node],
                roster.port,
                tunnel=tunnel,
                username=roster.user,
                known_hosts=asyncssh.import_known_hosts(roster.known_hosts),
                config=None,
                connect_timeout=CONNECT_SECONDS,
                login_timeout=CONNECT_SECONDS,
                keepalive_interval=ALIVE_SECONDS,
                preferred_auth="publickey",
                **keys,
            )
        except (asyncssh.Error, asyncssh.KeyImportError, OSError, TimeoutError) as error:
            raise self._refused(node, error) from None
        self._stack.push_async_callback(_close, connection)
        return connection

    def _refused(self, node: str, error: Exception) -> ReachError:
        """Why nobody came in, in words that say what to do."""
        roster = self.roster
        at = f"{roster.addresses[node]}, port {roster.port}"
        if isinstance(error, asyncssh.HostKeyNotVerifiable):
            return ReachError(f"the host key at {at} is not the one that the stack made", hint=KEY_DIFFERS, where=node)
        if isinstance(error, asyncssh.PermissionDenied):
            return ReachError(f"{at} refuses the keys of {roster.user}", hint=KEY_REFUSED, where=node)
        if isinstance(error, asyncssh.KeyImportError | FileNotFoundError) and roster.identity is not None:
            hint = f"{IDENTITY_VARIABLE} names an OpenSSH private key; one with a passphrase belongs into the agent"
            return ReachError(f"the key {roster.identity} cannot be read", hint=hint, where=node)
        reason = "no answer in time" if isinstance(error, TimeoutError) else _reason(error)
        hint = "is the machine up, and is your address among the administrators' networks of the firewall?"
        if node != roster.jump:
            hint = f"is the machine up? It is asked from {roster.jump}"
        return ReachError(f"{at} cannot be reached: {reason}", hint=hint, where=node)

    def _lost(self, node: str, error: Exception) -> ReachError:
        hint = "run it again; if it stays so, is the machine up?"
        return ReachError(f"the connection was lost: {_reason(error)}", hint=hint, where=node)


async def _close(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    await connection.wait_closed()


def _status(done: asyncssh.SSHCompletedProcess) -> int:
    """The exit status; as shells say it where a signal ended the program."""
    return 255 if done.returncode is None else done.returncode


def _text(told: object) -> str:
    return bytes(told).decode(errors="replace") if isinstance(told, bytes | bytearray) else ""


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]
