"""Sidekiq: which units work which queues, and which node runs which process."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.sources import ASKED, HACHYDERM, JUDGEMENT, MASTODON, PUBLISHED
from mastodon_infra.model.nodes import SidekiqUnitSpec
from mastodon_infra.model.role import Queue
from mastodon_infra.model.tier import Tier
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.demand import SIDEKIQ_THREADS_PER_10000, sidekiq_threads
from mastodon_infra.units import ceil_div

PROCESS_MIB = 768
ONE_PROCESS_UP_TO = 250
INGRESS_CONCURRENCY = 5
CONCURRENCY = 10
QUIET_CONCURRENCY = 5
DRAIN_SECONDS = 120
GIVE_BACK_SECONDS = 25
STOP_SECONDS = 45
UNIT_MARGIN_SECONDS = 30

QueueWeight = tuple[Queue, int | None]

SHIPPED_WEIGHTS: tuple[QueueWeight, ...] = (
    (Queue.DEFAULT, 8),
    (Queue.PUSH, 6),
    (Queue.INGRESS, 4),
    (Queue.MAILERS, 2),
    (Queue.PULL, 1),
    (Queue.SCHEDULER, 1),
    (Queue.FASP, 1),
)
"""Mastodon's own weights (config/sidekiq.yml)."""

_GENERAL: tuple[QueueWeight, ...] = ((Queue.DEFAULT, 8), (Queue.PUSH, 6), (Queue.INGRESS, 4), (Queue.PULL, 1))


@dataclass(frozen=True, slots=True)
class SidekiqUnit:
    """Processes that listen to the same queues.

    ``queues`` with weights are picked at random by weight; without, in strict order.
    """

    name: str
    queues: tuple[QueueWeight, ...]
    concurrency: Decided[int]
    processes: Decided[int]
    group: str | None = None

    @property
    def thread_count(self) -> int:
        """Jobs that the unit can work on at once, and the database connections that it may open."""
        return self.concurrency.value * self.processes.value

    @property
    def has_scheduler(self) -> bool:
        """Whether the unit owns the cron jobs; exactly one process of the instance does."""
        return any(queue is Queue.SCHEDULER for queue, _ in self.queues)

    @property
    def has_ingress(self) -> bool:
        """Whether the unit parses what other servers send, which keeps a processor busy."""
        return any(queue is Queue.INGRESS for queue, _ in self.queues)


@dataclass(frozen=True, slots=True)
class SidekiqProcess:
    """One process of a unit on one node. ``number`` counts from 1 within the unit."""

    unit: str
    number: int
    concurrency: int
    is_ingress: bool
    group: str | None

    @property
    def name(self) -> str:
        """The process' name in units and metrics: ``default-2``."""
        return f"{self.unit}-{self.number}"


def asked_units(units: dict[str, SidekiqUnitSpec]) -> tuple[SidekiqUnit, ...]:
    """The operator's own units."""
    return tuple(
        SidekiqUnit(
            name,
            tuple(unit.queues.items()),
            Decided(unit.concurrency, "asked for", ASKED, "threads", asked=True),
            Decided(unit.processes, "asked for", ASKED, "processes", asked=True),
            unit.group,
        )
        for name, unit in units.items()
    )


def derived_units(users: int) -> tuple[SidekiqUnit, ...]:
    """Units for so many users: one process for a few people, a unit per queue from a medium instance on."""
    if users <= Tier.SOLO.monthly_active_users:
        return (_unit("all", SHIPPED_WEIGHTS, CONCURRENCY, 1, "one process works everything for a few people"),)
    if users <= Tier.SMALL.monthly_active_users:
        count = 1 if users <= ONE_PROCESS_UP_TO else 2
        return (
            _unit(
                "scheduler",
                _strict(Queue.SCHEDULER, Queue.MAILERS, Queue.FASP),
                QUIET_CONCURRENCY,
                1,
                "one scheduler, kept apart",
            ),
            _unit(
                "general",
                _GENERAL,
                CONCURRENCY,
                count,
                "10 to 25 threads are published for up to 1,000 users",
            ),
        )
    busy = tuple(_busy_unit(queue, users) for queue in SIDEKIQ_THREADS_PER_10000)
    quiet: tuple[SidekiqUnit, ...]
    if users <= Tier.MEDIUM.monthly_active_users:
        quiet = (
            _unit(
                "scheduler",
                _strict(Queue.SCHEDULER, Queue.MAILERS, Queue.FASP),
                QUIET_CONCURRENCY,
                1,
                "one scheduler, kept apart",
            ),
        )
    else:
        quiet = (
            _unit("scheduler", _strict(Queue.SCHEDULER), QUIET_CONCURRENCY, 1, "one scheduler, kept apart"),
            _unit(
                "mailers",
                _strict(Queue.MAILERS, Queue.FASP),
                QUIET_CONCURRENCY,
                1,
                "mail must not wait behind other work",
            ),
        )
    return (*quiet, *busy)


