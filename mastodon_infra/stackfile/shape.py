"""What may stand at a path of the instance, read from the schema: known keys, words, bounds, in an operator's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mastodon_infra.errors import Path
from mastodon_infra.stackfile.schema import instance_schema

_LONGEST_LIST = 90


@dataclass(frozen=True, slots=True)
class Shape:
    """The ways in which one value may be written.

    Attributes:
        ways: Schemas without references or unions; one of them fits a right value.
        description: What the value means, one sentence.
        examples: Right values.
    """

    ways: tuple[Mapping[str, Any], ...] = field(repr=False)
    description: str = ""
    examples: tuple[Any, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words that are allowed, for a value that is one of a few words."""
        return tuple(
            str(word) for way in self.ways for word in way.get("enum", [way["const"]] if "const" in way else [])
        )

    @property
    def is_group(self) -> bool:
        """Whether keys may stand below the value."""
        return any(way.get("type") == "object" for way in self.ways)

    def keys(self, value: object) -> dict[str, Shape] | None:
        """The known keys below the value; None where any name may be a key, or none can."""
        known: dict[str, Shape] = {}
        for way in self._fitting(value):
            for key, part in way.get("properties", {}).items():
                known.setdefault(key, shape_of(part))
        return known or None

    def names_below(self) -> tuple[str, ...]:
        """The words that keys below the value may be, where they are words of a fixed list."""
        for way in self.ways:
            if "propertyNames" in way:
                return shape_of(way["propertyNames"]).words
        return ()

    def variant_with(self, key: str) -> str:
        """The fixed word of the variant that knows a key, such as ``provider: smtp``; empty without one."""
        return next((word for way in self.ways if key in way.get("properties", {}) for word in _fixed(way)), "")

    def required(self, value: object) -> tuple[str, ...]:
        """The keys below the value that must be said."""
        return tuple(key for way in self._fitting(value) for key in way.get("required", ()))

    def below(self, part: str | int, value: object) -> Shape | None:
        """What may stand one step down; ``value`` is what stands here, to know which variant was begun."""
        if isinstance(part, int):
            return next((shape_of(way["items"]) for way in self.ways if "items" in way), None)
        known = self.keys(value)
        if known:
            return known.get(part)
        for way in self.ways:
            for free in (*way.get("patternProperties", {}).values(), way.get("additionalProperties")):
                if isinstance(free, Mapping):
                    return shape_of(free)
        return None

    def phrase(self) -> str:
        """What would be right here, as the end of the sentence "this must be ..."."""
        kinds = list(dict.fromkeys(_kind(way) for way in self.ways if way.get("type") != "null"))
        amounts = [kind for kind in kinds if kind.startswith("an amount")]
        if amounts:
            return amounts[0]
        words = self.words
        if words:
            kinds = [kind for kind in kinds if kind != "a word"]
            kinds.insert(0, f"the word {words[0]}" if len(words) == 1 else f"one of {', '.join(words)}")
        begun = [fixed for way in self.ways for fixed in _fixed(way)]
        if begun:
            kinds = [kind for kind in kinds if kind != "a group of keys"]
            kinds.append(f"a group of keys with {' or '.join(begun)}")
        return ", or ".join(kinds) or "left out"

    def _fitting(self, value: object) -> Iterator[Mapping[str, Any]]:
        """The variants whose fixed words (such as ``provider: ses``) agree with what was written."""
        groups = [way for way in self.ways if "properties" in way]
        chosen = [way for way in groups if _agrees(way, value)]
        yield from chosen or groups


def _agrees(way: Mapping[str, Any], value: object) -> bool:
    if not isinstance(value, Mapping):
        return True
    fixed = {key: part["const"] for key, part in way["properties"].items() if "const" in part}
    return all(value.get(key) == word for key, word in fixed.items())


def _kind(way: Mapping[str, Any]) -> str:
    kind = way.get("type")
    if kind == "integer":
        return f"a whole number {_bounds(way)}".strip()
    if kind == "number":
        return f"an amount in dollars {_bounds(way)}".strip()
    simple = {"boolean": "true or false", "array": "a list", "object": "a group of keys"}
    if "enum" in way or "const" in way:
        return "a word"
    return simple.get(str(kind), "text")


def _fixed(way: Mapping[str, Any]) -> list[str]:
    return [f"{key}: {part['const']}" for key, part in way.get("properties", {}).items() if "const" in part]


def _bounds(way: Mapping[str, Any]) -> str:
    low, high = way.get("minimum", way.get("exclusiveMinimum")), way.get("maximum")
    if "exclusiveMinimum" in way:
        return f"above {low:g} and up to {high:g}" if high is not None else f"above {low:g}"
    low, high = (int(bound) if bound is not None else None for bound in (low, high))
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"of at least {low}" if low is not None else ""


def shape_of(part: Mapping[str, Any]) -> Shape:
    """The shape that a piece of the schema describes, with references and unions resolved."""
    ways = tuple(_resolved(part))
    return Shape(
        ways=ways,
        description=str(part.get("description") or next((way.get("description", "") for way in ways), "")),
        examples=tuple(part.get("examples", ())),
    )


def _resolved(part: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "$ref" in part:
        yield from _resolved(instance_schema()["$defs"][part["$ref"].rpartition("/")[2]])
        return
    for union in ("anyOf", "oneOf"):
        if union in part:
            for way in part[union]:
                yield from _resolved(way)
            return
    yield part


def root() -> Shape:
    """The shape of the whole instance."""
    return shape_of(instance_schema())


def shape_at(path: Path, data: object) -> Shape | None:
    """What may stand at a path of the instance, given what was written on the way there."""
    shape: Shape | None = root()
    value = data
    for part in path:
        if shape is None:
            return None
        shape = shape.below(part, value)
        value = step(value, part)
    return shape


def step(value: object, part: str | int) -> object:
    """The value one step down, or None where nothing is written."""
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
        return value[part]
    return None


def homes(key: str) -> tuple[str, ...]:
    """The groups of the instance that know a key, as dotted names, for a key that was written in the wrong place."""
    found = []
    for group, shape in (root().keys({}) or {}).items():
        for way in shape.ways:
            if key in way.get("properties", {}):
                found.append(group)
                break
    return tuple(found)


def listed(words: tuple[str, ...] | list[str]) -> str:
    """Words for a hint, cut where they would flood it."""
    count = next((n for n in range(len(words), 1, -1) if len(", ".join(words[:n])) <= _LONGEST_LIST), 1)
    shown = ", ".join(words[:count])
    return f"{shown} and {len(words) - count} more" if len(words) > count else shown
