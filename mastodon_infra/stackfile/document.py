"""YAML text as plain data, with the line of every key, and every slip in the text that the parser lets pass.

YAML 1.2 as the deploying engine reads it: ``yes`` is a word, ``010`` is refused because readers disagree about it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mastodon_infra.errors import Path, Problem, StackFileError
from mastodon_infra.stackfile import syntax

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

MOST_VALUES = 50_000
"""Values that a file may hold once its aliases are written out; a tower of aliases grows without end."""

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FRACTION = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_DISPUTED = re.compile(r"[-+]?(0[0-9_]+|0[oObBxX][0-9a-fA-F_]+|[0-9]+(_[0-9]+)+)")
_OWN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "timestamp", "merge")
)


@dataclass(frozen=True, slots=True)
class Found:
    """A problem in the text and the line it is on (from 1)."""

    line: int
    problem: Problem


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML document.

    Attributes:
        name: What the file is called in messages.
        text: The whole text as read.
        data: Plain dicts, lists, text, numbers, switches and None.
        lines: The line (from 1) of each path.
        found: Slips that the parser lets pass: doubled keys, merge keys, tags, disputed numbers.
        root: The parser's own tree, whose marks tell where each node starts and ends; None for an empty text.
    """

    name: str
    text: str
    data: Any
    lines: Mapping[Path, int]
    found: tuple[Found, ...]
    root: Node | None

    def line(self, path: Path) -> int:
        """The line of a path, or of its nearest parent that is written in the text."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 1

    def where(self, path: Path) -> str:
        """``file:line`` of a path."""
        return f"{self.name}:{self.line(path)}"


def parse(text: str, *, name: str) -> Document:
    """Read one YAML document; a text that is not YAML raises ``StackFileError`` with the line and what to do."""
    root = _compose(text, name)
    if root is None:
        return Document(name=name, text=text, data=None, lines={}, found=(), root=None)
    builder = _Builder()
    data = builder.value(root, (), ())
    return Document(name=name, text=text, data=data, lines=builder.lines, found=tuple(builder.found), root=root)


def _compose(text: str, name: str) -> Node | None:
    from ruamel.yaml import YAML  # noqa: PLC0415  # a tenth of a second that most commands do not need
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    conflict = syntax.merge_conflict(text)
    if conflict is not None:
        raise StackFileError([conflict.located(name)])
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False
    try:
        composed: Node | None = yaml.compose(text)
    except YAMLError as error:
        raise StackFileError([syntax.explained(error, text).located(name)]) from None
    except RecursionError:
        raise StackFileError("the file is nested too deep to be read", where=name) from None
    return composed


class _Builder:
    """Turns the parser's tree into plain data and notes the line of each path."""

    def __init__(self) -> None:
        self.lines: dict[Path, int] = {}
        self.found: list[Found] = []
        self._count = 0

    def value(self, node: Node, path: Path, above: tuple[int, ...]) -> object:
        """The node's plain value; ``above`` are the nodes it stands in, to see one that holds itself."""
        from ruamel.yaml.nodes import MappingNode, SequenceNode  # noqa: PLC0415

        self._count += 1
        if id(node) in above:
            self._note(node, path, "an alias refers to the part of the file that it stands in", "write the value out")
            return None
        if self._count > MOST_VALUES:
            if self._count == MOST_VALUES + 1:
                hint = "write the values out instead of repeating aliases"
                self._note(node, path, f"the file holds more than {MOST_VALUES} values", hint)
            return None
        if node.tag not in _OWN_TAGS:
            self._note(node, path, "the value has a tag (a word that starts with !)", "leave the tag out")
        if isinstance(node, MappingNode):
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, SequenceNode):
            items = []
            for index, item in enumerate(node.value):
                below = (*path, index)
                self.lines[below] = item.start_mark.line + 1
                items.append(self.value(item, below, (*above, id(node))))
            return items
        return self._scalar(node, path)

    def _mapping(self, node: Any, path: Path, above: tuple[int, ...]) -> dict[str, object]:
        from ruamel.yaml.nodes import ScalarNode  # noqa: PLC0415

        data: dict[str, object] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, ScalarNode):
                self._note(key_node, path, "a key is itself a list or has keys", "write a single word before the colon")
                continue
            key = str(key_node.value)
            below = (*path, key)
            line = key_node.start_mark.line + 1
            if key == "<<" and key_node.style is None:
                hint = "write the keys out: not every reader of this file merges them"
                self._note(key_node, path, "<< (a merge key) is not read here", hint)
            elif key in data:
                message = f"the key {clipped(key)} is there twice, first on line {self.lines[below]}"
                self._note(key_node, below, message, "keep one of the two")
            else:
                self.lines[below] = line
                data[key] = self.value(value_node, below, above)
        return data

    def _scalar(self, node: Any, path: Path) -> object:
        text = str(node.value)
        if node.style is not None or node.tag == "tag:yaml.org,2002:str":
            return text
        if _DISPUTED.fullmatch(text):
            meant = (
                text.replace("_", "").lstrip("+-0") if text[-1].isdigit() and text.lstrip("+-")[1:2].isdigit() else ""
            )
            hint = f'write {meant}, or "{text}" in quotes if it is text' if meant else "write it with plain digits"
            self._note(node, path, f"{clipped(text)} is a different number to different readers of YAML", hint)
            return text
        return _plain(text)

    def _note(self, node: Any, path: Path, message: str, hint: str) -> None:
        self.found.append(Found(node.start_mark.line + 1, Problem(path, message, hint)))


def _plain(text: str) -> object:
    if _NULL.fullmatch(text):
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FRACTION.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def clipped(text: str, longest: int = 60) -> str:
    """A text short enough to be shown in one line, with anything unprintable escaped."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= longest else f"{shown[: longest - 3]}..."
