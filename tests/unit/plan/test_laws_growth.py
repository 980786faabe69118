"""Laws of growth: more people never mean less, and what exists keeps its name and address."""

import copy
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.catalog.tiers import TIER_GROUPS
from mastodon_infra.errors import PlanError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import SINGLE_ROLES
from mastodon_infra.model.tier import LARGEST_MAU, Tier, tier_for
from mastodon_infra.plan.instance import plan_instance
from tests.unit.plan.specs import (
    LAW,
    LAW_OF_TWO,
    REGION_ROWS,
    USERS,
    placements,
    plan_for,
    said,
    untouched,
    untouched_plans,
    users_of,
)

STEPS = sorted(
    {
        *range(1, 120, 17),
        *(round(10 ** (2 + power / 40)) for power in range(121)),
        *(tier.monthly_active_users + step for tier in Tier for step in (-1, 0, 1)),
        49_999,
        50_001,
        LARGEST_MAU,
    }
)
"""Numbers of people from one to the largest, close to each tier's edge and evenly far apart between."""

NOT_OURS = {"mail-quota"}
"""Limits that no machine moves: Amazon lifts its sandbox when asked."""


def carried(plan):
    """How many people the plan carries, as far as the plan can help it."""
    return min(limit.users.value for limit in plan.capacity.limits if limit.name not in NOT_OURS)


@st.composite
def placed(draw):
    """A file with a placement of its own."""
    words = draw(untouched())
    return words | {"nodes": draw(placements(REGION_ROWS[words["region"]]))}


def machine_price(plan):
    return sum(node.machine.price_usd_month for node in plan.nodes)


@LAW
@given(untouched_plans())
def test_a_plan_left_to_itself_carries_everyone(case):
    short = {limit.name: limit.users.value for limit in case.plan.capacity.limits if limit.name not in NOT_OURS}
    assert min(short.values()) >= users_of(case.words), min(short.items(), key=lambda one: one[1])


@LAW
@given(untouched_plans())
def test_capacity_names_the_tightest_limit_first(case):
    plan = case.plan
    users = [limit.users.value for limit in plan.capacity.limits]
    assert users == sorted(users)
    assert plan.capacity.users == plan.capacity.first.users.value == carried(plan)
    assert all(limit.symptom and limit.remedy and limit.title for limit in plan.capacity.limits)


def test_more_people_never_mean_less_capacity():
    capacities = [(users, carried(plan_for(users))) for users in STEPS]
    assert len(capacities) > 100
    for (fewer, less), (more, enough) in pairwise(capacities):
        assert less <= enough, f"{fewer:,} people get room for {less:,}, {more:,} for {enough:,}"


def test_machines_never_get_cheaper_while_a_tier_fills():
    prices = [(users, tier_for(users), machine_price(plan_for(users))) for users in STEPS]
    for (fewer, tier, less), (more, next_tier, enough) in pairwise(prices):
        if tier is next_tier:
            assert less <= enough, f"{fewer:,} people cost {less}, {more:,} cost {enough}"


@LAW_OF_TWO
@given(untouched(), USERS, USERS)
def test_more_people_never_mean_less_of_anything(words, one, other):
    """Whatever else the file says."""
    fewer, more = sorted((one, other))
    words.pop("size", None)
    small, large = (
        plan_instance(InstanceSpec.model_validate(words | {"expected_monthly_active_users": users}))
        for users in (fewer, more)
    )
    assert carried(small) <= carried(large)
    if small.tier is large.tier:
        assert machine_price(small) <= machine_price(large)
    for name in ("puma_threads", "jobs_peak", "streams_peak", "database_gib", "redis_mib", "egress_gb_month"):
        assert getattr(small.demand, name).value <= getattr(large.demand, name).value, name
    for index, volume in enumerate(small.volumes):
        assert volume.size.value <= large.volumes[index].size.value


def raised(draw, words, names):
    """The same file with one group's count said to be higher."""
    name = draw(st.sampled_from(names))
    higher = copy.deepcopy(words)
    groups = higher.setdefault("nodes", {})
    group = groups.setdefault(name, {})
    group["count"] = draw(st.integers(1, 9)) + _count(words, name)
    return higher


def _count(words, name):
    plan = plan_instance(InstanceSpec.model_validate(words))
    return sum(node.group == name for node in plan.nodes)


@st.composite
def raises(draw):
    """A file, and the same with a higher count somewhere: in a tier's shape, or in a placement of its own."""
    words = draw(untouched())
    tier = Tier(words["size"]) if "size" in words else tier_for(users_of(words))
    names = [preset.name for preset in TIER_GROUPS[tier] if not SINGLE_ROLES & set(preset.roles)]
    if not names or draw(st.booleans()):
        words["nodes"] = draw(placements(REGION_ROWS[words["region"]]))
        names = [name for name, one in words["nodes"].items() if not SINGLE_ROLES & set(one["roles"])]
    if not names:
        return None
    try:
        return words, raised(draw, words, names)
    except PlanError:
        return None


