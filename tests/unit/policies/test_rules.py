"""The policies' laws over plain data; tests/engine/test_policies.py has them under the real engine."""

from decimal import Decimal
from typing import Any

import pytest

from mastodon_infra.catalog.machine_types import machine_type
from mastodon_infra.catalog.regions import region
from mastodon_infra.plan.firewall import POSTGRES_PORT
from mastodon_infra.plan.tuning import pgbouncer, redis
from policies.rules import (
    BALANCER,
    BALANCER_PORT,
    FIREWALL,
    HOLDS_DATA,
    INNER_PORTS,
    INSTANCE,
    PRIVATE_KEY,
    RESERVED_IP,
    UNKNOWN,
    VOLUME,
    Seen,
    bill,
    over_budget,
    public_openings,
    unprotected,
)


def firewall(*rules: dict[str, Any], **changes: Any) -> Seen:
    return Seen(FIREWALL, "firewall", {"inboundPolicy": "DROP", "inbounds": list(rules), **changes})


def rule(ports: Any, *sources: str, protocol: str = "TCP") -> dict[str, Any]:
    return {"action": "ACCEPT", "label": "rule", "protocol": protocol, "ports": ports, "ipv4s": list(sources)}


@pytest.mark.parametrize("kind", HOLDS_DATA)
def test_what_holds_data_needs_protection(kind):
    assert "data-x is not protected" in str(unprotected(Seen(kind, "data-x", {})))
    assert unprotected(Seen(kind, "data-x", {}, is_protected=True)) is None


@pytest.mark.parametrize(("name", "is_refused"), [("vapid", True), ("authority", True), ("web-1", False)])
def test_of_private_keys_only_lifelong_ones_need_it(name, is_refused):
    assert (unprotected(Seen(PRIVATE_KEY, name, {})) is not None) == is_refused


def test_inner_ports_are_the_plans():
    assert set(INNER_PORTS) == {POSTGRES_PORT, pgbouncer.PORT, redis.QUEUE_PORT, redis.CACHE_PORT}


@pytest.mark.parametrize("ports", ["443", "80, 443", "22"])
def test_the_web_and_log_in_may_be_public(ports):
    assert not list(public_openings(firewall(rule(ports, "0.0.0.0/0", "::/0"))))


@pytest.mark.parametrize(
    ("ports", "word"),
    [("5432", "PostgreSQL"), ("6000-7000", "the pooler"), ("80, 6379", "Redis"), (None, "1-65535"), ("8080", "8080")],
)
@pytest.mark.parametrize("source", ["0.0.0.0/0", "::/0", "0.0.0.0/1", "not an address"])
def test_nothing_else_may_be(ports, word, source):
    (found,) = public_openings(firewall(rule(ports, source)))

    assert word in found


@pytest.mark.parametrize("source", ["10.0.0.0/8", "192.168.128.0/17", "203.0.113.7/32", "fd00::/8"])
def test_other_machines_and_single_networks_may_reach_inner_ports(source):
    assert not list(public_openings(firewall(rule("5432", source))))


def test_icmp_has_no_ports():
    assert not list(public_openings(firewall(rule(None, "0.0.0.0/0", protocol="ICMP"))))


@pytest.mark.parametrize("changes", [{"inboundPolicy": "ACCEPT"}, {"disabled": True}])
def test_a_firewall_that_is_none_is_refused(changes):
    assert list(public_openings(firewall(**changes)))


def test_a_balancer_offers_the_web_only():
    assert not list(public_openings(Seen(BALANCER_PORT, "https", {"port": 443.0})))
    assert "PostgreSQL" in next(public_openings(Seen(BALANCER_PORT, "database", {"port": 5432.0})))


@pytest.mark.parametrize(
    "seen",
    [
        firewall(inbounds=UNKNOWN),
        firewall(UNKNOWN),  # type: ignore[arg-type]  # a rule that a preview cannot know
        firewall(rule(UNKNOWN, "0.0.0.0/0")),
        firewall({**rule("5432"), "ipv4s": UNKNOWN}),
        firewall(inboundPolicy=UNKNOWN),
        Seen(BALANCER_PORT, "port", {"port": UNKNOWN}),
    ],
)
def test_what_a_preview_cannot_know_is_no_violation(seen):
    assert not list(public_openings(seen))


def test_what_is_known_beside_it_still_is():
    found = list(public_openings(firewall(rule(UNKNOWN, "0.0.0.0/0"), rule("5432", "0.0.0.0/0"))))

    assert len(found) == 1


def test_the_bill_adds_up_by_the_catalog():
    jakarta, machine = region("id-cgk"), machine_type("g6-standard-2")
    assert jakarta
    assert machine
    found = bill(
        [
            Seen(INSTANCE, "web-1", {"type": "g6-standard-2", "region": "id-cgk"}),
            Seen(VOLUME, "data", {"size": 100.0, "region": "us-east"}),
            Seen(VOLUME, "smallest", {"region": "us-east"}),
            Seen(BALANCER, "front", {"region": "us-east"}),
            Seen(RESERVED_IP, "address", {"region": "us-east"}),
            Seen("random:index/randomPassword:RandomPassword", "free", {}),
        ]
    )

    expected = machine.price_usd_month * jakarta.price_factor + 10 + 2 + 10 + Decimal("4.96")
    assert found.usd_month == expected.quantize(Decimal("0.01"))
    assert found.without_price == ()


def test_what_has_no_price_is_said():
    (found,) = over_budget(bill([Seen(INSTANCE, "web-1", {"type": "g9-unheard-of"})]), ceiling_usd_month=Decimal(100))

    assert "no price for web-1" in found


@pytest.mark.parametrize("seen", [Seen(INSTANCE, "web-1", {"type": UNKNOWN}), Seen(VOLUME, "data", {"size": UNKNOWN})])
def test_what_a_preview_cannot_know_costs_nothing_yet(seen):
    assert not list(over_budget(bill([seen]), ceiling_usd_month=Decimal(0)))


@pytest.mark.parametrize(("ceiling", "count"), [("9.99", 1), ("10", 0)])
def test_a_ceiling_may_be_reached_and_not_passed(ceiling, count):
    front = Seen(BALANCER, "front", {"region": "us-east"})

    assert len(list(over_budget(bill([front]), ceiling_usd_month=Decimal(ceiling)))) == count


def machine(**inputs: Any) -> Seen:
    return Seen(INSTANCE, "postgres-1", inputs)


@pytest.mark.parametrize(
    ("inputs", "is_open"),
    [
        ({}, True),
        ({"firewallId": -1}, True),
        ({"firewallId": 7}, False),
        ({"firewallId": UNKNOWN}, False),
        ({"interfaces": [{"purpose": "public"}]}, True),
        ({"interfaces": [{"purpose": "vlan"}]}, False),
        ({"interfaces": [{"purpose": "public"}], "firewallId": 7}, False),
        ({"linodeInterfaces": [{"public": {}}, {"vpc": {}, "firewallId": 7}]}, True),
        ({"linodeInterfaces": [{"public": {}, "firewallId": UNKNOWN}, {"vpc": {}}]}, False),
        ({"linodeInterfaces": UNKNOWN}, False),
    ],
)
def test_a_machine_with_a_public_interface_has_a_firewall_before_it(inputs, is_open):
    assert bool(list(public_openings(machine(**inputs)))) is is_open
