"""Writes YAML that reads well and means the same to every reader, whatever stands in the values."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

Yaml = str | int | bool | Mapping[str, "Yaml"] | Sequence["Yaml"]

LAST_OF_FOUR_DIGITS = 0xFFFF

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BLOCK = re.compile(r"[!-~][\t\n -~]*[!-~]\n")
"""Plain ASCII that starts and ends with a visible character and one line end: safe as an indented block."""


def yaml_text(value: Mapping[str, Yaml]) -> str:
    """Write a mapping. Texts of several lines become blocks where that is safe, every other text is quoted."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: Mapping[str, Yaml], indent: str) -> list[str]:
    lines: list[str] = []
    for key, member in value.items():
        name = key if _KEY.fullmatch(key) else _quoted(key)
        lines.extend(_member(f"{indent}{name}:", member, indent))
    return lines


def _member(head: str, value: Yaml, indent: str) -> list[str]:
    if isinstance(value, str):
        if "\n" in value and _BLOCK.fullmatch(value):
            return [f"{head} |", *(f"{indent}  {line}" if line else "" for line in value[:-1].split("\n"))]
        return [f"{head} {_quoted(value)}"]
    if isinstance(value, bool | int):
        return [f"{head} {json.dumps(value)}"]
    if not value:
        return [f"{head} {json.dumps(value)}"]
    if isinstance(value, Mapping):
        return [head, *_mapping(value, f"{indent}  ")]
    return [head, *(line for member in value for line in _item(member, f"{indent}  "))]


def _item(value: Yaml, indent: str) -> list[str]:
    if isinstance(value, Mapping) and value:
        first, *rest = _mapping(value, f"{indent}  ")
        return [f"{indent}- {first.lstrip()}", *rest]
    return [f"{indent}- {_flow(value)}"]


def _flow(value: Yaml) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, Sequence):
        return f"[{', '.join(_flow(member) for member in value)}]"
    return json.dumps(value)


def _quoted(text: str) -> str:
    """A double-quoted scalar in ASCII; only what YAML and JSON escape alike is left to JSON."""
    if text.isascii() and text.isprintable():
        return json.dumps(text)
    return f'"{"".join(_escaped(char) for char in text)}"'


def _escaped(char: str) -> str:
    if ord(char) > LAST_OF_FOUR_DIGITS:
        return f"\\U{ord(char):08x}"
    return json.dumps(char)[1:-1] if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}"
