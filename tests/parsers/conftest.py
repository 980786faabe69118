"""The root file system, and machines over it that look like nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.parsers.cases import Place
from tests.parsers.machine import Machine
from tests.parsers.root import made
from tests.parsers.stage import Visit, stand_up, visit
from tests.parsers.tree import Tree, lay_out


@pytest.fixture(scope="session")
def root_folder() -> Path:
    """Debian 13, made or found in the cache."""
    return made()


@pytest.fixture(scope="session")
def machine_tree(root_folder: Path) -> Iterator[Callable[[Place], Tree]]:
    """A machine for a place, laid out when it is first asked for. The last one is kept for the test that comes next."""
    with ExitStack() as standing:
        last: dict[Place, Tree] = {}

        def tree_of(place: Place) -> Tree:
            if place not in last:
                standing.pop_all().close()
                last.clear()
                last[place] = lay_out(standing.enter_context(Machine(root_folder)), place)
            return last[place]

        yield tree_of


@pytest.fixture(scope="module")
def stages(root_folder):
    """Nodes with their worlds, each stood up when it is first asked for."""
    with ExitStack() as standing:
        found = {}

        def stage(case, node="web-1"):
            if case not in found:
                found[case] = stand_up(root_folder, Place(case, node), standing)
            return found[case]

        yield stage


@pytest.fixture
def asking(stages):
    """Ask the first web node of a case."""
    return lambda case, path="/", **how: visit(stages(case)[1], Visit(path, **how))


@pytest.fixture
def ask(asking):
    """Ask a node that the world reaches directly."""
    return lambda path="/", **how: asking("medium", path, **how)
