"""``demo``: the shipped stack through every door, into a folder to look around in."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page, counted, fixed, listed
from mastodon_infra.cli.stacks import StacksDirOption, load

if TYPE_CHECKING:
    from mastodon_infra.cli.render import Rendered
    from mastodon_infra.cost.types import CostEstimate
    from mastodon_infra.plan.types import InstancePlan

STACK = "demo"
WIDTH = 80
OTHER_USERS = 3000
CONTENTS = (
    ("plan.txt, plan.json", "what would be built, and why"),
    ("cost.txt", "what it costs, line by line"),
    ("preview.txt, preview.json", "what would be made at the cloud"),
    ("resources.txt", "every resource by the name that the state knows"),
    ("architecture.svg", "the picture; any browser shows it"),
    ("nodes/", "every file of every machine, and its first-boot user data"),
)


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to fill.")] = Path("build/demo"),
    stacks_dir: StacksDirOption = None,
) -> None:
    """Take the stack demo through every door: plan, price, machines' files, preview and picture. Needs no account.

    Example: mastodon-infra demo --out build/demo
    """
    begin = time.monotonic()
    from mastodon_infra.cli.outfolder import filled
    from mastodon_infra.cost.estimate import estimate

    plan = load(STACK, stacks_dir).plan
    price = estimate(plan)
    with filled(out) as folder:
        written = _fill(folder, plan, price)
    page = Page(console.width(), console.is_plain())
    _add_summary(page, plan, price)
    _add_files(page, out, written)
    page.heading(f"Done in {time.monotonic() - begin:.1f} seconds.")
    console.say(str(page))


def _fill(folder: Path, plan: InstancePlan, price: CostEstimate) -> list[Rendered]:
    from mastodon_infra.cli.cost import cost_text
    from mastodon_infra.cli.plan import plan_text
    from mastodon_infra.cli.plan_data import plan_data
    from mastodon_infra.cli.preview import preview_data, preview_text, recorded, resources_text
    from mastodon_infra.cli.render import write_nodes
    from mastodon_infra.report.architecture import architecture_svg

    records = recorded(plan)
    for name, text in {
        "plan.txt": plan_text(plan, width=WIDTH) + "\n",
        "plan.json": _json(plan_data(plan)),
        "cost.txt": cost_text(plan, width=WIDTH) + "\n",
        "preview.txt": preview_text(plan, records, width=WIDTH) + "\n",
        "preview.json": _json(preview_data(plan, records)),
        "resources.txt": resources_text(records),
        "architecture.svg": architecture_svg(plan, price),
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    return write_nodes(plan, [node.name for node in plan.nodes], folder / "nodes")


def _json(data: object) -> str:
    import json

    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def _add_summary(page: Page, plan: InstancePlan, price: CostEstimate) -> None:
    """What an administrator asks first: what, how much, until when, and then."""
    from mastodon_infra.cli.plan_page import heading_line
    from mastodon_infra.cli.pricing import total_words
    from mastodon_infra.cost.steps import cheapest_step
    from mastodon_infra.units import usd

    first = plan.capacity.first
    kinds = ", ".join(fixed(f"{group.count.value} x {group.machine.name}") for group in plan.groups)
    roles = dict.fromkeys(role.value for group in plan.groups for role in group.roles)
    page.heading(heading_line(plan))
    rows = [
        ("what", f"{counted(len(plan.nodes), 'machine')} ({kinds}) for {listed(list(roles))}"),
        ("cost", f"about {total_words(price)}"),
        ("carries", f"about {plan.capacity.users:,} people; then {first.title} run out: {first.symptom}"),
    ]
    step = cheapest_step(plan.spec, plan)
    if step is not None:
        more = usd(step.difference_usd_month)
        rows.append(("next", f"{more} a month more carry about {step.users:,} people: {step.description}"))
    rows.append(("try", f"mastodon-infra diff {STACK} --mau {OTHER_USERS} changes one number and shows what follows"))
    page.entries(rows)


def _add_files(page: Page, out: Path, written: list[Rendered]) -> None:
    from mastodon_infra.cli.render import add_sizes

    page.heading(f"Files in {out}")
    page.entries(CONTENTS)
    page.heading("Machines")
    add_sizes(page, written)
