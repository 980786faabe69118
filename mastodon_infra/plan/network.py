"""The private network, its names, and every opening in it."""

from __future__ import annotations

from collections.abc import Iterator

from mastodon_infra.catalog.rows import Capability, Region
from mastodon_infra.catalog.sources import ASKED, LINODE
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import NetworkMode
from mastodon_infra.plan import addressing, naming
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.firewall import Front, Runs, firewall_rules, internal_flows, listeners
from mastodon_infra.plan.frame import Frame
from mastodon_infra.plan.network_types import BalancerPlan, FirewallRule, InternalHost, Listener, NetworkPlan
from mastodon_infra.plan.services import EVERYWHERE, front_networks
from mastodon_infra.plan.types import Group, NodePlan

SERVICES = ((Role.POSTGRES, "postgres"), (Role.REDIS, "redis"), (Role.MONITORING, "monitoring"))
"""Roles that one node has, and the stable internal name under which the others reach it."""


def plan_network(spec: InstanceSpec, *, region: Region, slug: str, nodes: tuple[NodePlan, ...]) -> NetworkPlan:
    """A VPC where the region's row has one, else a VLAN; and the internal names of nodes and services."""
    mode: Decided[NetworkMode]
    given = (("region", f"{region.name} ({region.place}), row of {region.as_of}"),)
    if spec.network.mode is not None:
        mode = Decided(spec.network.mode, "asked for", ASKED, inputs=given, asked=True)
    elif region.can(Capability.VPC):
        mode = Decided(NetworkMode.VPC, "the region has VPCs", LINODE, inputs=given)
    else:
        mode = Decided(NetworkMode.VLAN, "the region's row lists no VPC", LINODE, inputs=given)
    is_vpc = mode.value is NetworkMode.VPC
    return NetworkPlan(
        mode=mode,
        label=naming.label(slug, "private", 32),
        cidr=spec.private_network,
        balancer_cidr=addressing.balancer_cidr(spec.private_network) if is_vpc else "",
        ping_sources=EVERYWHERE,
        hosts=tuple(_hosts(nodes)),
    )


def _hosts(nodes: tuple[NodePlan, ...]) -> Iterator[InternalHost]:
    for node in nodes:
        yield InternalHost(node.hostname, node.address)
    for role, service in SERVICES:
        holder = next(node for node in nodes if role in node.roles)
        yield InternalHost(naming.service_host(service), holder.address)


def plan_openings(
    frame: Frame,
    *,
    nodes: tuple[NodePlan, ...],
    network: NetworkPlan,
    balancer: BalancerPlan | None,
    shares_certificate: bool,
) -> tuple[tuple[FirewallRule, ...], tuple[Listener, ...]]:
    """The firewall matrix, and the listeners behind it."""
    spec = frame.spec
    sharing = frame.group(Role.WEB).name if shares_certificate else ""
    runs = tuple(
        _runs(group, tuple(node for node in nodes if node.group == group.name), shares=group.name == sharing)
        for group in frame.groups
    )
    flows = internal_flows(runs, frame.pooler.value)
    front = Front(
        sources=front_networks(spec),
        who="Cloudflare" if spec.edge.proxied else "everyone",
        has_balancer=balancer is not None,
        balancer_cidr=network.balancer_cidr,
    )
    rules = firewall_rules(
        groups=frame.groups,
        flows=flows,
        front=front,
        mode=network.mode.value,
        jump_group=frame.group(Role.MONITORING).name,
        admins=spec.allowed_networks,
    )
    return rules, listeners(groups=frame.groups, flows=flows, rules=rules, pooler=frame.pooler.value)


def _runs(group: Group, nodes: tuple[NodePlan, ...], *, shares: bool) -> Runs:
    """What the fullest node of a group runs."""
    return Runs(
        group=group,
        streaming=max(node.streaming.processes.value if node.streaming else 0 for node in nodes),
        sidekiq=max(len(node.sidekiq) for node in nodes),
        has_web_metrics=any(line.name == "puma-metrics" for node in nodes for line in node.memory.lines),
        shares_certificate=shares,
    )
