"""Laws of a price, over many instances."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from mastodon_infra.cost.difference import difference
from mastodon_infra.model.tier import LARGEST_MAU, tier_for
from tests.unit.cost.made import SES, cost_of

USERS = st.integers(1, LARGEST_MAU)
CHOICES = st.fixed_dictionaries(
    {
        "storage": st.sampled_from([{"provider": name} for name in ("linode", "wasabi", "aws")]),
        "edge": st.sampled_from([{}, {"dns": "cloudflare", "media": "cloudflare", "proxied": True}]),
        "mail": st.sampled_from(["none", SES]),
        "region": st.sampled_from(["au-mel", "us-ord", "br-gru", "eu-central"]),
        "mastodon": st.sampled_from([{}, {"remote_media_retention_days": 3}, {"remote_media_retention_days": 200}]),
    }
)
LAW = settings(max_examples=40)


@LAW
@given(USERS, CHOICES)
def test_the_total_is_the_sum_of_the_lines(users, choices):
    cost = cost_of(expected_monthly_active_users=users, **choices)

    assert cost.total_usd_month == sum(line.usd_month for line in cost.lines)
    assert abs(cost.per_active_user_usd * users - cost.total_usd_month) <= users * Decimal("0.00005")
    assert cost.oldest_fact == min(line.as_of for line in cost.lines)
    assert len({line.name for line in cost.lines}) == len(cost.lines)
    assert all(line.usd_month >= 0 for line in cost.lines)


TIERS = [(1, 100), (101, 1_000), (1_001, 3_000), (3_001, 10_000), (10_001, 100_000)]
TWO_OF_A_TIER = st.sampled_from(TIERS).flatmap(lambda ends: st.tuples(st.integers(*ends), st.integers(*ends)))


@LAW
@given(TWO_OF_A_TIER, CHOICES)
def test_the_price_never_falls_when_users_grow_within_a_tier(users, choices):
    fewer, more = sorted(users)
    assert tier_for(fewer) is tier_for(more)

    cheaper, dearer = (cost_of(expected_monthly_active_users=users, **choices) for users in (fewer, more))

    assert cheaper.total_usd_month <= dearer.total_usd_month


@LAW
@given(USERS, CHOICES)
def test_the_same_spec_costs_the_same(users, choices):
    one, other = (cost_of(expected_monthly_active_users=users, **choices) for _ in range(2))

    assert one == other
    assert difference(one, other).changes == ()


@LAW
@given(USERS, USERS)
def test_a_difference_adds_up(one, other):
    before, after = (cost_of(expected_monthly_active_users=users) for users in (one, other))

    found = difference(before, after)

    assert found.difference_usd_month == after.total_usd_month - before.total_usd_month
    assert found.difference_usd_month == sum(change.difference_usd_month for change in found.changes)
