"""``check``: whether a stack file says something sound that can be planned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import counted
from mastodon_infra.cli.stacks import JsonOption, Loaded, StackArgument, StacksDirOption, find, load
from mastodon_infra.errors import MastodonInfraError

AnnotateOption = Annotated[
    bool, typer.Option("--annotate", help="Echo the file with a mark behind each line that is wrong.")
]


def check(
    stack: StackArgument,
    annotate: AnnotateOption = False,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Check a stack file: every problem with its line, or one line that says it is sound.

    Example: mastodon-infra check demo
    """
    loaded = _marked(stack, stacks_dir) if annotate and not as_json else load(stack, stacks_dir)
    plan = loaded.plan
    if as_json:
        console.say_json(
            {
                "stack": loaded.name,
                "file": loaded.file.name,
                "problems": [],
                "notes": [{"name": note.name, "level": note.level.value, "text": note.text} for note in plan.notes],
            }
        )
        return
    machines = counted(len(plan.nodes), "machine")
    people = counted(plan.demand.users.value, "person", "people")
    console.say(f"ok: {loaded.file.name}")
    console.say(f"  {plan.mastodon.web_domain}: {people}, {machines} in {plan.region.place}, size {plan.tier}")
    if plan.notes:
        console.say(f"  {counted(len(plan.notes), 'note')}; to read them: mastodon-infra plan {stack}")


def _marked(stack: str, stacks_dir: Path | None) -> Loaded:
    """Load the stack; where that fails, echo the file with its problems marked instead of listing them."""
    from mastodon_infra.stackfile.annotate import annotated  # noqa: PLC0415  # only where it was asked for
    from mastodon_infra.stackfile.read import read_text  # noqa: PLC0415  # as above

    text = read_text(find(stack, stacks_dir))
    try:
        return load(stack, stacks_dir)
    except MastodonInfraError as error:
        console.say(annotated(text, error.problems))
        raise typer.Exit(error.exit_code) from None
