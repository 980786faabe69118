"""The root file system, and machines over it that look like nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.parsers.cases import Place
from tests.parsers.machine import Machine
from tests.parsers.root import made
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
