"""``refresh``: write down how things are at the clouds now."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted
from mastodon_infra.cli.stacks import JsonOption, StackArgument, StacksDirOption


def refresh(stack: StackArgument, as_json: JsonOption = False, stacks_dir: StacksDirOption = None) -> None:
    """Ask the clouds how everything is now, and write it into the state. Nothing is changed at a cloud.

    After a run that was cut off, or when something was changed by hand; then preview shows what up would put right.

    Example: mastodon-infra refresh social
    """
    from mastodon_infra.cli.engine_page import add_begun, begun_words, changes_data
    from mastodon_infra.cli.engine_room import described, enter
    from mastodon_infra.program.engine_state import begun

    room = enter(stack, stacks_dir, is_planning=False)
    cut_off = begun(room.runs.state())
    if cut_off and not as_json:
        # Before anything else, as nothing knows of them afterwards.
        page = Page(console.width(), console.is_plain())
        add_begun(page, cut_off)
        console.say(str(page))
    done = room.runs.refresh(on_step=lambda _step: None)
    if as_json:
        told = [{"type": one.type, "name": one.name, "urn": one.urn, "advice": begun_words(one)} for one in cut_off]
        differences = changes_data(done.changes)
        console.say_json({"stack": room.loaded.name, "differences": differences, "may_exist": told})
        return
    page = Page(console.width(), console.is_plain())
    if not done.changes:
        page.heading("Everything is as the state says.")
    else:
        page.heading(f"The state was put right: {counted(len(done.changes), 'resource')} had changed.")
        for step in done.changes:
            word = "is gone" if step.operation == "delete" else f"is another: {', '.join(sorted(step.keys))}"
            page.text(f"{described(step)} {word.rstrip(': ')}", hang=2)
        page.heading(f"Next: mastodon-infra preview {room.loaded.name}")
    console.say(str(page))
