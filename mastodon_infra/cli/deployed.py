"""What every verb that works on running machines does first: read the stack, and what its deployment told."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mastodon_infra.cli.stacks import Loaded
    from mastodon_infra.program.outputs import StackOutputs

LoginOption = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Log in as this administrator; by default the first.")
]


def deployed(
    stack: str, stacks_dir: Path | None, *, meanwhile: Callable[[], object] = lambda: None
) -> tuple[Loaded, StackOutputs]:
    """A stack with its outputs; raises ToolError where it was never deployed, or its state cannot be read.

    ``meanwhile`` is done while the engine opens its state, which takes half a second.
    """
    from mastodon_infra.cli.stacks import load
    from mastodon_infra.operate.engine import find_engine
    from mastodon_infra.program.outputs import read_outputs

    loaded = load(stack, stacks_dir)
    engine = find_engine(stack=loaded.name, file=Path(loaded.file.name))
    with ThreadPoolExecutor(1) as aside:
        told = aside.submit(engine.outputs)
        meanwhile()
    return loaded, read_outputs(told.result())
