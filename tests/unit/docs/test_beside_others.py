"""The page that compares: every claim has a test that exists, or says that nothing meets it."""

import re

import pytest

from tests.unit.docs.pages import ROOT

PAGE = (ROOT / "docs/explanation/beside-others.md").read_text(encoding="utf-8")
ROWS = [
    line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| ") and "it does well" not in line
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_strong_point_is_met_and_shown_or_openly_not(row):
    _, here, *shown = row
    paths = re.findall(r"`(tests/[^`]+)`", " ".join(shown))
    assert paths or "**not here" in here or "](" in " ".join(shown)
    for path in paths:
        assert (ROOT / path).exists(), path
