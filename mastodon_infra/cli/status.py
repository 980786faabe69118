"""``status``: how a running instance is, in two seconds."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.deployed import LoginOption, deployed
from mastodon_infra.cli.layout import Page
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption
from mastodon_infra.cli.verify import EXIT_FAILED, LABEL_WIDTH, ask, verdict

if TYPE_CHECKING:
    from mastodon_infra.operate.checks import Check


def status(
    stack: StackArgument, login: LoginOption = "", as_json: JsonOption = False, stacks_dir: StacksDirOption = None
) -> None:
    """Look at a running instance quickly: its page, units, metrics, alerts, and what machines hold.

    Exits with 1 when something is not well. For the whole look: verify.

    Example: mastodon-infra status social
    """
    from mastodon_infra.operate.checks import failures
    from mastodon_infra.operate.verify.everything import quick_questions, subject_of

    loaded, outputs = deployed(stack, stacks_dir)
    subject = subject_of(loaded.name, loaded.plan, outputs)
    checks = asyncio.run(ask(subject, list(quick_questions(subject)), login))
    failed = failures(checks)
    if as_json:
        told = [asdict(check) for check in checks]
        console.say_json({"stack": loaded.name, "website": outputs.website, "failed": len(failed), "checks": told})
    else:
        page = Page(console.width(), console.is_plain())
        page.heading(outputs.website)
        for check in (one for one in checks if one.outcome.value != "unproven"):
            _add(page, check)
        page.heading(verdict(checks))
        console.say(str(page))
    if failed:
        raise typer.Exit(EXIT_FAILED)


def _add(page: Page, check: Check) -> None:
    page.entry(check.outcome.value, f"{check.group}, {check.name}: {check.seen}", label_width=LABEL_WIDTH)
    if check.remedy:
        page.text(check.remedy, indent=LABEL_WIDTH + 4, hang=2)
