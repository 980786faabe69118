"""``snapshot`` and ``pull-request``: what stacks are now, kept in a folder, and what a change would do to them."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.stacks import StacksDirOption, complete_stack, known_stacks, load, stacks_folder
from mastodon_infra.errors import MastodonInfraError, SpecError

if TYPE_CHECKING:
    from mastodon_infra.plan.types import InstancePlan
    from mastodon_infra.render.difference import NodeDifference
    from mastodon_infra.report.pull_request import MachineChange, ResourceChange, StackReport

PREVIEW = "preview.json"
PROBLEMS = "problems.json"
MACHINES = "machines"
ASKED = "asked"
OFFLINE = "Compared offline: the program as recorded before and after, not the real state."
ENGINE = "Compared with the real state by the engine; files of machines as rendered before and after."

StacksArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="STACK...", help="Stacks; by default all.", autocompletion=complete_stack),
]


def snapshot(
    stacks: StacksArgument = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write; new, empty or made by us.")],
    stacks_dir: StacksDirOption = None,
) -> None:
    """Keep what stacks are now in a folder: resources, prices, and the files of every machine. No secrets.

    Example: mastodon-infra snapshot --out build/before
    """
    from mastodon_infra.cli.outfolder import filled
    from mastodon_infra.cli.render import write_nodes

    names = stacks or known_stacks(stacks_dir or stacks_folder())
    with filled(out) as folder:
        for name in names:
            home = folder / name
            home.mkdir(parents=True)
            try:
                plan = load(name, stacks_dir).plan
            except MastodonInfraError as error:
                lines = [problem.message for problem in error.problems]
                (home / PROBLEMS).write_text(json.dumps(lines), encoding="utf-8")
                continue
            (home / PREVIEW).write_text(json.dumps(_preview(plan), indent=1) + "\n", encoding="utf-8")
            write_nodes(plan, [node.name for node in plan.nodes], home / MACHINES)
    console.say(f"kept {', '.join(names) or 'no stack'} in {out}")


def pull_request(
    stacks: StacksArgument = None,
    *,
    before: Annotated[
        Path, typer.Option("--before", metavar="DIR", help="What `snapshot` wrote with the repository as it was.")
    ],
    engine: Annotated[
        Path | None,
        typer.Option(
            "--engine",
            metavar="DIR",
            help="STACK.json of `pulumi preview --json` for stacks with a real state; STACK.events if refused.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it here; else print it.")] = None,
    names_only: Annotated[bool, typer.Option("--names", help="Only print the names of stacks that change.")] = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Say what this working tree would do to stacks, as Markdown for one comment: resources, money, notes, files.

    Example: mastodon-infra pull-request --before build/before
    """
    from mastodon_infra.report.pull_request import pull_request_comment

    _refuse_other(before)
    now = known_stacks(stacks_dir or stacks_folder())
    then = sorted(path.name for path in before.iterdir() if path.is_dir())
    names = stacks or sorted({*now, *then})
    reports = [_report(name, before / name, engine, stacks_dir, is_there=name in now) for name in names]
    changed = [one for one in reports if stacks or not one.changes_nothing]
    if names_only:
        console.say("\n".join(one.stack for one in changed if not one.refused))
        return
    text = pull_request_comment(changed)
    if out is None:
        console.say(text.rstrip("\n"))
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    console.say(f"wrote {out}: {len(changed)} of {len(names)} stacks change")


def _refuse_other(before: Path) -> None:
    """Raise SpecError unless the folder is a snapshot, or empty: where the base knew no snapshots yet."""
    from mastodon_infra.cli.outfolder import MARKER

    if not before.is_dir():
        raise SpecError("there is no such folder", hint="mastodon-infra snapshot --out DIR", where=str(before))
    if any(before.iterdir()) and not (before / MARKER).is_file():
        hint = "with the repository as it was: mastodon-infra snapshot --out DIR"
        raise SpecError("this folder is no snapshot", hint=hint, where=str(before))


