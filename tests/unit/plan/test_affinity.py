"""Machines that must not share a host, and addresses that must stay."""

import pytest

from mastodon_infra.catalog.regions import region
from mastodon_infra.plan.affinity import plan_placement_groups
from tests.unit.plan.specs import plan_of

MELBOURNE = region("au-mel")


def placed(*groups):
    assert MELBOURNE
    found = plan_placement_groups(region=MELBOURNE, slug="social-example", groups=groups)
    return {one.name: one.members for one in found}


def nodes(name, count):
    return name, tuple(f"{name}-{number}" for number in range(1, count + 1))


def test_web_nodes_stand_apart_and_a_single_database_has_nobody_to_stand_apart_from():
    plan = plan_of(size="large")

    members = {member for one in plan.apart for member in one.members}

    assert {node.name for node in plan.nodes if node.group == "web"} <= members
    assert "postgres-1" not in members
    assert all(len(one.members) > 1 for one in plan.apart)


def test_no_group_has_more_members_than_the_vendor_allows():
    assert [len(members) for members in placed(nodes("web", 12)).values()] == [5, 5, 2]


@pytest.mark.parametrize("count", range(2, 13))
def test_further_node_changes_nobodys_group(count):
    before, after = placed(nodes("web", count)), placed(nodes("web", count + 1))

    assert {name: members[: len(before.get(name, ()))] for name, members in after.items() if name in before} == before


def test_one_box_needs_no_group():
    assert plan_of(size="solo").apart == ()


def test_labels_fit_and_differ():
    assert MELBOURNE
    groups = (nodes("a" + "b" * 20, 6), nodes("web", 6))
    found = plan_placement_groups(region=MELBOURNE, slug="social-example-example", groups=groups)

    labels = [one.label for one in found]
    assert len(set(labels)) == len(labels) == 4
    assert all(len(label) <= 32 and label[0].isalnum() for label in labels)


def test_address_is_reserved_only_where_nobody_would_change_the_record():
    by_hand = plan_of(size="solo", edge={"dns": "manual"})

    assert [one.node for one in by_hand.reserved] == ["web-1"]
    assert by_hand.reserved[0].is_reserved.inputs == (("edge.dns", "manual"),)
    assert plan_of(size="solo").reserved == ()
    assert plan_of(size="large", edge={"dns": "manual"}).reserved == (), "balancers are not replaced"
