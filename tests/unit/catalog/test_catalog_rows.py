"""Laws that hold for every row of every table."""

import ast
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

import mastodon_infra.catalog
from mastodon_infra.catalog.facts import FRESH_DAYS, all_rows, describe, stale_rows
from mastodon_infra.catalog.rows import Row

RELEASED = date(2026, 11, 22)
ROWS = all_rows()
MODULES = sorted(Path(mastodon_infra.catalog.__file__).parent.glob("*.py"))


def test_names_are_unique_within_their_table():
    twice = [key for key, count in Counter((table, row.name) for table, row in ROWS).items() if count > 1]
    assert twice == []


@pytest.mark.parametrize(("table", "row"), ROWS, ids=lambda part: part.name if isinstance(part, Row) else part)
def test_a_row_is_dated_sourced_and_not_from_the_future(table, row):
    assert date(2020, 1, 1) < row.as_of <= RELEASED
    assert row.as_of <= row.source.as_of, "a fact cannot be fresher than the place it was read in"
    assert row.source.key
    assert row.source.title


@pytest.mark.parametrize(("table", "row"), ROWS, ids=lambda part: part.name if isinstance(part, Row) else part)
def test_a_row_is_described_in_one_line_with_its_date_and_doubt(table, row):
    line = describe(row)
    assert "\n" not in line
    assert line.startswith(f"{row.name}: ")
    assert row.as_of.isoformat() in line
    assert ("unconfirmed" in line) is not row.confirmed
    assert not re.search(r"Decimal|frozenset|None", line), "a description is for people"


def test_a_row_of_an_unknown_kind_has_no_words():
    source = ROWS[0][1].source
    with pytest.raises(TypeError, match="no words for a row of type Row"):
        describe(Row(name="x", as_of=RELEASED, source=source))


def test_a_row_is_fresh_for_ninety_days_and_stale_on_the_ninety_first():
    youngest = max(row.as_of for _, row in ROWS)
    fresh = stale_rows(youngest + timedelta(days=FRESH_DAYS))
    stale = stale_rows(youngest + timedelta(days=FRESH_DAYS + 1))
    assert youngest not in {row.as_of for _, row in fresh}
    assert len(stale) == len(ROWS), "one day later even the youngest row is old"


def test_the_age_limit_can_be_chosen():
    oldest = min(row.as_of for _, row in ROWS)
    assert stale_rows(oldest, days=0) == ()
    assert {row.as_of for _, row in stale_rows(oldest + timedelta(days=1), days=0)} == {oldest}


def test_stale_rows_come_oldest_first():
    dates = [row.as_of for _, row in stale_rows(RELEASED)]
    assert dates == sorted(dates)
    assert dates


def test_every_table_takes_part():
    assert {table for table, _ in ROWS} == {
        "machine types",
        "regions",
        "object stores",
        "storage rates",
        "mail",
        "blocked ports",
        "prices",
        "funding fees",
        "limits",
        "networks",
        "versions",
        "mastodon series",
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_a_catalog_module_reads_no_machine_and_no_clock(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    imported = {
        alias.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not imported & {"os", "time", "pathlib", "random", "secrets", "socket", "subprocess", "urllib"}
    calls = {
        node.func.attr for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"today", "now", "utcnow"}
