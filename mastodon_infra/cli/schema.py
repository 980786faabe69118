"""``schema``: the JSON Schema that editors check stack files with."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
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

    if not write:
        console.say(schema_text())
        return
    from mastodon_infra.stackfile.write import save

    for path, text in _files(stacks_dir or stacks_folder()):
        if path.is_file() and path.read_bytes() == text.encode():
            console.say(f"{path} is up to date")
        else:
            save(path, text)
            console.say(f"wrote {path}")


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """What is written from the model: the schema, and in a checkout the reference pages too."""
    from mastodon_infra.report.reference import facts_page, stack_file_page
    from mastodon_infra.stackfile.schema import schema_text
    from mastodon_infra.stackfile.write import SCHEMA_FILE

    yield folder / SCHEMA_FILE, schema_text()
    pages = folder.parent / "docs" / "reference"
    if pages.is_dir():
        yield pages / "stack-file.md", stack_file_page()
        yield pages / "facts.md", facts_page()
