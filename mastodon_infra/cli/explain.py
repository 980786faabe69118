"""``explain``: why a number of the plan is what it is."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, trimmed
from mastodon_infra.cli.stacks import JsonOption, MauOption, StackArgument, StacksDirOption
from mastodon_infra.errors import SpecError

if TYPE_CHECKING:
    from mastodon_infra.plan.decided import Cap, Decided, Explanation, Value

SHORTENED = 3
_NODE = re.compile(r"nodes\.([^.]+)\.(.+)")
OF_EACH_NODE = "upgrades.schedule"
"""What no two nodes have alike."""


def complete_path(context: typer.Context, incomplete: str) -> list[str]:
    """Paths of the stack named before, for the shell, one step at a time."""
    try:
        found = _explanations(str(context.params.get("stack") or ""), None, None)
    except Exception:  # noqa: BLE001  # a completion that fails must stay silent
        return []
    depth = incomplete.count(".") + 1
    steps = {".".join(one.path.split(".")[:depth]) for one in found if one.path.startswith(incomplete)}
    return sorted(steps)


def explain(
    stack: StackArgument,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="A number of the plan, such as postgres.shared_buffers; without it, all are listed.",
            autocompletion=complete_path,
        ),
    ] = "",
    mau: MauOption = None,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Say why a number of the plan is what it is: its rule, what went in, and where the rule comes from.

    Example: mastodon-infra explain demo postgres.shared_buffers
    """
    every = _explanations(stack, mau, stacks_dir)
    wanted = path.strip(".")
    below = [one for one in every if not wanted or one.path == wanted or one.path.startswith(f"{wanted}.")]
    if not below:
        raise _unknown(wanted, [one.path for one in every])
    if as_json:
        console.say_json([explanation_data(one) for one in below])
        return
    page = Page(console.width(), console.is_plain())
    if len(below) == 1:
        add_explanation(page, below[0])
    else:
        _add_list(page, below)
    console.say(str(page))


def _explanations(stack: str, mau: int | None, stacks_dir: Any) -> list[Explanation]:
    from mastodon_infra.cli.stacks import load, resized
    from mastodon_infra.plan.decided import decided_values

    return list(decided_values(load(stack, stacks_dir, changes=resized(mau)).plan))


def add_explanation(page: Page, one: Explanation) -> None:
    """One value with everything needed to check it by hand."""
    decided = one.decided
    page.heading(f"{one.path} = {value_text(decided)}")
    rows = [("rule", decided.rule)]
    if decided.inputs:
        rows.append(("from", "; ".join(f"{name} {value}" for name, value in decided.inputs)))
    if decided.cap:
        rows += _cap_rows(decided, decided.cap)
    if decided.asked:
        rows.append(("asked", "your stack file sets it; no rule was used"))
    source = decided.source
    doubt = "" if source.confirmed else ", not confirmed"
    rows.append(("source", f"{source.key}: {source.title} ({source.as_of.isoformat()}{doubt})"))
    page.entries(rows)


def _cap_rows(decided: Decided[Value], cap: Cap) -> list[tuple[str, str]]:
    doubt = "" if cap.source.confirmed else ", not confirmed"
    return [
        ("gave", f"{sized(cap.gave, decided.unit)}, which was not kept"),
        ("cap", f"{cap.because} ({cap.source.key}, {cap.source.as_of.isoformat()}{doubt})"),
    ]


def _add_list(page: Page, every: Sequence[Explanation]) -> None:
    """Paths and values; nodes with the same values as a sibling are named once."""
    same = _same_nodes([one for one in every if one.path.startswith("nodes.")])
    left_out = {name for names in same.values() for name in names}
    for one in every:
        node = _NODE.fullmatch(one.path)
        if not (node and node[1] in left_out):
            _add_line(page, one.path, value_text(one.decided))
    for name, others in same.items():
        if others:
            shown = ", ".join(f"nodes.{other}" for other in others[:SHORTENED])
            more = f" and {len(others) - SHORTENED} more" if len(others) > SHORTENED else ""
            page.text(f"{shown}{more}: as nodes.{name}, each with its own {OF_EACH_NODE}", indent=0, hang=2)


