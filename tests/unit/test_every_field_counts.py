"""Whatever an operator may say changes something: a question whose answer is never used is a defect seen elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel

from mastodon_infra.cost.estimate import estimate
from mastodon_infra.cost.funding import funding
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.program.offline import preview_offline
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import KEYS, SMALLEST

DIGEST, OTHER_DIGEST = "sha256:" + "ab" * 32, "sha256:" + "cd" * 32
PINNED = {"version": "v4.7.4", "image_digest": DIGEST, "streaming_image_digest": DIGEST}
CLOUDFLARE = {"dns": "cloudflare", "proxied": True}
PLACED = {
    "web": {"roles": ["web", "streaming"], "machine_type": "g6-standard-4"},
    "jobs": {"roles": ["sidekiq"], "machine_type": "g6-standard-4"},
    "data": {"roles": ["postgres", "redis", "monitoring"], "machine_type": "g6-standard-6"},
}
SES = {"provider": "ses", "region": "ap-southeast-2"}
RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social"}
UNIT = {"queues": ["default", "push", "ingress", "mailers", "pull", "scheduler", "fasp"]}
QUICK = {"queues": ["default"]}
REST = {"queues": ["push", "ingress", "mailers", "pull", "scheduler", "fasp"]}
FUNDED = {"platform": "patreon", "patron_tiers": [{"usd_month": 5, "patrons": 20}]}


def placed(name: str, **more: Any) -> dict[str, Any]:
    return {"nodes": PLACED | {name: PLACED[name] | more}}


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "domain": ({}, {"domain": "other.example"}),
    "web_domain": ({}, {"web_domain": "www.social.example"}),
    "region": ({}, {"region": "us-ord"}),
    "size": ({}, {"size": "small"}),
    "expected_monthly_active_users": ({}, {"size": None, "expected_monthly_active_users": 60}),
    "owner.username": ({}, {"owner": SMALLEST["owner"] | {"username": "mara"}}),
    "owner.email": ({}, {"owner": SMALLEST["owner"] | {"email": "mara@social.example"}}),
    "administrators.name": ({}, {"administrators": [{"name": "bob", "ssh_keys": KEYS}]}),
    "administrators.ssh_keys": ({}, {"administrators": [{"name": "alice", "ssh_keys": KEYS[:1]}]}),
    "allowed_networks": ({}, {"allowed_networks": ["203.0.113.0/24"]}),
    "mail": ({}, {"mail": SES}),
    "mail.provider": ({"mail": SES}, {"mail": RELAY}),
    "mail.region": ({"mail": SES}, {"mail": SES | {"region": "us-east-1"}}),
    "mail.from_address": ({"mail": RELAY}, {"mail": RELAY | {"from_address": "hello@social.example"}}),
    "mail.host": ({"mail": RELAY}, {"mail": RELAY | {"host": "mx.relay.example"}}),
    "mail.port": ({"mail": RELAY}, {"mail": RELAY | {"port": 2526}}),
    "mail.username": ({"mail": RELAY}, {"mail": RELAY | {"username": "other"}}),
    "mail.spf_include": ({"mail": RELAY}, {"mail": RELAY | {"spf_include": "spf.relay.example"}}),
    "mail.dkim": ({"mail": RELAY}, {"mail": RELAY | {"dkim": {"s1._domainkey.social.example": "s1.relay.example"}}}),
    "nodes": ({}, {"nodes": {"web": {"machine_type": "g6-standard-6"}}}),
    "nodes.roles": ({"nodes": PLACED}, placed("web", roles=["web", "streaming", "sidekiq"])),
    "nodes.also": ({}, {"nodes": {"web": {"also": ["onion"]}}}),
    "nodes.count": ({"nodes": PLACED}, placed("web", count=2)),
    "nodes.machine_type": ({"nodes": PLACED}, placed("data", machine_type="g6-standard-8")),
    "nodes.address_block": ({"nodes": PLACED}, placed("web", address_block=2)),
    "web.workers": ({}, {"web": {"workers": 3}}),
    "web.threads": ({}, {"web": {"threads": 3}}),
    "streaming.processes": ({"size": "large"}, {"streaming": {"processes": 2}}),
    "sidekiq.units": ({}, {"sidekiq": {"units": {"every": UNIT}}}),
    "sidekiq.units.queues": (
        {"sidekiq": {"units": {"every": UNIT}}},
        {"sidekiq": {"units": {"every": UNIT | {"queues": UNIT["queues"][::-1]}}}},
    ),
    "sidekiq.units.concurrency": (
        {"sidekiq": {"units": {"every": UNIT}}},
        {"sidekiq": {"units": {"every": UNIT | {"concurrency": 7}}}},
    ),
    "sidekiq.units.processes": (
        {"nodes": PLACED, "sidekiq": {"units": {"quick": QUICK, "rest": REST}}},
        {"sidekiq": {"units": {"quick": QUICK | {"processes": 2}, "rest": REST}}},
    ),
    "sidekiq.units.group": (
        {
            "nodes": PLACED | {"slow": PLACED["jobs"] | {"address_block": 1}},
            "sidekiq": {"units": {"quick": QUICK, "rest": REST | {"group": "slow"}}},
        },
        {"sidekiq": {"units": {"quick": QUICK, "rest": REST | {"group": "jobs"}}}},
    ),
    "postgres.pooler": ({}, {"postgres": {"pooler": "database-node"}}),
    "postgres.volume_gib": ({}, {"postgres": {"volume_gib": 111}}),
    "redis.volume_gib": ({}, {"redis": {"volume_gib": 33}}),
    "storage.provider": ({}, {"storage": {"provider": "wasabi"}}),
    "storage.region": ({}, {"storage": {"region": "us-ord"}}),
    "storage.bucket": ({}, {"storage": {"bucket": "a-bucket-of-mine"}}),
    "edge.dns": ({}, {"edge": {"dns": "manual"}}),
    "edge.zone": ({"domain": "a.social.example"}, {"edge": {"zone": "social.example"}}),
    "edge.proxied": ({"edge": {"dns": "cloudflare"}}, {"edge": CLOUDFLARE}),
    "edge.media": ({"edge": CLOUDFLARE}, {"edge": CLOUDFLARE | {"media": "cloudflare"}}),
    "edge.media_domain": ({}, {"edge": {"media_domain": "cdn.social.example"}}),
    "edge.streaming_domain": ({}, {"edge": {"streaming_domain": "live.social.example"}}),
    "edge.serve_local_domain": (
        {"web_domain": "www.social.example"},
        {"edge": {"serve_local_domain": False}},
    ),
    "network.mode": ({}, {"network": {"mode": "vlan"}}),
    "backups.enabled": ({"disposable": True}, {"backups": {"enabled": False}}),
    "backups.provider": ({}, {"backups": {"provider": "wasabi"}}),
    "backups.region": ({}, {"backups": {"region": "us-ord"}}),
    "backups.bucket": ({}, {"backups": {"bucket": "another-bucket-of-mine"}}),
    "backups.retention_days": ({}, {"backups": {"retention_days": 30}}),
    "alerts.email": ({}, {"alerts": {"email": "watch@social.example"}}),
    "alerts.webhook_host": ({}, {"alerts": {"webhook_host": "hooks.chat.example"}}),
    "alerts.heartbeat_host": ({}, {"alerts": {"heartbeat_host": "ping.watch.example"}}),
    "mastodon.version": ({}, {"mastodon": {"version": "v4.7.3"}}),
    "mastodon.image_digest": ({"mastodon": PINNED}, {"mastodon": PINNED | {"image_digest": OTHER_DIGEST}}),
    "mastodon.streaming_image_digest": (
        {"mastodon": PINNED},
        {"mastodon": PINNED | {"streaming_image_digest": OTHER_DIGEST}},
    ),
    "mastodon.default_locale": ({}, {"mastodon": {"default_locale": "de"}}),
    "mastodon.registrations": ({}, {"mastodon": {"registrations": "open"}}),
    "mastodon.single_user": (
        {"mastodon": {"registrations": "none"}},
        {"mastodon": {"registrations": "none", "single_user": True}},
    ),
    "mastodon.limited_federation": ({}, {"mastodon": {"limited_federation": True}}),
    "mastodon.secure_mode": ({}, {"mastodon": {"secure_mode": True}}),
    "mastodon.private_api": ({}, {"mastodon": {"private_api": True}}),
    "mastodon.remote_media_retention_days": ({}, {"mastodon": {"remote_media_retention_days": 30}}),
    "mastodon.preview_card_retention_days": ({}, {"mastodon": {"preview_card_retention_days": 90}}),
    "mastodon.alternate_domains": ({}, {"mastodon": {"alternate_domains": ["also.example"]}}),
    "mastodon.session_limit": ({}, {"mastodon": {"session_limit": 5}}),
    "mastodon.restart_nightly": ({}, {"mastodon": {"restart_nightly": True}}),
    "funding": ({}, {"funding": FUNDED}),
    "funding.platform": ({"funding": FUNDED}, {"funding": FUNDED | {"platform": "liberapay"}}),
    "funding.patron_tiers": ({"funding": FUNDED}, {"funding": FUNDED | {"patron_tiers": []}}),
    "funding.patron_tiers.usd_month": (
        {"funding": FUNDED},
        {"funding": FUNDED | {"patron_tiers": [{"usd_month": 6, "patrons": 20}]}},
    ),
    "funding.patron_tiers.patrons": (
        {"funding": FUNDED},
        {"funding": FUNDED | {"patron_tiers": [{"usd_month": 5, "patrons": 21}]}},
    ),
    "funding.other_income_usd_month": ({}, {"funding": {"other_income_usd_month": 9}}),
    "funding.reserve_usd": ({"funding": FUNDED}, {"funding": FUNDED | {"reserve_usd": 500}}),
    "disposable": ({}, {"disposable": True}),
    "private_network": ({}, {"private_network": "10.80.0.0/16"}),
}
"""For each field what is said beside it, and what is then said otherwise."""

ONE_ANSWER = {"search", "postgres.replicas"}
"""Fields that take only their default until what they ask for is rendered."""

GROUPS = {
    "owner", "administrators", "web", "streaming", "sidekiq", "postgres", "redis", "storage", "edge", "network",
    "backups", "alerts", "mastodon",
}  # fmt: skip
"""Fields that are nothing but the fields inside them."""


def paths_of(model: type[BaseModel], above: str = "") -> Iterator[str]:
    """Every field, dotted; lists, maps and alternatives are looked through."""
    for name, field in model.model_fields.items():
        yield f"{above}{name}"
        for inner in models_in(field.annotation):
            yield from paths_of(inner, f"{above}{name}.")


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and not get_origin(annotation) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in {Annotated, Union, UnionType, tuple, dict, list}:
        for argument in get_args(annotation):
            yield from models_in(argument)


def effects(said: dict[str, Any]) -> list[Any]:
    """Everything that follows: decisions, files of every machine, what is registered, and how it is paid for."""
    spec = InstanceSpec.model_validate(SMALLEST | {"size": "solo"} | said)
    plan = plan_instance(spec)
    wiring = Wiring.placeholder(plan)
    decided = [repr(getattr(plan, field.name)) for field in fields(plan) if field.name != "spec"]
    protected = [one.name for one in preview_offline(plan) if one.protect] if said.get("disposable") else []
    return [decided, [bundle(plan, node, wiring).digest for node in plan.nodes], protected, paid(spec, plan)]


def paid(spec: InstanceSpec, plan: Any) -> str:
    return repr(funding(spec.funding, estimate(plan)))


@pytest.mark.parametrize("path", CHANGES)
def test_what_is_said_changes_something(path):
    beside, otherwise = CHANGES[path]

    assert effects(beside) != effects(beside | otherwise)


def test_no_field_is_forgotten():
    assert set(paths_of(InstanceSpec)) == set(CHANGES) | ONE_ANSWER | GROUPS
