"""The three laws, over plain data: types, names and inputs as the engine holds them. Nothing of Pulumi is here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from ipaddress import ip_network
from typing import Any, Final

from mastodon_infra.catalog.machine_types import machine_type
from mastodon_infra.catalog.prices import BLOCK_STORAGE, NODEBALANCER, RESERVED_ADDRESS, price_in
from mastodon_infra.catalog.regions import region

UNKNOWN: Final = object()
"""An input that a preview cannot know yet. ``up`` knows it, and is checked as well."""

INSTANCE = "linode:index/instance:Instance"
VOLUME = "linode:index/volume:Volume"
BALANCER = "linode:index/nodeBalancer:NodeBalancer"
BALANCER_PORT = "linode:index/nodeBalancerConfig:NodeBalancerConfig"
FIREWALL = "linode:index/firewall:Firewall"
RESERVED_IP = "linode:index/reservedIp:ReservedIp"
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"


@dataclass(frozen=True, slots=True)
class Seen:
    """One resource as the program registers it; ``inputs`` have the provider's names, and UNKNOWN for some values."""

    type: str
    name: str
    inputs: Mapping[str, Any]
    is_protected: bool = False


# --- Data is protected ----------------------------------------------------------------------------------------------

HOLDS_DATA = {
    VOLUME: "a volume's data",
    "linode:index/objectStorageBucket:ObjectStorageBucket": "a bucket's objects",
    "aws:s3/bucket:Bucket": "a bucket's objects",
    "linode:index/domain:Domain": "a zone and every record in it",
    "cloudflare:index/zone:Zone": "a zone and every record in it",
    "random:index/randomPassword:RandomPassword": "a secret that exists nowhere else",
    "random:index/randomBytes:RandomBytes": "a secret that exists nowhere else",
}
LIFELONG_KEYS = frozenset({"vapid", "authority"})
"""Private keys that live as long as the instance; those of machines go with their machines."""


def unprotected(seen: Seen) -> str | None:
    """What would be lost with a resource that nothing protects, or None."""
    is_key = seen.type == PRIVATE_KEY and seen.name in LIFELONG_KEYS
    lost = "a key that exists nowhere else" if is_key else HOLDS_DATA.get(seen.type)
    if lost is None or seen.is_protected:
        return None
    return f"{seen.name} is not protected: deleting it loses {lost}"


# --- No inner port is public ------------------------------------------------------------------------------------------

PUBLIC_PORTS = frozenset({22, 80, 443})
LAST_PORT = 65_535
WIDEST_PREFIX = {4: 8, 6: 16}
"""A range of addresses with a shorter prefix than this is the world, or a large part of it."""

INNER_PORTS = {5432: "PostgreSQL", 6379: "Redis", 6380: "Redis' cache", 6432: "the pooler"}


def public_openings(seen: Seen) -> Iterator[str]:
    """Each way in which a firewall, a machine or a balancer lets the world in to a port that is not for it."""
    if seen.type == FIREWALL:
        yield from _firewall_openings(seen)
    if seen.type == INSTANCE and _is_without_firewall(seen):
        yield f"{seen.name} has a public interface and no firewall: every port of it is open to the world"
    if seen.type == BALANCER_PORT:
        port = seen.inputs.get("port", 80)
        if port is not UNKNOWN and int(port) not in PUBLIC_PORTS:
            yield f"{seen.name} offers port {int(port)}{_whose(range(int(port), int(port) + 1))} to the world"


def _is_without_firewall(seen: Seen) -> bool:
    """Whether the world reaches a machine past every firewall.

    One of the machine's own stands before all its interfaces. Of Linode's newer interfaces each has its own, and only
    a public one is the world's; a machine for which no interface is named gets a public one.
    """
    if _is_given(seen.inputs.get("firewallId")):
        return False
    interfaces = seen.inputs.get("linodeInterfaces")
    if interfaces is UNKNOWN:
        return False
    if interfaces:
        return any(
            one is not UNKNOWN and one.get("public") is not None and not _is_given(one.get("firewallId"))
            for one in interfaces
        )
    older = seen.inputs.get("interfaces")
    return older is not UNKNOWN and (
        not older or any(one is not UNKNOWN and one.get("purpose") in {"public", UNKNOWN} for one in older)
    )


def _is_given(firewall: Any) -> bool:
    """Whether a firewall is named, also one that is not made yet. Linode's word for none is -1."""
    return firewall is UNKNOWN or (firewall is not None and int(firewall) > 0)


