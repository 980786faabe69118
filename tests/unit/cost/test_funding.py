"""Income against cost, and how many patrons would pay for it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.catalog.prices import FUNDING_FEES, funding_fees
from mastodon_infra.cost.funding import GIFTS_USD, funding, net_of, patrons_needed
from mastodon_infra.model.funding import FundingPlatform, FundingSpec
from tests.unit.cost.made import cost_of

SMALL = cost_of(size="small")


def report(**said):
    found = funding(FundingSpec.model_validate(said), SMALL)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("platform", "gift", "net", "why"),
    [
        ("direct", "5", "5", "nothing is kept"),
        ("patreon", "5", "4.055", "5 less 10 % and 2.9 % and 0.30"),
        ("ko-fi", "1", "0.621", "1 less 5 % and 2.9 % and 0.30"),
        ("liberapay", "10", "9.41", "10 less 2.9 % and 0.30"),
        ("patreon", "0.20", "0", "the fixed part alone is more"),
    ],
)
def test_what_arrives_of_a_gift(platform, gift, net, why):
    fees = funding_fees(platform)

    assert fees is not None
    assert net_of(Decimal(gift), fees) == Decimal(net), why


def test_a_month_by_hand():
    found = report(
        platform="patreon",
        patron_tiers=[{"usd_month": 3, "patrons": 10}, {"usd_month": 10, "patrons": 2}],
        other_income_usd_month="5",
        reserve_usd="100",
    )

    assert SMALL.total_usd_month == Decimal("58.54")
    assert found.patrons == 12
    assert found.gifts_usd_month == 50, "30 and 20"
    assert found.income_usd_month == Decimal("44.95"), "10 x (3 x 0.871 - 0.30) + 2 x (8.71 - 0.30) = 39.95, and 5"
    assert found.fees_usd_month == Decimal("10.05")
    assert found.balance_usd_month == Decimal("-13.59")
    assert not found.is_covered
    assert found.months_until_empty == Decimal("7.3"), "100 / 13.59"
    assert found.months_of_cost == Decimal("1.7"), "100 / 58.54"
    missing = {one.gift_usd: one.patrons for one in found.patrons_missing}
    assert missing[Decimal(3)] == 6, "13.59 / 2.313 = 5.9"


def test_a_surplus_empties_no_reserve():
    found = report(patron_tiers=[{"usd_month": 10, "patrons": 6}])

    assert found.is_covered
    assert found.balance_usd_month == Decimal("1.46")
    assert found.months_until_empty is None
    assert found.patrons_missing == ()


def test_without_a_word_on_funding_there_is_no_report():
    assert funding(None, SMALL) is None
    assert patrons_needed(SMALL)


def test_the_table_has_every_platform_with_every_gift():
    found = {(one.platform, one.gift_usd) for one in patrons_needed(SMALL)}

    assert found == {(FundingPlatform(fees.name), gift) for fees in FUNDING_FEES for gift in GIFTS_USD}


@given(st.integers(1, 20_000))
def test_so_many_patrons_are_enough_and_one_fewer_is_not(users):
    cost = cost_of(expected_monthly_active_users=users)

    for one in patrons_needed(cost):
        assert one.patrons is not None
        assert one.patrons * one.net_usd >= cost.total_usd_month > (one.patrons - 1) * one.net_usd
        assert one.percent_of_users is not None
