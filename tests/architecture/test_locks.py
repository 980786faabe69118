"""The locked requirements: hashes everywhere, no index named, and what pyproject asks for."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))


def entries(lock):
    """Each locked requirement as one line: name, version, marker and hashes."""
    text = lock.read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def versions(lock):
    """The locked version of each package by its canonical name."""
    requirements = [Requirement(re.sub(r"\s--hash=\S+", "", entry)) for entry in entries(lock)]
    return {canonicalize_name(found.name): str(found.specifier).removeprefix("==") for found in requirements}


def test_there_is_a_lock_for_each_input():
    inputs = sorted((ROOT / "requirements").glob("*.in"))

    assert [lock.stem for lock in LOCKS] == [source.stem for source in inputs] == ["bootstrap", "dev", "runtime"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.stem)
def test_every_entry_is_pinned_with_hashes_and_no_address(lock):
    for entry in entries(lock):
        assert re.match(r"[a-z0-9-]+==\S+ ", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in lock.read_text()
    assert not re.search(r"--(index-url|extra-index-url|find-links)", lock.read_text())


def test_tests_run_on_exactly_the_runtime_that_is_shipped():
    runtime, dev = (versions(ROOT / "requirements" / f"{name}.txt") for name in ("runtime", "dev"))

    assert runtime.items() <= dev.items()


def test_runtime_lock_satisfies_the_package_metadata():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    needs = [Requirement(text) for text in project["project"]["dependencies"] + project["build-system"]["requires"]]
    locked = versions(ROOT / "requirements" / "runtime.txt")

    for need in needs:
        assert need.specifier.contains(locked[canonicalize_name(need.name)]), need