@LAW_OF_TWO
@given(raises().filter(lambda pair: pair is not None))
def test_raising_a_count_changes_nothing_that_exists(pair):
    """No name, label or address, and no volume. Groups whose count the plan chooses may only grow or shrink whole."""
    before, after = (_plan_or_none(words) for words in pair)
    if before is None or after is None:
        return
    kept = {node.name: node for node in after.nodes}
    for node in before.nodes:
        if node.name in kept:
            other = kept[node.name]
            assert (node.label, node.address, node.hostname) == (other.label, other.address, other.hostname)
            assert (node.is_leader, node.volumes) == (other.is_leader, other.volumes)
    asked = {name for name, group in pair[1]["nodes"].items() if "count" in group}
    assert {node.name for node in before.nodes if node.group in asked} <= set(kept)
    assert before.volumes == after.volumes
    assert (before.leader, before.jump, before.slug) == (after.leader, after.jump, after.slug)
    assert (before.media.bucket, before.backups.bucket) == (after.media.bucket, after.backups.bucket)
    assert {group.name: group.cidr for group in before.groups} == {group.name: group.cidr for group in after.groups}
    assert {
        host.name for host in before.network.hosts if host.name.removesuffix(".mastodon.internal")[-1].isalpha()
    } <= {host.name for host in after.network.hosts}


def _plan_or_none(words):
    try:
        return plan_instance(InstanceSpec.model_validate(words))
    except PlanError:
        return None


@LAW_OF_TWO
@given(USERS, USERS)
def test_dns_records_keep_their_names_as_people_come(one, other):
    """A record's logical name is frozen: what existed for fewer people exists for more."""
    fewer, more = sorted((one, other))
    before, after = (plan_for(users) for users in (fewer, more))
    assert {record.name for record in before.dns.records} <= {record.name for record in after.dns.records}


@LAW_OF_TWO
@given(USERS, USERS)
def test_a_larger_instance_keeps_volumes_buckets_and_network(one, other):
    """From one size to the next a volume may move to another machine; its name, label and device stay."""
    before, after = (plan_for(users) for users in (one, other))
    assert [(volume.name, volume.label, volume.device, volume.mount_path) for volume in before.volumes] == [
        (volume.name, volume.label, volume.device, volume.mount_path) for volume in after.volumes
    ]
    assert (before.media.bucket, before.backups.bucket) == (after.media.bucket, after.backups.bucket)
    assert before.network.label == after.network.label
    assert before.leader == after.leader
    assert before.node(before.leader).address == after.node(after.leader).address


@LAW_OF_TWO
@given(placed(), st.randoms(use_true_random=False))
def test_groups_may_stand_in_any_order(words, chance):
    """An editor that sorts keys must not move a machine."""
    names = list(words["nodes"])
    chance.shuffle(names)
    here, there = (
        _plan_or_none(words | {"nodes": {name: words["nodes"][name] for name in order}})
        for order in (words["nodes"], names)
    )
    if here is None or there is None:
        assert here is there
        return
    for what in ("name", "label", "address", "is_leader", "volumes"):
        assert sorted((node.name, str(getattr(node, what))) for node in here.nodes) == sorted(
            (node.name, str(getattr(node, what))) for node in there.nodes
        )


@LAW_OF_TWO
@given(placed(), st.data())
def test_a_new_group_moves_no_machine_that_exists(words, data):
    """Wherever in the file it is written."""
    before = _plan_or_none(words)
    taken = {group.get("address_block", 0) for group in words["nodes"].values()}
    new = {"roles": ["web", "sidekiq"], "count": 1, "address_block": min(set(range(16)) - taken)}
    names = list(words["nodes"])
    names.insert(data.draw(st.integers(0, len(names))), "newest")
    after = _plan_or_none(words | {"nodes": {name: words["nodes"].get(name, new) for name in names}})
    if before is None or after is None:
        return
    kept = {node.name: (node.address, node.label, node.volumes) for node in after.nodes}
    for node in before.nodes:
        assert kept.get(node.name, (node.address, node.label, node.volumes)) == (node.address, node.label, node.volumes)


def test_two_groups_in_two_orders_keep_their_addresses():
    groups = {
        "app": {"roles": ["web", "streaming"], "count": 2},
        "front": {"roles": ["web"], "count": 1, "address_block": 1},
        "rest": {"roles": ["sidekiq", "postgres", "redis", "monitoring"]},
    }
    turned = dict(reversed(groups.items()))
    here, there = (
        plan_instance(InstanceSpec.model_validate(said(expected_monthly_active_users=500, nodes=nodes)))
        for nodes in (groups, turned)
    )
    assert {node.name: node.address for node in here.nodes} == {node.name: node.address for node in there.nodes}
    assert here.leader == there.leader
