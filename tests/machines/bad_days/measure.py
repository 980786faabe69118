"""From what the load wrote down to what a bad day has cost. Pure: no machine is asked here."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KINDS = ("page", "api", "upload", "post", "job", "stream")
DROPPED, QUEUED = "dropped", "queued"
CALM_SHARE = 0.7


@dataclass(frozen=True)
class Record:
    """One request that is over; ``at`` is when it began, seconds since 1970."""

    at: float
    kind: str
    took: float
    is_ok: bool
    said: str = ""
    number: int | None = None

    @property
    def end(self) -> float:
        return self.at + self.took


@dataclass(frozen=True)
class Fired:
    """An alert, and how long after the day's beginning it fired."""

    name: str
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What a day has cost.

    ``sent`` and ``failed`` count requests by kind, ``errors`` what failed ones were told; ``dropped`` are listeners
    that were cut off, ``recovered`` as ``recovered_after`` says, in seconds. ``watched`` is for how many seconds alerts
    were looked for.
    """

    sent: Mapping[str, int]
    failed: Mapping[str, int]
    dropped: int
    slowest: float
    recovered: float
    jobs: int
    jobs_lost: tuple[int, ...]
    jobs_doubled: tuple[int, ...]
    rows: int
    rows_lost: tuple[int, ...]
    fired: tuple[Fired, ...]
    watched: float
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def all_sent(self) -> int:
        return sum(self.sent.values())

    @property
    def all_failed(self) -> int:
        return sum(self.failed.values())


def read(lines: Iterable[str]) -> list[Record]:
    """What the load wrote; a last line that is not whole yet is left out."""
    found = []
    for line in lines:
        if line.endswith("\n"):
            told: dict[str, Any] = json.loads(line)
            told["is_ok"] = told.pop("ok")
            found.append(Record(**told))
    return found


def requests(records: Iterable[Record]) -> list[Record]:
    """Those that somebody waited for: being cut off in between is none, and a job of many neither."""
    return [one for one in records if one.kind in KINDS]


def is_calm(records: Sequence[Record], rates: Mapping[str, float], *, now: float, seconds: float) -> bool:
    """Whether in the last seconds all went well, and as many requests were answered as were due."""
    lately = [one for one in requests(records) if one.end > now - seconds]
    if not all(one.is_ok for one in lately):
        return False
    counts = {kind: sum(one.kind == kind for one in lately) for kind in rates}
    return all(counts[kind] >= CALM_SHARE * rate * seconds for kind, rate in rates.items())


def recovered_after(records: Iterable[Record], blows: Sequence[float]) -> float:
    """Seconds from a blow to the first success after its last failure, of the blow and kind that took longest.

    Infinite where no success came. Who was still waiting when a thing recovered does not count: what counts is who
    came after it.
    """
    asked = requests(records)
    longest = 0.0
    for kind in KINDS:
        ours = [one for one in asked if one.kind == kind]
        for blow, next_blow in zip(blows, [*blows[1:], float("inf")], strict=True):
            failures = [one.at for one in ours if not one.is_ok and blow < one.end <= next_blow]
            if failures:
                after = [one.end for one in ours if one.is_ok and one.at > max(failures)]
                longest = max(longest, min(after, default=float("inf")) - blow)
    return longest


def acknowledged(records: Iterable[Record], kind: str) -> list[int]:
    """The numbers of what the instance said it had taken."""
    return [one.number for one in records if one.kind == kind and one.is_ok and one.number is not None]


def acknowledged_jobs(records: Sequence[Record]) -> list[int]:
    """The numbers of all jobs that were taken, one by one or many at once."""
    return [*acknowledged(records, "job"), *acknowledged(records, QUEUED)]


def lost_and_doubled(wanted: Iterable[int], worked: Mapping[int, int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which acknowledged numbers were never worked, and which of all were worked more than once."""
    lost = tuple(sorted(number for number in wanted if number not in worked))
    return lost, tuple(sorted(number for number, times in worked.items() if times > 1))


def fired(answer: Mapping[str, Any], *, begun: float, before: Iterable[str]) -> tuple[Fired, ...]:
    """The alerts of a range query for ``ALERTS{alertstate="firing"}``, first ones first, each name once."""
    known, first = set(before), dict[str, float]()
    for series in answer["data"]["result"]:
        name = series["metric"]["alertname"]
        at = min(float(moment) for moment, _ in series["values"])
        if name not in known:
            first[name] = min(at, first.get(name, at))
    return tuple(sorted((Fired(name, at - begun) for name, at in first.items()), key=lambda one: one.seconds))


def measured(
    records: Sequence[Record],
    *,
    blows: Sequence[float],
    ended: float,
    worked: Mapping[int, int],
    rows: Iterable[int],
    alerts: tuple[Fired, ...],
) -> Measured:
    """All of it. ``worked`` says how often each job was, ``rows`` which posts and pictures the database holds."""
    asked = requests(records)
    jobs = acknowledged_jobs(records)
    lost, doubled = lost_and_doubled(jobs, worked)
    wanted = [*acknowledged(records, "post"), *acknowledged(records, "upload")]
    there = set(rows)
    failures = [one for one in asked if not one.is_ok]
    return Measured(
        sent={kind: sum(one.kind == kind for one in asked) for kind in KINDS},
        failed={kind: sum(one.kind == kind for one in failures) for kind in KINDS},
        dropped=sum(one.kind == DROPPED for one in records),
        slowest=max((one.took for one in asked), default=0.0),
        recovered=recovered_after(records, blows),
        jobs=len(jobs),
        jobs_lost=lost,
        jobs_doubled=doubled,
        rows=len(wanted),
        rows_lost=tuple(number for number in wanted if number not in there),
        fired=alerts,
        watched=ended - blows[0],
        errors=_counted(f"{one.kind}: {one.said}" for one in failures),
    )


def _counted(words: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda one: -one[1]))
