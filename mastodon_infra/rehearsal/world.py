"""The folder that stands for what exists at the vendors: a readable JSON file per resource.

``linode/instance/10000001.json`` holds type, id, inputs and computed outputs. Files appear whole or not at all, and who
changes something holds the lock: the engine starts a process per provider, and all work in the same world.

``journal.jsonl`` tells in order what was made, changed and taken away, a line each, without any value. ``faults.json``
makes calls fail, for tests: a list of ``Fault``.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

FIRST_NUMBER = 10_000_001

Values = dict[str, Any]
"""Properties of one resource: as the engine sends them with the marks of secrets, or in plain."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One call that fails: the ``nth`` from now of an operation on a type, after ``seconds``, with a status.

    A ``status`` of 0 fails nothing and only takes its time. One that ``is_late`` fails a creation after it was done:
    the vendor made something, and its answer was lost. ``configure`` is an operation on a package.
    """

    type: str
    operation: str = "create"
    nth: int = 1
    status: int = 500
    seconds: float = 0
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Thing:
    """A resource that exists."""

    type: str
    id: str
    inputs: Values
    outputs: Values


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done: create, update or delete. ``run`` is the process id of the engine that asked for it."""

    run: int
    operation: str
    urn: str


class World:
    """What exists, in a folder that is made when something is put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else changes anything meanwhile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def all(self, token: str) -> tuple[Thing, ...]:
        """Every resource of a type."""
        return tuple(_read(path) for path in sorted(self._folder_of(token).glob("*.json")))

    def get(self, token: str, identity: object) -> Thing | None:
        """The resource of that type and id; an id may be given as a number."""
        path = self._path(token, str(identity))
        return _read(path) if path.is_file() else None

    def put(self, thing: Thing) -> None:
        """Write a resource down, whether it is new or changed."""
        _write(self._path(thing.type, thing.id), asdict(thing))

    def remove(self, token: str, identity: str) -> None:
        """Forget a resource; nothing happens where it is gone already."""
        self._path(token, identity).unlink(missing_ok=True)

    def next_number(self) -> int:
        """A number that was never given before in this world; the caller holds the lock."""
        path = self.folder / "numbers.json"
        number = json.loads(path.read_text(encoding="utf-8")) + 1 if path.is_file() else FIRST_NUMBER
        _write(path, number)
        return int(number)

    def remember(self, event: Event) -> None:
        """Add a line to the journal."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "journal.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(event)) + "\n")

    def journal(self) -> tuple[Event, ...]:
        """What was done here so far, in order."""
        path = self.folder / "journal.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return tuple(Event(**json.loads(line)) for line in lines)

    # --- Faults -----------------------------------------------------------------------------------------------------

    def plan_faults(self, *faults: Fault) -> None:
        """Have calls fail from now on, and forget what was planned before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / "faults.json", [asdict(fault) for fault in faults])

    def faults(self) -> list[Fault]:
        """Those that no call ran into yet."""
        path = self.folder / "faults.json"
        return [Fault(**one) for one in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []

    def due_fault(self, operation: str, token: str) -> Fault | None:
        """Count a call; gives the fault that it runs into, which is then spent. Waits for as long as that says."""
        if not self.faults():
            return None
        with self.locked():
            left: list[Fault] = []
            due: Fault | None = None
            for fault in self.faults():
                if (fault.operation, fault.type) != (operation, token):
                    left.append(fault)
                elif fault.nth > 1:
                    left.append(replace(fault, nth=fault.nth - 1))
                else:
                    due = fault
            self.plan_faults(*left)
        if due:
            time.sleep(due.seconds)
        return due

    # --- Paths ------------------------------------------------------------------------------------------------------

    def _folder_of(self, token: str) -> Path:
        """``linode:index/nodeBalancer:NodeBalancer`` lies in linode/nodeBalancer."""
        package, module, kind = token.split(":")
        file = module.rpartition("/")[2] or kind
        service = module.partition("/")[0]
        return self.folder / package / (file if service in {"index", file} else f"{service}-{file}")

    def _path(self, token: str, identity: str) -> Path:
        return self._folder_of(token) / f"{identity.replace('/', '%2F')}.json"


def _read(path: Path) -> Thing:
    return Thing(**json.loads(path.read_text(encoding="utf-8")))


def _write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.{os.getpid()}")
    making.touch(mode=0o600)
    making.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    making.replace(path)
