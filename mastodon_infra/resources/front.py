"""NodeBalancers in front of the web nodes."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

import pulumi
import pulumi_linode as linode

from mastodon_infra.plan.network_types import BalancerPlan, NetworkPlan
from mastodon_infra.resources.nodes import PublicAddress

BALANCER_PREFIX = 30
"""Each NodeBalancer speaks from a range of four addresses of its own inside the balancers' block."""

CHECK_INTERVAL_SECONDS = 5
CHECK_TIMEOUT_SECONDS = 3
CHECK_ATTEMPTS = 2
"""A node that answers no more gets no new connections after about ten seconds."""


class Front(pulumi.ComponentResource):
    """The NodeBalancers: TCP passed on with the client's address; TLS ends in nginx.

    Pulumi type: ``mastodon:front:Front``

    A balancer cannot see inside TLS, so it checks that a node accepts connections. A node is drained by setting its
    mode over the API, which is therefore not compared.

    Creates: <balancer> - linode.NodeBalancer - one per planned balancer; <balancer>-<port> -
        linode.NodeBalancerConfig - one per port; <balancer>-<port>-<node> - linode.NodeBalancerNode - one per node.
    Needs: the balancers' plan, the private network, each web node's address in it, the balancers' firewall.
    Gives: ``addresses`` by balancer.
    Replaced when: the region, the firewall or the subnet changes; the public address changes with it.
    """

    addresses: Mapping[str, PublicAddress]

    def __init__(
        self,
        name: str,
        *,
        balancer: BalancerPlan,
        network: NetworkPlan,
        subnet_id: pulumi.Output[int] | None,
        firewall_id: pulumi.Output[int],
        backends: Mapping[str, pulumi.Input[str]],
        region: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:front:Front", name, None, opts)
        self._own = pulumi.ResourceOptions(parent=self)
        # A label is unique in the account.
        self._first_away = pulumi.ResourceOptions(parent=self, delete_before_replace=True)
        self._subnet_id, self._backends = subnet_id, backends
        ranges = []
        if subnet_id is not None:
            ranges = list(ip_network(network.balancer_cidr).subnets(new_prefix=BALANCER_PREFIX))
        addresses = {}
        for number, (logical, label) in enumerate(zip(balancer.names, balancer.labels, strict=True)):
            # In state this logical name is a public address that DNS records and certificates' checks rely on.
            made = linode.NodeBalancer(
                logical,
                label=label,
                region=region,
                firewall_id=firewall_id,
                vpcs=None
                if subnet_id is None
                else [linode.NodeBalancerVpcArgs(subnet_id=subnet_id, ipv4_range=str(ranges[number]))],
                opts=self._first_away,
            )
            for port in balancer.ports:
                self._port(logical, made, port)
            addresses[logical] = PublicAddress(made.ipv4, made.ipv6)
        self.addresses = addresses
        self.register_outputs({})

    def _port(self, name: str, balancer: linode.NodeBalancer, port: int) -> None:
        balancer_id = balancer.id.apply(int)
        config = linode.NodeBalancerConfig(
            f"{name}-{port}",
            nodebalancer_id=balancer_id,
            port=port,
            protocol="tcp",
            proxy_protocol="v2",
            # Streams last for hours: a node that was restarted gets its share back only when the emptiest is chosen.
            algorithm="leastconn",
            stickiness="none",
            check="connection",
            check_interval=CHECK_INTERVAL_SECONDS,
            check_timeout=CHECK_TIMEOUT_SECONDS,
            check_attempts=CHECK_ATTEMPTS,
            opts=self._own,
        )
        for node, address in self._backends.items():
            linode.NodeBalancerNode(
                f"{name}-{port}-{node}",
                nodebalancer_id=balancer_id,
                config_id=config.id.apply(int),
                label=node,
                address=pulumi.Output.concat(address, f":{port}"),
                subnet_id=self._subnet_id,
                mode="accept",
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["mode"]),
            )
