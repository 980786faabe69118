"""The days as a table for people. Pure."""

from collections.abc import Iterable, Iterator

from tests.machines.bad_days.day import BadDay, Outcome
from tests.machines.bad_days.measure import Measured

HEAD = (
    "| | day | requests failed | jobs lost, doubled | rows lost | recovered after | alert |",
    "|---|---|---|---|---|---|---|",
)


def expectations(days: Iterable[BadDay]) -> str:
    """What is expected of each day."""
    rows = (f"| {day.number} | {day.title} | {day.expects} |" for day in days)
    return "\n".join(("| | day | what is expected |", "|---|---|---|", *rows)) + "\n"


def table(outcomes: Iterable[Outcome]) -> str:
    """A row for each day that was lived through, in the order of the days."""
    return "\n".join((*HEAD, *map(_row, sorted(outcomes, key=lambda one: one.day.number)))) + "\n"


def page(outcomes: Iterable[Outcome], *, date: str) -> str:
    """The table with its date, what was seen beside it, and what fell short."""
    outcomes = sorted(outcomes, key=lambda one: one.day.number)
    parts = [f"Measured on {date}.\n", table(outcomes)]
    noted = [f"- Day {one.day.number}: {note}" for one in outcomes for note in one.notes]
    short = [f"- Day {one.day.number} fell short: {fault}" for one in outcomes for fault in one.faults]
    parts += ["\n".join(lines) + "\n" for lines in (noted, short) if lines]
    return "\n".join(parts)


def _row(outcome: Outcome) -> str:
    day, found = outcome.day, outcome.measured
    cells = (
        str(day.number),
        day.title,
        _failed(found),
        f"{len(found.jobs_lost)}, {len(found.jobs_doubled)} of {found.jobs}",
        f"{len(found.rows_lost)} of {found.rows}",
        f"{found.recovered:.0f} s" if found.all_failed else "nothing failed",
        _alert(day, found),
    )
    return f"| {' | '.join(cells)} |"


def _failed(found: Measured) -> str:
    kinds = ", ".join(f"{kind} {count}" for kind, count in found.failed.items() if count)
    return f"{found.all_failed} of {found.all_sent}" + (f" ({kinds})" if kinds else "")


def _alert(day: BadDay, found: Measured) -> str:
    if found.fired:
        return ", ".join(f"{one.name} after {one.seconds:.0f} s" for one in found.fired)
    return f"none within {found.watched:.0f} s" + "".join(_reasons(day))


def _reasons(day: BadDay) -> Iterator[str]:
    if day.quiet:
        yield f": {day.quiet}"
