"""The planner against the world: what published instances ran, within a factor of two."""

from decimal import Decimal
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.unit.plan.specs import plan_for

ROWS = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "published_instances.yaml")
FIGURES = ("sidekiq_threads", "puma_threads", "database_gb", "web_vcpus", "sidekiq_vcpus", "machines_usd")
REQUIRED = ("sidekiq_threads", "puma_threads", "database_gb")
MOST_EXEMPT = 2
FACTOR = 2

WANTED = {
    ("aus.social", "2022-12"),
    ("fosstodon", "2022-11"),
    ("mastodon.social", "2017-04"),
    ("mastodon.social", "2018-05"),
    ("hachyderm", "2022-12"),
    ("hachyderm", "2024-11"),
    ("sunny.garden", "2023-07"),
    ("vmst.io", "2025-07"),
}


def planned(users):
    """What the planner gives for so many people, by the figures' names."""
    plan = plan_for(users)
    return {
        "sidekiq_threads": sum(unit.thread_count for unit in plan.sidekiq),
        "puma_threads": sum(node.web.thread_count for node in plan.nodes if node.web),
        "database_gb": plan.demand.database_gib.value,
        "web_vcpus": sum(node.machine.vcpus for node in plan.nodes if node.web),
        "sidekiq_vcpus": sum(node.machine.vcpus for node in plan.nodes if node.sidekiq),
        "machines_usd": sum(node.machine.price_usd_month for node in plan.nodes),
    }


def compared():
    """Every published figure of every row."""
    for row in ROWS:
        for figure in FIGURES:
            if row.get(figure) is not None:
                yield pytest.param(row, figure, id=f"{row['name']}-{row['date']}-{figure}")


def test_the_table_holds_the_instances_that_are_known_best():
    assert {(row["name"], str(row["date"])) for row in ROWS} >= WANTED


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['name']}-{row['date']}")
def test_a_row_says_where_its_numbers_are_from(row):
    known = {"name", "date", "users", "why", "source", "exempt", "no_figures", *FIGURES}
    assert set(row) <= known
    assert set(REQUIRED) <= set(row)
    assert row["why"]
    assert row["source"]
    has_figures = any(row.get(figure) is not None for figure in FIGURES)
    assert has_figures != bool(row.get("no_figures"))


def test_few_figures_are_exempt_and_each_says_why():
    exempt = [row for row in ROWS if row.get("exempt")]
    assert len(exempt) <= MOST_EXEMPT
    for row in exempt:
        for figure, reason in row["exempt"].items():
            assert row[figure] is not None
            assert reason


@pytest.mark.parametrize(("row", "figure"), list(compared()))
def test_the_plan_is_within_a_factor_of_two_of_what_was_run(row, figure):
    found, published = Decimal(planned(row["users"])[figure]), Decimal(row[figure])
    ratio = found / published
    is_near = Decimal(1) / FACTOR <= ratio <= FACTOR
    if figure in row.get("exempt", {}):
        assert not is_near, f"{found} is near {published}: the exemption is not needed any more"
    else:
        assert is_near, f"planned {found}, published {published}: {ratio:.2f} times as much"


def test_no_side_is_favoured():
    """Over all figures the plan is neither always dearer nor always cheaper than what was run."""
    ratios = [
        Decimal(planned(param.values[0]["users"])[param.values[1]]) / Decimal(param.values[0][param.values[1]])
        for param in compared()
        if param.values[1] not in param.values[0].get("exempt", {})
    ]
    assert len(ratios) >= 10
    assert min(ratios) < 1 < max(ratios)


PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "sizing-evidence.md"
TITLES = {
    "sidekiq_threads": "Sidekiq threads",
    "puma_threads": "Puma threads",
    "database_gb": "database, GB",
    "web_vcpus": "web processors",
    "sidekiq_vcpus": "sidekiq processors",
    "machines_usd": "machines, $ a month",
}


def lines_of_the_page():
    """The page's table, as the file and the planner give it."""
    for row in ROWS:
        for figure in FIGURES:
            if row.get(figure) is not None:
                found = planned(row["users"])[figure]
                ratio = f"{Decimal(found) / Decimal(row[figure]):.2f}"
                exempt = " (exempt)" if figure in row.get("exempt", {}) else ""
                yield (
                    f"| {row['name']}, {row['date']} | {row['users']:,} | {TITLES[figure]} "
                    f"| {row[figure]} | {found} | {ratio}{exempt} |"
                )


def test_the_page_shows_what_the_planner_gives():
    shown = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and ", 20" in line]
    assert shown == list(lines_of_the_page())
