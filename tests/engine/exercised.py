"""Which kinds of resources the tests made, changed, replaced and took away under the real engine: a table at the end.

    make kinds        or: pytest -p tests.engine.exercised tests/engine

Read from the journals of all local clouds that the run left behind. A gap is an operation that can happen to
a kind and that no test exercised.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from importlib import import_module
from itertools import groupby
from typing import Any

import pytest

from mastodon_infra.rehearsal.__main__ import CLOUDS
from mastodon_infra.rehearsal.kinds import EVERYTHING, Kind
from mastodon_infra.rehearsal.world import Event, World

OPERATIONS = ("created", "updated in place", "replaced", "deleted")
GAP = "GAP"


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table. With several workers their folders lie in this process's own."""
    folder = config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    done: set[tuple[str, str]] = set()
    given: dict[str, set[str]] = defaultdict(set)
    for journal in folder.rglob("cloud/journal.jsonl"):
        world = World(journal.parent)
        done |= exercised(world.journal())
        for kind in kinds():
            given[kind.token].update(*(thing.inputs for thing in world.all(kind.token)))
    terminalreporter.section("kinds of resources under the real engine")
    for line in table(kinds(), done, given):
        terminalreporter.write_line(line)


def exercised(events: Iterable[Event]) -> set[tuple[str, str]]:
    """Type and operation of everything that happened in one local cloud.

    A resource is replaced where one run of the engine both makes and deletes it, and where one is made while there is
    one already: what replaces an object that stays behind.
    """
    done: set[tuple[str, str]] = set()
    alive: set[str] = set()
    for _, run in groupby(events, key=lambda event: event.run):
        operations: dict[str, set[str]] = defaultdict(set)
        for event in run:
            operations[event.urn].add(event.operation)
        for urn, seen in operations.items():
            done |= {(_type_of(urn), word) for word in _words(seen, was_alive=urn in alive)}
            if "create" in seen:
                alive.add(urn)
            elif "delete" in seen:
                alive.discard(urn)
    return done


def _words(operations: set[str], *, was_alive: bool) -> Iterator[str]:
    if "update" in operations:
        yield "updated in place"
    if "create" in operations:
        yield "replaced" if was_alive or "delete" in operations else "created"
    elif "delete" in operations:
        yield "deleted"


def table(rows: Iterable[Kind], done: set[tuple[str, str]], given: Mapping[str, AbstractSet[str]]) -> Iterator[str]:
    """A line per kind that was made, then the number of gaps. ``given`` are the inputs that programs gave, by type."""
    made = [kind for kind in rows if (kind.token, OPERATIONS[0]) in done]
    gaps = 0
    yield _line("", OPERATIONS)
    for kind in made:
        possible = _possible(kind, given.get(kind.token, set()))
        told = [_told(word, possible, is_done=(kind.token, word) in done) for word in OPERATIONS]
        gaps += told.count(GAP)
        yield _line(_title(kind), told)
    yield f"{gaps} gaps; - is what no change of the inputs that our programs give would do"
    if never := sorted(_title(kind) for kind in rows if kind not in made):
        yield f"made by no test: {', '.join(never)}"


def kinds() -> list[Kind]:
    """Every row of the stand-in providers."""
    clouds = (name.partition(":")[::2] for name in CLOUDS.values())
    return [
        kind
        for module, attribute in clouds
        for kind in getattr(import_module(f"mastodon_infra.rehearsal.clouds.{module}"), attribute).kinds
    ]


def _possible(kind: Kind, given: AbstractSet[str]) -> AbstractSet[str]:
    """What can happen to a kind. The world keeps no inputs of those that exist in the state alone."""
    replacing = {name for name in given if kind.replaces(name)}
    changes = kind.replace_on is not EVERYTHING if kind.is_local else bool(given - replacing)
    never = set() if changes else {"updated in place"}
    return set(OPERATIONS) - (never if kind.is_local or replacing else {*never, "replaced"})


def _told(operation: str, possible: AbstractSet[str], *, is_done: bool) -> str:
    if is_done:
        return "yes"
    return GAP if operation in possible else "-"


def _title(kind: Kind) -> str:
    return f"{kind.token.partition(':')[0]} {kind.name}"


def _line(title: str, words: Iterable[str]) -> str:
    return f"{title:<48}{''.join(f'{word:<18}' for word in words)}".rstrip()


def _type_of(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]
