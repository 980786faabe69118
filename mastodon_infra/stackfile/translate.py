"""What a failed validation means in an operator's words: the value seen, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.errors import Path, Problem
from mastodon_infra.stackfile.document import clipped
from mastodon_infra.stackfile.names import nearest, plain
from mastodon_infra.stackfile.shape import Shape, listed, shape_at, step
from mastodon_infra.stackfile.specimens import shown_example

_LONGEST_MESSAGE = 300
_YES_NO = {
    "yes": "true",
    "on": "true",
    "y": "true",
    "no": "false",
    "off": "false",
    "n": "false",
    "1": "true",
    "0": "false",
}
_KEY = "[key]"


@dataclass(frozen=True, slots=True)
class Slip:
    """A problem, and the path that has to be mended for the next look.

    Attributes:
        problem: What the operator reads.
        path: The value (or the key, with ``is_key``) that is wrong or missing.
        is_key: True when the name of the key is wrong, not its value.
    """

    problem: Problem
    path: Path
    is_key: bool = False


@dataclass(frozen=True, slots=True)
class _Case:
    """One validation error with everything that its sentence needs."""

    kind: str
    path: Path
    value: Any
    shape: Shape | None
    context: Mapping[str, Any]
    is_required: bool = False

    @property
    def name(self) -> str:
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")

    @property
    def right(self) -> str:
        return self.shape.phrase() if self.shape else "something else"


def translated(error: ErrorDetails, data: object) -> Slip | None:
    """The slip behind a validation error; None for an echo of another error (the other branch of a union)."""
    path, is_key = _path_of(error, data)
    value = _value_at(path, data)
    if _is_echo(error, value):
        return None
    kind = error["type"]
    shape = shape_at(path[:-1], data) if is_key and isinstance(path[-1], str) else shape_at(path, data)
    seen = path[-1] if is_key and isinstance(path[-1], str) else value
    above = shape_at(path[:-1], data)
    is_required = above is not None and bool(path) and path[-1] in above.required(_value_at(path[:-1], data))
    case = _Case(kind, path, seen, shape, error.get("ctx") or {}, is_required)
    message, hint = _SENTENCES.get(kind, _wrong_kind)(case)
    place = (*path, "provider") if kind.startswith("union_tag") else path
    return Slip(Problem(place, clipped(message, _LONGEST_MESSAGE), hint), path, is_key=is_key)


def _path_of(error: ErrorDetails, data: object) -> tuple[Path, bool]:
    """The path as it was written: without the validator's own marks for unions, with list places for names."""
    path: list[str | int] = []
    value = data
    location = error["loc"]
    for part in location:
        if isinstance(value, list) and isinstance(part, str) and part in map(str, value):
            part = [str(item) for item in value].index(part)  # noqa: PLW2901  # a name in a list that is read as keys
        is_there = part in value if isinstance(value, Mapping) else isinstance(value, list) and isinstance(part, int)
        if is_there:
            path.append(part)
            value = step(value, part)
    if error["type"] == "missing":
        path.append(location[-1])
    return tuple(path), location[-1] == _KEY


def _value_at(path: Path, data: object) -> object:
    for part in path:
        data = step(data, part)
    return data


def _is_echo(error: ErrorDetails, value: object) -> bool:
    """Whether the error speaks of a variant that was not meant, or of a list that only lost a wrong item."""
    marks = [str(part) for part in error["loc"]]
    if any(mark.startswith("literal[") for mark in marks):
        return isinstance(value, Mapping)
    if error["type"].startswith("model_") and any(mark.startswith("tagged-union[") for mark in marks):
        return not isinstance(value, Mapping)
    return error["type"] == "too_short" and bool(value)


