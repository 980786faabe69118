"""Each node's own hour for security fixes."""

from itertools import combinations

import pytest

from mastodon_infra.model.role import Role
from mastodon_infra.plan.tuning.upgrades import tune_upgrades
from tests.unit.plan.specs import plan_of

TABLE = [
    ((Role.WEB, 0, 1), "*-*-* 11:00:00 UTC", "the first role's first node"),
    ((Role.WEB, 0, 2), "*-*-* 11:06:00 UTC", "six minutes a node"),
    ((Role.WEB, 1, 1), "*-*-* 11:01:00 UTC", "a second group of the role"),
    ((Role.POSTGRES, 0, 1), "*-*-* 14:00:00 UTC", "an hour a role"),
    ((Role.WEB, 0, 11), "*-*-* 12:00:00 UTC", "the eleventh runs into the next role's hour"),
    ((Role.ONION, 15, 90), "*-*-* 01:57:00 UTC", "past midnight"),
]


@pytest.mark.parametrize(("who", "schedule", "why"), TABLE, ids=[why for _, _, why in TABLE])
def test_the_hour_follows_from_the_nodes_name(who, schedule, why):
    role, block, ordinal = who
    assert tune_upgrades(first_role=role, block=block, ordinal=ordinal).schedule.value == schedule


@pytest.mark.parametrize("size", ["solo", "medium", "xlarge"])
def test_nodes_that_share_a_role_never_restart_a_service_together(size):
    for one, other in combinations(plan_of(size=size).nodes, 2):
        if set(one.roles) & set(other.roles):
            assert one.upgrades.schedule.value != other.upgrades.schedule.value, (one.name, other.name)


def test_a_web_node_more_changes_no_other_nodes_hour():
    few, many = (plan_of(size="large", nodes={"web": {"count": count}}) for count in (2, 4))
    before = {node.name: node.upgrades for node in few.nodes}
    assert {node.name: node.upgrades for node in many.nodes if node.name in before} == before
