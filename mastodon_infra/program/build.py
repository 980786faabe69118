"""The one build: what the engine deploys, and what the offline preview records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pulumi

from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.program.config import StackSecrets
from mastodon_infra.render.user_data import payload_of, user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.resources.clouds import linode_cloud
from mastodon_infra.resources.instance import MastodonInstance
from mastodon_infra.resources.nodes import FirstBoot

INSTANCE = "mastodon"
"""The component's logical name. It says nothing of the domain, which the stack's own name tells apart."""


@dataclass(frozen=True, slots=True)
class StackOutputs:
    """What a stack tells whoever works with it next.

    Attributes:
        website: Where the instance is found.
        node_addresses: Public IPv4 address of each node.
        balancer_addresses: Public IPv4 address of each NodeBalancer.
        jump_address: The machine to log in to; the others are reached through it.
        known_hosts: Lines for ~/.ssh/known_hosts, one per node and address.
        dns_to_set: Records to set by hand, where nobody here answers for the zone.
        is_disposable: Whether destroying the stack destroys its data.
        wiring: Every secret that machines get, as JSON. Secret.
    """

    website: str
    node_addresses: Mapping[str, pulumi.Output[str]]
    balancer_addresses: Mapping[str, pulumi.Output[str]]
    jump_address: pulumi.Output[str]
    known_hosts: pulumi.Output[str]
    dns_to_set: tuple[Mapping[str, pulumi.Input[str]], ...]
    is_disposable: bool
    wiring: pulumi.Output[str]


def build(plan: InstancePlan, secrets: StackSecrets, *, first_boot: FirstBoot | None = None) -> StackOutputs:
    """Register every resource of the plan. ``first_boot`` is rendered from the plan unless a test stands in for it."""
    is_disposable = not plan.media.is_protected
    if is_disposable:
        pulumi.warn("This stack is disposable: nothing in it is protected, and destroying it destroys its data.")
    cloud = linode_cloud(secrets.credentials, is_disposable=is_disposable)

    instance = MastodonInstance(
        INSTANCE,
        plan=plan,
        given=secrets.given,
        credentials=secrets.credentials,
        first_boot=first_boot or rendered(plan),
        opts=pulumi.ResourceOptions(providers=[cloud]),
    )
    return _outputs(plan, instance, is_disposable=is_disposable)


def rendered(plan: InstancePlan) -> FirstBoot:
    """The real thing: user data from templates, and payloads for nodes whose bundle does not fit into it."""

    def gzipped(node: NodePlan, wiring: Wiring) -> bytes:
        return user_data(plan, node, wiring).gzipped

    payloads = {node.name: payload for node in plan.nodes if (payload := payload_of(plan, node))}
    return FirstBoot(gzipped, payloads)


def export(outputs: StackOutputs) -> None:
    """Make the outputs the stack's own."""
    pulumi.export("website", outputs.website)
    pulumi.export("nodeAddresses", dict(outputs.node_addresses))
    pulumi.export("balancerAddresses", dict(outputs.balancer_addresses))
    pulumi.export("jumpAddress", outputs.jump_address)
    pulumi.export("knownHosts", outputs.known_hosts)
    pulumi.export("dnsToSet", [dict(record) for record in outputs.dns_to_set])
    pulumi.export("isDisposable", outputs.is_disposable)
    pulumi.export("wiring", outputs.wiring)


def _outputs(plan: InstancePlan, instance: MastodonInstance, *, is_disposable: bool) -> StackOutputs:
    nodes = {node.name: instance.addresses[node.name].ipv4 for node in plan.nodes}
    return StackOutputs(
        website=f"https://{plan.mastodon.web_domain}",
        node_addresses=nodes,
        balancer_addresses={name: address.ipv4 for name, address in instance.addresses.items() if name not in nodes},
        jump_address=nodes[plan.jump],
        known_hosts=_known_hosts(plan, instance),
        dns_to_set=instance.dns_to_set,
        is_disposable=is_disposable,
        wiring=pulumi.Output.secret(instance.wiring.apply(lambda wiring: json.dumps(asdict(wiring)))),
    )


def _known_hosts(plan: InstancePlan, instance: MastodonInstance) -> pulumi.Output[str]:
    """Each node under its public and its private address and its name, so that the jump may be left out or taken."""
    lines = [
        pulumi.Output.concat(
            instance.addresses[node.name].ipv4,
            f",{node.address},{node.hostname} ",
            instance.host_keys[node.name].public,
        )
        for node in plan.nodes
    ]
    return pulumi.Output.all(*lines).apply(lambda told: "".join(f"{line}\n" for line in told))
