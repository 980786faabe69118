"""The one build: what the engine deploys, and what the offline preview records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import pulumi

from mastodon_infra.cost.estimate import estimate
from mastodon_infra.model.services import DnsProvider
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.program import outputs
from mastodon_infra.program.config import StackSecrets, read_secrets, read_spec
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.fingerprints import fingerprints
from mastodon_infra.render.user_data import payload_of, user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.resources.clouds import linode_cloud
from mastodon_infra.resources.instance import MastodonInstance
from mastodon_infra.resources.nodes import FirstBoot

INSTANCE = "mastodon"
"""The component's logical name. It says nothing of the domain, which the stack's own name tells apart."""


@dataclass(frozen=True, slots=True)
class Exports:
    """The outputs as the engine gets them, some of them still to come; see ``outputs.StackOutputs`` for each."""

    website: str
    node_addresses: Mapping[str, pulumi.Output[str]]
    balancer_addresses: Mapping[str, pulumi.Output[str]]
    node_addresses_v6: Mapping[str, pulumi.Output[str]]
    balancer_addresses_v6: Mapping[str, pulumi.Output[str]]
    jump_address: pulumi.Output[str]
    known_hosts: pulumi.Output[str]
    dns_to_set: tuple[Mapping[str, pulumi.Input[str]], ...]
    is_disposable: bool
    bundle_digests: pulumi.Output[dict[str, str]]
    key_fingerprints: pulumi.Output[dict[str, str]]
    monthly_usd: str
    mastodon_version: str
    next_commands: tuple[pulumi.Input[str], ...]
    wiring: pulumi.Output[str]


def build(plan: InstancePlan, secrets: StackSecrets, *, first_boot: FirstBoot | None = None) -> Exports:
    """Register every resource of the plan. ``first_boot`` is rendered from the plan unless a test stands in for it."""
    is_disposable = not plan.media.is_protected
    if is_disposable:
        pulumi.warn("This stack is disposable: nothing in it is protected, and destroying it destroys its data.")
    cloud = linode_cloud(secrets.credentials, is_disposable=is_disposable)

    handed = first_boot or rendered(plan)

    instance = MastodonInstance(
        INSTANCE,
        plan=plan,
        given=secrets.given,
        credentials=secrets.credentials,
        first_boot=handed,
        opts=pulumi.ResourceOptions(providers=[cloud]),
    )
    return _exports(plan, instance, handed, is_disposable=is_disposable)


def deploy() -> None:
    """The whole program: read the stack's config, plan, build, export."""
    plan = plan_instance(read_spec())
    export(build(plan, read_secrets(plan)))


def rendered(plan: InstancePlan) -> FirstBoot:
    """The real thing: user data from templates, and payloads for nodes whose bundle does not fit into it."""

    def gzipped(node: NodePlan, wiring: Wiring) -> bytes:
        return user_data(plan, node, wiring).gzipped

    def digest(node: NodePlan, wiring: Wiring) -> str:
        return bundle(plan, node, wiring).digest

    payloads = {node.name: payload for node in plan.nodes if (payload := payload_of(plan, node))}
    return FirstBoot(gzipped, payloads, digest)


def export(exports: Exports) -> None:
    """Make the outputs the stack's own."""
    pulumi.export(outputs.WEBSITE, exports.website)
    pulumi.export(outputs.NODE_ADDRESSES, dict(exports.node_addresses))
    pulumi.export(outputs.BALANCER_ADDRESSES, dict(exports.balancer_addresses))
    pulumi.export(outputs.NODE_ADDRESSES_V6, dict(exports.node_addresses_v6))
    pulumi.export(outputs.BALANCER_ADDRESSES_V6, dict(exports.balancer_addresses_v6))
    pulumi.export(outputs.JUMP_ADDRESS, exports.jump_address)
    pulumi.export(outputs.KNOWN_HOSTS, exports.known_hosts)
    pulumi.export(outputs.DNS_TO_SET, [dict(record) for record in exports.dns_to_set])
    pulumi.export(outputs.IS_DISPOSABLE, exports.is_disposable)
    pulumi.export(outputs.BUNDLE_DIGESTS, exports.bundle_digests)
    pulumi.export(outputs.KEY_FINGERPRINTS, exports.key_fingerprints)
    pulumi.export(outputs.MONTHLY_USD, exports.monthly_usd)
    pulumi.export(outputs.MASTODON_VERSION, exports.mastodon_version)
    pulumi.export(outputs.NEXT_COMMANDS, list(exports.next_commands))
    pulumi.export(outputs.WIRING, exports.wiring)


def _exports(plan: InstancePlan, instance: MastodonInstance, handed: FirstBoot, *, is_disposable: bool) -> Exports:
    nodes = {node.name: instance.addresses[node.name].ipv4 for node in plan.nodes}
    return Exports(
        website=f"https://{plan.mastodon.web_domain}",
        node_addresses=nodes,
        balancer_addresses={name: address.ipv4 for name, address in instance.addresses.items() if name not in nodes},
        node_addresses_v6={name: address.ipv6 for name, address in instance.addresses.items() if name in nodes},
        balancer_addresses_v6={name: address.ipv6 for name, address in instance.addresses.items() if name not in nodes},
        jump_address=nodes[plan.jump],
        known_hosts=_known_hosts(plan, instance),
        dns_to_set=instance.dns_to_set,
        is_disposable=is_disposable,
        # One-way, over keys that nobody can guess: they tell nothing, so people may see them.
        bundle_digests=pulumi.Output.unsecret(
            instance.wiring.apply(lambda wiring: {node.name: handed.digest(node, wiring) for node in plan.nodes})
        ),
        key_fingerprints=pulumi.Output.unsecret(instance.wiring.apply(fingerprints)),
        monthly_usd=str(estimate(plan).total_usd_month),
        mastodon_version=plan.mastodon.version.value,
        next_commands=_next_commands(plan, nodes[plan.jump]),
        wiring=pulumi.Output.secret(instance.wiring.apply(lambda wiring: json.dumps(asdict(wiring)))),
    )


def _next_commands(plan: InstancePlan, jump: pulumi.Output[str]) -> tuple[pulumi.Input[str], ...]:
    output = f"pulumi stack output --stack {pulumi.get_stack()}"
    by_hand = (f"{output} dnsToSet   # set these records",) if plan.dns.provider is DnsProvider.MANUAL else ()
    return (
        *by_hand,
        f"{output} knownHosts >> ~/.ssh/known_hosts",
        pulumi.Output.concat("ssh ", plan.spec.administrators[0].name, "@", jump, " cloud-init status --wait"),
        f"curl --fail https://{plan.mastodon.web_domain}/health",
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
