"""A decided number and its reasons: what every setting of the plan is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from mastodon_infra.catalog.sources import Source

Value = int | str | bool | Decimal
T_co = TypeVar("T_co", bound=Value, covariant=True)


@dataclass(frozen=True, slots=True)
class Cap:
    """A named bound that changed a rule's result: what the rule gave, and why that was not kept."""

    gave: Value
    because: str
    source: Source


@dataclass(frozen=True, slots=True)
class Decided(Generic[T_co]):
    """One value of the plan with everything needed to check it by hand.

    Attributes:
        value: The decision. Sizes are whole numbers of ``unit``.
        unit: What one of it is (``MiB``, ``KiB``, ``threads``, ``seconds``); empty for words and switches.
        rule: How it was found, in words that a person can recompute from the inputs.
        inputs: The numbers that went in, by name, already with their unit as text where it helps.
        source: Where the rule comes from.
        cap: Set when a named bound changed what the rule gave.
        asked: True when the operator's spec set the value and the rule was not used.
    """

    value: T_co
    rule: str
    source: Source
    unit: str = ""
    inputs: tuple[tuple[str, str], ...] = ()
    cap: Cap | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decided value under the path that names it."""

    path: str
    decided: Decided[Value]


def decided_values(node: object, path: str = "") -> Iterator[Explanation]:
    """Walk a tree of frozen dataclasses and tuples and yield every decided value with its path.

    A tuple's members that have a ``name`` are addressed by it (``nodes.web-1.memory``), others by index.
    """
    if isinstance(node, Decided):
        yield Explanation(path, node)
    elif is_dataclass(node) and not isinstance(node, type):
        for field in fields(node):
            below = f"{path}.{field.name}" if path else field.name
            yield from decided_values(getattr(node, field.name), below)
    elif isinstance(node, tuple):
        for index, member in enumerate(node):
            yield from decided_values(member, f"{path}.{getattr(member, 'name', index)}")
