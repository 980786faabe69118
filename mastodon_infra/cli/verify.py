"""``verify``: whether a running instance is what its plan says, from outside and on every machine."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.deployed import LoginOption, deployed
from mastodon_infra.cli.layout import Page, counted, listed
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption
from mastodon_infra.errors import SpecError

if TYPE_CHECKING:
    from mastodon_infra.operate.checks import Check
    from mastodon_infra.operate.verify.questions import Question, Subject

EXIT_FAILED = 1
LABEL_WIDTH = 8


def verify(
    stack: StackArgument,
    *,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="GROUP", help="Only this group. May be repeated.")
    ] = None,
    skip: Annotated[
        list[str] | None, typer.Option("--skip", metavar="GROUP", help="Without this group. May be repeated.")
    ] = None,
    send_mail: Annotated[bool, typer.Option("--send-mail", help="Really send a mail to the owner.")] = False,
    all_ports: Annotated[bool, typer.Option("--all-ports", help="Try all 65,535 ports, which takes longer.")] = False,
    patience: Annotated[
        int, typer.Option("--patience", metavar="SECONDS", min=0, help="Ask again for so long about what fails.")
    ] = 0,
    login: LoginOption = "",
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Look at a running instance: names, pages, media, machines, data, backups, monitoring, closed doors.

    Nothing is changed, but for a picture that lives a moment, and a restored copy of the database beside it. Exits
    with 1 when a check failed.

    Example: mastodon-infra verify social --skip restore
    """
    from mastodon_infra.operate.checks import failures
    from mastodon_infra.operate.verify.everything import GROUPS, all_questions, subject_of

    groups = _chosen(GROUPS, only or (), skip or ())
    loaded, outputs = deployed(stack, stacks_dir)
    subject = subject_of(loaded.name, loaded.plan, outputs)
    questions = list(all_questions(subject, groups=groups, sends_mail=send_mail, all_ports=all_ports))
    checks = asyncio.run(ask(subject, questions, login, patience_seconds=patience))
    failed = failures(checks)
    if as_json:
        told = [asdict(check) for check in checks]
        unproven = sum(check.outcome.value == "unproven" for check in checks)
        console.say_json({"stack": loaded.name, "failed": len(failed), "unproven": unproven, "checks": told})
    else:
        page = Page(console.width(), console.is_plain())
        add_checks(page, checks)
        page.heading(verdict(checks))
        console.say(str(page))
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _chosen(known: Sequence[str], only: Sequence[str], skip: Sequence[str]) -> tuple[str, ...]:
    """The groups to ask about; raises SpecError for one that there is not."""
    for option, names in (("--only", only), ("--skip", skip)):
        for name in names:
            if name not in known:
                raise SpecError(f"there is no group {name!r}", hint=f"there are {listed(known)}", where=option)
    return tuple(group for group in known if group not in skip and (not only or group in only))


async def ask(subject: Subject, questions: Sequence[Question], login: str, *, patience_seconds: int = 0) -> list[Check]:
    """Ask all of it; remedies name the stack."""
    from mastodon_infra.operate.reach import Fleet
    from mastodon_infra.operate.verify.asking import ask_until

    async with Fleet.of(subject.plan, subject.outputs, user=login) as fleet:
        checks = await ask_until(questions, fleet, patience_seconds=patience_seconds)
    return [replace(check, remedy=check.remedy.replace("STACK", subject.stack)) for check in checks]


def add_checks(page: Page, checks: Iterable[Check]) -> None:
    """Every check under its group: how it ended, what was seen, and below it what helps."""
    checks = list(checks)
    for group in dict.fromkeys(check.group for check in checks):
        page.heading(group)
        for check in (one for one in checks if one.group == group):
            page.entry(check.outcome.value, f"{check.name}: {check.seen}", label_width=LABEL_WIDTH)
            if check.remedy:
                page.text(check.remedy, indent=LABEL_WIDTH + 4, hang=2)


def verdict(checks: Sequence[Check]) -> str:
    """One line about all of them; what could not be proven is counted, and not passed over."""
    from mastodon_infra.operate.checks import Outcome, failures

    stopping = len(failures(checks))
    counts = {outcome: sum(check.outcome is outcome for check in checks) for outcome in Outcome}
    more = [
        told
        for number, told in (
            (counts[Outcome.WARN], counted(counts[Outcome.WARN], "warning")),
            (counts[Outcome.UNPROVEN], f"{counts[Outcome.UNPROVEN]} not proven"),
            (counts[Outcome.SKIPPED], f"{counts[Outcome.SKIPPED]} skipped"),
        )
        if number
    ]
    told = f", {', '.join(more)}" if more else ""
    if stopping:
        return f"{counted(stopping, 'check')} failed of {len(checks)}{told}."
    begun = "Nothing failed" if counts[Outcome.WARN] or counts[Outcome.UNPROVEN] else "All is as planned"
    return f"{begun}: {counted(counts[Outcome.OK], 'check')} ok{told}."
