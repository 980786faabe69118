"""Where machines stand and what the world calls them: hosts that may not be shared, addresses that must stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.catalog.limits import PLACEMENT_GROUP_LABEL, PLACEMENT_GROUP_MEMBERS
from mastodon_infra.catalog.rows import Capability, Region
from mastodon_infra.catalog.sources import JUDGEMENT, LINODE
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.services import DnsProvider
from mastodon_infra.plan import naming
from mastodon_infra.plan.decided import Decided

FLEXIBLE = "flexible"


@dataclass(frozen=True, slots=True)
class PlacementGroupPlan:
    """Nodes that do the same work and stand on different hosts of the vendor, so that one host takes down one.

    Attributes:
        name: Its logical name, ``apart-web-1``.
        label: Its name at the vendor.
        members: The nodes in it.
        policy: ``flexible`` or ``strict``.
    """

    name: str
    label: str
    members: tuple[str, ...]
    policy: Decided[str]


@dataclass(frozen=True, slots=True)
class ReservedAddressPlan:
    """A node whose public IPv4 address outlives the machine."""

    name: str
    node: str
    is_reserved: Decided[bool]


def plan_placement_groups(
    *, region: Region, slug: str, groups: tuple[tuple[str, tuple[str, ...]], ...]
) -> tuple[PlacementGroupPlan, ...]:
    """Keep the nodes of each group apart, as many together as the vendor allows.

    ``groups`` are names of groups with the names of their nodes in order. A node's place follows from its number, so a
    further node changes nobody's. A group of one has nobody to be kept apart from.
    """
    if not region.can(Capability.PLACEMENT_GROUP):
        return ()
    return tuple(
        made for group, nodes in groups if len(nodes) > 1 for made in _chunks(group, nodes, slug=slug, region=region)
    )


def _chunks(group: str, nodes: tuple[str, ...], *, slug: str, region: Region) -> Iterator[PlacementGroupPlan]:
    most = PLACEMENT_GROUP_MEMBERS.value
    policy = Decided(
        FLEXIBLE,
        "a node is made even where no free host is left, and moved later; strict would refuse it when it is needed",
        LINODE,
        inputs=(("region", f"{region.name}, row of {region.as_of}"), ("most in a group", f"{most} nodes")),
    )
    for number, start in enumerate(range(0, len(nodes), most), start=1):
        name = f"apart-{group}-{number}"
        yield PlacementGroupPlan(
            name, naming.label(slug, name, PLACEMENT_GROUP_LABEL.value), nodes[start : start + most], policy
        )


def plan_reserved_addresses(spec: InstanceSpec, *, front_node: str | None) -> tuple[ReservedAddressPlan, ...]:
    """Which machines' public addresses are kept when the machine is replaced.

    ``front_node`` is the node that the public names point at; None behind balancers, which are not replaced.
    """
    if front_node is None or spec.edge.dns is not DnsProvider.MANUAL:
        return ()
    return (
        ReservedAddressPlan(
            f"address-{front_node}",
            front_node,
            Decided(
                value=True,
                rule="its records are set by hand, and nobody would be there to change them when it is replaced; "
                "records that the program keeps follow by themselves",
                source=JUDGEMENT,
                inputs=(("edge.dns", spec.edge.dns.value),),
            ),
        ),
    )
