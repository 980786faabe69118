"""The private network, and the cloud's firewalls in front of every group of nodes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pulumi
import pulumi_linode as linode

from mastodon_infra.model.services import NetworkMode
from mastodon_infra.plan import naming
from mastodon_infra.plan.network_types import BalancerPlan, Enforcer, FirewallRule, NetworkPlan

LONGEST_RULE_LABEL = 32


class Network(pulumi.ComponentResource):
    """The private network of an instance.

    Pulumi type: ``mastodon:network:Network``

    A VPC with one subnet. In VLAN mode nothing is created: a VLAN exists as soon as a machine's interface names it.

    Creates: private - linode.Vpc and linode.VpcSubnet - one each, in VPC mode only.
    Needs: the network's plan and the region.
    Gives: ``subnet_id``, None on a VLAN.
    Replaced when: the region or the range of addresses changes; both are fixed for an instance's life.
    """

    subnet_id: pulumi.Output[int] | None

    def __init__(
        self, name: str, *, network: NetworkPlan, region: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mastodon:network:Network", name, None, opts)
        self.subnet_id = None
        if network.mode.value is NetworkMode.VPC:
            # In state: machines and NodeBalancers hang on this subnet, which cannot be replaced under them.
            own = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
            vpc = linode.Vpc("private", label=network.label, region=region, opts=own)
            subnet = linode.VpcSubnet("private", label="private", vpc_id=vpc.id.apply(int), ipv4=network.cidr, opts=own)
            self.subnet_id = subnet.id.apply(int)
        self.register_outputs({"subnetId": self.subnet_id})


class Firewalls(pulumi.ComponentResource):
    """One firewall per group of nodes, and one in front of the NodeBalancers.

    Pulumi type: ``mastodon:network:Firewalls``

    Whatever the plan's matrix does not open is dropped; outbound traffic passes. Only rules that the cloud can hold
    stand here; nftables on the machine holds them all. A machine names its firewall when it is created, so it is never
    without one; for that reason a firewall lists no machines of its own.

    Creates: firewall-<group> - linode.Firewall - one per group; balancer-firewall - linode.Firewall - with balancers.
    Needs: the firewall matrix, who may send ICMP, the names of the groups, the balancers' plan.
    Gives: ``group_ids`` by group, ``balancer_id`` or None.
    Replaced when: never; rules change in place.
    """

    group_ids: Mapping[str, pulumi.Output[int]]
    balancer_id: pulumi.Output[int] | None

    def __init__(
        self,
        name: str,
        *,
        slug: str,
        groups: Iterable[str],
        rules: tuple[FirewallRule, ...],
        ping_sources: tuple[str, ...],
        balancer: BalancerPlan | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:network:Firewalls", name, None, opts)
        held = tuple(rule for rule in rules if Enforcer.CLOUD in rule.enforcers)
        self.group_ids = {
            group: self._firewall(
                f"firewall-{group}",
                slug,
                group,
                [_ping(ping_sources), *(_inbound(rule) for rule in held if rule.group == group)],
            )
            for group in groups
        }
        self.balancer_id = None
        if balancer:
            # Also where everybody is let in: a balancer that gets its firewall later is replaced, address and all.
            openings = [
                _opening(f"port-{port}", "tcp", str(port), balancer.accepts, "who may call") for port in balancer.ports
            ]
            self.balancer_id = self._firewall("balancer-firewall", slug, "balancers", openings)
        self.register_outputs({"groupIds": dict(self.group_ids), "balancerId": self.balancer_id})

    def _firewall(
        self, name: str, slug: str, label: str, inbounds: list[linode.FirewallInboundArgs]
    ) -> pulumi.Output[int]:
        firewall = linode.Firewall(
            name,
            label=naming.label(slug, label, naming.LONGEST_FIREWALL_LABEL),
            inbound_policy="DROP",
            outbound_policy="ACCEPT",
            inbounds=inbounds or None,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return firewall.id.apply(int)


def _inbound(rule: FirewallRule) -> linode.FirewallInboundArgs:
    return _opening(rule.name, rule.protocol, rule.ports, rule.sources, f"{rule.who}: {rule.purpose}")


def _ping(sources: tuple[str, ...]) -> linode.FirewallInboundArgs:
    """ICMP of both families; it has no ports. On the machine nftables lets only the useful kinds of it in."""
    return _opening("ping", "icmp", None, sources, "path MTU and ping")


def _opening(
    name: str, protocol: str, ports: str | None, sources: tuple[str, ...], description: str
) -> linode.FirewallInboundArgs:
    """One accepting rule. An empty list of sources is refused by the API, so a family without any is left out.

    The label has no slash: Linode documents only how long it may be. It stays unique, as all rules of a firewall have
    the same group before it.
    """
    return linode.FirewallInboundArgs(
        action="ACCEPT",
        label=naming.shorten(name.replace("/", "-"), LONGEST_RULE_LABEL),
        description=description[:100],
        protocol=protocol.upper(),
        ports=ports,
        ipv4s=[source for source in sources if ":" not in source] or None,
        ipv6s=[source for source in sources if ":" in source] or None,
    )
