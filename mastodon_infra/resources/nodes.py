"""Machines, and the volumes that outlive them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

import pulumi
import pulumi_linode as linode

from mastodon_infra.catalog.versions import IMAGE
from mastodon_infra.model.services import NetworkMode
from mastodon_infra.plan.network_types import NetworkPlan
from mastodon_infra.plan.types import NodePlan, VolumePlan
from mastodon_infra.render.payload import Payload
from mastodon_infra.render.wiring import Wiring


@dataclass(frozen=True, slots=True)
class FirstBoot:
    """How machines are handed what they install themselves from.

    Attributes:
        user_data: Renders a node's user data, gzip and all, once the wiring is known.
        payloads: By node, what does not fit into it and is fetched from the private bucket.
        digest: Says what a node should hold, in one word that changes with any of it.
    """

    user_data: Callable[[NodePlan, Wiring], bytes]
    payloads: Mapping[str, Payload]
    digest: Callable[[NodePlan, Wiring], str]


CREATED_WITH = [
    "metadatas",
    "image",
    "authorizedKeys",
    "rootPass",
    "firewallId",
    "interfaceGeneration",
    "interfaces",
    "linodeInterfaces",
    "networkHelper",
    "ipv4s",
]
"""Inputs that a machine is made with and that would replace or reboot it if they changed afterwards."""

PRIVATE_RANGES = tuple(ip_network(one) for one in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


@dataclass(frozen=True, slots=True)
class PublicAddress:
    """Where the world reaches a machine or a balancer."""

    ipv4: pulumi.Output[str]
    ipv6: pulumi.Output[str]


@dataclass(frozen=True, slots=True)
class Attachment:
    """How machines are connected when they are made.

    Attributes:
        network: The private network's plan.
        subnet_id: Its subnet; None on a VLAN.
        firewall_ids: The firewall of each group.
        with_private_ip: Nodes that a NodeBalancer reaches over Linode's shared private network, on a VLAN.
        apart_ids: The placement group of each node that has one.
        reserved: The reserved public address of each node that has one.
    """

    network: NetworkPlan
    subnet_id: pulumi.Output[int] | None
    firewall_ids: Mapping[str, pulumi.Output[int]]
    with_private_ip: frozenset[str]
    apart_ids: Mapping[str, pulumi.Output[int]]
    reserved: Mapping[str, pulumi.Output[str]]


class Machines(pulumi.ComponentResource):
    """One machine per planned node.

    Pulumi type: ``mastodon:nodes:Machines``

    Texts and keys reach a machine when it is made and are not compared afterwards (CREATED_WITH): settings reach a
    running machine over SSH. Labels and private addresses are unique, so a replaced machine is deleted first.

    Creates: <node> - linode.Instance - one per node.
    Needs: the nodes' plans, how they are connected, the wiring, the payloads uploaded, the administrators' public keys.
    Gives: ``ids``, ``addresses`` and ``private_ips`` by node.
    Replaced when: asked for by name (``--replace``), and then with new user data.
    """

    ids: Mapping[str, pulumi.Output[int]]
    addresses: Mapping[str, PublicAddress]
    private_ips: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        nodes: tuple[NodePlan, ...],
        region: str,
        attachment: Attachment,
        wiring: pulumi.Output[Wiring],
        first_boot: FirstBoot,
        uploads: Mapping[str, pulumi.Resource],
        root_keys: tuple[str, ...],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:nodes:Machines", name, None, opts)
        self._region, self._attachment, self._root_keys = region, attachment, root_keys
        self._wiring, self._first_boot, self._uploads = wiring, first_boot, uploads
        machines = {node.name: self._machine(node) for node in nodes}
        self.ids = {node: machine.id.apply(int) for node, machine in machines.items()}
        self.addresses = {
            node: _address_of(machine, attachment.reserved.get(node)) for node, machine in machines.items()
        }
        self.private_ips = {node: machine.private_ip_address for node, machine in machines.items()}
        self.register_outputs({"ids": dict(self.ids)})

    def _machine(self, node: NodePlan) -> linode.Instance:
        is_vpc = self._attachment.network.mode.value is NetworkMode.VPC
        apart_id, reserved = self._attachment.apart_ids.get(node.name), self._attachment.reserved.get(node.name)
        # In state this logical name is the machine: changing it destroys one and creates another.
        return linode.Instance(
            node.name,
            label=node.label,
            region=self._region,
            type=node.machine.name,
            image=IMAGE.version,
            authorized_keys=list(self._root_keys),
            metadatas=[linode.InstanceMetadataArgs(user_data=self._encoded_user_data(node))],
            # The account's own default would decide otherwise, and differ from account to account.
            interface_generation="linode" if is_vpc else "legacy_config",
            network_helper=True,
            linode_interfaces=self._vpc_interfaces(node) if is_vpc else None,
            interfaces=None if is_vpc else self._vlan_interfaces(node),
            firewall_id=None if is_vpc else self._attachment.firewall_ids[node.group],
            private_ip=True if node.name in self._attachment.with_private_ip else None,
            ipv4s=None if is_vpc or reserved is None else [reserved],
            placement_group=None if apart_id is None else linode.InstancePlacementGroupArgs(id=apart_id),
            opts=pulumi.ResourceOptions(
                parent=self,
                delete_before_replace=True,
                # The provider would migrate it, away from its volumes and its private network.
                replace_on_changes=["region"],
                ignore_changes=CREATED_WITH,
                depends_on=[upload for name, upload in self._uploads.items() if name == node.name],
            ),
        )

    def _encoded_user_data(self, node: NodePlan) -> pulumi.Output[str]:
        """User data holds secrets, which the provider's schema does not know: it is marked here."""
        return pulumi.Output.secret(
            self._wiring.apply(lambda wiring: base64.b64encode(self._first_boot.user_data(node, wiring)).decode())
        )

    def _vpc_interfaces(self, node: NodePlan) -> list[linode.InstanceLinodeInterfaceArgs]:
        firewall_id, subnet_id = self._attachment.firewall_ids[node.group], self._attachment.subnet_id
        assert subnet_id is not None
        return [
            linode.InstanceLinodeInterfaceArgs(
                firewall_id=firewall_id,
                default_route=linode.InstanceLinodeInterfaceDefaultRouteArgs(ipv4=True, ipv6=True),
                public=linode.InstanceLinodeInterfacePublicArgs(
                    ipv4=linode.InstanceLinodeInterfacePublicIpv4Args(
                        addresses=[
                            linode.InstanceLinodeInterfacePublicIpv4AddressArgs(
                                address=self._attachment.reserved.get(node.name, "auto"), primary=True
                            )
                        ]
                    )
                ),
            ),
            linode.InstanceLinodeInterfaceArgs(
                firewall_id=firewall_id,
                vpc=linode.InstanceLinodeInterfaceVpcArgs(
                    subnet_id=subnet_id,
                    ipv4=linode.InstanceLinodeInterfaceVpcIpv4Args(
                        addresses=[linode.InstanceLinodeInterfaceVpcIpv4AddressArgs(address=node.address, primary=True)]
                    ),
                ),
            ),
        ]

    def _vlan_interfaces(self, node: NodePlan) -> list[linode.InstanceInterfaceArgs]:
        """The firewall stands before the first; the API takes none for a VLAN, whose side nftables holds alone."""
        network = self._attachment.network
        return [
            linode.InstanceInterfaceArgs(purpose="public"),
            linode.InstanceInterfaceArgs(
                purpose="vlan",
                label=network.label,
                ipam_address=f"{node.address}/{ip_network(network.cidr).prefixlen}",
            ),
        ]