def _preview(plan: InstancePlan) -> dict[str, Any]:
    """What a plan makes, and what was asked for, of which a later version can make the plan again."""
    from mastodon_infra.cli.preview import preview_data, recorded

    return {**preview_data(plan, recorded(plan)), ASKED: plan.spec.model_dump(mode="json", exclude_unset=True)}


def _report(name: str, home: Path, engine: Path | None, stacks_dir: Path | None, *, is_there: bool) -> StackReport:
    from mastodon_infra.report.pull_request import StackReport

    old = _kept(home)
    if not is_there:
        gone = resource_changes(old.get("resources", []), [])
        return StackReport(name, basis=OFFLINE, usd_before=_price(old), resources=gone)
    try:
        plan = load(name, stacks_dir).plan
    except MastodonInfraError as error:
        return StackReport(
            name, refused=tuple(f"{one.where + ': ' if one.where else ''}{one.message}" for one in error.problems)
        )
    new = _preview(plan)
    digest = engine / f"{name}.json" if engine else None
    if digest and digest.is_file():
        resources, basis = engine_changes(_digest(digest)), ENGINE
    else:
        resources, basis = resource_changes(old.get("resources", []), new["resources"]), OFFLINE
    known = {note["name"] for note in old.get("why", [])}
    return StackReport(
        name,
        basis=basis,
        usd_before=_price(old),
        usd_after=_price(new),
        resources=resources,
        machines=tuple(_machines(home / MACHINES, plan)),
        data=data_words(old, plan, resources),
        violations=_violations(engine / f"{name}.events") if engine else (),
        notes=tuple((note["level"], note["text"]) for note in new["why"] if note["name"] not in known and old),
    )


def data_words(old: Mapping[str, Any], plan: InstancePlan, resources: Sequence[ResourceChange]) -> tuple[str, ...]:
    """What ``diff`` warns of about data, and volumes that move for another reason than what is asked for."""
    from mastodon_infra.cli.changes import data_warnings
    from mastodon_infra.cli.engine_page import moved_words
    from mastodon_infra.plan.instance import plan_instance
    from mastodon_infra.stackfile.verdict import spec_from

    told: list[str] = []
    if ASKED in old:
        try:
            told = data_warnings(plan_instance(spec_from(old[ASKED])), plan)
        except MastodonInfraError:
            told = []  # this version takes no longer what was asked for then
    moved = [one.name for one in resources if one.is_moved_data]
    return (*told, *(moved_words(name) for name in moved if not any(f" {name} moves " in line for line in told)))


