"""Programs that run: started as their unit says, watched until they listen, and ended."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.parsers.checks.system import Files, settings_of
from tests.parsers.checks.units import UNIT_FOLDERS
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

POOLER = ("pgbouncer", "/etc/pgbouncer/pgbouncer.ini")
SECONDS = 10
PAUSE = 0.05


@contextmanager
def background(
    tree: Tree, command: Sequence[str] | str, *, ports: set[int], user: str = "root"
) -> Iterator[Callable[[], str]]:
    """A program, or a shell line, that runs until the end of the block. Yields what reads its log.

    Raises ``Refused`` with the log when it ends by itself, or when it does not listen on some of ``ports``, and on no
    other, in time.
    """
    line = command if isinstance(command, str) else f"exec {shlex.join(command)}"
    before = listening(tree)
    path = tree.machine.must(["mktemp"])
    start = f"nohup bash -c {shlex.quote(line)} > {path} 2>&1 < /dev/null & echo $!"
    tree.machine.must(["chmod", "666", path])
    process = tree.machine.must(["bash", "-c", start], user=user)

    def log() -> str:
        return tree.machine.run(["cat", path]).said

    try:
        _await(tree, process, before, ports, log)
        yield log
    finally:
        stop = (
            f"kill {process}; for n in {{1..100}}; do kill -0 {process} || exit 0; sleep 0.05; done; kill -9 {process}"
        )
        tree.machine.run(["bash", "-c", stop])


def _await(tree: Tree, process: str, before: set[int], ports: set[int], log: Callable[[], str]) -> None:
    limit = time.monotonic() + SECONDS
    while not (heard := listening(tree) - before) or not heard <= ports:
        if not tree.machine.run(["kill", "-0", process]):
            raise Refused(f"it ended by itself:\n{log()}")
        if time.monotonic() > limit:
            raise Refused(f"it listens on {heard or 'nothing'}, and the plan says {ports}:\n{log()}")
        time.sleep(PAUSE)


def listening(tree: Tree) -> set[int]:
    """The TCP ports on which anything in the machine listens."""
    said = tree.machine.must(["ss", "--tcp", "--listening", "--numeric", "--no-header"])
    return {int(line.split()[3].rpartition(":")[2]) for line in said.splitlines()}


def environments(tree: Tree, files: Files) -> None:
    """The unit that reads the file starts its program with it, and the program listens where the plan says.

    systemd reads such a file; here a shell does, after it has been seen that every reader must take it the same way.
    """
    for file in files:
        for line in settings_of(file):
            if not re.fullmatch(r"[A-Z][A-Z0-9_]*=([^\s\"'\\$`;&|<>()*~#]*|\"[^\"\\$`]*\")", line):
                raise Refused(f"{file.path}: a shell and systemd read this in different ways: {line.partition('=')[0]}")
        program = _program_of(tree, file.path)
        with _asked_by(tree, program), _started(tree, file.path, program):
            pass


@contextmanager
def service_of(tree: Tree, path: str) -> Iterator[None]:
    """The service that reads an environment file, running; what it asks is there already."""
    with _started(tree, path, _program_of(tree, path)):
        yield


@contextmanager
def _started(tree: Tree, path: str, program: str) -> Iterator[None]:
    script = f"set -af; . {shlex.quote(path)}; set +a; exec {program}"
    with background(tree, script, ports=_planned_ports(tree, program)):
        yield


@contextmanager
def _asked_by(tree: Tree, program: str) -> Iterator[None]:
    """What a program asks before it listens: PgBouncer's exporter does not start without PgBouncer."""
    if "pgbouncer-exporter" not in program:
        yield
        return
    assert tree.node.pgbouncer is not None
    with background(tree, POOLER, user="postgres", ports={tree.node.pgbouncer.port.value}):
        yield


def _program_of(tree: Tree, path: str) -> str:
    """ExecStart of the unit that names the file in EnvironmentFile."""
    folders = " ".join(UNIT_FOLDERS)
    said = tree.machine.must(f"grep --recursive --extended-regexp '^EnvironmentFile=' {folders} 2> /dev/null || true")
    for line in said.splitlines():
        unit, _, named = line.partition(":EnvironmentFile=")
        instance = re.fullmatch(re.escape(named.lstrip("-")).replace("%i", "([a-z0-9-]+)"), path)
        if instance:
            lines = tree.machine.must(["cat", unit]).replace("\\\n", " ").splitlines()
            return next(one.partition("=")[2] for one in lines if one.startswith("ExecStart="))
    raise Refused(f"no unit reads {path}")


def _planned_ports(tree: Tree, program: str) -> set[int]:
    """The ports of the plan's listener whose name is the program's, without what Debian puts before it."""
    name = program.split(maxsplit=1)[0].rpartition("/")[2].removeprefix("prometheus-")
    ports = {
        port
        for one in tree.plan.listeners
        if one.group == tree.node.group and one.process == name
        for port in range(one.first_port, one.last_port + 1)
    }
    if not ports:
        raise Refused(f"the plan has no listener {name} on {tree.node.name}")
    return ports
