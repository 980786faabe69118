"""Alerts about what works behind the site: streaming and the queues.

Names of Mastodon's metrics are those of v4.7, with the prefix ``mastodon_`` that the scrape gives to what has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mastodon_infra.catalog.sources import JUDGEMENT, MASTODON
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.alerts_machines import DOWN, NEVER
from mastodon_infra.plan.alerts_types import Alert, Severity
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.tuning import streaming

FULL_PERCENT = 80
FEW_LISTENERS = 20
SCHEDULER_SILENCE = "15m"

QUEUE_SECONDS = {
    Queue.DEFAULT: (15, 60, "People see their own posts and notifications late."),
    Queue.PUSH: (60, 300, "Posts reach other servers late."),
    Queue.INGRESS: (60, 600, "What other servers send is seen late."),
    Queue.MAILERS: (120, 600, "Confirmations and password mails are late."),
    Queue.PULL: (600, 3600, "Link previews and remote threads are late."),
    Queue.FASP: (600, 3600, "Discovery providers hear late."),
}
"""How late a job of the queue may begin: when to look, and when to get up; and what people notice."""


def streaming_alerts(processes: int) -> Iterator[Alert]:
    """Live updates, over ``processes`` in all."""
    yield Alert(
        "streaming-down",
        'up{job="streaming"}',
        "==",
        DOWN,
        "3m",
        Severity.CRITICAL,
        "streaming on {{ $labels.node }}, process {{ $labels.process }}, does not answer",
        "Live updates stop for those connected there; apps fall back to asking again and again.",
        "streaming-down",
    )
    yield Alert(
        "streaming-nearly-full",
        'sum by (node, process) (mastodon_streaming_connected_clients{job="streaming"})',
        ">",
        Decided(
            streaming.CONNECTIONS_PER_PROCESS * FULL_PERCENT // 100,
            "four fifths of the connections that the plan gives to one process",
            JUDGEMENT,
            "connections",
            (("connections of a process", str(streaming.CONNECTIONS_PER_PROCESS)), ("processes", str(processes))),
        ),
        "10m",
        Severity.WARNING,
        "streaming on {{ $labels.node }}, process {{ $labels.process }}, holds {{ $value }} connections",
        "Live updates become late.",
        "streaming-full",
    )
    yield from _lost_alerts()
    yield Alert(
        "streaming-late",
        "mastodon_streaming_nodejs_eventloop_lag_p99_seconds",
        ">",
        Decided(Decimal("0.1"), "a tenth of a second between two turns: it works at its limit", JUDGEMENT, "s"),
        "10m",
        Severity.WARNING,
        "streaming on {{ $labels.node }}, process {{ $labels.process }}, is late by {{ $value | humanizeDuration }}",
        "Live updates become late.",
        "streaming-full",
    )
    yield Alert(
        "streaming-waits-for-database",
        "mastodon_streaming_pg_pool_waiting_queries",
        ">",
        Decided(0, "its queries are few and short", JUDGEMENT, "queries"),
        "5m",
        Severity.WARNING,
        "streaming on {{ $labels.node }} waits for the database",
        "New connections to streaming hang.",
        "postgres-connections",
    )


def _lost_alerts() -> Iterator[Alert]:
    now = "streaming:connected_clients:sum"
    for name, left, severity, words in (
        ("streaming-clients-lost", "0.5", Severity.WARNING, "half"),
        ("streaming-clients-nearly-gone", "0.2", Severity.CRITICAL, "four fifths"),
    ):
        yield Alert(
            name,
            f"{now} / max_over_time({now}[30m])",
            "<",
            Decided(Decimal(left), f"{words} of the listeners went away within half an hour", JUDGEMENT),
            "10m",
            severity,
            f"{words} of those who listened to streaming are gone",
            "Apps show no live updates; a proxy or certificate may be in the way.",
            "streaming-down",
            also=f"and max_over_time({now}[30m]) > {FEW_LISTENERS}",
        )
    yield Alert(
        "streaming-clients-gone",
        now,
        "==",
        Decided(0, "nobody listens, where a crowd did within a day", JUDGEMENT, "connections"),
        "10m",
        Severity.CRITICAL,
        "nobody listens to streaming any more",
        "Apps show no live updates; a proxy or certificate may be in the way.",
        "streaming-down",
        also=f"and max_over_time({now}[1d]) > {FEW_LISTENERS}",
    )


def sidekiq_alerts(queues: tuple[Queue, ...], alarm: Decided[int]) -> Iterator[Alert]:
    """The queues that somebody works, and those who work them. ``alarm``: memory of one process, MiB."""
    yield Alert(
        "sidekiq-down",
        'up{job="sidekiq"}',
        "==",
        DOWN,
        "5m",
        Severity.CRITICAL,
        "sidekiq {{ $labels.process }} on {{ $labels.node }} does not answer",
        "Its queues grow, or stand still.",
        "sidekiq-down",
    )
    for queue, (late, stuck, impact) in QUEUE_SECONDS.items():
        if queue in queues:
            yield _queue_alert(queue, late, is_stuck=False, impact=impact)
            yield _queue_alert(queue, stuck, is_stuck=True, impact=impact)
    yield Alert(
        "scheduler-silent",
        f'(sum(increase(mastodon_sidekiq_jobs_total{{queue="scheduler"}}[{SCHEDULER_SILENCE}])) or vector(0))',
        "<",
        Decided(1, "some of the scheduler's jobs run every five minutes", MASTODON, "jobs"),
        "10m",
        Severity.CRITICAL,
        "sidekiq's scheduler has done nothing for a quarter of an hour",
        "Scheduled posts, trends and cleaning stand still.",
        "scheduler-silent",
    )
    yield from _worker_alerts(alarm)


def _queue_alert(queue: Queue, seconds: int, *, is_stuck: bool, impact: str) -> Alert:
    return Alert(
        f"queue-stuck-{queue}" if is_stuck else f"queue-late-{queue}",
        f'sidekiq:queue_latency_seconds:max{{queue="{queue}"}}',
        ">",
        Decided(seconds, "how long the oldest job of the queue may wait before people notice", JUDGEMENT, "s"),
        "10m" if is_stuck else "5m",
        Severity.CRITICAL if is_stuck else Severity.WARNING,
        f"the oldest job of queue {queue} has waited " + "{{ $value | humanizeDuration }}",
        impact,
        "queue-late",
    )


def _worker_alerts(alarm: Decided[int]) -> Iterator[Alert]:
    ratio = "100 * sum(increase(mastodon_sidekiq_dead_jobs_total[1h])) / sum(increase(mastodon_sidekiq_jobs_total[1h]))"
    for name, percent, severity in (
        ("jobs-dying", 1, Severity.WARNING),
        ("jobs-dying-fast", 2, Severity.CRITICAL),
    ):
        yield Alert(
            name,
            ratio,
            ">",
            Decided(percent, "jobs given up for good, of all jobs in an hour", JUDGEMENT, "%"),
            "15m",
            severity,
            "{{ $value | humanize }} % of sidekiq's jobs are given up",
            "Posts, follows or mails are lost without a word.",
            "jobs-dying",
        )
    yield Alert(
        "sidekiq-process-large",
        'max by (node, process) (mastodon_rss{job="sidekiq"})',
        ">",
        Decided(
            alarm.value * 1024 * 1024,
            "where a process' limit of memory warns, on the machine that warns first",
            alarm.source,
            "bytes",
            (("alarm", f"{alarm.value} MiB"),),
        ),
        "10m",
        Severity.WARNING,
        "sidekiq {{ $labels.process }} on {{ $labels.node }} uses {{ $value | humanize1024 }}B",
        "It is killed at its limit, in the middle of its jobs.",
        "sidekiq-memory",
    )
    yield Alert(
        "sidekiq-waits-for-database",
        'max by (node, process) (mastodon_active_record_connection_pool_waiting{job="sidekiq"})',
        ">",
        NEVER,
        "10m",
        Severity.WARNING,
        "sidekiq {{ $labels.process }} on {{ $labels.node }} waits for database connections",
        "Jobs time out and are tried again.",
        "postgres-connections",
    )
