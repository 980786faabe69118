"""Alerts fire when they should and are silent otherwise: promtool works out the real rules on made-up numbers."""

from pathlib import Path

import pytest

from tests.parsers.cases import Place
from tests.parsers.machine import Refused

PLACE = Place("medium", "monitoring-1")
CASES = Path(__file__).parents[1] / "cases/alerts"
ALERTS = "/etc/prometheus/rules/alerts.yml"


def judge(tree, case):
    tree.machine.put("/tmp/case.yml", case.read_text(encoding="utf-8"))
    tree.machine.must(["promtool", "test", "rules", "/tmp/case.yml"], seconds=60)


@pytest.mark.parametrize("case", sorted(CASES.glob("*.yml")), ids=lambda path: path.stem)
def test_alerts_fire_and_fall_silent(case, machine_tree):
    judge(machine_tree(PLACE), case)


def test_a_rule_that_compares_the_wrong_way_is_seen(machine_tree):
    tree = machine_tree(PLACE)
    good = next(file for file in tree.bundle.files if file.path == ALERTS)
    try:
        tree.machine.put(ALERTS, good.content.replace("pg_stat_activity_count) > ", "pg_stat_activity_count) < "))
        with pytest.raises(Refused, match="PostgresConnectionsHigh"):
            judge(tree, CASES / "data.yml")
    finally:
        tree.write([good])
