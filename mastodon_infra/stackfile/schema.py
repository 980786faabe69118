"""The JSON Schema of a stack file, made from the model, so that an editor completes and checks while one types."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.names import Matches
from mastodon_infra.stackfile.names import ESCROW_KEY, INSTANCE_KEY, SECRETS

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(\.{_LABEL})+"
_PATTERNS = {
    "_domain": rf"^{_DOMAIN}$",
    "_email": rf"^[A-Za-z0-9_+.-]+@{_DOMAIN}$",
    "_one_line": r"^[^\r\n]*$",
    "_network": r"^[0-9A-Fa-f.:]+/[0-9]{1,3}$",
    "_ssh_key": r"^(sk-)?(ssh|ecdsa)-[a-z0-9@.-]+ AAAA[A-Za-z0-9+/=]+( .*)?$",
}
"""What an editor can check of the model's validators, by the validator's name. The model stays the judge."""


class UnknownValidatorError(LookupError):
    """A validator of the model has no pattern here."""


class _Generator(GenerateJsonSchema):
    """Adds the patterns that the model's validators hold, and both ways to write a unit's queues."""

    def function_after_schema(self, schema: core_schema.AfterValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_after_schema(schema)
        if inner.get("type") == "string":
            return {**inner, "pattern": _pattern(schema["function"]["function"])}
        return inner

    def function_before_schema(self, schema: core_schema.BeforeValidatorFunctionSchema) -> JsonSchemaValue:
        inner = super().function_before_schema(schema)
        if inner.get("type") == "object" and "propertyNames" in inner:
            in_order = {"type": "array", "items": inner["propertyNames"], "minItems": 1, "uniqueItems": True}
            return {"anyOf": [in_order, inner]}
        return inner


def _pattern(validator: Callable[..., object]) -> str:
    if isinstance(validator, Matches):
        return f"^({validator.expression})$"
    name = getattr(validator, "__name__", "")
    if name not in _PATTERNS:
        raise UnknownValidatorError(name)
    return _PATTERNS[name]


@cache
def instance_schema() -> Mapping[str, Any]:
    """The schema of what stands under ``mastodon-infra:instance``, with its parts under ``$defs``."""
    schema: dict[str, Any] = _tidy(InstanceSpec.model_json_schema(schema_generator=_Generator))
    return schema


def stack_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a whole stack file; keys of other programs are left alone."""
    instance = dict(instance_schema())
    parts = instance.pop("$defs")
    secrets = {
        key: {"$ref": "#/$defs/Secret", "description": f"{what} Set it with: pulumi config set --secret {key}"}
        for key, what in SECRETS.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A stack of mastodon-infra",
        "description": "One Mastodon instance in one stage.",
        "type": "object",
        "required": ["config"],
        "properties": {
            "config": {
                "description": "Settings of the programs of this stack, each as program:name.",
                "type": "object",
                "required": [INSTANCE_KEY],
                "properties": {
                    INSTANCE_KEY: {"$ref": "#/$defs/InstanceSpec"},
                    ESCROW_KEY: {"$ref": "#/$defs/Escrow"},
                    **secrets,
                },
            },
            "encryptionsalt": {"description": "Written by pulumi for the passphrase.", "type": "string"},
            "secretsprovider": {"description": "Written by pulumi: who encrypts the secrets.", "type": "string"},
            "encryptedkey": {"description": "Written by pulumi for a key service.", "type": "string"},
        },
        "$defs": {
            **parts,
            "InstanceSpec": instance,
            "Escrow": {
                "description": "Written by mastodon-infra escrow: when the keys were last kept, and which they were.",
                "type": "object",
                "required": ["date", "fingerprints"],
                "properties": {
                    "date": {"description": "The day, as in 2026-11-22.", "type": "string"},
                    "fingerprints": {
                        "description": "Of each life-long key, by its name; they tell nothing of the key.",
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                    },
                },
                "additionalProperties": False,
            },
            "Secret": {
                "type": "object",
                "required": ["secure"],
                "properties": {"secure": {"description": "The value, encrypted by pulumi.", "type": "string"}},
                "additionalProperties": False,
            },
        },
    }


def schema_text() -> str:
    """The schema as the text of ``stacks/instance.schema.json``."""
    return json.dumps(stack_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _tidy(schema: Any) -> Any:
    """Leave out what an editor would only show as noise: generated titles and defaults that say nothing."""
    if isinstance(schema, list):
        return [_tidy(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if "patternProperties" in schema:  # a name that fits no pattern is wrong, not free
        schema = {**schema, "additionalProperties": False}
    return {
        key: _tidy_properties(part) if key in {"properties", "$defs"} else _tidy(part)
        for key, part in schema.items()
        if not (key == "title" and isinstance(part, str)) and not (key == "default" and part is None)
    }


def _tidy_properties(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: _tidy(part) for name, part in properties.items()}
