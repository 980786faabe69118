"""A spec with something changed, checked again as if it had been written like that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from mastodon_infra.errors import PlanError, SpecError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan

Change = tuple[tuple[str, ...], object]
"""A path of the stack file and its new value; None takes the key out."""


def changed(spec: InstanceSpec, *changes: Change) -> InstanceSpec:
    """The spec with these changes; raises pydantic's ValidationError for a value that no field takes."""
    data: dict[str, Any] = spec.model_dump(exclude_unset=True)
    for path, value in changes:
        data = _with(data, path, value)
    return InstanceSpec.model_validate(data)


def planned(spec: InstanceSpec, *changes: Change) -> InstancePlan | None:
    """The plan after these changes, or None where they make no sense together or nothing fits."""
    try:
        return plan_instance(changed(spec, *changes))
    except (SpecError, PlanError, ValidationError):
        return None


def words(change: Change) -> str:
    """A change as a line of the stack file: ``nodes.web.count: 3``."""
    path, value = change
    name = ".".join(path)
    return f"{name}: {value}" if value is not None else f"leave out {name}"


def _with(data: Mapping[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    """A copy with one key changed, at any depth."""
    key, below = path[0], path[1:]
    rest = {name: one for name, one in data.items() if name != key}
    if below:
        inside = data.get(key)
        return {**data, key: _with(inside if isinstance(inside, Mapping) else {}, below, value)}
    return rest if value is None else {**data, key: value}
