"""The page about bad days says what the days themselves expect, and its measured rows are of those days."""

from pathlib import Path

from tests.machines.bad_days.days import ALWAYS, DAYS
from tests.machines.bad_days.table import HEAD, expectations

PAGE = (Path(__file__).parents[3] / "docs/explanation/bad-days.md").read_text(encoding="utf-8")


def test_there_are_thirteen_days():
    assert [day.number for day in DAYS] == list(range(1, 14))
    assert {1, 3, 4, 6} == ALWAYS


def test_the_page_says_what_is_expected():
    assert expectations(DAYS) in PAGE


def test_what_was_measured_is_of_these_days():
    _, dated, after = PAGE.partition("Measured on 20")
    _, head, rows = after.partition("\n".join(HEAD))
    measured = [row.split(" | ")[:2] for row in rows.strip().partition("\n\n")[0].splitlines()]

    assert dated
    assert head
    assert len(measured) >= len(ALWAYS)
    titles = {str(day.number): day.title for day in DAYS}
    assert all(titles[number.removeprefix("| ")] == title for number, title in measured)
