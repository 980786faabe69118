"""A plan as plain data for scripts: the same words and the same order each time, and no secrets, for it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any

from pydantic import BaseModel

from mastodon_infra.catalog.sources import Source
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.types import InstancePlan


def plan_data(plan: InstancePlan) -> dict[str, Any]:
    """Every decision of the plan. A decided value is its value and unit; ``explain --json`` has the reasons."""
    data: dict[str, Any] = plain(plan)
    return data


def plain(value: object) -> Any:
    """Any part of a plan as text, numbers, switches, lists and dicts."""
    if isinstance(value, Decided):
        return {"value": plain(value.value), "unit": value.unit}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type | Source):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | frozenset):
        parts = [plain(part) for part in value]
        return sorted(parts) if isinstance(value, frozenset) else parts
    return _scalar(value)


def _scalar(value: object) -> Any:
    match value:
        case Source():
            return value.key
        case Enum():
            return value.value
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case date():
            return value.isoformat()
        case _:
            return value