def described(value: object) -> str:
    """A value as a sentence can name it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {clipped(f'{value}', 24)}"
    if isinstance(value, str):
        return f"'{clipped(value)}'"
    return "a list" if isinstance(value, list | tuple) else "a group of keys"


def _missing(case: _Case) -> tuple[str, str]:
    meaning = f"{case.shape.description} " if case.shape and case.shape.description else ""
    return f"the key {case.name} is missing", f"{meaning}Write {shown_example(case.name, case.shape)}"


def _refused(case: _Case) -> tuple[str, str]:
    hint = str(case.context.get("hint", ""))
    seen = str(case.value)
    if "ssh_keys" in case.path and _looks_like_a_path(seen):
        return "this is the path of a key, not the key", "paste the one line of the .pub file"
    if case.path == ("region",):
        hint = hint or _region_hint(seen)
    if case.name == "version" and re.fullmatch(r"[0-9]+(\.[0-9]+)+", seen):
        hint = f"write v{seen}"
    if case.name.endswith("digest") and re.fullmatch(r"[0-9a-f]{64}", seen):
        return "the digest does not say its kind", f"write sha256:{seen[:8]}..., with sha256: in front"
    if case.name == "host" and re.fullmatch(r"[^:]+:[0-9]+", seen):
        host, _, port = seen.partition(":")
        hint = f"the port is a key of its own: host: {host} and port: {port}"
    return str(case.context.get("message", "")), hint


def _looks_like_a_path(text: str) -> bool:
    return text.startswith(("~", "/", "./")) or text.endswith(".pub")


def _region_hint(word: str) -> str:
    places = {name: region for region in REGIONS for name in (region.name, region.place)}
    meant = nearest(word, list(places))
    if meant is None:
        meant = next((name for name in places if plain(name) and plain(name) in plain(word)), None)
    if meant is None:
        return f"one of {listed([region.name for region in REGIONS])}"
    return f"did you mean {places[meant].name} ({places[meant].place})?"


def _unknown_word(case: _Case) -> tuple[str, str]:
    if not isinstance(case.value, str):
        return _wrong_kind(case)
    seen = f"'{clipped(case.value)}'"
    words = (case.shape.words or case.shape.names_below()) if case.shape else ()
    if case.shape and case.shape.is_group and case.shape.words:
        return f"{seen} is not understood here", f"write {case.right}"
    meant = nearest(case.value, words) if plain(case.value).isalpha() else None
    known = f"one of {listed(words)}"
    return f"{seen} is not a choice for {case.name}", f"did you mean {meant}? ({known})" if meant else known


def _wrong_tag(case: _Case) -> tuple[str, str]:
    words = tuple(part.strip(" '") for part in str(case.context.get("expected_tags", "")).split(","))
    seen = str(case.context.get("tag"))
    meant = nearest(seen, words)
    known = f"one of {listed(words)}; smtp means any mail relay"
    return f"'{clipped(seen)}' is not a choice for provider", f"did you mean {meant}? ({known})" if meant else known


def _no_tag(case: _Case) -> tuple[str, str]:
    return "the key provider is missing", f"write {case.right.rpartition(' with ')[2]}"


def _wrong_kind(case: _Case) -> tuple[str, str]:
    value, right = case.value, case.right
    if value is None:
        way_out = f"write {shown_example(case.name, case.shape)}" if case.is_required else ""
        return "nothing is written after the colon", way_out or f"write {right}, or leave the key out"
    if "ssh_keys" in case.path and isinstance(value, str):
        return _one_key(value)
    if isinstance(value, float) and value.is_integer() and "whole number" in right:
        return f"{clipped(str(value), 24)} is written like a fraction, not like a whole number", f"write {value:.0f}"
    return f"{described(value)} is not {right}", _kind_hint(value, case)


def _one_key(text: str) -> tuple[str, str]:
    """One text where a list of public keys is due; it is not shown, because it may be the wrong half."""
    if "PRIVATE KEY" in text:
        return "this is a private key; it must never leave your machine", "give the line of the .pub file"
    hint = "write each key on a line of its own, after a dash: - ssh-ed25519 AAAA... alice@laptop"
    what = "this is the path of a key" if _looks_like_a_path(text) else "this is one text"
    return f"{what}, not a list of public keys", hint


def _kind_hint(value: object, case: _Case) -> str:
    """How a value of the wrong kind is written rightly, where that can be told from the value."""
    for wanted, hint in _KIND_HINTS.items():
        if wanted in case.right:
            return hint(value, case)
    return ""


def _number_hint(value: object, _case: _Case) -> str:
    text = str(value).strip()
    digits = re.match(r"[0-9]+", text)
    if isinstance(value, str) and digits:
        return f"write {digits[0]} without quotes" if digits[0] == text else f"write {digits[0]} without a unit"
    return "leave the key out, and the plan decides" if text in {"auto", "default", "max"} else ""


def _switch_hint(value: object, _case: _Case) -> str:
    word = _YES_NO.get(str(value).lower(), "")
    return f"write {word}" if word else ""


def _words_hint(value: object, case: _Case) -> str:
    if case.path == ("size",) and isinstance(value, int) and not isinstance(value, bool):
        return f"write expected_monthly_active_users: {value} instead of size"
    return ""


def _list_hint(value: object, _case: _Case) -> str:
    if not isinstance(value, str | int):
        return ""
    return f"write it in brackets: [{clipped(', '.join(str(value).replace(',', ' ').split()), 60)}]"


def _group_hint(_value: object, case: _Case) -> str:
    known = list((case.shape.keys({}) or {}).keys()) if case.shape else []
    return f"its keys stand below it, indented: {listed(known)}" if known else ""


def _text_hint(value: object, _case: _Case) -> str:
    return f'write it in quotes: "{clipped(str(value).lower(), 24)}"' if isinstance(value, int | float) else ""


_KIND_HINTS: dict[str, Callable[[object, _Case], str]] = {
    "whole number": _number_hint,
    "true or false": _switch_hint,
    "one of": _words_hint,
    "a list": _list_hint,
    "a group": _group_hint,
    "text": _text_hint,
}


def _out_of_bounds(case: _Case) -> tuple[str, str]:
    bounds = {
        "greater_than_equal": ("ge", "less than"),
        "greater_than": ("gt", "not more than"),
        "less_than_equal": ("le", "more than"),
        "less_than": ("lt", "not less than"),
    }
    limit, word = bounds[case.kind]
    return f"{case.value} is {word} {case.context.get(limit)}", f"write {case.right}"


def _too_short(case: _Case) -> tuple[str, str]:
    return f"{case.name} is empty", f"{case.shape.description if case.shape else ''} Write at least one.".strip()


def _cents(case: _Case) -> tuple[str, str]:
    return f"{described(case.value)} has more than two digits after the point", "round it to cents"


def _not_finite(case: _Case) -> tuple[str, str]:
    return f"{described(case.value)} is not {case.right}", ""


_SENTENCES: dict[str, Callable[[_Case], tuple[str, str]]] = {
    "missing": _missing,
    "refused": _refused,
    "enum": _unknown_word,
    "literal_error": _unknown_word,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _no_tag,
    "greater_than_equal": _out_of_bounds,
    "greater_than": _out_of_bounds,
    "less_than_equal": _out_of_bounds,
    "less_than": _out_of_bounds,
    "too_short": _too_short,
    "decimal_max_places": _cents,
    "decimal_max_digits": _cents,
    "finite_number": _not_finite,
}
"""How each kind of failed validation is said; the rest are values of the wrong kind."""
