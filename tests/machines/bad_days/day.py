"""What a bad day is: what happens, what is expected of it, and what it may cost at most. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.machines.bad_days.measure import KINDS, Measured

if TYPE_CHECKING:
    from tests.machines.bad_days.stage import Stage


def at_most(share: float, **others: float) -> Mapping[str, float]:
    """What share of each kind of request may fail; some kinds have another one."""
    return {**dict.fromkeys(KINDS, share), **others}


@dataclass(frozen=True)
class Bounds:
    """What a day may cost. No row that was acknowledged is ever lost.

    ``failing`` is the share of each kind of requests that may fail, of all that are sent in the day; where a kind is
    not named none may. ``recovered`` are the seconds from each of the day's blows after which none does.
    """

    recovered: float
    failing: Mapping[str, float] = field(default_factory=dict)
    jobs_lost: int = 0
    jobs_doubled: int = 0


@dataclass(frozen=True)
class BadDay:
    """One of the thirteen.

    ``expects`` is a sentence or two for the table, said before anything was measured. ``alert`` names the alert that
    fires when there is time to wait for it; where none does by design, ``quiet`` says why. ``do`` does the day's evil
    and mends what no machine can mend itself.
    """

    number: int
    title: str
    expects: str
    bounds: Bounds
    do: Callable[[Stage], None]
    alert: str = ""
    quiet: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a day went. ``faults`` is what fell short of what was expected."""

    day: BadDay
    measured: Measured
    notes: tuple[str, ...]
    faults: tuple[str, ...]


def faults(day: BadDay, measured: Measured, *, is_patient: bool) -> Iterator[str]:
    """What was worse than expected."""
    bounds = day.bounds
    for kind, count in measured.failed.items():
        if count > bounds.failing.get(kind, 0) * measured.sent[kind]:
            said = [error for error in measured.errors if error.startswith(f"{kind}:")]
            yield f"{count} of {measured.sent[kind]} requests of kind {kind} failed: {'; '.join(said[:3])}"
    if measured.recovered > bounds.recovered:
        yield f"recovered after {measured.recovered:.0f} s, not {bounds.recovered:.0f}"
    if len(measured.jobs_lost) > bounds.jobs_lost:
        yield f"{len(measured.jobs_lost)} jobs lost, not {bounds.jobs_lost}: {measured.jobs_lost[:5]}"
    if len(measured.jobs_doubled) > bounds.jobs_doubled:
        yield f"{len(measured.jobs_doubled)} jobs doubled, not {bounds.jobs_doubled}: {measured.jobs_doubled[:5]}"
    if measured.rows_lost:
        yield f"{len(measured.rows_lost)} acknowledged rows lost: {measured.rows_lost[:5]}"
    if not measured.jobs or not measured.rows:
        yield "nothing was acknowledged at all: the load was none"
    if is_patient and day.alert and day.alert not in {one.name for one in measured.fired}:
        yield f"{day.alert} did not fire within {measured.watched:.0f} s"
