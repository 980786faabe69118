"""``preflight``: whether a deployment could go through, before it makes anything."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption, load

if TYPE_CHECKING:
    from mastodon_infra.operate.checks import Check

EXIT_MISSING = 3


def preflight(stack: StackArgument, as_json: JsonOption = False, stacks_dir: StacksDirOption = None) -> None:
    """Check what a deployment needs: tokens and their rights, region, zone, bucket, mail, state, escrow.

    Nothing is made, but for a bucket that lives a moment. Exits with 3 when something would stop a deployment.

    Example: mastodon-infra preflight social
    """
    from mastodon_infra.operate.checks import failures
    from mastodon_infra.operate.preflight import preflight_stack
    from mastodon_infra.rehearsal.local_cloud import WORLD_VARIABLE
    from mastodon_infra.stackfile.escrow import recorded_in

    loaded = load(stack, stacks_dir)
    checks = preflight_stack(
        loaded.plan,
        stack=loaded.name,
        file=Path(loaded.file.name),
        recorded=recorded_in(loaded.file.document),
        asks_clouds=WORLD_VARIABLE not in os.environ,
    )
    stopping = failures(checks)
    if as_json:
        told = [asdict(check) for check in checks]
        console.say_json({"stack": loaded.name, "file": loaded.file.name, "failed": len(stopping), "checks": told})
    else:
        page = Page(console.width(), console.is_plain())
        add_checks(page, checks)
        page.heading(verdict(checks))
        console.say(str(page))
    if stopping:
        raise typer.Exit(EXIT_MISSING)


def add_checks(page: Page, checks: Sequence[Check]) -> None:
    """Every check under its group: how it ended, what was seen, and below it what helps."""
    for group in dict.fromkeys(check.group for check in checks):
        page.heading(group)
        for check in (one for one in checks if one.group == group):
            page.entry(check.outcome.value, f"{check.name}: {check.seen}", label_width=7)
            if check.remedy:
                page.text(check.remedy, indent=11, hang=2)


def verdict(checks: Sequence[Check]) -> str:
    """One line about all of them."""
    from mastodon_infra.operate.checks import Outcome, failures

    stopping = len(failures(checks))
    warnings = sum(check.outcome is Outcome.WARN for check in checks)
    if stopping:
        return f"{counted(stopping, 'check')} failed: nothing was made, and up would not go through."
    told = f", {counted(warnings, 'warning')}" if warnings else ""
    return f"Nothing stands in the way{told}."
