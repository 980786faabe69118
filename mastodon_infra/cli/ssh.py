"""``ssh``: log in to a machine of a stack, or run a command there."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from typing import Annotated

import typer

from mastodon_infra.cli.deployed import LoginOption, deployed
from mastodon_infra.cli.stacks import StackArgument, StacksDirOption

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A machine's name: web-1.")]


def ssh(
    stack: StackArgument,
    node: NodeArgument,
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="What to run there; without it, a shell.")
    ] = None,
    *,
    login: LoginOption = "",
    stacks_dir: StacksDirOption = None,
) -> None:
    """Log in to a machine through the jump node, checked against the host keys that the stack made.

    Exits with what the command ended with, or 255 where there is no connection.

    Example: mastodon-infra ssh social web-1 -- uptime
    """
    from mastodon_infra.operate.login import log_in
    from mastodon_infra.operate.reach import roster

    loaded, outputs = deployed(stack, stacks_dir)
    raise typer.Exit(log_in(roster(loaded.plan, outputs, user=login), node, command or ()))
