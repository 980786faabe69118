"""What every verb that runs the engine does first: read the stack, find the engine, look at the state."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import listed, short_type
from mastodon_infra.errors import Problem, SpecError, ToolError

if TYPE_CHECKING:
    from mastodon_infra.cli.engine_page import Known
    from mastodon_infra.cli.stacks import Loaded
    from mastodon_infra.operate.checks import Check
    from mastodon_infra.operate.situation import Situation
    from mastodon_infra.program.engine import StackRuns
    from mastodon_infra.program.engine_events import Step

SLOW_SECONDS = 5
DONE_WORDS = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}


@dataclass(frozen=True, slots=True)
class Room:
    """A stack and the engine, ready to run.

    Attributes:
        loaded: The stack, planned.
        situation: What its state told.
        runs: The engine on it.
        warnings: What was found on the way and stops nothing.
        policies: The policy pack that a deployment asks; None where none is ready.
    """

    loaded: Loaded
    situation: Situation
    runs: StackRuns
    warnings: tuple[Check, ...]
    policies: Path | None = None

    @property
    def known(self) -> Known:
        """What the engine's steps do not tell."""
        from mastodon_infra.cli.engine_page import Known
        from mastodon_infra.operate.adoption import given_as_in_use

        reserved = frozenset(one.node for one in self.loaded.plan.reserved)
        given = given_as_in_use(self.situation.config or {}, self.situation.fingerprints or {})
        return Known(given, reserved, is_disposable=not self.loaded.plan.media.is_protected)


def enter(stack: str, stacks_dir: Path | None, *, is_deploying: bool = False, is_planning: bool = True) -> Room:
    """Read, look, and refuse what cannot go through. ``is_deploying`` also asks the clouds and after the escrow.

    ``is_planning`` is false where only what the state knows is worked on, and nothing that the file asks for.

    Raises ToolError with every reason.
    """
    from mastodon_infra.cli.stacks import load
    from mastodon_infra.operate.engine import find_engine
    from mastodon_infra.operate.situation import look
    from mastodon_infra.operate.state_checks import REGION
    from mastodon_infra.stackfile.escrow import recorded_in

    loaded = load(stack, stacks_dir)
    file = Path(loaded.file.name).resolve()
    engine = find_engine(stack=loaded.name, file=file)
    situation = look(engine, recorded_in(loaded.file.document))
    checks = _checks(loaded, situation, is_deploying=is_deploying)
    if not is_planning:
        checks = tuple(check for check in checks if (check.group, check.name) != ("state", REGION))
    _refuse(checks)

    # Pulumi's packages take half a second: nobody waits for them who is refused.
    from mastodon_infra.operate.checks import Outcome
    from mastodon_infra.program.engine import StackRuns

    runs = StackRuns(
        program=engine.program,
        version=situation.version,
        project=engine.project,
        stack=loaded.name,
        file=file,
        environment=engine.environment,
        on_stop=_stopping,
    )
    warnings = tuple(check for check in checks if check.outcome is Outcome.WARN)
    return Room(loaded, situation, runs, warnings, engine.policies() if is_deploying else None)


def _checks(loaded: Loaded, situation: Situation, *, is_deploying: bool) -> tuple[Check, ...]:
    from mastodon_infra.operate.accounts import accounts_from, clients_of
    from mastodon_infra.operate.engine import EngineError
    from mastodon_infra.operate.preflight import preflight
    from mastodon_infra.operate.state_checks import KEPT_TWICE, state_checks
    from mastodon_infra.rehearsal.local_cloud import WORLD_VARIABLE

    checks = tuple(state_checks(loaded.plan, situation, stack=loaded.name))
    trouble = situation.troubles.get("outputs")
    if trouble is not None and not isinstance(trouble, EngineError):
        # Outputs of an older program: deploying is what mends them.
        checks = tuple(check for check in checks if (check.group, check.name) != ("state", "outputs"))
    if not is_deploying:
        # But what the engine itself would refuse is told here once, and not there for every key.
        return tuple(check for check in checks if check.group not in {"escrow", "secrets"} or check.name == KEPT_TWICE)
    if WORLD_VARIABLE in os.environ or situation.config is None:
        return checks
    accounts = accounts_from(situation.config, os.environ)
    found = preflight(
        loaded.plan,
        accounts,
        clients=clients_of(accounts),
        is_deployed=situation.is_deployed,
        wiring=situation.wiring,
    )
    return (*checks, *found)


def bucket_checks(room: Room) -> tuple[Check, ...]:
    """The media bucket as it was just made, where it could not be tried before: its keys came with it."""
    from mastodon_infra.model.services import StorageProvider
    from mastodon_infra.operate.accounts import Accounts, clients_of, store_keys
    from mastodon_infra.operate.engine import find_engine
    from mastodon_infra.operate.store_checks import store_checks
    from mastodon_infra.program.outputs import read_outputs
    from mastodon_infra.rehearsal.local_cloud import WORLD_VARIABLE

    plan = room.loaded.plan
    if plan.media.provider is not StorageProvider.LINODE or room.situation.outputs or WORLD_VARIABLE in os.environ:
        return ()
    outputs = read_outputs(find_engine(stack=room.loaded.name, file=room.runs.file).outputs())
    accounts = Accounts()
    patience = clients_of(accounts).patience_seconds
    return tuple(store_checks(plan, store_keys(plan, accounts, outputs.wiring), patience_seconds=patience))


def _refuse(checks: Iterable[Check]) -> None:
    from mastodon_infra.operate.checks import failures

    stopping = failures(checks)
    if stopping:
        raise ToolError(Problem((), f"{check.name}: {check.seen}", check.remedy, check.group) for check in stopping)


def replaced_urns(room: Room, nodes: Sequence[str]) -> tuple[str, ...]:
    """The machines that were named for replacement, as the engine names them; raises SpecError for others."""
    if not nodes:
        return ()
    from mastodon_infra.program.engine_state import machine_urns

    known = machine_urns(room.runs.state())
    unknown = [node for node in nodes if node not in known]
    if unknown:
        raise SpecError(
            f"there is no machine {listed(unknown)} in the state of {room.loaded.name}",
            hint=f"there are {listed(sorted(known))}" if known else "nothing is deployed yet",
            where="--replace",
        )
    return tuple(known[node] for node in dict.fromkeys(nodes))


def needs_somebody(stack: str, *, is_agreed: bool) -> None:
    """Refuse to go on where nobody said yes and nobody can be asked."""
    if not is_agreed and not console.is_interactive():
        raise SpecError(
            "nothing was done: there is nobody to ask whether to go on",
            hint=f"read mastodon-infra preview {stack}, then give --yes",
        )


def progress(total: int) -> Callable[[Step], None]:
    """Tells of each finished resource in a line, with its number out of all."""
    began = monotonic()
    last = [began]
    count = [0]

    def told(step: Step) -> None:
        count[0] += 1
        now = monotonic()
        seconds, last[0] = now - last[0], now
        waited = f", {seconds:.0f} s" if seconds >= SLOW_SECONDS else ""
        number = f"{count[0]:>{len(str(total))}}/{total}"
        console.tell(f"  {number} {DONE_WORDS.get(step.operation, step.operation)} {described(step)}{waited}")

    return told


def described(step: Step) -> str:
    """``linode Instance web-1``."""
    return f"{short_type(step.type)} {step.name}"


def _stopping(times: int) -> None:
    if times == 1:
        console.tell("  stopping: waiting for what has begun; Ctrl-C again lets go of it")
    else:
        console.tell("  letting go; afterwards: mastodon-infra refresh")
