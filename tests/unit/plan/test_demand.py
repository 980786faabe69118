"""What people ask for: worked values, and the inverse that the capacity report uses."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.catalog.sources import ASKED
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.demand import demand_of, puma_threads, sidekiq_threads, users_for_puma_threads

# People; requests a second on average and at peak; Puma threads; jobs a second on average and at peak; streams at
# peak; database GiB; media GB a day; egress GB a month.
WORKED = [
    (50, "0.7", "2.1", 5, "1", "4", 8, 6, "2.05", 25),
    (250, "1.9", "5.7", 5, "5", "20", 40, 6, "2.25", 125),
    (1_000, "6.4", "19.2", 8, "20", "80", 160, 8, "3", 500),
    (3_000, "18.4", "55.2", 23, "28", "112", 480, 14, "5", 1_500),
    (10_000, "60.4", "181.2", 73, "56", "224", 1_600, 35, "12", 5_000),
    (30_000, "180.4", "541.2", 217, "136", "544", 4_800, 93, "32", 15_000),
]


def demand(users):
    return demand_of(Decided(users, "given by the test", ASKED))


@pytest.mark.parametrize("row", WORKED, ids=lambda row: f"{row[0]}-people")
def test_demand_equals_its_worked_values(row):
    users, average, peak, threads, jobs, jobs_peak, streams, database, media, egress = row
    found = demand(users)
    assert found.requests_average.value == Decimal(average)
    assert found.requests_peak.value == Decimal(peak)
    assert found.puma_threads.value == threads
    assert found.jobs_average.value == Decimal(jobs)
    assert found.jobs_peak.value == Decimal(jobs_peak)
    assert found.streams_peak.value == streams
    assert found.database_gib.value == database
    assert found.media_gb_day.value == Decimal(media)
    assert found.egress_gb_month.value == egress


MEASURED = [
    ("requests_average", 30_000, Decimal(162), "fosstodon, 2022-11: 140 million requests in ten days"),
    ("requests_average", 33, Decimal("0.41"), "montereybay.social, 2023-01: 1,471 requests an hour"),
    ("jobs_average", 1_895, Decimal(10), "pettingzoo.co, 2022-11: 500 jobs a minute in calm times, 20-45,000 an hour"),
    ("jobs_average", 10_000, Decimal(38), "kujoe, 2022-11: 3.0 to 3.5 million jobs a day"),
    ("database_gib", 30_000, Decimal(96), "fosstodon, 2022-11"),
    ("streams_peak", 10_000, Decimal(1_600), "Mastodon's manual: 800 on average, twice that at peak"),
    ("egress_gb_month", 30_000, Decimal(12_000), "hachyderm, 2022-11: 36.9 Mbit/s on average"),
    ("media_gb_day", 20_000, Decimal(32), "hachyderm, 2022 to 2024: 929 GiB to 23 TiB in 24 months, nothing deleted"),
]


@pytest.mark.parametrize(("quantity", "users", "published", "why"), MEASURED)
def test_demand_is_within_three_times_of_what_was_measured(quantity, users, published, why):
    """The formulas claim no more than a factor of three."""
    found = Decimal(getattr(demand(users), quantity).value)
    assert published / 3 <= found <= published * 3, f"{found} against {published}: {why}"


@given(st.integers(5, 5_000))
def test_the_inverse_of_puma_threads_is_its_inverse(threads):
    users = users_for_puma_threads(threads)
    assert puma_threads(max(1, users)) <= threads
    assert puma_threads(users + 1) > threads


@given(st.integers(1, 100_000))
def test_sidekiq_threads_stay_within_what_published_instances_ran(users):
    """Ten to fifteen threads per thousand people, apart from rounding."""
    busy = [Queue.DEFAULT, Queue.PUSH, Queue.INGRESS, Queue.PULL]
    threads = sum(sidekiq_threads(users, queue) for queue in busy)
    assert users * 10 / 1_000 <= threads <= users * 15 / 1_000 + len(busy)