class Volumes(pulumi.ComponentResource):
    """Disks that outlive machines.

    Pulumi type: ``mastodon:nodes:Volumes``

    Named by what they hold: when its data moves to another node, a volume is attached there. The label fixes the
    device's path, which the machine waits for.

    Creates: data-postgres, data-redis - linode.Volume - those that are planned.
    Needs: the volumes' plans, the machines' ids.
    Gives: nothing.
    Replaced when: the region changes, which up refuses; protected unless the stack is disposable.
    """

    def __init__(
        self,
        name: str,
        *,
        volumes: tuple[VolumePlan, ...],
        region: str,
        machine_ids: Mapping[str, pulumi.Output[int]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:nodes:Volumes", name, None, opts)
        for volume in volumes:
            # In state this logical name is the data: it must never change.
            linode.Volume(
                volume.name,
                label=volume.label,
                region=region,
                size=volume.size.value,
                linode_id=machine_ids[volume.node],
                # A label is unique in the account, so a volume that is replaced goes first; our up replaces none.
                opts=pulumi.ResourceOptions(parent=self, protect=volume.is_protected, delete_before_replace=True),
            )
        self.register_outputs({})


def _address_of(machine: linode.Instance, reserved: pulumi.Output[str] | None) -> PublicAddress:
    """A reserved address is known while the machine is being replaced, so nothing that names it changes."""
    return PublicAddress(
        machine.ipv4s.apply(public_ipv4) if reserved is None else reserved,
        machine.ipv6.apply(lambda address: address.partition("/")[0]),
    )


def public_ipv4(addresses: Sequence[str]) -> str:
    """The first address that the world can reach; the list also holds the shared private one where there is one."""
    return next(one for one in addresses if not any(ip_address(one) in private for private in PRIVATE_RANGES))
