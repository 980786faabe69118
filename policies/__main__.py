"""Hands the three laws of ``rules`` to the engine: run by it for every preview and ``up`` with ``--policy-pack``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pulumi
from pulumi_policy import (
    EnforcementLevel,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policies.rules import UNKNOWN, Seen, bill, over_budget, public_openings, unprotected

CONFIG = Path(__file__).with_name("config.json")


def plain(value: Any) -> Any:
    """The engine's inputs as plain data. Reading a value that a preview cannot know raises; here it is UNKNOWN."""
    if isinstance(value, Mapping):
        return {key: _at(value, key) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_at(value, place) for place in range(len(value))]
    return value


def _at(holder: Any, key: Any) -> Any:
    try:
        return plain(holder[key])
    except UnknownValueError:
        return UNKNOWN


def seen(args: Any) -> Seen:
    """What the engine shows of a resource."""
    return Seen(args.resource_type, args.name, plain(args.props), bool(args.opts.protect))


def is_disposable() -> bool:
    """Whether the stack says of itself that its data is for trials only."""
    instance = pulumi.Config("mastodon-infra").get_object("instance")
    return isinstance(instance, dict) and instance.get("disposable") is True


def data_is_protected(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Refuse what holds data and may be deleted by an ordinary run."""
    if (found := unprotected(seen(args))) and not is_disposable():
        report(found)


def no_inner_port_is_public(args: ResourceValidationArgs, report: ReportViolation) -> None:
    """Refuse openings to the world other than the web and log-in."""
    for found in public_openings(seen(args)):
        report(found)


def within_budget(args: StackValidationArgs, report: ReportViolation) -> None:
    """Refuse a stack that costs more than its ceiling."""
    config = args.get_config()
    ceiling = config.get("usd_month_of_stack", {}).get(pulumi.get_stack(), config["usd_month"])
    for found in over_budget(bill(map(seen, args.resources)), ceiling_usd_month=Decimal(str(ceiling))):
        report(found)


AMOUNT = {"type": "number", "minimum": 0}

PolicyPack(
    name="mastodon-infra",
    enforcement_level=EnforcementLevel.MANDATORY,
    # A policy whose configuration names no level would be advisory, whatever the pack says.
    initial_config={
        name: {"enforcementLevel": EnforcementLevel.MANDATORY, **values}
        for name, values in json.loads(CONFIG.read_text(encoding="utf-8")).items()
    },
    policies=[
        ResourceValidationPolicy(
            name="data-protected",
            description="Volumes, buckets, zones and lifelong keys are protected, unless the stack is disposable.",
            validate=data_is_protected,
        ),
        ResourceValidationPolicy(
            name="inner-ports-private",
            description="The world reaches the web and log-in, and no database, Redis or pooler.",
            validate=no_inner_port_is_public,
        ),
        StackValidationPolicy(
            name="monthly-budget",
            description="What a stack costs a month stays below the ceiling of policies/config.json.",
            validate=within_budget,
            config_schema=PolicyConfigSchema(
                properties={
                    "usd_month": AMOUNT,
                    "usd_month_of_stack": {"type": "object", "additionalProperties": AMOUNT},
                },
                required=["usd_month"],
            ),
        ),
    ],
)
