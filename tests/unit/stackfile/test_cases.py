"""Every case file under tests/cases: the valid ones are read, the invalid ones say what an operator should read.

``MASTODON_INFRA_REWRITE_GOLDENS=1`` rewrites the expected texts; read each of them aloud before committing.
"""

import os
from pathlib import Path

import pytest

from mastodon_infra.errors import StackFileError
from mastodon_infra.stackfile.read import parse_stack

CASES = Path(__file__).parents[2] / "cases"
VALID = sorted((CASES / "valid").glob("*.yaml"))
INVALID = sorted((CASES / "invalid").glob("*.yaml"))
SECRETS = ("correct-horse-battery", "0123456789abcdef\n", "s3cr3t", "c2VjcmV0", "Y2lwaGVydGV4dA")
LONGEST_LINE = 160


def spoken(case: Path) -> str:
    """What ``check`` says about the file."""
    with pytest.raises(StackFileError) as caught:
        parse_stack(case.read_text(encoding="utf-8"), name=case.name)
    return f"{caught.value}\n"


def test_the_folders_of_cases_are_not_empty():
    assert len(VALID) >= 10
    assert len(INVALID) >= 100
    leftover = {path.name.removesuffix(".expected.txt") for path in CASES.rglob("*.expected.txt")}
    assert leftover == {case.stem for case in INVALID}


@pytest.mark.parametrize("case", VALID, ids=lambda case: case.stem)
def test_a_valid_file_is_read(case):
    stack = parse_stack(case.read_text(encoding="utf-8"), name=case.name)
    assert stack.locate(("domain",)).startswith(f"{case.name}:")


@pytest.mark.golden
@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.stem)
def test_an_invalid_file_says_all_that_is_wrong(case):
    expected = case.with_suffix(".expected.txt")
    said = spoken(case)
    if os.environ.get("MASTODON_INFRA_REWRITE_GOLDENS") == "1":
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


@pytest.mark.parametrize("case", INVALID, ids=lambda case: case.stem)
def test_what_is_said_is_short_plain_and_located(case):
    said = spoken(case)
    assert not any(secret in said for secret in SECRETS)
    assert not any(word in said for word in ("Input should be", "pydantic", "ruamel", "Traceback", "Spec(", "None"))
    assert all(len(line) <= LONGEST_LINE for line in said.splitlines())
    places = [line for line in said.splitlines() if not line.startswith("  ")]
    assert all(line.startswith(f"{case.name}:") for line in places)
    numbers = [int(line.split(":")[1]) for line in places]
    assert numbers == sorted(numbers)
