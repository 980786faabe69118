"""What Linode's kinds of resources share: their types, and rules about labels, regions and each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from mastodon_infra.catalog.regions import region
from mastodon_infra.catalog.rows import Capability
from mastodon_infra.rehearsal.kinds import ApiError, Call, Check, Rule, known
from mastodon_infra.rehearsal.world import Values

INSTANCE = "linode:index/instance:Instance"
VOLUME = "linode:index/volume:Volume"
VPC, SUBNET = "linode:index/vpc:Vpc", "linode:index/vpcSubnet:VpcSubnet"
FIREWALL = "linode:index/firewall:Firewall"
GROUP = "linode:index/placementGroup:PlacementGroup"
RESERVED = "linode:index/reservedIp:ReservedIp"
BALANCER = "linode:index/nodeBalancer:NodeBalancer"


def labelled(least: int, most: int, pattern: str = r"[A-Za-z0-9]+([_.-][A-Za-z0-9]+)*") -> Check:
    """A label: its length, and its letters: no hyphen, underscore or dot at an end or beside another."""

    def checked(value: Any) -> str | None:
        if not least <= len(value) <= most:
            return f"must have {least} to {most} characters, {value!r} has {len(value)}"
        return None if re.fullmatch(pattern, value) else f"{value!r} has characters that a label may not have"

    return known(checked, "label")


def in_region(*needed: Capability) -> Rule:
    """A region that is there, and that can do what is asked of it."""

    def ruled(call: Call) -> None:
        if call.get("region") is None:
            return
        row = region(call.inputs["region"])
        if row is None:
            raise ApiError(f"[region] {call.inputs['region']} is not a valid region")
        for capability in needed:
            if capability not in row.capabilities:
                raise ApiError(f"[region] {row.name} has no {capability.value}")

    return ruled


def naming_an(token: str, name: str) -> Rule:
    """A resource that an input names by its id."""

    def ruled(call: Call) -> None:
        if call.get(name) is not None:
            call.needs(token, call.inputs[name], name)

    return ruled


def documented_ipv4(number: int) -> str:
    """An address from 198.18.0.0/15, which is set aside for trials."""
    return str(ip_address("198.18.0.0") + number % (1 << 17))


def vpc_addresses(inputs: Values) -> Iterator[tuple[object, str | None]]:
    """Subnet and address of every interface in a VPC."""
    for one in inputs.get("linodeInterfaces") or ():
        if vpc := one.get("vpc"):
            addresses = (vpc.get("ipv4") or {}).get("addresses") or [{}]
            yield from ((vpc["subnetId"], address.get("address")) for address in addresses)
    for one in inputs.get("interfaces") or ():
        if one.get("purpose") == "vpc":
            yield one["subnetId"], (one.get("ipv4") or {}).get("vpc")
