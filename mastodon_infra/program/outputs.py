"""What a stack tells whoever works with it next: the names of its outputs, and a reader that gives them types.

The program writes these outputs in ``build.py``; whoever reads a stack goes through ``read_outputs`` and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from mastodon_infra.errors import ToolError
from mastodon_infra.render.wiring import HostKey, ServerCertificate, Wiring

WEBSITE = "website"
NODE_ADDRESSES = "nodeAddresses"
BALANCER_ADDRESSES = "balancerAddresses"
NODE_ADDRESSES_V6 = "nodeIpv6Addresses"
BALANCER_ADDRESSES_V6 = "balancerIpv6Addresses"
JUMP_ADDRESS = "jumpAddress"
KNOWN_HOSTS = "knownHosts"
DNS_TO_SET = "dnsToSet"
IS_DISPOSABLE = "isDisposable"
BUNDLE_DIGESTS = "bundleDigests"
KEY_FINGERPRINTS = "keyFingerprints"
MONTHLY_USD = "monthlyUsd"
MASTODON_VERSION = "mastodonVersion"
NEXT_COMMANDS = "nextCommands"
WIRING = "wiring"


@dataclass(frozen=True, slots=True)
class RecordToSet:
    """A DNS record that somebody sets by hand. ``priority`` is empty but for MX."""

    host: str
    type: str
    content: str
    purpose: str
    priority: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class StackOutputs:
    """A deployed stack, as its outputs tell it.

    Attributes:
        website: Where the instance is found.
        node_addresses: Public IPv4 address of each node.
        balancer_addresses: Public IPv4 address of each NodeBalancer.
        node_addresses_v6, balancer_addresses_v6: Their IPv6 addresses; empty where an older program deployed it.
        jump_address: The machine to log in to; the others are reached through it.
        known_hosts: Lines for ~/.ssh/known_hosts, one per node and address.
        dns_to_set: Records to set by hand, where nobody here answers for the zone.
        is_disposable: Whether destroying the stack destroys its data.
        bundle_digests: What each node should hold; a machine with another digest awaits convergence.
        key_fingerprints: Of each life-long key, for comparing with the escrow.
        monthly_usd: What the deployed plan costs in a month; empty where an older program deployed it.
        mastodon_version: Of the deployed plan; empty as above.
        next_commands: What to do now, line by line.
        wiring: Every secret that machines get; None where the outputs were read without secrets.
    """

    website: str
    node_addresses: Mapping[str, str]
    balancer_addresses: Mapping[str, str]
    jump_address: str
    known_hosts: str
    dns_to_set: tuple[RecordToSet, ...]
    is_disposable: bool
    bundle_digests: Mapping[str, str]
    key_fingerprints: Mapping[str, str]
    next_commands: tuple[str, ...]
    wiring: Wiring | None
    monthly_usd: str = ""
    mastodon_version: str = ""
    node_addresses_v6: Mapping[str, str] = field(default_factory=dict)
    balancer_addresses_v6: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"StackOutputs({self.website!r}, nodes: {', '.join(self.node_addresses)})"


def read_outputs(outputs: Mapping[str, Any]) -> StackOutputs:
    """The outputs of a stack with types, from ``pulumi stack output --json`` or the Automation API's plain values.

    Raises ToolError where the stack was never deployed, or by a version of the program that wrote other outputs.
    """
    if not outputs:
        raise ToolError("the stack has no outputs: it has never been deployed", hint="deploy it first: pulumi up")
    wiring = outputs.get(WIRING)
    try:
        return StackOutputs(
            website=str(outputs[WEBSITE]),
            node_addresses=dict(outputs[NODE_ADDRESSES]),
            balancer_addresses=dict(outputs[BALANCER_ADDRESSES]),
            jump_address=str(outputs[JUMP_ADDRESS]),
            known_hosts=str(outputs[KNOWN_HOSTS]),
            dns_to_set=tuple(RecordToSet(**record) for record in outputs[DNS_TO_SET]),
            is_disposable=bool(outputs[IS_DISPOSABLE]),
            bundle_digests=dict(outputs[BUNDLE_DIGESTS]),
            key_fingerprints=dict(outputs[KEY_FINGERPRINTS]),
            next_commands=tuple(outputs[NEXT_COMMANDS]),
            wiring=None if wiring in {None, HIDDEN} else wiring_from(str(wiring)),
            monthly_usd=str(outputs.get(MONTHLY_USD, "")),
            mastodon_version=str(outputs.get(MASTODON_VERSION, "")),
            node_addresses_v6=dict(outputs.get(NODE_ADDRESSES_V6) or {}),
            balancer_addresses_v6=dict(outputs.get(BALANCER_ADDRESSES_V6) or {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        # The error's own text could hold a value, and a value could be secret.
        raise ToolError(
            f"the stack's outputs are not those of this version ({type(error).__name__})",
            hint="deploy it once with this version: pulumi up",
        ) from None


HIDDEN = "[secret]"
"""What Pulumi prints in place of a secret that was not asked for."""


def wiring_from(text: str) -> Wiring:
    """A wiring out of the JSON of the output; fields that an older program did not know keep their default."""
    told = json.loads(text)
    texts = {one.name for one in fields(Wiring)} - {"host_keys", "server_certificates"}
    return Wiring(
        **{name: str(value) for name, value in told.items() if name in texts},
        host_keys=tuple(HostKey(**key) for key in told["host_keys"]),
        server_certificates=tuple(ServerCertificate(**one) for one in told["server_certificates"]),
    )
