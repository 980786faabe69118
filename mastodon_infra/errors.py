"""The error family: each error says where, what is wrong with the value seen, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import category

LONGEST_LINE = 1_000
"""Characters of a line that people are shown; what an operator wrote may be longer."""

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the operator's input.

    Attributes:
        path: Where in the spec, as keys and list indexes, e.g. ``("sidekiq", "units", 0, "queues")``.
        message: What is wrong with the value seen, one sentence without a full stop.
        hint: What would be right, or the command that helps; empty when the message says it.
        where: ``file:line`` once the stack file's reader has located the path, else empty.
    """

    path: Path
    message: str
    hint: str = ""
    where: str = ""

    @property
    def dotted(self) -> str:
        """The path as an operator writes it: ``sidekiq.units[0].queues``."""
        return dotted(self.path)

    def lines(self) -> tuple[str, ...]:
        """The three lines shown to a person: where, what, hint (the last only when there is one)."""
        place = ": ".join(part for part in (self.where, self.dotted) if part).replace("\n", "\\n")
        shown = [place, f"  {self.message}"] if place else [self.message]
        if self.hint:
            shown.append(f"  hint: {self.hint}")
        return tuple(_visible(line) for line in shown)


def _visible(text: str) -> str:
    """Letters that would steer a terminal or turn its text around by their number, and nothing without an end."""
    clipped = text if len(text) <= LONGEST_LINE else f"{text[:LONGEST_LINE]}..."
    return "".join(char if _is_shown(char) else f"\\u{ord(char):04x}" for char in clipped)


def _is_shown(char: str) -> bool:
    return char == "\n" or not (category(char).startswith("C") or category(char) in {"Zl", "Zp"})


def dotted(path: Sequence[str | int]) -> str:
    """Join a path the way it is written in prose: names by dots, list indexes in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


class MastodonInfraError(Exception):
    """Base of every error that an operator is meant to read.

    ``exit_code`` is what the command line exits with: 1 the operator's input, 3 a missing tool or credential, 4 a
    machine that is not well.
    """

    exit_code = 1

    def __init__(self, problems: Iterable[Problem] | str, *, hint: str = "", where: str = "") -> None:
        """Take either one message (with ``hint`` and ``where``) or several located problems."""
        if isinstance(problems, str):
            problems = (Problem(path=(), message=problems, hint=hint, where=where),)
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(line for problem in self.problems for line in problem.lines()))


class SpecError(MastodonInfraError, ValueError):
    """What was asked for contradicts itself or cannot be had."""


class StackFileError(MastodonInfraError, ValueError):
    """A stack file cannot be read, written, or holds a spec that is wrong; problems carry file and line."""


class PlanError(MastodonInfraError, ValueError):
    """The spec is sound, but no plan fits: a budget is exceeded. Says by how much and what would fit."""


class TemplateError(MastodonInfraError):
    """A template cannot be rendered."""

    exit_code = 70


class ToolError(MastodonInfraError):
    """A tool or a credential that the command needs is missing."""

    exit_code = 3
