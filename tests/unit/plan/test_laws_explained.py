"""Laws of explaining: each number that was decided says how, and the same words always give the same plan."""

import dataclasses
import re
from decimal import Decimal
from enum import Enum

import pytest
from hypothesis import given

from mastodon_infra.catalog.rows import Row
from mastodon_infra.catalog.sources import ASKED, Source
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.tier import Tier
from mastodon_infra.plan.decided import Cap, Decided, decided_values
from mastodon_infra.plan.instance import plan_instance
from tests.unit.plan.specs import LAW, LAW_OF_TWO, anything, plan_of, plans

PLAIN = {
    "NodePlan.ordinal": "a count, part of the name",
    "Group.block": "said in the file; part of the addresses",
    "SidekiqProcess.number": "a count, part of the name",
    "SidekiqProcess.concurrency": "its unit's, where it is decided",
    "SidekiqUnit.queues": "Mastodon's own weights, or as said",
    "MemoryBudget.total_mib": "the machine's, from the catalog",
    "Pool.connections": "a summand; the sums are decided",
    "FirewallRule.first_port": "its listener's port",
    "FirewallRule.last_port": "its listener's port",
    "Listener.first_port": "the process' own port",
    "Listener.last_port": "the process' own port",
    "ScrapeTarget.port": "its listener's port",
    "StreamingTuning.ports": "counted from 4000, one for each process",
    "BalancerPlan.ports": "80 and 443",
    "DnsRecord.ttl_seconds": "one for all records",
    "DnsRecord.priority": "there is one mail exchanger only",
    "Parameter.value": "a status code, or what CloudflarePlan or the catalog has decided",
}
"""Plain numbers of the plan that need no reason, with the reason for that."""


def plain_numbers(node, path=""):
    """Every whole or decimal number of the plan that is not inside a decided value, by the class that holds it."""
    if isinstance(node, (Decided, Row, Source, InstanceSpec, Enum, bool)):
        return
    if isinstance(node, (int, float, Decimal)):
        yield path
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield from plain_numbers(getattr(node, field.name), f"{type(node).__name__}.{field.name}")
    elif isinstance(node, tuple):
        for member in node:
            yield from plain_numbers(member, path)


@LAW
@given(plans())
def test_every_number_is_decided_or_known_to_need_no_reason(case):
    found = set(plain_numbers(case.plan))
    assert not found - set(PLAIN)


def test_no_plain_number_is_excused_for_nothing():
    found = {
        name
        for size in Tier
        for edge in ({"dns": "linode"}, {"dns": "cloudflare", "media": "cloudflare"})
        for name in plain_numbers(plan_of(size=size, mail={"provider": "ses", "region": "us-east-1"}, edge=edge))
    }
    assert set(PLAIN) == found


@LAW
@given(plans())
def test_each_decided_value_has_a_rule_and_a_source(case):
    seen = list(decided_values(case.plan))
    assert len(seen) > 100
    for one in seen:
        decided = one.decided
        assert decided.rule.strip() == decided.rule != "", one.path
        assert not decided.rule.endswith("."), one.path
        assert decided.source.key
        assert decided.source.title
        assert all(name and text for name, text in decided.inputs), one.path
        assert not isinstance(decided.value, float), one.path
        if decided.asked:
            assert decided.source is ASKED, one.path
        if isinstance(decided.value, (int, Decimal)) and not isinstance(decided.value, bool):
            assert decided.value >= 0, one.path


@LAW
@given(plans())
def test_a_cap_says_what_the_rule_gave_and_why_it_was_not_kept(case):
    for one in decided_values(case.plan):
        cap = one.decided.cap
        if cap is not None:
            assert isinstance(cap, Cap)
            assert cap.gave != one.decided.value, one.path
            assert cap.because
            assert cap.source.key


@LAW
@given(plans())
def test_no_path_leads_to_two_values(case):
    paths = [one.path for one in decided_values(case.plan)]
    assert len(paths) == len(set(paths))
    assert all(re.fullmatch(r"[a-z0-9_.-]+", path) for path in paths)


@LAW_OF_TWO
@given(anything())
def test_the_same_words_give_the_same_plan(words):
    def once():
        try:
            return plan_instance(InstanceSpec.model_validate(words))
        except ValueError as error:
            return str(error)

    assert once() == once()


@LAW
@given(plans())
def test_a_plan_is_frozen_all_the_way_down(case):
    def check(node):
        if isinstance(node, InstanceSpec):
            return
        if dataclasses.is_dataclass(node):
            assert vars(type(node))["__dataclass_params__"].frozen, type(node)
            for field in dataclasses.fields(node):
                check(getattr(node, field.name))
        elif isinstance(node, tuple):
            for member in node:
                check(member)
        else:
            assert not isinstance(node, (list, dict, set)), node

    check(case.plan)
    hash(case.plan.nodes)


@pytest.mark.parametrize("tier", list(Tier), ids=str)
def test_what_was_said_is_marked_as_asked_and_the_rest_is_not(tier):
    plan = plan_of(size=tier)
    asked = {one.path for one in decided_values(plan) if one.decided.asked}
    assert asked == {"demand.users"}
    more = plan_of(size=tier, postgres={"pooler": "database-node", "volume_gib": 99}, web={"workers": 1, "threads": 3})
    asked = {one.path for one in decided_values(more) if one.decided.asked}
    web = {f"nodes.{node.name}.web.{what}" for node in more.nodes if node.web for what in ("workers", "threads")}
    assert asked == {"demand.users", "pooler", "volumes.data-postgres.size"} | web


RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social"}


@pytest.mark.parametrize(
    ("words", "paths"),
    [
        ({"expected_monthly_active_users": 50}, {"demand.users"}),
        ({"network": {"mode": "vlan"}}, {"network.mode"}),
        ({"redis": {"volume_gib": 20}}, {"volumes.data-redis.size"}),
        ({"backups": {"retention_days": 14}}, {"backups.retention_days"}),
        (
            {"mastodon": {"remote_media_retention_days": 14}},
            {
                "media.remote_retention_days",
                "mastodon.maintenance.tasks.media.days",
                "mastodon.maintenance.tasks.profiles.days",
            },
        ),
        ({"mastodon": {"version": "v4.7.4"}}, {"mastodon.version"}),
        ({"mail": RELAY | {"port": 2525}}, {"mail.port"}),
        ({"mail": RELAY}, set()),
        ({"streaming": {"processes": 2}}, {"nodes.web-1.streaming.processes"}),
        ({"nodes": {"web": {"count": 1}}}, {"groups.web.count"}),
        ({"nodes": {"web": {"machine_type": "g6-standard-8"}}}, {"groups.web.machine_type"}),
        ({"nodes": {"redis": {}}}, set()),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_value_counts_as_asked_only_where_the_file_says_it(words, paths):
    """Also where it says what the plan would have chosen anyway."""
    if "expected_monthly_active_users" not in words:
        words = words | {"size": "medium"}
    asked = {one.path for one in decided_values(plan_of(**words)) if one.decided.asked}
    assert asked - {"demand.users"} == paths - {"demand.users"}


@LAW
@given(plans())
def test_notes_say_what_is_so_and_name_themselves(case):
    for note in case.plan.notes:
        assert re.fullmatch(r"[a-z0-9-]+", note.name)
        assert note.text.endswith(".")
        assert not note.remedy.endswith(".")
    order = [note.level for note in case.plan.notes]
    assert order == sorted(order, key=["warning", "advice", "info"].index)
