"""``render``: every file that each machine would get, written into a folder."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.keptbundles import INDEX, TREE, index_text, kept_bundles
from mastodon_infra.cli.layout import Page, counted
from mastodon_infra.cli.stacks import JsonOption, MauOption, StackArgument, StacksDirOption, load, resized
from mastodon_infra.errors import SpecError

if TYPE_CHECKING:
    from mastodon_infra.plan.types import InstancePlan
    from mastodon_infra.render.bundle_types import NodeBundle

LISTING = "files.txt"
USER_DATA = "user-data"
PAYLOAD = "payload.tar.gz"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written for one node; sizes in bytes, as they travel. ``payload_bytes`` is 0 when all is inline."""

    node: str
    file_count: int
    files_bytes: int
    user_data_bytes: int
    payload_bytes: int


def render(
    stack: StackArgument,
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder to write; new, empty or made by us.")
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--diff", metavar="OLD_DIR", help="Instead: what would change against such a folder of before."),
    ] = None,
    node: Annotated[
        str, typer.Option("--node", metavar="NODE", help="Only this machine, such as web-1; by default all.")
    ] = "",
    mau: MauOption = None,
    as_json: JsonOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Write every file that each machine would get into a folder, with placeholders in place of secrets.

    With --diff nothing is written: what would change on each machine is shown, and what it then reloads, restarts or
    starts. The exit code is 0 whether or not anything would.

    Example: mastodon-infra render demo --out build/render
    """
    if (out is None) == (against is None):
        raise typer.BadParameter(
            "give either --out, a folder to write, or --diff, one to compare with", param_hint="--out"
        )
    plan = load(stack, stacks_dir, changes=resized(mau)).plan
    names = _wanted(plan, node)
    if against is not None:
        _compare(plan, names, against, only=node, as_json=as_json)
    elif out is not None:
        _write(plan, names, out, only=node, as_json=as_json)


def _write(plan: InstancePlan, names: list[str], out: Path, *, only: str, as_json: bool) -> None:
    from mastodon_infra.cli.outfolder import filled

    with filled(out, replacing=names if only else ()) as folder:
        written = write_nodes(plan, names, folder)
    if as_json:
        console.say_json({"folder": str(out), "nodes": [asdict(one) for one in written]})
        return
    page = Page(console.width(), console.is_plain())
    page.heading(f"wrote the files of {counted(len(written), 'machine')} into {out}")
    add_sizes(page, written)
    console.say(str(page))


def _compare(plan: InstancePlan, names: list[str], against: Path, *, only: str, as_json: bool) -> None:
    from mastodon_infra.cli.render_diff import add_differences, differences_data
    from mastodon_infra.render.bundle import bundle
    from mastodon_infra.render.wiring import Wiring

    old, wiring = kept_bundles(against), Wiring.placeholder(plan)
    new = {name: bundle(plan, plan.node(name), wiring) for name in names}
    if as_json:
        console.say_json(differences_data(old, new, only=only))
        return
    page = Page(console.width(), console.is_plain())
    add_differences(page, old, new, only=only)
    console.say(str(page))


def _wanted(plan: InstancePlan, node: str) -> list[str]:
    from difflib import get_close_matches

    known = [one.name for one in plan.nodes]
    if not node:
        return known
    if node not in known:
        near = get_close_matches(node, known, n=1)
        shown = ", ".join(known[:12])
        hint = f"did you mean {near[0]}?" if near else f"there are: {shown}{' …' if len(known) > 12 else ''}"  # noqa: PLR2004
        raise SpecError(f"the plan has no machine {node[:60]!r}", hint=hint, where="--node")
    return [node]


def write_nodes(plan: InstancePlan, names: list[str], folder: Path) -> list[Rendered]:
    """Write a folder for each node: its user data, its files as they will lie there, and who owns them."""
    from mastodon_infra.render.bundle import bundle
    from mastodon_infra.render.user_data import user_data
    from mastodon_infra.render.wiring import Wiring

    wiring = Wiring.placeholder(plan)
    written = []
    for name in names:
        node = plan.node(name)
        made = bundle(plan, node, wiring)
        home = folder / name
        _write_tree(made, home / TREE)
        (home / LISTING).write_text(_listing(made), encoding="utf-8")
        (home / INDEX).write_text(index_text(made), encoding="utf-8")
        data = user_data(plan, node, wiring)
        (home / USER_DATA).write_text(data.text, encoding="utf-8")
        if data.payload:
            (home / PAYLOAD).write_bytes(data.payload.content)
        written.append(
            Rendered(
                node=name,
                file_count=len(made.files),
                files_bytes=sum(len(file.content.encode()) for file in made.files),
                user_data_bytes=len(data.gzipped),
                payload_bytes=len(data.payload.content) if data.payload else 0,
            )
        )
    return written


def _write_tree(made: NodeBundle, tree: Path) -> None:
    for file in made.files:
        path = tree / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content, encoding="utf-8")


def _listing(made: NodeBundle) -> str:
    """Packages, units and files with owner and mode: what a tree of files cannot show."""
    lines = [f"packages: {', '.join(made.packages)}", f"units: {', '.join(unit.name for unit in made.units)}", ""]
    for file in made.files:
        need = f"{file.needs.action} {file.needs.unit}".strip()
        lines.append(f"{file.mode:04o} {file.owner}:{file.group} {file.path} ({file.part}, {need})")
    return "\n".join(lines) + "\n"


def add_sizes(page: Page, written: list[Rendered]) -> None:
    """One line for each node: how many files, how large, how much of the user data's limit."""
    from mastodon_infra.catalog.limits import USER_DATA as LIMIT

    rows = [
        (
            one.node,
            counted(one.file_count, "file"),
            f"{one.files_bytes:,} bytes",
            f"user data {one.user_data_bytes:,} of {LIMIT.value:,} bytes"
            + (f", payload {one.payload_bytes:,} bytes" if one.payload_bytes else ""),
        )
        for one in written
    ]
    page.table(rows, right=frozenset({1, 2}))
