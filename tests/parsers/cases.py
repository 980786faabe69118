"""The instances whose artefacts are checked: every tier's shape, both networks, and what an operator may choose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan, NodePlan

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSbTDNIB+p5uzx7MH9xS9e1o6wCRvLxvgJxBZrzCzh/ alice@laptop",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGBRzNtFJ6eTCPAzvjRIaPQrDCJCXZvfdIWFcdyCzJ9L alice@desk",
]
SMALLEST: dict[str, Any] = {
    "domain": "social.example",
    "region": "au-mel",
    "owner": {"username": "admin", "email": "admin@social.example"},
    "administrators": [{"name": "alice", "ssh_keys": KEYS}],
    "mail": "none",
}
PROXIED = {"dns": "cloudflare", "proxied": True}
RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social", "port": 2525}

SPECS: dict[str, dict[str, Any]] = {
    "solo": {"size": "solo"},
    "small": {"size": "small"},
    "medium": {"size": "medium"},
    "large": {"size": "large"},
    # Media and backups at Amazon, whose buckets take no ACLs.
    "xlarge": {"size": "xlarge", "storage": {"provider": "aws"}},
    # A VLAN, where the machine's own firewall stands alone on the private side, and media at another vendor.
    "sydney": {"size": "large", "region": "ap-southeast", "storage": {"provider": "wasabi"}},
    # Cloudflare in front of the web site, a relay for mail, handles on another domain than the web site's.
    "proxied": {
        "size": "medium",
        "edge": PROXIED | {"serve_local_domain": True},
        "web_domain": "www.social.example",
        "mail": RELAY,
        "alerts": {"webhook_host": "hooks.chat.example", "heartbeat_host": "beats.example"},
    },
    # A placement of one's own: streaming apart, a pooler on each app node, sidekiq units with weights, no volume.
    "placed": {
        "size": "small",
        "disposable": True,
        "nodes": {
            "front": {"roles": ["web"], "also": ["onion"], "count": 2, "machine_type": "g6-standard-2"},
            "live": {"roles": ["streaming"]},
            "back": {"roles": ["sidekiq", "postgres", "redis", "monitoring"], "machine_type": "g6-standard-6"},
        },
        "postgres": {"pooler": "app-nodes", "volume_gib": 0},
        "redis": {"volume_gib": 0},
    },
}


@dataclass(frozen=True, slots=True)
class Place:
    """A node of a case, by names: what a test is about."""

    case: str
    node: str

    def __str__(self) -> str:
        return f"{self.case}-{self.node}"


@cache
def plan_of(case: str) -> InstancePlan:
    """The plan of a case."""
    return plan_instance(InstanceSpec.model_validate(SMALLEST | SPECS[case]))


def node_of(place: Place) -> NodePlan:
    """The node's plan."""
    return plan_of(place.case).node(place.node)


def every_place() -> Iterator[Place]:
    """All nodes of all cases."""
    for case in SPECS:
        yield from (Place(case, node.name) for node in plan_of(case).nodes)


def first_of_each_group() -> Iterator[Place]:
    """The first node of each group: the others differ in names and addresses only."""
    for place in every_place():
        if node_of(place).ordinal == 1:
            yield place
