"""What a change of the repository would do to stacks, as the one comment below a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

MARKER = "<!-- mastodon-infra: preview -->"
"""The comment's first line: by it the comment is found again and edited in place."""

LONGEST_COMMENT = 60_000
"""Characters; GitHub takes 65,536."""

NAMED_RESOURCES = 60


class Operation(StrEnum):
    """What becomes of a resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"


_SIGNS = {Operation.CREATE: "+", Operation.UPDATE: "~", Operation.REPLACE: "±", Operation.DELETE: "-"}
_DONE = {
    Operation.CREATE: "created",
    Operation.UPDATE: "changed in place",
    Operation.REPLACE: "replaced",
    Operation.DELETE: "deleted",
}


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that does not stay as it is. ``kind`` is as people say it: ``linode Instance``.

    Attributes:
        holds_data: Whether the program protects it, because data goes with it.
        properties: Inputs that differ, where that is known.
    """

    operation: Operation
    kind: str
    name: str
    holds_data: bool
    properties: tuple[str, ...] = ()

    @property
    def is_moved_data(self) -> bool:
        """Whether a volume gets another machine."""
        return self.operation is Operation.UPDATE and self.kind == "linode Volume" and "linodeId" in self.properties


@dataclass(frozen=True, slots=True)
class MachineChange:
    """Files of machines that differ, and what follows: several machines where it is the same on each."""

    nodes: tuple[str, ...]
    files: tuple[tuple[str, tuple[str, ...]], ...]
    follows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StackReport:
    """Everything that a change does to one stack.

    Attributes:
        basis: What it was compared with, in words: the real state, or the program recorded offline.
        usd_before: Dollars a month before; None for a new stack, as ``usd_after`` is for one that goes.
        data: What would move, shrink, leave behind or lose something that holds data, in whole sentences.
        notes: Notes of the plan that were not there before: level and text.
        violations: What policies refuse.
        refused: Why the stack cannot be planned; then nothing else is known.
    """

    stack: str
    basis: str = ""
    usd_before: Decimal | None = None
    usd_after: Decimal | None = None
    resources: tuple[ResourceChange, ...] = ()
    machines: tuple[MachineChange, ...] = ()
    data: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()
    violations: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether cloud, machines and price stay as they are."""
        return not (
            self.resources
            or self.machines
            or self.data
            or self.violations
            or self.refused
            or self.usd_before != self.usd_after
        )


def pull_request_comment(reports: Sequence[StackReport]) -> str:
    """Markdown for all stacks; at most ``LONGEST_COMMENT`` characters, the files' lines being left out first."""
    for has_lines in (True, False):
        text = "\n".join([MARKER, *_comment(reports, has_lines=has_lines)]) + "\n"
        if len(text) <= LONGEST_COMMENT:
            return text
    kept = text[:LONGEST_COMMENT].rpartition("\n")[0]
    return f"{kept}\n\nThe rest is too long for a comment; the job's log has all of it.\n"


def _comment(reports: Sequence[StackReport], *, has_lines: bool) -> Iterator[str]:
    if not reports:
        yield "**No stack changes.** Cloud, machines and price stay as they are."
    for report in reports:
        yield from _stack(report, has_lines=has_lines)


def _stack(report: StackReport, *, has_lines: bool) -> Iterator[str]:
    yield f"### {_plain(report.stack)}: {_headline(report)}"
    yield ""
    if report.refused:
        yield from (f"- {_plain(line)}" for line in report.refused)
        yield ""
        return
    endangered = [one for one in report.resources if one.holds_data and one.operation in _LOSES]
    if endangered or report.data:
        yield "> [!CAUTION]"
        yield from (f"> **Data**: {_plain(text)}" for text in report.data)
        for one in endangered:
            yield f"> {one.kind} `{one.name}` holds data, and would be **{_DONE[one.operation]}**."
        yield ""
    if report.violations:
        yield "> [!CAUTION]"
        yield from (f"> A policy refuses this: {_plain(text)}" for text in report.violations)
        yield ""
    if report.resources:
        yield from _resources(report.resources)
    for level, text in report.notes:
        yield f"- **{level}**: {_plain(text)}"
    if report.notes:
        yield ""
    for machine in report.machines:
        yield from _machine(machine, has_lines=has_lines)
    if report.basis:
        yield f"<sub>{_plain(report.basis)}</sub>"
        yield ""


_LOSES = frozenset({Operation.REPLACE, Operation.DELETE})


def _headline(report: StackReport) -> str:
    if report.refused:
        return "cannot be planned"
    if report.changes_nothing:
        return "nothing changes"
    return f"{money_words(report.usd_before, report.usd_after)}, {_counts(report.resources)}"


def money_words(before: Decimal | None, after: Decimal | None) -> str:
    """``+$24.00 a month ($48.00 to $72.00)``, ``the same price``, ``new, $48.00 a month``."""
    if before is None and after is None:
        return "no price"
    if before is None:
        return f"new, ${after:,.2f} a month"
    if after is None:
        return f"gone, -${before:,.2f} a month"
    if before == after:
        return f"the same price (${after:,.2f} a month)"
    gap = after - before
    return f"{'+' if gap > 0 else '-'}${abs(gap):,.2f} a month (${before:,.2f} to ${after:,.2f})"


def _counts(resources: Sequence[ResourceChange]) -> str:
    if not resources:
        return "no resource changes"
    counted = [
        f"{count} {_DONE[operation]}"
        for operation in Operation
        if (count := sum(one.operation is operation for one in resources))
    ]
    noun = "resource" if len(resources) == 1 else "resources"
    return f"{noun}: {', '.join(counted)}"


def _resources(resources: Sequence[ResourceChange]) -> Iterator[str]:
    yield "```diff"
    for one in resources[:NAMED_RESOURCES]:
        # A colour for what GitHub knows; replacements are told as what they begin with, a loss.
        mark = {"±": "-/+", "~": "!"}.get(_SIGNS[one.operation], _SIGNS[one.operation])
        what = f" ({', '.join(one.properties)})" if one.properties else ""
        yield f"{mark} {one.kind} {one.name}{what}"
    if len(resources) > NAMED_RESOURCES:
        yield f"  and {len(resources) - NAMED_RESOURCES} more"
    yield "```"
    yield ""


def _machine(machine: MachineChange, *, has_lines: bool) -> Iterator[str]:
    noun = "file" if len(machine.files) == 1 else "files"
    yield "<details>"
    yield f"<summary>{', '.join(machine.nodes)}: {len(machine.files)} {noun} would change</summary>"
    yield ""
    for path, lines in machine.files:
        yield f"`{path}`"
        yield ""
        if lines and has_lines:
            fence = _fence(lines)
            yield f"{fence}diff"
            yield from lines
            yield fence
            yield ""
    for sentence in machine.follows:
        yield f"- {_plain(sentence)}"
    yield ""
    yield "</details>"
    yield ""


def _fence(lines: Sequence[str]) -> str:
    """More backticks than any line of the text has in a row."""
    longest = max((len(run) for line in lines for run in re.findall(r"`+", line)), default=0)
    return "`" * max(3, longest + 1)


def _plain(text: str) -> str:
    """Text of the repository as text: no markup, no mention of people, one line."""
    one_line = " ".join(text.split())
    escaped = re.sub(r"([\\`*_\[\]<>#|~])", r"\\\1", one_line)
    return escaped.replace("@", "@\u200b")
