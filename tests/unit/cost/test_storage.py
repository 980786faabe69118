"""The rules by which buckets are billed."""

from dataclasses import replace
from decimal import Decimal

import pytest

from mastodon_infra.cost.advice import notes_on
from mastodon_infra.cost.storage import needed_cache_percent
from mastodon_infra.cost.traffic import gb_text, traffic_of
from mastodon_infra.plan.notes import Level
from tests.unit.cost.made import AWS, WASABI, cost_of, line_of, plan_of


def media_for(days, **more):
    return cost_of(size="large", storage=WASABI, mastodon={"remote_media_retention_days": days}, **more)


@pytest.mark.parametrize("days", [1, 7, 30, 89])
def test_media_kept_for_less_than_ninety_days_cost_as_much_as_for_ninety(days):
    assert line_of(media_for(days), "storage-wasabi").quantity == line_of(media_for(90), "storage-wasabi").quantity


def test_media_kept_for_longer_cost_more():
    longer, ninety = media_for(120), media_for(90)

    assert line_of(longer, "storage-wasabi").quantity - line_of(ninety, "storage-wasabi").quantity == 30 * 12, (
        "12 GB a day"
    )


def test_backups_deleted_early_are_billed_too():
    short, long = (line_of(media_for(90, backups={"retention_days": days}), "storage-wasabi") for days in (7, 77))

    assert 0 <= long.quantity - short.quantity < short.quantity / 100, "the plan's rounding only"


def test_a_provider_without_such_a_rule_bills_what_lies_there():
    seven, ninety = (
        line_of(cost_of(size="large", mastodon={"remote_media_retention_days": days}), "storage-linode-media")
        for days in (7, 90)
    )

    assert ninety.quantity - seven.quantity == 83 * 12


def test_the_included_volume_counts_once_for_both_buckets():
    cost = cost_of(size="medium")

    assert line_of(cost, "storage-linode").usd_month == 5
    billed = line_of(cost, "storage-linode-media").quantity + line_of(cost, "storage-linode-backups").quantity
    plan = plan_of(size="medium")
    assert billed == plan.media.stored_gb.value + plan.backups.stored_gb.value - 250


def test_the_cache_must_answer_what_may_not_leave_the_bucket():
    plan = plan_of(size="large", storage=WASABI)

    assert needed_cache_percent(plan, traffic_of(plan)) == 80, "5000 GB to people, 1044 stored: 79.1 %, rounded up"
    assert needed_cache_percent(plan_of(size="large", storage=AWS), traffic_of(plan)) is None


@pytest.mark.parametrize(("edge_gb", "level"), [(5_000, Level.INFO), (10_440, Level.INFO), (10_500, Level.WARNING)])
def test_a_cache_that_must_answer_more_than_planned_is_a_warning(edge_gb, level):
    plan = plan_of(size="large", storage=WASABI)

    notes = notes_on(plan, replace(traffic_of(plan), edge_gb=edge_gb), ())

    assert next(note.level for note in notes if note.name == "egress-ratio") is level


def test_egress_of_amazon_is_billed_beyond_the_free_volume():
    line = line_of(cost_of(size="large", storage=AWS), "egress-aws")

    assert (line.quantity, line.unit_price_usd) == (Decimal(400), Decimal("0.114"))


def test_small_egress_of_amazon_is_free():
    assert line_of(cost_of(size="small", storage=AWS), "egress-aws").usd_month == 0


@pytest.mark.parametrize(
    ("gb", "text"), [(0, "0 GB"), (999, "999 GB"), (1000, "1 TB"), (1956, "2 TB"), (5540, "5.5 TB")]
)
def test_volumes_are_written_for_people(gb, text):
    assert gb_text(gb) == text
