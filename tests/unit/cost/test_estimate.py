"""Totals that were worked out by hand from the vendors' price lists; each row says how."""

from decimal import Decimal
from pathlib import Path

import pytest

from mastodon_infra.catalog.prices import NODEBALANCER
from mastodon_infra.cost.types import CostKind
from mastodon_infra.model.tier import Tier
from mastodon_infra.units import usd
from tests.unit.cost.made import AUS_SOCIAL_LIKE, AWS, ONE_BOX, SES, WASABI, cost_of, line_of, plan_of, table

TOTALS = [
    pytest.param(
        AUS_SOCIAL_LIKE,
        "304.03",
        "machines 2x48 + 96 + 48 + 24 = 264; NodeBalancer 10; volumes 120 GiB x 0.10 = 12; Wasabi: 12 GB a day x 90 "
        "and a fifth of it for a year 876 are 1956, backups 70 stored and 23.33/7 a day x 69 days are 300; "
        "2256 x 0.00799 = 18.03",
        id="aus.social's machines",
    ),
    pytest.param(
        {"size": "solo", **ONE_BOX},
        "34.00",
        "g6-standard-2 24; volumes 50 GiB x 0.10 = 5; object storage 5, as 194 GB are within its first 250",
        id="one small box",
    ),
    pytest.param(
        {"size": "small", "storage": WASABI, **ONE_BOX},
        "60.99",
        "g6-standard-4 48; volumes 5; Wasabi bills 1000 GB x 0.00799 = 7.99 although 558 are expected",
        id="Wasabi's floor",
    ),
    pytest.param(
        {"size": "solo", "region": "id-cgk", **ONE_BOX},
        "39.80",
        "24 x 1.2 = 28.80; volumes 50 GiB x 0.12 = 6; object storage 5",
        id="Jakarta's surcharge",
    ),
    pytest.param(
        {"size": "small", "mail": SES, **ONE_BOX},
        "59.30",
        "48 + 5; object storage 5 + 27 GB x 0.02 = 5.54; 250 mails a day x 365/12 = 7604, at 0.10 a thousand 0.76",
        id="mail by SES",
    ),
    pytest.param(
        AUS_SOCIAL_LIKE | {"storage": AWS},
        "359.45",
        "machines, balancer and volumes 286; S3 in Sydney: media 1044 x 0.025 = 26.10, backups 70 x 0.025 = 1.75, "
        "a tenth of 5000 GB less 100 free: 400 x 0.114 = 45.60",
        id="S3's egress",
    ),
    pytest.param(
        {"size": "small", "storage": WASABI, "backups": {"provider": "linode"}, **ONE_BOX},
        "65.99",
        "48 + 5; Wasabi's floor 7.99; a Linode account of its own for backups 5",
        id="two storage accounts",
    ),
    pytest.param(
        {"size": "solo", "disposable": True, "backups": {"enabled": False}, "postgres": {"volume_gib": 0}}
        | {"redis": {"volume_gib": 0}},
        "29.00",
        "24 and object storage 5: no volumes, no backups",
        id="a trial",
    ),
]


@pytest.mark.parametrize(("said", "total", "why"), TOTALS)
def test_total_is_what_the_price_lists_add_up_to(said, total, why):
    assert cost_of(**said).total_usd_month == Decimal(total), why


def test_every_line_has_a_date_and_a_source_and_every_price_its_quantity():
    for line in cost_of(size="large", mail=SES).lines:
        assert line.source.key
        assert line.as_of.year >= 2020
        assert line.usd_month == (line.quantity * line.unit_price_usd).quantize(Decimal("0.01"))


def test_transfer_within_the_pool_is_shown_as_costing_nothing():
    line = line_of(cost_of(size="large"), "transfer")

    assert line.usd_month == 0
    assert "of 39 TB in the pool: 5 TB to people" in line.detail, "3x5 + 8 + 6 + 5 + 4 TB, and 1 with object storage"


def test_transfer_beyond_the_pool_is_billed():
    few_large = {
        "web": {"roles": ["web", "streaming"], "count": 1, "machine_type": "g6-dedicated-64"},
        "sidekiq": {"roles": ["sidekiq"], "count": 1, "machine_type": "g6-standard-32"},
        "data": {"roles": ["postgres", "redis", "monitoring"], "machine_type": "g6-dedicated-64"},
    }
    cost = cost_of(expected_monthly_active_users=100_000, storage=AWS, nodes=few_large, mail="none")
    line = line_of(cost, "transfer")

    assert line.quantity == 50_000 + 3_723 + 864 - 44_000, "people, media 102 x 1.2 x 365/12, backups; 12 + 20 + 12 TB"
    assert line.usd_month == Decimal("52.94")
    assert "transfer-overage" in {note.name for note in cost.notes}


def test_cloudflare_in_front_of_media_takes_the_transfer_over():
    fronted = cost_of(size="large", edge={"dns": "cloudflare", "media": "cloudflare"})
    line = line_of(fronted, "transfer")

    assert "1 TB to people" in line.detail, "a fifth of 5 TB, for pages and the API"
    assert line_of(fronted, "cdn").usd_month == 0
    assert fronted.of_kind(CostKind.EDGE) == 0


def test_a_region_with_its_own_price_is_billed_at_it():
    abroad = line_of(cost_of(size="large", region="br-gru"), "balancers")

    assert abroad.unit_price_usd == Decimal(14)
    assert NODEBALANCER.price_usd == Decimal(10)


def test_a_relay_of_unknown_price_counts_as_nothing_and_says_so():
    cost = cost_of(size="small", mail={"provider": "smtp", "host": "smtp.relay.example", "username": "me"})

    assert cost.of_kind(CostKind.MAIL) == 0
    assert "mail-price-unknown" in {note.name for note in cost.notes}


def test_lines_come_kind_by_kind():
    kinds = [list(CostKind).index(line.kind) for line in cost_of(size="xlarge", mail=SES).lines]

    assert kinds == sorted(kinds)


@pytest.mark.parametrize("tier", [Tier.SOLO, Tier.MEDIUM, Tier.XLARGE])
def test_the_table_of_a_tier(golden, tier):
    golden(f"cost/{tier}.txt", table(cost_of(size=tier, mail=SES)))


def test_the_table_of_ten_thousand_people_in_sydney(golden):
    golden(
        "cost/sydney.txt", table(cost_of(expected_monthly_active_users=10_000, region="ap-southeast", storage=WASABI))
    )


def test_the_page_on_the_cost_model_has_todays_totals():
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "cost-model.md").read_text(encoding="utf-8")
    sydney = cost_of(expected_monthly_active_users=10_000, region="ap-southeast", storage=WASABI)

    assert f"**{usd(sydney.total_usd_month)}** in all" in page
    assert f"{line_of(sydney, 'storage-wasabi').quantity:,} GB billed" in page
    assert f"cost {usd(cost_of(**AUS_SOCIAL_LIKE).total_usd_month)} with everything else" in page
    assert f"{plan_of(**AUS_SOCIAL_LIKE).capacity.users:,}\npeople" in page


def test_address_that_is_kept_for_records_set_by_hand_is_paid_by_the_hour():
    line = line_of(cost_of(size="solo", edge={"dns": "manual"}), "address-web-1")

    assert (line.quantity, line.unit, line.usd_month) == (Decimal(730), "hour", Decimal("4.96"))
    assert not line.confirmed, "the price is quoted by others, not by the vendor's own page"
