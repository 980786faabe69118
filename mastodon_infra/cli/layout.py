"""Pages for people: headings, wrapped sentences, and tables that become lists where the terminal is narrow."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

INDENT = 2
GAP = 2
NARROWEST_LAST_COLUMN = 26
GROUPED_FROM = 10_000
FIXED_SPACE = "\u00a0"
"""A space at which no line is broken: between a number and its unit."""


@dataclass(slots=True)
class Page:
    """A text that is filled from the top. No line is longer than ``width``, unless one word alone is."""

    width: int
    is_plain: bool = True
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(line.replace(FIXED_SPACE, " ").rstrip() for line in self.lines)

    def heading(self, text: str) -> None:
        """A line at the margin, after an empty one."""
        if self.lines:
            self.lines.append("")
        for line in _wrapped(text, self.width):
            self.lines.append(line if self.is_plain else f"\x1b[1m{line}\x1b[0m")

    def text(self, text: str, *, indent: int = INDENT, hang: int = 0) -> None:
        """A sentence or more; further lines are indented by ``hang`` more."""
        room = self.width - indent
        lines = _wrapped(text, room, later=room - hang)
        self.lines += [" " * (indent + (hang if number else 0)) + line for number, line in enumerate(lines)]

    def verbatim(self, lines: Iterable[str], *, indent: int = INDENT) -> None:
        """Lines of somebody else's text, such as a diff: neither wrapped nor joined, however long they are."""
        self.lines += [" " * indent + line for line in lines]

    def entry(self, label: str, text: str, *, label_width: int, indent: int = INDENT) -> None:
        """A label in a column of its own, and text that stays to its right."""
        hang = label_width + GAP
        padded = label.ljust(label_width)
        if self.width - indent - hang < NARROWEST_LAST_COLUMN:
            self.text(label, indent=indent)
            self.text(text, indent=indent + 4)
            return
        lines = _wrapped(text, self.width - indent - hang) or [""]
        self.lines.append(" " * indent + padded + " " * GAP + lines[0])
        self.lines += [" " * (indent + hang) + line for line in lines[1:]]

    def entries(self, pairs: Iterable[tuple[str, str]], *, indent: int = INDENT) -> None:
        """Labels and texts in two columns."""
        pairs = list(pairs)
        widest = max((len(label) for label, _ in pairs), default=0)
        for label, text in pairs:
            self.entry(label, text, label_width=widest, indent=indent)

    def table(
        self, given: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset(), indent: int = INDENT
    ) -> None:
        """Rows of equal length; the last column wraps. Too narrow: each row becomes its cells, one below the other."""
        rows = [tuple(row) for row in given]
        if not rows:
            return
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        before = indent + sum(widths[:-1]) + GAP * (len(widths) - 1)
        room = self.width - before
        if room < min(widths[-1], NARROWEST_LAST_COLUMN):
            self._stacked(rows, indent)
            return
        for row in rows:
            cells = [
                cell.rjust(size) if column in right else cell.ljust(size)
                for column, (cell, size) in enumerate(zip(row, widths, strict=True))
            ]
            last = cells[-1].rstrip() if len(widths) - 1 not in right else cells[-1]
            wrapped = [last] if len(last) <= room else _wrapped(last.strip(), room)
            self.lines.append(" " * indent + "".join(cell + " " * GAP for cell in cells[:-1]) + (wrapped or [""])[0])
            self.lines += [" " * before + line for line in wrapped[1:]]

    def _stacked(self, rows: list[tuple[str, ...]], indent: int) -> None:
        for first, *others in rows:
            self.text(first.strip(), indent=indent, hang=4)
            for cell in others:
                if cell.strip():
                    self.text(cell.strip(), indent=indent + 4, hang=2)


def _wrapped(text: str, width: int, *, later: int | None = None) -> list[str]:
    """Lines of at most ``width`` columns, those after the first of ``later``; words are never cut."""
    rest = width if later is None else later
    text = text.expandtabs().rstrip()
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    if rest == width or len(lines) <= 1:
        return lines
    remaining = text[len(lines[0]) :].strip()
    return [lines[0], *textwrap.wrap(remaining, rest, break_long_words=False, break_on_hyphens=False)]


def fixed(text: str) -> str:
    """A text that stays on one line."""
    return text.replace(" ", FIXED_SPACE)


def counted(number: int, one: str, many: str = "") -> str:
    """``1 machine``, ``7 machines``, ``10,000 people``; the space does not break."""
    return f"{number:,}{FIXED_SPACE}{one if number == 1 else many or one + 's'}"


def listed(words: Sequence[str], *, last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def trimmed(amount: Decimal | int, *, is_grouped: bool = True) -> str:
    """A number without zeros at its end, thousands separated from 10,000 on: ``0.02``, ``1044``, ``12,500``."""
    number = Decimal(amount)
    whole = number == number.to_integral_value()
    text = f"{int(number):,}" if whole else f"{number.normalize():,f}"
    return text if is_grouped and abs(number) >= GROUPED_FROM else text.replace(",", "")


def short_type(token: str) -> str:
    """A type token as people say it: ``linode:index/instance:Instance`` is ``linode Instance``."""
    package, _, rest = token.partition(":")
    return f"{package} {rest.rpartition(':')[2]}"
