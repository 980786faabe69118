"""Values as the engine sends them: JSON in which secrets are wrapped and what is not known yet is a certain text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from google.protobuf.struct_pb2 import Struct  # type: ignore[import-untyped]
from pulumi.runtime.rpc import UNKNOWN, _special_secret_sig, _special_sig_key

from mastodon_infra.rehearsal.world import Values


def from_struct(struct: Struct) -> Values:
    """The properties in a message, marked."""
    values: Values = json_format.MessageToDict(struct)
    return values


def to_struct(values: Mapping[str, Any]) -> Struct:
    """The message for properties; what is None is left out."""
    struct = Struct()
    struct.update({key: value for key, value in values.items() if value is not None})
    return struct


def secret(value: Any) -> Any:
    """A plain value marked as secret."""
    return {_special_sig_key: _special_secret_sig, "value": value}


def holds_secret(value: Any) -> bool:
    """Whether a marked value is secret, or anything in it."""
    if isinstance(value, Mapping):
        return _special_sig_key in value or any(holds_secret(inner) for inner in value.values())
    return isinstance(value, list) and any(holds_secret(inner) for inner in value)


def plain(value: Any) -> Any:
    """A marked value laid open; whole numbers, which travel as fractions, are whole again."""
    if isinstance(value, Mapping):
        if _special_sig_key in value:
            return plain(value.get("value"))
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def is_known(value: Any) -> bool:
    """Whether nothing in a plain value is still to come."""
    if isinstance(value, Mapping):
        return all(is_known(inner) for inner in value.values())
    if isinstance(value, list):
        return all(is_known(inner) for inner in value)
    return bool(value != UNKNOWN)


def remarked(value: Any, *, like: Any) -> Any:
    """A plain value with the marks of an earlier one: the earlier itself where both say the same."""
    if plain(like) == value:
        return like
    return secret(value) if holds_secret(like) else value
