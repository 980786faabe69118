"""``schema``: the JSON Schema that editors check stack files with."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from typing import Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.stacks import StacksDirOption, stacks_folder


def schema(
    write: Annotated[
        bool, typer.Option("--write", help="Write it beside the stack files, where their first line points.")
    ] = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Print the JSON Schema of a stack file, with which editors complete and check while you type.

    Example: mastodon-infra schema --write
    """
    from mastodon_infra.stackfile.schema import schema_text

    text = schema_text()
    if not write:
        console.say(text)
        return
    from mastodon_infra.stackfile.write import SCHEMA_FILE, save

    path = (stacks_dir or stacks_folder()) / SCHEMA_FILE
    if path.is_file() and path.read_bytes() == text.encode():
        console.say(f"{path} is up to date")
        return
    save(path, text)
    console.say(f"wrote {path}")
