"""``check``: whether a stack file says something sound that can be planned."""

from __future__ import annotations

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import counted
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption, load


def check(stack: StackArgument, as_json: JsonOption = False, stacks_dir: StacksDirOption = None) -> None:
    """Check a stack file: every problem with its line, or one line that says it is sound.

    Example: mastodon-infra check demo
    """
    loaded = load(stack, stacks_dir)
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
