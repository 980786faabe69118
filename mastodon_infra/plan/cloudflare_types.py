"""The shapes of what Cloudflare does with requests: rules by phase, settings, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from mastodon_infra.catalog.sources import Source
from mastodon_infra.plan.decided import Decided


class Phase(StrEnum):
    """Where in a request's way rules stand. A zone has one list per phase, and we own the whole list."""

    REDIRECT = "http_request_dynamic_redirect"
    CONFIG = "http_config_settings"
    CACHE = "http_request_cache_settings"
    FIREWALL = "http_request_firewall_custom"
    RATE_LIMIT = "http_ratelimit"
    RESPONSE = "http_response_headers_transform"


Value = str | int | bool | tuple["Value", ...] | tuple["Parameter", ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One named argument of a rule's action. Its value is plain, a list of values, or further parameters."""

    name: str
    value: Value


def parameters(told: Mapping[str, object]) -> tuple[Parameter, ...]:
    """Plain data as parameters, frozen all the way down."""
    return tuple(Parameter(name, _frozen(value)) for name, value in told.items())


def _frozen(value: object) -> Value:
    if isinstance(value, Mapping):
        return parameters(value)
    if isinstance(value, list | tuple):
        return tuple(_frozen(one) for one in value)
    assert isinstance(value, str | int)
    return value


def plain(told: tuple[Parameter, ...]) -> dict[str, object]:
    """Parameters as plain data again: what ``parameters`` was given, with lists for tuples."""
    return {one.name: _thawed(one.value) for one in told}


def _thawed(value: Value) -> object:
    if not isinstance(value, tuple):
        return value
    inner = [one for one in value if isinstance(one, Parameter)]
    return plain(tuple(inner)) if inner else [_thawed(one) for one in value if not isinstance(one, Parameter)]


@dataclass(frozen=True, slots=True)
class EdgeRule:
    """One rule.

    Attributes:
        name: What tells it from the others of its phase; keeps its id when rules move.
        expression: Which requests, in Cloudflare's language.
        action: What happens to them.
        parameters: How, in the provider's spelling.
        rate: When it happens, for a rate limit; empty for all others.
        why: What it is for.
        source: Where that is known from.
    """

    name: str
    expression: str
    action: str
    parameters: tuple[Parameter, ...]
    why: str
    source: Source
    rate: tuple[Parameter, ...]


@dataclass(frozen=True, slots=True)
class PhaseRules:
    """All rules of a phase, in their order."""

    name: str
    phase: Phase
    rules: tuple[EdgeRule, ...]


@dataclass(frozen=True, slots=True)
class ZoneSetting:
    """A setting of the whole zone, where Cloudflare has none for a host."""

    name: str
    value: Decided[str]


@dataclass(frozen=True, slots=True)
class CloudflarePlan:
    """Everything about the zone beside its records.

    Attributes:
        hosts: The names that pass through Cloudflare.
        phases: The rules.
        settings: Settings of the whole zone.
        fight_bots: Off: other servers are bots, and no rule exempts them from it.
        tiered_cache: Whether Cloudflare's data centres ask each other before they ask us.
        has_origin_pulls: Whether Cloudflare shows our machines a certificate of its own.
        media_edge_seconds: How long Cloudflare keeps media.
        media_error_seconds: How long it keeps the answer that an object is not there.
        media_browser_seconds: How long browsers keep media.
        sign_ins_per_period: Requests to the sign-in pages that one address may make in Cloudflare's period.
    """

    hosts: tuple[str, ...]
    phases: tuple[PhaseRules, ...]
    settings: tuple[ZoneSetting, ...]
    fight_bots: Decided[bool]
    tiered_cache: Decided[bool]
    has_origin_pulls: Decided[bool]
    media_edge_seconds: Decided[int]
    media_error_seconds: Decided[int]
    media_browser_seconds: Decided[int]
    sign_ins_per_period: Decided[int]
