"""Linode's private networks, firewalls, placement groups and reserved addresses."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Any

from mastodon_infra.catalog.limits import FIREWALL_RULES
from mastodon_infra.catalog.rows import Capability
from mastodon_infra.rehearsal.clouds.linode_rules import (
    BALANCER,
    FIREWALL,
    GROUP,
    INSTANCE,
    RESERVED,
    SUBNET,
    VPC,
    documented_ipv4,
    in_region,
    labelled,
    naming_an,
    vpc_addresses,
)
from mastodon_infra.rehearsal.kinds import Account, ApiError, Call, Kind, known, length, one_of
from mastodon_infra.rehearsal.wire import is_known
from mastodon_infra.rehearsal.world import Thing, Values, World

RESERVED_BLOCK = 1 << 16
"""Reserved addresses are numbered from here, apart from those of machines."""


def _in_private_range(value: Any) -> str | None:
    try:
        is_private = ip_network(value).is_private
    except ValueError as error:
        return str(error)
    return None if is_private else f"{value} is not a private range"


def _subnets_do_not_overlap(call: Call) -> None:
    own = ip_network(call.inputs["ipv4"])
    for other in call.others():
        if other.inputs["vpcId"] == call.inputs["vpcId"] and own.overlaps(ip_network(other.inputs["ipv4"])):
            raise ApiError(f"[ipv4] {own} overlaps {other.inputs['ipv4']}")


def _vpc_is_empty(world: World, thing: Thing, _account: Account) -> None:
    if any(str(subnet.inputs["vpcId"]) == thing.id for subnet in world.all(SUBNET)):
        raise ApiError("a VPC with subnets cannot be deleted")


def _subnet_is_empty(world: World, thing: Thing, _account: Account) -> None:
    for machine in world.all(INSTANCE):
        if any(str(subnet) == thing.id for subnet, _ in vpc_addresses(machine.inputs)):
            raise ApiError(f"the subnet cannot be deleted while {machine.inputs['label']} is in it")
    for balancer in world.all(BALANCER):
        if any(str(vpc["subnetId"]) == thing.id for vpc in balancer.inputs.get("vpcs") or ()):
            raise ApiError(f"the subnet cannot be deleted while {balancer.inputs['label']} is in it")


def _firewall_rule(rule: Values) -> str | None:
    missing = [name for name in ("action", "label", "protocol") if not rule.get(name)]
    if missing:
        return f"a rule needs {', '.join(missing)}"
    for name, allowed in (("action", ("ACCEPT", "DROP")), ("protocol", ("TCP", "UDP", "ICMP", "IPENCAP"))):
        if rule[name] not in allowed:
            return f"expected {name} to be one of {list(allowed)}, got {rule[name]!r}"
    for name in ("ipv4s", "ipv6s"):
        if rule.get(name) == []:
            return f"{name} of {rule['label']} is empty: leave it out or give at least one"
    return _ports(rule) or _sources(rule) or length("label", 3, 32)(rule)


def _ports(rule: Values) -> str | None:
    ports = rule.get("ports")
    if ports and rule["protocol"] not in {"TCP", "UDP"}:
        return f"{rule['protocol']} has no ports"
    return None if not ports or re.fullmatch(r"\d+(-\d+)?(, ?\d+(-\d+)?)*", ports) else f"ports {ports!r} are no list"


def _sources(rule: Values) -> str | None:
    for name in ("ipv4s", "ipv6s"):
        for source in rule.get(name) or ():
            try:
                ip_network(source)
            except ValueError as error:
                return str(error)
    return None


def _rule_labels_have_plain_letters(call: Call) -> None:
    """Linode documents the length of a rule's label; that its letters are those of other labels is a guess."""
    for rule in (*(call.get("inbounds") or ()), *(call.get("outbounds") or ())):
        if said := labelled(3, 32)(rule):
            raise ApiError(f"[rules] {said}")


def _not_too_many_rules(call: Call) -> None:
    """Those who work with Linode's firewalls say so; its documentation does not."""
    rules = [*(call.get("inbounds") or ()), *(call.get("outbounds") or ())]
    if len(rules) > FIREWALL_RULES.value:
        raise ApiError(f"[rules] a firewall has at most {FIREWALL_RULES.value} of them, not {len(rules)}")


def _firewall_rules(inputs: Values) -> str | None:
    for direction in ("inbounds", "outbounds"):
        for rule in inputs.get(direction) or ():
            if is_known(rule) and (said := _firewall_rule(rule)):
                return f"{direction}: {said}"
    return None


NETWORKS = (
    Kind(
        token=GROUP,
        required=("label", "region", "placementGroupType"),
        checks=(
            labelled(1, 64),
            one_of("placementGroupType", "anti_affinity:local"),
            one_of("placementGroupPolicy", "strict", "flexible"),
        ),
        rules=(in_region(Capability.PLACEMENT_GROUP),),
        unique=(("label",),),
        replace_on=frozenset({"region", "placementGroupType", "placementGroupPolicy"}),
        computed=lambda _: {"isCompliant": True, "members": []},
    ),
    Kind(
        token=RESERVED,
        required=("region",),
        rules=(in_region(),),
        replace_on=frozenset({"region"}),
        identity=lambda call: documented_ipv4(call.number + RESERVED_BLOCK),
        computed=lambda call: {
            "address": documented_ipv4(call.number + RESERVED_BLOCK),
            "public": True,
            "reserved": True,
            "type": "ipv4",
        },
    ),
    Kind(
        token=VPC,
        required=("label", "region"),
        checks=(labelled(1, 64, r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*"),),
        rules=(in_region(Capability.VPC),),
        unique=(("label",),),
        replace_on=frozenset({"region", "ipv6s", "vpcType"}),
        on_delete=_vpc_is_empty,
    ),
    Kind(
        token=SUBNET,
        required=("label", "vpcId"),
        checks=(labelled(1, 64, r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*"), known(_in_private_range, "ipv4")),
        rules=(naming_an(VPC, "vpcId"), _subnets_do_not_overlap),
        unique=(("vpcId", "label"),),
        replace_on=frozenset({"vpcId", "ipv4", "ipv6s"}),
        on_delete=_subnet_is_empty,
    ),
    Kind(
        token=FIREWALL,
        required=("label", "inboundPolicy", "outboundPolicy"),
        checks=(
            labelled(3, 32),
            one_of("inboundPolicy", "ACCEPT", "DROP"),
            one_of("outboundPolicy", "ACCEPT", "DROP"),
            _firewall_rules,
        ),
        unsure=(_rule_labels_have_plain_letters, _not_too_many_rules),
        unique=(("label",),),
        computed=lambda _: {"status": "enabled"},
    ),
)