def _firewall_openings(seen: Seen) -> Iterator[str]:
    if seen.inputs.get("disabled") is True:
        yield f"{seen.name} is switched off"
    if seen.inputs.get("inboundPolicy") not in {"DROP", UNKNOWN}:
        yield f"{seen.name} lets in whatever no rule names: inboundPolicy is not DROP"
    rules = seen.inputs.get("inbounds")
    for rule in () if rules is UNKNOWN or rules is None else rules:
        if rule is UNKNOWN or rule.get("action") == "DROP" or rule.get("protocol") not in {"TCP", "UDP", UNKNOWN}:
            continue
        world = [one for one in _sources(rule) if _is_the_world(one)]
        for ports in _port_ranges(rule.get("ports")) if world else ():
            if not PUBLIC_PORTS.issuperset(ports):
                shown = str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"
                yield f"{seen.name} opens port {shown}{_whose(ports)} to {world[0]} (rule {rule.get('label')})"


def _sources(rule: Mapping[str, Any]) -> Iterator[str]:
    for family in ("ipv4s", "ipv6s"):
        found = rule.get(family)
        yield from (one for one in (() if found is UNKNOWN or found is None else found) if one is not UNKNOWN)


def _is_the_world(source: str) -> bool:
    try:
        network = ip_network(source, strict=False)
    except ValueError:
        return True  # nobody can say what it lets in
    return not network.is_private and network.prefixlen < WIDEST_PREFIX[network.version]


def _port_ranges(ports: Any) -> Iterator[range]:
    """``"22, 80-90"`` as ranges; a rule that names no ports opens all."""
    if ports is UNKNOWN:
        return
    for part in str(ports or f"1-{LAST_PORT}").split(","):
        first, _, last = part.strip().partition("-")
        yield range(int(first), int(last or first) + 1)


def _whose(ports: range) -> str:
    names = [name for port, name in INNER_PORTS.items() if port in ports]
    return f" ({', '.join(names)})" if names else ""


# --- A month costs no more than was agreed ----------------------------------------------------------------------------

HOURS_PER_MONTH = 730
SMALLEST_VOLUME_GIB = 20
"""What the provider makes where no size is given."""

PRICED = frozenset({INSTANCE, VOLUME, BALANCER, RESERVED_IP})


@dataclass(frozen=True, slots=True)
class Bill:
    """US dollars a month at the catalog's prices, and resources for which it has none."""

    usd_month: Decimal
    without_price: tuple[str, ...]


def bill(resources: Iterable[Seen]) -> Bill:
    """The price of what is billed by its existence: machines, volumes, balancers and reserved addresses."""
    total, without = Decimal(0), []
    for seen in resources:
        if seen.type in PRICED:
            usd = _usd_month(seen)
            total += usd or 0
            if usd is None:
                without.append(seen.name)
    return Bill(total.quantize(Decimal("0.01"), ROUND_HALF_UP), tuple(without))


def _usd_month(seen: Seen) -> Decimal | None:
    place = seen.inputs.get("region")
    where = "" if place in {None, UNKNOWN} else str(place)
    if UNKNOWN in {seen.inputs.get("type"), seen.inputs.get("size")}:
        return Decimal(0)  # ``up`` knows it
    if seen.type == INSTANCE:
        row, area = machine_type(str(seen.inputs.get("type"))), region(where)
        return row.price_usd_month * (area.price_factor if area else 1) if row else None
    if seen.type == BALANCER:
        return price_in(NODEBALANCER, where).price_usd
    if seen.type == RESERVED_IP:
        return price_in(RESERVED_ADDRESS, where).price_usd * HOURS_PER_MONTH
    return price_in(BLOCK_STORAGE, where).price_usd * int(seen.inputs.get("size", SMALLEST_VOLUME_GIB))


def over_budget(found: Bill, *, ceiling_usd_month: Decimal) -> Iterator[str]:
    """What is wrong with a bill: too high, or not known in full."""
    if found.without_price:
        yield f"the catalog has no price for {', '.join(found.without_price)}, so the budget cannot be kept"
    if found.usd_month > ceiling_usd_month:
        yield (
            f"machines, volumes, balancers and addresses would cost ${found.usd_month:,.2f} a month; "
            f"agreed are ${ceiling_usd_month:,.2f}: raise it in policies/config.json, or choose a smaller size"
        )
