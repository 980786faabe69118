"""What a YAML parser's complaint means to the person who typed the file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mastodon_infra.errors import Problem

_CONFLICT = re.compile(r"^(<{7} |={7}$|>{7} |\|{7} )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong on which line (from 1; 0 when no line is known)."""

    line: int
    message: str
    hint: str = ""

    def located(self, name: str) -> Problem:
        """The complaint as a problem of the file ``name``."""
        where = f"{name}:{self.line}" if self.line else name
        return Problem(path=(), message=self.message, hint=self.hint, where=where)


def merge_conflict(text: str) -> Complaint | None:
    """The first mark that a version control system left in the text, if any."""
    mark = _CONFLICT.search(text)
    if mark is None or not (text.startswith("<<<<<<< ") or "\n<<<<<<< " in text):
        return None
    line = text.count("\n", 0, mark.start()) + 1
    return Complaint(
        line, "a merge conflict was left in the file", "keep one side, and delete the <<<, === and >>> lines"
    )


def explained(error: Exception, text: str) -> Complaint:
    """Translate a parser's exception into what is wrong on which line, and what would be right."""
    if getattr(error, "character", None) is not None:
        return _odd_character(error, text)
    problem = str(getattr(error, "problem", "") or "")
    context = str(getattr(error, "context", "") or "")
    line = _line(getattr(error, "problem_mark", None)) or _line(getattr(error, "context_mark", None))
    opened = _line(getattr(error, "context_mark", None)) or line
    complaints = (
        _open_ended(problem, context, line, opened, text),
        _tab(problem, line, text),
        _colon(problem, context, line, opened, text),
        _start(problem, line),
        _reference(problem, line),
    )
    first = next((complaint for complaint in complaints if complaint is not None), None)
    if first is not None:
        return first
    if "<block end>" in problem or "block" in context:
        return Complaint(
            line, "the indentation does not fit the lines above", "keys that belong together start in one column"
        )
    return Complaint(line, "the file cannot be read as YAML from here on", "look at this line and the one above it")


def _line(mark: Any) -> int:
    return 0 if mark is None else int(mark.line) + 1


def _odd_character(error: Any, text: str) -> Complaint:
    position = int(getattr(error, "position", 0) or 0)
    line = text.count("\n", 0, position) + 1
    code = error.character if isinstance(error.character, int) else ord(error.character)
    return Complaint(line, f"the invisible control character U+{code:04X} stands in the text", "delete it")


def _open_ended(problem: str, context: str, line: int, opened: int, text: str) -> Complaint | None:
    if "quoted scalar" in context and ("end of stream" in problem or "document separator" in problem):
        return Complaint(opened, "a quote that is opened here is never closed", "close it, or leave both quotes out")
    if "escape" in problem:
        hint = "use single quotes: nothing is special inside them"
        return Complaint(line, "a backslash inside double quotes starts a code that does not exist", hint)
    if "flow" in context:
        bracket = "{" if "mapping" in context or _text(text, opened).count("{") else "["
        message = f"a {bracket} is opened here and never closed, or what is inside it is not well formed"
        return Complaint(opened, message, "separate the parts by commas and close it, or write one part a line")
    return None


def _tab(problem: str, line: int, text: str) -> Complaint | None:
    here = _text(text, line)
    if "\\t" in problem or "\t" in problem or "\t" in here[: len(here) - len(here.lstrip())]:
        return Complaint(line, "a tab is used to indent", "use spaces, two for each step")
    return None


def _colon(problem: str, context: str, line: int, opened: int, text: str) -> Complaint | None:
    if "could not find expected ':'" in problem or "simple key" in context:
        return Complaint(opened, "a colon is missing after the key", "write key: value")
    if "mapping values are not allowed" not in problem:
        return None
    here = _text(text, line)
    if len(re.findall(r":(?=\s|$)", here)) > 1:
        return Complaint(line, "a second colon stands in the value", 'put the value in double quotes: key: "a: b"')
    above = next((number for number in range(line - 1, 0, -1) if _means_something(_text(text, number))), 0)
    if above and not re.search(r":(\s|$)", _text(text, above)):
        return Complaint(above, "a colon and a space are missing after the key", "write key: value")
    hint = "start both in the same column, or remove the value of the line above"
    return Complaint(line, "the line is indented below one that has a value already", hint)


def _start(problem: str, line: int) -> Complaint | None:
    character = re.search(r"found character '(.)' that cannot start", problem)
    if character:
        hint = f"leave the {character[1]} out, or put the value in double quotes"
        return Complaint(line, f"a value cannot start with {character[1]}", hint)
    if "document" in problem:
        return Complaint(
            line, "a second document starts here", "one file holds one stack: remove the line --- or the rest"
        )
    return None


def _reference(problem: str, line: int) -> Complaint | None:
    alias = re.search(r"undefined alias '?([^']*)'?", problem)
    if alias:
        hint = "write the value out, or in double quotes if it really starts with *"
        return Complaint(line, f"*{alias[1][:40]} refers to a part that is marked nowhere above", hint)
    return None


def _text(text: str, line: int) -> str:
    lines = text.splitlines()
    return lines[line - 1] if 0 < line <= len(lines) else ""


def _means_something(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
