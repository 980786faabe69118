"""``logs``: the journal of a machine, or of one of its units."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.deployed import LoginOption, deployed
from mastodon_infra.cli.ssh import NodeArgument
from mastodon_infra.cli.stacks import StackArgument, StacksDirOption

LINES = 200


def logs(
    stack: StackArgument,
    node: NodeArgument,
    unit: Annotated[
        str, typer.Argument(metavar="[UNIT]", help="One unit: nginx, or 'mastodon-*' for all of Mastodon's.")
    ] = "",
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="TIME", help="From then on: '10 min ago', or '2026-11-23 03:00'.")
    ] = "",
    login: LoginOption = "",
    stacks_dir: StacksDirOption = None,
) -> None:
    """Show a machine's journal: the last lines, or all since some time.

    Example: mastodon-infra logs social web-1 mastodon-web --follow
    """
    from mastodon_infra.operate.login import log_in
    from mastodon_infra.operate.reach import roster

    loaded, outputs = deployed(stack, stacks_dir)
    words = journal_words(unit, follow=follow, since=since)
    # Followed over a terminal, the far end stops too when this one does.
    terminal = follow and console.is_interactive()
    raise typer.Exit(log_in(roster(loaded.plan, outputs, user=login), node, words, needs_terminal=terminal))


def journal_words(unit: str, *, follow: bool, since: str) -> tuple[str, ...]:
    """Words of journalctl, quoted for the shell at the other end."""
    words = ["sudo", "journalctl", "--no-pager", "--quiet"]
    words += [f"--unit={unit}"] if unit else []
    words += [f"--since={since}"] if since else [f"--lines={LINES}"]
    words += ["--follow"] if follow else []
    return tuple(shlex.quote(word) for word in words)
