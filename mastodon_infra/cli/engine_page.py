"""Pages about a run of the engine: what changes, what that means for data and machines, money, what comes next."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from mastodon_infra.cli.layout import Page, counted, listed, short_type
from mastodon_infra.units import usd

if TYPE_CHECKING:
    from mastodon_infra.program.engine_events import Step
    from mastodon_infra.program.engine_state import Begun
    from mastodon_infra.program.outputs import StackOutputs

MOST_NAMED = 12
ORDER = ("delete", "replace", "update", "create")
LOST = {
    "volume": "everything on it is lost",
    "bucket": "every object in it is lost",
    "zone": "every record in it is lost, those that others put there too",
}
NEW_ADDRESS = (
    "Its public address becomes another one: the stack's own DNS records follow, and names that were looked up "
    "before lead to the old one for as long as their TTL."
)
BALANCER = "linode:index/nodeBalancer:NodeBalancer"
RESERVED_ADDRESS = "linode:index/reservedIp:ReservedIp"
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


def add_consequences(page: Page, changes: Iterable[Step], known: Known) -> None:
    """A plain word for everything that goes and holds something."""
    words = [one for one in (consequence(step, known) for step in changes) if one]
    if words:
        page.heading("What goes")
        for one in words:
            page.text(one, hang=2)


def add_begun(page: Page, found: Sequence[Begun]) -> None:
    """What a run that was cut off may have made without the state's knowing."""
    if found:
        page.heading("A run was cut off while it made these, and the state forgets them now")
        for one in found:
            page.text(begun_words(one), hang=2)


def begun_words(one: Begun) -> str:
    """Where to look for what a run that was cut off may have made, and what to do with it."""
    return (
        f"{short_type(one.type)} {one.name} may exist at {one.vendor}: look there before the next up, and delete it "
        f"(or take it over: pulumi import {one.type} {one.name} ID)."
    )


@dataclass(frozen=True, slots=True)
class Known:
    """What a step alone does not tell of what it means.

    Attributes:
        given: Keys that the stack's file gives with the value in use, by their logical names.
        reserved: Machines that keep their public address, whatever becomes of them.
        is_disposable: Whether nothing of the stack is kept.
    """

    given: Collection[str] = ()
    reserved: Collection[str] = ()
    is_disposable: bool = False


NOTHING_KNOWN = Known()


def is_moved_data(step: Step) -> bool:
    """Whether a volume gets another machine: for the engine a change like any other."""
    from mastodon_infra.program.engine_state import VOLUME

    return step.operation == "update" and step.type == VOLUME and "linodeId" in step.keys


def moved_words(volume: str) -> str:
    """What moving a volume means."""
    return f"The volume {volume} is taken off its machine, and put on another: whatever uses it must be stopped."


def consequence(step: Step, known: Known = NOTHING_KNOWN) -> str:
    """What replacing, deleting or moving a resource means for what it holds; empty where it holds nothing."""
    if is_moved_data(step):
        return moved_words(step.name)
    if step.operation not in {"delete", "replace"}:
        return ""
    from mastodon_infra.program.engine_state import KINDS_OF_DATA, MACHINE

    goes = "is deleted" if step.operation == "delete" else "is deleted and made anew, empty"
    if step.type == MACHINE:
        then = " for good" if step.operation == "delete" else " and comes back with new user data after some minutes"
        address = "" if step.operation == "delete" or step.name in known.reserved else f" {NEW_ADDRESS}"
        return f"The machine {step.name} goes{then}: what is only on its own disk is lost; volumes stay.{address}"
    if step.type in {BALANCER, RESERVED_ADDRESS}:
        return _address_words(step, known)
    kind = KINDS_OF_DATA.get(step.type)
    if kind:
        return f"The {kind} {step.name} {goes}: {LOST[kind]}."
    return _key_words(step, goes, known)


def _address_words(step: Step, known: Known) -> str:
    if step.type == BALANCER:
        then = " for good" if step.operation == "delete" else " and comes back"
        return f"The NodeBalancer {step.name} goes{then}, and everybody who is connected through it. {NEW_ADDRESS}"
    if known.is_disposable:
        return (
            f"The reserved address {step.name} is given back: nobody gets it again, and what leads to it leads nowhere."
        )
    return (
        f"The reserved address {step.name} leaves the stack, and stays reserved at Linode, which charges for it: "
        "delete it there once no record leads to it."
    )


def _key_words(step: Step, goes: str, known: Known) -> str:
    if step.operation == "delete" and step.name in known.given:
        return f"The key {step.name} is given by the stack's file from now on, with the same value: no key is lost."
    if step.type.startswith("random:") or step.is_protected:
        return f"The key {step.name} {goes}: what was encrypted or opened with it needs the old one."
    return ""


def version_words(before: str, now: str) -> str:
    """What another version of Mastodon means for an instance that runs; empty where it is the same one."""
    if not before or before == now:
        return ""
    return (
        f"Mastodon goes from {before} to {now}, and nothing here upgrades an instance that runs: its machines keep "
        f"{before}, and one that is made anew waits for a database that was migrated to {now}. Until there is an "
        f"upgrade, keep it in the stack's file: mastodon.version: {before}."
    )


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
    if before is None or not isinstance(digests, Mapping):
        return []
    made, old = made_nodes(changes), before.bundle_digests
    return [node for node, digest in digests.items() if node in old and old[node] != digest and node not in made]


def made_nodes(changes: Iterable[Step]) -> set[str]:
    """Machines that are new, or made anew: they get their bundle by themselves."""
    from mastodon_infra.program.engine_state import MACHINE

    return {step.name for step in changes if step.type == MACHINE and step.operation in {"create", "replace"}}


def converge_line(nodes: Sequence[str]) -> str:
    """``2 machines await converge: sidekiq-1 and web-1``."""
    named = listed(list(nodes)) if len(nodes) <= MOST_NAMED else f"{', '.join(nodes[:MOST_NAMED])} and others"
    return f"{counted(len(nodes), 'machine awaits', 'machines await')} converge: {named}"


def changes_data(changes: Iterable[Step], known: Known = NOTHING_KNOWN) -> list[dict[str, Any]]:
    """The changes as data."""
    return [
        {
            "operation": step.operation,
            "type": step.type,
            "name": step.name,
            "urn": step.urn,
            "keys": sorted(step.keys),
            "consequence": consequence(step, known),
        }
        for step in changes
    ]
