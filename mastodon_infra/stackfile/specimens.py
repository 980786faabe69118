"""Right values that stand in for wrong or missing ones, so that one run can go on and find the next problem."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.catalog.rows import Capability
from mastodon_infra.model.role import Queue
from mastodon_infra.stackfile.shape import Shape

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGpvZGVsc3BlY2ltZW5rZXlub3RhcmVhbG9uZWF0YWxs specimen"
_ABLE = {Capability.VPC, Capability.OBJECT_STORAGE}
_OWNER = {"username": "admin", "email": "admin@social.example"}
_ADMINISTRATOR = {"name": "alice", "ssh_keys": [_KEY]}

_VALUES: Mapping[str, Any] = {
    "domain": "social.example",
    "region": next(region.name for region in REGIONS if region.capabilities >= _ABLE),
    "owner": _OWNER,
    "administrators": [_ADMINISTRATOR],
    "mail": "none",
    "username": "admin",
    "email": "admin@social.example",
    "name": "alice",
    "ssh_keys": [_KEY],
    "host": "smtp.relay.example",
    "queues": [queue.value for queue in Queue],
    "usd_month": 3,
    "patrons": 1,
}
"""By the name of a key that must be said."""

_SHOWN: Mapping[str, str] = {
    "owner": "owner: {username: admin, email: admin@social.example}",
    "administrators": "administrators: [{name: alice, ssh_keys: [ssh-ed25519 AAAA... alice@laptop]}]",
    "ssh_keys": "ssh_keys: [ssh-ed25519 AAAA... alice@laptop]",
    "mail": "mail: none, or mail: {provider: ses, region: ap-southeast-2}",
    "queues": "queues: [scheduler, mailers]",
}
"""How a key that must be said is shown in a hint, where its first example alone would not do."""


def specimen(name: str | int, shape: Shape | None) -> Any:
    """A value that the model takes for the key ``name``, or for an item of a list."""
    if name in _VALUES:
        return deepcopy(_VALUES[str(name)])
    if shape is None:
        return None
    if shape.words:
        return shape.words[0]
    if shape.examples:
        return deepcopy(shape.examples[0]) if "AAAA..." not in str(shape.examples[0]) else _KEY
    required = shape.required({})
    return {key: specimen(key, shape.below(key, {})) for key in required} if required else None


def shown_example(name: str, shape: Shape | None) -> str:
    """One line of a stack file that says the key rightly."""
    if name in _SHOWN:
        return _SHOWN[name]
    examples = shape.examples if shape else ()
    value = examples[0] if examples else _VALUES.get(name, "...")
    if not examples and shape and shape.words:
        value = shape.words[0]
    return f"{name}: {value}"


def alternatives(name: str | int, shape: Shape | None) -> tuple[Any, ...]:
    """Different right values for a place whose own value is wrong: what holds for all of them holds anyway."""
    if name == "region":
        by_ability = {region.capabilities: region.name for region in REGIONS}
        return tuple(by_ability.values())
    if shape is None:
        return ()
    if shape.words:
        return tuple(shape.words)
    found: list[Any] = []
    for way in shape.ways:
        if way.get("type") == "boolean":
            found += [True, False]
        elif way.get("type") == "integer":
            found += [way[bound] for bound in ("minimum", "maximum") if bound in way]
        elif way.get("type") == "string" and "domain" in str(name):
            found += ["elsewhere.example", "another.example.org"]
    return tuple(found + list(shape.examples))
