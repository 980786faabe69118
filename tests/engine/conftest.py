"""Stacks that are up already. Making one takes the engine some seconds, so tests work on copies of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.local_cloud import ENGINE
from tests.engine.rehearsed import ROOT, Rehearsed

HERE = Path(__file__).parent
IS_THERE = (ENGINE / "pulumi").exists()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without an engine nothing here runs: one clear line says so, and on a build server that is a failure."""
    for item in items:
        if HERE in Path(item.path).parents:
            item.add_marker(pytest.mark.engine)
            if not IS_THERE and not os.environ.get("CI"):
                item.add_marker(pytest.mark.skip(reason="the real engine did not run: there is none; make engine"))


@pytest.fixture(scope="session")
def up_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Rehearsed]:
    """A stack of a size, deployed once in this run of the tests. Not to be changed: copy it."""
    made: dict[str, Rehearsed] = {}

    def stack_of(size: str) -> Rehearsed:
        if size not in made:
            made[size] = Rehearsed.new(tmp_path_factory.mktemp(size) / "rehearsal", {"size": size})
            made[size].up()
        return made[size]

    return stack_of


@pytest.fixture(scope="session")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which two templates are another: one that every machine gets, and one of those in payloads."""
    package = tmp_path_factory.mktemp("edited") / "checkout"
    for part in ("mastodon_infra", "templates"):
        shutil.copytree(ROOT / part, package / part)
    for name in ("base/etc/hosts.j2", "web/etc/nginx/nginx.conf.j2"):
        template = package / "templates" / name
        template.write_text(template.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    return package


@pytest.fixture
def copy_of(up_once: Callable[[str], Rehearsed], tmp_path: Path) -> Callable[[str], Rehearsed]:
    """A stack of a size that is up, for this test alone."""
    return lambda size: up_once(size).copy(tmp_path / "rehearsal")
