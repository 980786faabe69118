"""A deployed stack, as its outputs would tell it."""

from __future__ import annotations

from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.outputs import StackOutputs
from mastodon_infra.render.fingerprints import fingerprints
from mastodon_infra.render.wiring import Wiring


def outputs_for(plan: InstancePlan) -> StackOutputs:
    """Addresses out of the range for documents, and made-up secrets."""
    wiring = Wiring.stand_in(plan)
    addresses = {node.name: f"192.0.2.{number}" for number, node in enumerate(plan.nodes, 1)}
    return StackOutputs(
        website=f"https://{plan.mastodon.web_domain}",
        node_addresses=addresses,
        balancer_addresses=dict.fromkeys(plan.balancer.names, "198.51.100.1") if plan.balancer else {},
        jump_address=addresses[plan.jump],
        known_hosts="",
        dns_to_set=(),
        is_disposable=True,
        bundle_digests={node.name: "0" * 64 for node in plan.nodes},
        key_fingerprints=fingerprints(wiring),
        next_commands=(),
        wiring=wiring,
    )
