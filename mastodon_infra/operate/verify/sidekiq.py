"""Sidekiq: who works the queues, as every process says of itself in Redis, and how long the oldest jobs have waited."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mastodon_infra.model.role import Queue
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import Said
from mastodon_infra.plan.alerts_app import QUEUE_SECONDS
from mastodon_infra.plan.tuning.sidekiq import SidekiqUnit

SIDEKIQ = Group("sidekiq")
LONGEST_SILENCE_SECONDS = 90
LEAST_MILLISECONDS = 1e11
"""As seconds this is the year 5138: what is more is milliseconds, as Sidekiq 8 writes them."""

SCRIPT = """
local found, oldest = {}, {}
for _, one in ipairs(redis.call('SMEMBERS', 'processes')) do
  local info = redis.call('HMGET', one, 'info', 'beat', 'quiet')
  if info[1] then found[#found + 1] = {info[1], info[2], info[3]} end
end
for _, name in ipairs(ARGV) do
  local job = redis.call('LINDEX', 'queue:' .. name, -1)
  local since = job and cjson.decode(job)['enqueued_at']
  if since then oldest[#oldest + 1] = {name, since} end
end
return cjson.encode({redis.call('TIME')[1], found, oldest})
"""
"""Redis' own time, every process that has said so within a minute, and since when each queue's next job waits.

Of a job nothing else is told: its arguments are somebody's.
"""


@dataclass(frozen=True, slots=True)
class Process:
    """One that is alive. Quiet, it finishes what it has and takes nothing new."""

    queues: frozenset[str]
    is_quiet: bool


def sidekiq_words(units: Sequence[SidekiqUnit]) -> tuple[str, ...]:
    """What Redis is asked, for the queues of the units."""
    return "EVAL", SCRIPT, "0", *sorted({name for unit in units for name in _queues(unit)})


def judge_sidekiq(units: Sequence[SidekiqUnit], said: Said) -> Iterator[Check]:
    """Every planned process works, every queue has somebody, no job waits for long, and the scheduler is in one."""
    if not said:
        yield SIDEKIQ.failed("processes", f"Redis does not say: {said.trouble}", "docs/runbooks/redis-down.md")
        return
    now, described, oldest = json.loads(said.stdout)
    alive = list(_alive(int(now), described or ()))
    yield from _processes(units, alive)
    yield from _worked(units, [one for one in alive if not one.is_quiet])
    yield _waiting({name: int(now) - _seconds(since) for name, since in oldest or ()})


def _alive(now: int, described: Sequence[tuple[str, str, Any]]) -> Iterator[Process]:
    for info, beat, quiet in described:
        if now - float(beat) < LONGEST_SILENCE_SECONDS:
            yield Process(frozenset(json.loads(info)["queues"]), quiet == "true")


def _seconds(since: float) -> float:
    return since / 1000 if since >= LEAST_MILLISECONDS else since


def _processes(units: Sequence[SidekiqUnit], alive: Sequence[Process]) -> Iterator[Check]:
    found = Counter(one.queues for one in alive if not one.is_quiet)
    wanted = Counter({_queues(unit): 0 for unit in units})
    for unit in units:
        wanted[_queues(unit)] += unit.processes.value
    missing = [unit.name for unit in units if found[_queues(unit)] < wanted[_queues(unit)]]
    quiet = sum(one.is_quiet for one in alive)
    told = f"{len(alive)} are alive" + (f", {quiet} of them take no jobs" if quiet else "")
    if missing:
        remedy = "docs/runbooks/sidekiq-down.md"
        yield SIDEKIQ.failed("processes", f"too few of {', '.join(missing)}: {told}", remedy)
    else:
        yield SIDEKIQ.ok("processes", f"{told}, {wanted.total()} are planned")


def _worked(units: Sequence[SidekiqUnit], working: Sequence[Process]) -> Iterator[Check]:
    idle = sorted({name for unit in units for name in _queues(unit)} - {name for one in working for name in one.queues})
    if idle:
        yield SIDEKIQ.failed("queues", f"nobody works {', '.join(idle)}", "docs/runbooks/sidekiq-down.md")
    else:
        yield SIDEKIQ.ok("queues", "each has somebody who works it")
    schedulers = sum(Queue.SCHEDULER in one.queues for one in working)
    if schedulers == 1:
        yield SIDEKIQ.ok("scheduler", "exactly one")
    else:
        yield SIDEKIQ.failed("scheduler", f"{schedulers} processes have it", "docs/runbooks/scheduler-silent.md")


def _waiting(waited: Mapping[str, float]) -> Check:
    """Held against what the critical alerts of the plan have as their bound."""
    most = {queue.value: stuck for queue, (_, stuck, _) in QUEUE_SECONDS.items()}
    stuck = [
        f"the oldest job of {name} has waited {seconds:,.0f} s, {most[name]:,} at most"
        for name, seconds in sorted(waited.items())
        if name in most and seconds > most[name]
    ]
    if stuck:
        return SIDEKIQ.failed("waiting", "; ".join(stuck), "docs/runbooks/queue-late.md")
    longest = max(0.0, *waited.values()) if waited else 0.0
    return SIDEKIQ.ok("waiting", f"the oldest job has waited {longest:,.0f} s" if waited else "no job waits")


def _queues(unit: SidekiqUnit) -> frozenset[str]:
    return frozenset(queue.value for queue, _ in unit.queues)
