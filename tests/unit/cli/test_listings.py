import json
from datetime import date

import pytest

from mastodon_infra.catalog.facts import all_rows
from mastodon_infra.cli import facts
from mastodon_infra.stackfile.schema import schema_text


def test_tiers_read_as_their_golden(cli, golden):
    outcome = cli("tiers")

    assert outcome.code == 0
    golden("cli/tiers.txt", outcome.out)


def test_tiers_of_a_region_without_object_storage_have_prices_too(cli):
    outcome = cli("tiers", "--region", "ap-southeast", "--json")

    rows = json.loads(outcome.out)
    assert [row["size"] for row in rows] == ["solo", "small", "medium", "large", "xlarge"]
    prices = [float(row["usd_month"]) for row in rows]
    assert prices == sorted(prices)


def test_tiers_of_an_unknown_region_name_the_nearest(cli):
    outcome = cli("tiers", "--region", "sydney")

    assert outcome.code == 1
    assert "ap-southeast" in outcome.err


def test_facts_lists_every_row_and_counts_them(cli):
    outcome = cli("facts")

    rows = all_rows()
    assert all(row.name in outcome.out for _, row in rows)
    assert outcome.out.splitlines()[-1].startswith(f"{len(rows)} facts: ") or f"{len(rows)} facts: " in outcome.out


def test_facts_of_one_table_only(cli):
    outcome = cli("facts", "--table", "machine-types")

    assert outcome.out.startswith("machine types\n  g6-nanode-1: shared, 1 vCPU")
    assert "au-mel" not in outcome.out


def test_facts_of_an_unknown_table_name_the_nearest(cli):
    outcome = cli("facts", "--table", "machine")

    assert (outcome.code, outcome.err) == (
        1,
        "--table\n  the catalog has no table 'machine'\n  hint: did you mean machine types?\n",
    )


def test_stale_facts_are_those_before_the_day(cli, monkeypatch):
    monkeypatch.setattr(facts, "_today", lambda: date(1990, 1, 1))
    assert json.loads(cli("facts", "--stale", "--json").out) == []

    monkeypatch.setattr(facts, "_today", lambda: date(2100, 1, 1))
    rows = json.loads(cli("facts", "--stale", "--json").out)
    assert len(rows) == len(all_rows())
    assert all(row["age_days"] > 90 for row in rows)


def test_facts_that_are_stale_are_no_failure(cli):
    assert cli("facts", "--stale").code == 0


def test_schema_is_printed(cli):
    assert cli("schema").out == schema_text()


def test_schema_is_written_once(cli, folder):
    assert cli("schema", "--write").out == "wrote stacks/instance.schema.json\n"
    assert (folder / "stacks/instance.schema.json").read_text() == schema_text()
    assert cli("schema", "--write").out == "stacks/instance.schema.json is up to date\n"


def test_schema_in_a_checkout_writes_the_reference_pages_too(cli, folder):
    (folder / "docs/reference").mkdir(parents=True)

    outcome = cli("schema", "--write")

    assert outcome.out.splitlines() == [
        "wrote stacks/instance.schema.json",
        "wrote docs/reference/stack-file.md",
        "wrote docs/reference/facts.md",
    ]


@pytest.mark.parametrize("typed", ["", "reg"])
def test_tables_are_completed(typed):
    found = facts.complete_table(typed)

    assert "regions" in found
    assert found == sorted(set(found), key=found.index)
