"""What a number of monthly active users asks of each piece.

Every formula is a planning value with evidence in ``docs/explanation/sizing-evidence.md``; treat each as right
within a factor of two to three, and watch the running instance.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mastodon_infra.catalog.sources import (
    AUS_SOCIAL,
    FOSSTODON,
    HACHYDERM,
    JUDGEMENT,
    MASTODON_DOCS,
    PUBLISHED,
    SCALING_2017,
)
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.decided import Decided
from mastodon_infra.units import ceil_div

PEAK_OVER_AVERAGE = 3
SERVICE_TIME_MS = 200
BUSY_SHARE_PERCENT = 50
FEWEST_PUMA_THREADS = 5

SIDEKIQ_THREADS_PER_10000 = {Queue.DEFAULT: 33, Queue.PUSH: 25, Queue.INGRESS: 40, Queue.PULL: 20}
"""Threads per 10,000 users for the queues that grow with the fediverse: 11.8 per 1,000 in all."""

STREAMS_PER_100 = 16
DB_BASE_GIB = 5
DB_MIB_PER_USER = 3
REDIS_BASE_MIB = 128
REDIS_KIB_PER_USER = 154
EGRESS_GB_PER_1000 = 500


@dataclass(frozen=True, slots=True)
class Demand:
    """What the users ask for, before anything is built.

    Attributes:
        users: Monthly active users.
        requests_average: Requests a second that reach the origin.
        requests_peak: The same in the busiest hour.
        puma_threads: Threads that serve the peak while half of them are busy.
        jobs_average: Sidekiq jobs a second.
        jobs_peak: The same in the busiest hour.
        streams_peak: Streaming connections open at once in the busiest hour.
        database_gib: Size of the database after some years.
        redis_mib: Memory of the queue store: queues, home feeds, streaming subscriptions.
        media_gb_day: Media that federate in, per day.
        egress_gb_month: What leaves for browsers and apps at the edge.
        mails_day: Mails on an ordinary day.
    """

    users: Decided[int]
    requests_average: Decided[Decimal]
    requests_peak: Decided[Decimal]
    puma_threads: Decided[int]
    jobs_average: Decided[Decimal]
    jobs_peak: Decided[Decimal]
    streams_peak: Decided[int]
    database_gib: Decided[int]
    redis_mib: Decided[int]
    media_gb_day: Decided[Decimal]
    egress_gb_month: Decided[int]
    mails_day: Decided[int]


def demand_of(users: Decided[int]) -> Demand:
    """Derive the demand of ``users.value`` monthly active users."""
    count = users.value
    given = (("monthly active users", f"{count:,}"),)
    average = Decimal("0.4") + Decimal("0.006") * count
    peak = PEAK_OVER_AVERAGE * average
    jobs = max(Decimal(1), Decimal("0.02") * count) if count <= 1000 else 20 + Decimal("0.004") * (count - 1000)  # noqa: PLR2004
    return Demand(
        users=users,
        requests_average=Decided(average, "0.4 + 0.006 per user", FOSSTODON, "requests/s", given),
        requests_peak=Decided(
            peak,
            "three times the average",
            JUDGEMENT,
            "requests/s",
            (("average", f"{average.normalize():f} requests/s"),),
        ),
        puma_threads=Decided(
            puma_threads(count),
            f"peak requests x {SERVICE_TIME_MS} ms each, half of the threads busy; at least {FEWEST_PUMA_THREADS}",
            SCALING_2017,
            "threads",
            (("peak", f"{peak.normalize():f} requests/s"),),
        ),
        jobs_average=Decided(
            jobs, "0.02 per user up to 1,000 users, 0.004 for each user beyond", AUS_SOCIAL, "jobs/s", given
        ),
        jobs_peak=Decided(
            4 * jobs, "four times the average", AUS_SOCIAL, "jobs/s", (("average", f"{jobs.normalize():f} jobs/s"),)
        ),
        streams_peak=Decided(
            ceil_div(count * STREAMS_PER_100, 100),
            "0.16 per user: twice the 0.08 seen on average",
            MASTODON_DOCS,
            "connections",
            given,
        ),
        database_gib=Decided(
            database_gib(count),
            "5 GiB + 3 MiB per user",
            FOSSTODON,
            "GiB",
            given,
        ),
        redis_mib=Decided(
            REDIS_BASE_MIB + ceil_div(count * REDIS_KIB_PER_USER, 1024),
            "128 MiB + 0.15 MiB per user; nobody has published a measurement, so watch it",
            JUDGEMENT,
            "MiB",
            given,
        ),
        media_gb_day=Decided(2 + Decimal(count) / 1000, "2 GB + 1 GB per 1,000 users", HACHYDERM, "GB/day", given),
        egress_gb_month=Decided(
            ceil_div(count * EGRESS_GB_PER_1000, 1000), "0.5 GB per user", HACHYDERM, "GB/month", given
        ),
        mails_day=Decided(
            max(10, ceil_div(count, 4)),
            "one mail per user in four days; a sign-up wave sends many more",
            JUDGEMENT,
            "mails/day",
            given,
        ),
    )


def database_gib(users: int) -> int:
    """Size of the database of so many users, after some years."""
    return DB_BASE_GIB + ceil_div(users * DB_MIB_PER_USER, 1024)


def puma_threads(users: int) -> int:
    """Puma threads that serve the peak hour of so many users."""
    peak_milli = PEAK_OVER_AVERAGE * (400 + 6 * users)
    return max(FEWEST_PUMA_THREADS, ceil_div(peak_milli * SERVICE_TIME_MS, 1000 * 1000 * BUSY_SHARE_PERCENT // 100))


def users_for_puma_threads(threads: int) -> int:
    """The most users whose peak hour so many Puma threads serve (the inverse of ``puma_threads``)."""
    peak_milli = threads * 1000 * 1000 * BUSY_SHARE_PERCENT // 100 // SERVICE_TIME_MS
    return max(0, (peak_milli // PEAK_OVER_AVERAGE - 400) // 6)


def sidekiq_threads(users: int, queue: Queue) -> int:
    """Threads that keep up with one of the growing queues."""
    return ceil_div(users * SIDEKIQ_THREADS_PER_10000[queue], 10_000)


SIDEKIQ_SOURCE = PUBLISHED