def _digest(path: Path) -> Mapping[str, Any]:
    """What the engine said; raises SpecError for a file that was cut off."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        read = None
    if not isinstance(read, dict) or "steps" not in read:
        hint = "write it again: pulumi preview --json, or take it away to compare offline"
        raise SpecError("this is not what pulumi preview --json writes", hint=hint, where=str(path))
    return read


def _kept(home: Path) -> dict[str, Any]:
    """What was kept of a stack; empty for one that was not there, or could not be planned."""
    path = home / PREVIEW
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError:
        raise SpecError("this is not what snapshot wrote", hint="write it again", where=str(path)) from None
    return read


def _price(data: Mapping[str, Any]) -> Decimal | None:
    return Decimal(data["cost"]["total_usd_month"]) if data else None


def resource_changes(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> tuple[ResourceChange, ...]:
    """What differs between two recordings of the program; whether a change replaces, only an engine can say."""
    from mastodon_infra.cli.layout import short_type
    from mastodon_infra.report.pull_request import Operation, ResourceChange

    before, after = _by_name(old), _by_name(new)
    found = []
    for key in [*after, *(key for key in before if key not in after)]:
        was, now = before.get(key), after.get(key)
        kept = now or was
        assert kept is not None
        differs: tuple[str, ...] = ()
        if was and now:
            differs = _differing(was["inputs"], now["inputs"], set(now["ignore_changes"]))
            if not differs:
                continue
        operation = Operation.UPDATE if was and now else Operation.CREATE if now else Operation.DELETE
        found.append(ResourceChange(operation, short_type(key[0]), key[1], bool(kept["protect"]), differs))
    return tuple(found)


def _by_name(records: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    from mastodon_infra.cli.preview import PROVIDERS

    return {
        (one["type"], one["name"]): one for one in records if one["is_custom"] and not one["type"].startswith(PROVIDERS)
    }


def _differing(was: Mapping[str, Any], now: Mapping[str, Any], ignored: set[str]) -> tuple[str, ...]:
    """Inputs that differ and are compared: ``metadatas[0].userData`` in ``ignored`` leaves out ``metadatas``."""
    left_out = {path.partition("[")[0].partition(".")[0] for path in ignored}
    return tuple(key for key in sorted({*was, *now}) if key not in left_out and was.get(key) != now.get(key))


def engine_changes(digest: Mapping[str, Any]) -> tuple[ResourceChange, ...]:
    """What ``pulumi preview --json`` says will be done, components and providers aside."""
    return tuple(_engine_changes(digest.get("steps", ())))


def _engine_changes(steps: Sequence[Mapping[str, Any]]) -> Iterator[ResourceChange]:
    from mastodon_infra.cli.layout import short_type
    from mastodon_infra.cli.preview import PROVIDERS
    from mastodon_infra.report.pull_request import Operation, ResourceChange

    operations = {one.value: one for one in Operation}
    for step in steps:
        state = step.get("newState") or step.get("oldState") or {}
        kind = state.get("type", "")
        if step["op"] in operations and state.get("custom") and not kind.startswith(PROVIDERS):
            held = any((step.get(side) or {}).get("protect") for side in ("oldState", "newState"))
            name = str(step["urn"]).rpartition("::")[2]
            differs = tuple(sorted(step.get("replaceReasons") or step.get("diffReasons") or ()))
            yield ResourceChange(operations[step["op"]], short_type(kind), name, held, differs)


def _violations(events: Path) -> tuple[str, ...]:
    """What policies refuse, out of the engine's events, one on each line; nothing where there are none."""
    lines = events.read_text(encoding="utf-8").splitlines() if events.is_file() else []
    told = (json.loads(line).get("policyEvent", {}) for line in lines if line.startswith("{"))
    return tuple(dict.fromkeys(one["message"] for one in told if one.get("enforcementLevel") == "mandatory"))


def _machines(kept: Path, plan: InstancePlan) -> Iterator[MachineChange]:
    """Files that change on machines of both; machines with equal changes together."""
    from mastodon_infra.cli.keptbundles import KeptBundlesError, kept_bundles
    from mastodon_infra.cli.render_diff import differences
    from mastodon_infra.render.bundle import bundle
    from mastodon_infra.render.wiring import Wiring
    from mastodon_infra.report.pull_request import MachineChange

    try:
        old = kept_bundles(kept)
    except KeptBundlesError:
        return
    wiring = Wiring.placeholder(plan)
    new = {node.name: bundle(plan, node, wiring) for node in plan.nodes}
    alike: dict[tuple[Any, ...], list[str]] = {}
    for one in differences(old, new):
        alike.setdefault((_file_words(one), _follow_words(one)), []).append(one.node)
    for (files, follows), nodes in alike.items():
        yield MachineChange(tuple(nodes), files, follows)


def _file_words(one: NodeDifference) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((change.path, change.lines()) for change in one.files)


def _follow_words(one: NodeDifference) -> tuple[str, ...]:
    from mastodon_infra.cli.render_diff import act_words

    packages = [f"package {name} comes" for name in one.packages.added]
    packages += [f"package {name} is no longer asked for" for name in one.packages.removed]
    acts = [act_words(act) for act in one.acts] or ["nothing reloads, restarts or reboots"]
    return (*packages, *acts)