def _add_line(page: Page, path: str, value: str) -> None:
    """A path and its value; a path that is wider than the page is broken behind its dots."""
    if len(path) <= page.width:
        page.text(f"{path} = {value}", indent=0, hang=4)
        return
    first, *rest = _broken(path, page.width - 4)
    page.text(first, indent=0)
    for line in rest[:-1]:
        page.text(line, indent=4)
    page.text(f"{rest[-1]} = {value}", indent=4, hang=4)


def _broken(path: str, width: int) -> list[str]:
    """A path in lines of at most that many columns, unless one name alone is wider."""
    lines = [""]
    for name in path.split("."):
        if lines[-1] and len(lines[-1]) + len(name) >= width:
            lines.append("")
        lines[-1] += f"{name}."
    return [*lines[:-1], lines[-1].removesuffix(".")]


def _same_nodes(every: Sequence[Explanation]) -> dict[str, list[str]]:
    """For each node that is listed, the others whose values are the same but for what every node has for itself."""
    values: dict[str, list[tuple[str, str]]] = {}
    for one in every:
        node = _NODE.fullmatch(one.path)
        if node and node[2] != OF_EACH_NODE:
            values.setdefault(node[1], []).append((node[2], value_text(one.decided)))
    seen: dict[tuple[tuple[str, str], ...], str] = {}
    same: dict[str, list[str]] = {}
    for name, own in values.items():
        first = seen.setdefault(tuple(own), name)
        if first == name:
            same[name] = []
        else:
            same[first].append(name)
    return same


def _unknown(path: str, known: Sequence[str]) -> SpecError:
    last = path.rpartition(".")[2]
    near = [name for name in known if name.rpartition(".")[2] == last]
    near = near or get_close_matches(path, known, n=3, cutoff=0.5)
    near = near or [name for name in known if last and last in name]
    hint = f"did you mean {' or '.join(near[:SHORTENED])}?" if near else "mastodon-infra explain STACK lists all paths"
    return SpecError(f"the plan decides nothing called {path[:80]!r}", hint=hint)


def value_text(decided: Decided[Value]) -> str:
    """A value with its unit, sizes as the service itself writes them."""
    return sized(decided.value, decided.unit)


def sized(value: Value, unit: str) -> str:
    """``2048MB``, ``27685kB (27 MiB)``, ``12 threads``, ``yes``."""
    from mastodon_infra.units import KIB_PER_MIB, mib_text, pg_size

    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and unit == "KiB":
        exact, rounded = pg_size(value), mib_text((value + KIB_PER_MIB // 2) // KIB_PER_MIB)
        return f"{exact} ({rounded})" if exact.endswith("kB") and value >= KIB_PER_MIB else exact
    if isinstance(value, int | Decimal):
        return f"{trimmed(value, is_grouped=bool(unit))} {unit}".strip()
    return f"{value} {unit}".strip()


def explanation_data(one: Explanation) -> dict[str, Any]:
    """An explanation as data."""
    from mastodon_infra.cli.plan_data import plain

    decided = one.decided
    data: dict[str, Any] = {
        "path": one.path,
        "value": plain(decided.value),
        "unit": decided.unit,
        "shown": value_text(decided),
        "rule": decided.rule,
        "inputs": dict(decided.inputs),
        "asked": decided.asked,
        "cap": None,
        "source": _source_data(decided.source),
    }
    if decided.cap:
        data["cap"] = {
            "gave": plain(decided.cap.gave),
            "because": decided.cap.because,
            "source": _source_data(decided.cap.source),
        }
    return data


def _source_data(source: Any) -> dict[str, Any]:
    return {
        "key": source.key,
        "title": source.title,
        "as_of": source.as_of.isoformat(),
        "confirmed": source.confirmed,
    }
