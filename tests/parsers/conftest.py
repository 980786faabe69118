"""The root file system, and machines over it: made once for each worker, and gone with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.parsers.cases import Place
from tests.parsers.machine import Machine, privilege
from tests.parsers.tree import Tree, lay_out

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts/debian13-root"
ENVIRONMENT = dict(os.environ)
"""As it was before any test: the cache is the user's."""

CANNOT = "parser checks not run: "


def cannot(reason: str) -> None:
    """Skip with one line; on a build server fail, since there a check that does not run is a check that is lost."""
    if ENVIRONMENT.get("CI"):
        pytest.fail(CANNOT + reason, pytrace=False)
    pytest.skip(CANNOT + reason)


@pytest.fixture(scope="session")
def root_folder() -> Path:
    """Debian 13, made or found in the cache."""
    before = privilege()
    if before is None:
        cannot("they need root, for namespaces and mounts of their own")
    made = subprocess.run(
        [*(before or ()), str(SCRIPT)],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        cannot(f"scripts/debian13-root stopped with status {made.returncode}: {made.stderr.strip()[-1500:]}")
    return Path(made.stdout.strip())


@pytest.fixture(scope="session")
def machine_tree(root_folder: Path) -> Iterator[Callable[[Place], Tree]]:
    """A machine for a place, laid out when it is first asked for. The last one is kept for the test that comes next."""
    with ExitStack() as standing:
        last: dict[Place, Tree] = {}

        def tree_of(place: Place) -> Tree:
            if place not in last:
                standing.pop_all().close()
                last.clear()
                machine = standing.enter_context(Machine(root_folder, privilege=privilege() or ()))
                last[place] = lay_out(machine, place)
            return last[place]

        yield tree_of