def processes_of(units: tuple[SidekiqUnit, ...]) -> tuple[SidekiqProcess, ...]:
    """Every process of every unit, those that keep a processor busy first, so that they spread evenly."""
    every = [
        SidekiqProcess(unit.name, number, unit.concurrency.value, unit.has_ingress, unit.group)
        for unit in units
        for number in range(1, unit.processes.value + 1)
    ]
    return tuple(sorted(every, key=lambda process: not process.is_ingress))


def deal(processes: tuple[SidekiqProcess, ...], node_count: int) -> tuple[tuple[SidekiqProcess, ...], ...]:
    """Deal processes out to nodes in turn: no node gets more than one process more than another."""
    return tuple(processes[node::node_count] for node in range(node_count))


def most_ingress(vcpus: int) -> int:
    """Ingress processes that a node can run: each keeps up to one processor busy, 1.5 per processor are fine."""
    return max(1, vcpus * 3 // 2)


def _strict(*queues: Queue) -> tuple[QueueWeight, ...]:
    return tuple((queue, None) for queue in queues)


def _unit(name: str, queues: tuple[QueueWeight, ...], concurrency: int, processes: int, because: str) -> SidekiqUnit:
    return SidekiqUnit(
        name,
        queues,
        Decided(concurrency, because, JUDGEMENT, "threads"),
        Decided(processes, because, JUDGEMENT, "processes"),
    )


def _busy_unit(queue: Queue, users: int) -> SidekiqUnit:
    threads = sidekiq_threads(users, queue)
    if queue is Queue.INGRESS:
        concurrency = Decided(INGRESS_CONCURRENCY, "five ingress threads keep one processor busy", HACHYDERM, "threads")
    else:
        concurrency = Decided(CONCURRENCY, "ten threads a process ran better than twenty", HACHYDERM, "threads")
    per_10000 = SIDEKIQ_THREADS_PER_10000[queue]
    return SidekiqUnit(
        str(queue),
        ((queue, None),),
        concurrency,
        Decided(
            max(1, ceil_div(threads, concurrency.value)),
            f"{per_10000} {queue} threads per 10,000 users, {concurrency.value} in a process",
            PUBLISHED,
            "processes",
            (("users", f"{users:,}"), ("threads", str(threads))),
        ),
    )


@dataclass(frozen=True, slots=True)
class SidekiqStop:
    """How a process ends without losing or doubling a job. Each limit is longer than all before it together."""

    drain_seconds: Decided[int]
    give_back_seconds: Decided[int]
    container_seconds: Decided[int]
    unit_seconds: Decided[int]


STOP = SidekiqStop(
    drain_seconds=Decided(
        DRAIN_SECONDS,
        "it takes no new job and finishes what it has: most within a second, a video within minutes",
        JUDGEMENT,
        "s",
    ),
    give_back_seconds=Decided(
        GIVE_BACK_SECONDS, "Sidekiq's own: what is not done by then goes back to its queue", MASTODON, "s"
    ),
    container_seconds=Decided(
        STOP_SECONDS,
        "after it has given jobs back, and 20 s more; killing it sooner loses or doubles them",
        MASTODON,
        "s",
        (("gives back after", f"{GIVE_BACK_SECONDS} s"),),
    ),
    unit_seconds=Decided(
        DRAIN_SECONDS + STOP_SECONDS + UNIT_MARGIN_SECONDS,
        "the drain, podman's limit, and 30 s, so that systemd kills nothing that is still ending",
        JUDGEMENT,
        "s",
        (("drain", f"{DRAIN_SECONDS} s"), ("podman's limit", f"{STOP_SECONDS} s")),
    ),
)
