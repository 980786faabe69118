"""Plain data as YAML text that every reader of YAML understands in the same way."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum

from pydantic import BaseModel

Scalar = str | int | float | Decimal | None

_BARE = re.compile(r"[A-Za-z/][A-Za-z0-9._@/+=-]*(:[A-Za-z0-9._@/+=-]+)*( [A-Za-z0-9._@/+=-]+)*")
_READ_AS_SOMETHING_ELSE = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})
_STEP = 2


def block_lines(data: Mapping[str, object], *, indent: int) -> list[str]:
    """The lines of a group of keys, ``indent`` columns from the left."""
    lines: list[str] = []
    for key, value in data.items():
        _entry(lines, f"{' ' * indent}{_scalar(key)}:", value, indent)
    return lines


def flow(data: object) -> str:
    """The data in one line, for a place inside brackets."""
    return _escaped(json.dumps(_jsonable(data), ensure_ascii=False))


def _entry(lines: list[str], head: str, value: object, indent: int) -> None:
    if isinstance(value, Mapping) and value:
        lines.append(head)
        lines.extend(block_lines(value, indent=indent + _STEP))
    elif isinstance(value, list | tuple) and value:
        lines.append(head)
        _items(lines, value, indent + _STEP)
    else:
        lines.append(f"{head} {_scalar(value)}")


def _items(lines: list[str], items: Sequence[object], indent: int) -> None:
    margin = " " * indent
    for item in items:
        if isinstance(item, Mapping | list | tuple) and item:
            below: list[str] = []
            if isinstance(item, Mapping):
                below = block_lines(item, indent=indent + _STEP)
            else:
                _items(below, item, indent + _STEP)
            below[0] = f"{margin}- {below[0].lstrip()}"
            lines.extend(below)
        else:
            lines.append(f"{margin}- {_scalar(item)}")


def _scalar(value: object) -> str:
    value = _jsonable(value)
    if isinstance(value, str) and _BARE.fullmatch(value) and value.lower() not in _READ_AS_SOMETHING_ELSE:
        return value
    return _escaped(json.dumps(value, ensure_ascii=False))


def _escaped(text: str) -> str:
    """Quoted text with every invisible character as an escape that YAML knows; JSON lets some of them through."""
    return "".join(letter if letter.isprintable() else f"\\U{ord(letter):08x}" for letter in text)


def _jsonable(value: object) -> object:
    """Enum words as text, whole money as whole numbers, models and tuples as plain data."""
    if isinstance(value, BaseModel):
        return _jsonable(value.model_dump(exclude_unset=True))
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Mapping):
        return {str(_jsonable(key)): _jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(part) for part in value]
    return value


def plain_data(value: object) -> object:
    """The same data as text, numbers, switches, dicts and lists only: what a reader gives back."""
    return _jsonable(value)
