"""Pages about a run of the engine: what changes, what that means for data and machines, money, what comes next."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.preview import short_type
from mastodon_infra.units import usd

if TYPE_CHECKING:
    from mastodon_infra.program.engine_events import Step
    from mastodon_infra.program.outputs import StackOutputs

MOST_NAMED = 12
ORDER = ("delete", "replace", "update", "create")
LOST = {
    "volume": "everything on it is lost",
    "bucket": "every object in it is lost",
    "zone": "every record in it is lost, those that others put there too",
}
WORDS = {"create": "to create", "update": "to change in place", "replace": "to replace", "delete": "to delete"}


def add_changes(page: Page, changes: Sequence[Step]) -> None:
    """Every change, the ones that take something away first."""
    found = [(operation, [step for step in changes if step.operation == operation]) for operation in ORDER]
    counts = [f"{len(steps)} {WORDS[operation]}" for operation, steps in found if steps]
    page.heading(f"Changes: {', '.join(counts)}" if counts else "Changes: none")
    for operation, steps in found:
        by_type: dict[str, list[str]] = {}
        for step in steps:
            by_type.setdefault(short_type(step.type), []).append(_with_keys(step))
        for kind, names in sorted(by_type.items()):
            page.text(f"{operation:<7}  {kind}: {', '.join(sorted(names))}", hang=9)


def _with_keys(step: Step) -> str:
    return f"{step.name} ({', '.join(sorted(step.keys))})" if step.operation == "update" and step.keys else step.name


def add_consequences(page: Page, changes: Iterable[Step]) -> None:
    """A plain word for everything that goes and holds something."""
    words = [one for one in map(consequence, changes) if one]
    if words:
        page.heading("What goes")
        for one in words:
            page.text(one, hang=2)


VOLUME = "linode:index/volume:Volume"


def is_moved_data(step: Step) -> bool:
    """Whether a volume gets another machine: for the engine a change like any other."""
    return step.operation == "update" and step.type == VOLUME and "linodeId" in step.keys


def consequence(step: Step) -> str:
    """What replacing, deleting or moving a resource means for what it holds; empty where it holds nothing."""
    if is_moved_data(step):
        return f"The volume {step.name} is taken off its machine, and put on another: whatever uses it must be stopped."
    if step.operation not in {"delete", "replace"}:
        return ""
    from mastodon_infra.program.engine_state import KINDS_OF_DATA, MACHINE

    goes = "is deleted" if step.operation == "delete" else "is deleted and made anew, empty"
    if step.type == MACHINE:
        then = " for good" if step.operation == "delete" else " and comes back with new user data after some minutes"
        return f"The machine {step.name} goes{then}: what is only on its own disk is lost; volumes stay."
    kind = KINDS_OF_DATA.get(step.type)
    if kind:
        return f"The {kind} {step.name} {goes}: {LOST[kind]}."
    if step.type.startswith("random:") or step.is_protected:
        return f"The key {step.name} {goes}: what was encrypted or opened with it needs the old one."
    return ""


# --- Money ----------------------------------------------------------------------------------------------------------


def money_line(now: Decimal, before: str) -> str:
    """``+$24.00 a month: from $56.00 to $80.00``; the sum alone where nothing was deployed before."""
    was = _amount(before)
    if was is None:
        return f"about {usd(now)} a month, without taxes"
    if now == was:
        return f"as before: about {usd(now)} a month, without taxes"
    sign = "+" if now > was else "-"
    return f"{sign}{usd(abs(now - was))} a month: from {usd(was)} to about {usd(now)}, without taxes"


def _amount(text: str) -> Decimal | None:
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


# --- Machines that wait ---------------------------------------------------------------------------------------------


def awaiting(before: StackOutputs | None, digests: Mapping[str, Any] | None, changes: Iterable[Step]) -> list[str]:
    """Machines that go on with what they had: desired files are others now, and the machine is the same one."""
    from mastodon_infra.program.engine_state import MACHINE

    if before is None or not isinstance(digests, Mapping):
        return []
    made = {step.name for step in changes if step.type == MACHINE and step.operation in {"create", "replace"}}
    old = before.bundle_digests
    return [node for node, digest in digests.items() if node in old and old[node] != digest and node not in made]


def converge_line(nodes: Sequence[str]) -> str:
    """``2 machines await converge: sidekiq-1 and web-1``."""
    named = listed(list(nodes)) if len(nodes) <= MOST_NAMED else f"{', '.join(nodes[:MOST_NAMED])} and others"
    return f"{counted(len(nodes), 'machine awaits', 'machines await')} converge: {named}"


def changes_data(changes: Iterable[Step]) -> list[dict[str, Any]]:
    """The changes as data."""
    return [
        {
            "operation": step.operation,
            "type": step.type,
            "name": step.name,
            "urn": step.urn,
            "keys": sorted(step.keys),
            "consequence": consequence(step),
        }
        for step in changes
    ]
