"""The next steps: each is planned and priced again here, from the spec that it gives."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastodon_infra.cost.estimate import estimate
from mastodon_infra.cost.growth import remedies
from mastodon_infra.cost.steps import LEAST_GAIN_PERCENT, cheapest_step, next_steps
from mastodon_infra.cost.variants import planned, words
from mastodon_infra.errors import PlanError
from mastodon_infra.plan.instance import plan_instance
from tests.unit.cost.made import AUS_SOCIAL_LIKE, SES, WASABI, plan_of, spec_of

UNITS = {
    "all": {"queues": ["scheduler", "mailers", "fasp"], "concurrency": 5, "processes": 1},
    "busy": {"queues": {"default": 8, "push": 6, "ingress": 4, "pull": 1}, "concurrency": 10, "processes": 3},
}


def users_of(plan):
    """What a plan carries once the limits are gone that others lift on request."""
    return next(limit.users.value for limit in plan.capacity.limits if not limit.is_lifted_on_request)


def steps_of(**said):
    spec = spec_of(**said)
    return next_steps(spec, plan_instance(spec))


def check(spec):
    plan = plan_instance(spec)
    today = estimate(plan).total_usd_month
    steps = next_steps(spec, plan)
    for step in steps:
        after = plan_instance(step.spec)
        assert step.users >= plan.capacity.users * (100 + LEAST_GAIN_PERCENT) // 100
        assert step.users in {after.capacity.users, users_of(after)}
        assert step.usd_month == estimate(after).total_usd_month
        assert step.difference_usd_month == step.usd_month - today
        assert step.description
    assert [step.usd_month for step in steps] == sorted(step.usd_month for step in steps)
    return steps


@pytest.mark.parametrize("size", ["solo", "small", "medium", "large", "xlarge"])
def test_every_tier_has_a_next_step_that_carries_more(size):
    assert check(spec_of(size=size))


@settings(max_examples=15)
@given(st.integers(1, 70_000), st.sampled_from([{}, WASABI]), st.sampled_from(["none", SES]))
def test_every_step_really_raises_capacity(users, storage, mail):
    assert check(spec_of(expected_monthly_active_users=users, storage=storage, mail=mail))


def test_the_cheapest_step_is_the_first():
    spec = spec_of(size="medium")
    plan = plan_instance(spec)

    assert cheapest_step(spec, plan) == next_steps(spec, plan)[0]


def test_asked_counts_are_raised_where_they_hold_the_instance_back():
    first = steps_of(**AUS_SOCIAL_LIKE)[0]

    assert plan_of(**AUS_SOCIAL_LIKE).capacity.first.name == "puma-threads"
    assert first.changes == ("nodes.web.count: 3",)
    assert first.difference_usd_month == 48


def test_units_of_the_planner_are_written_out_but_only_what_differs_is_said():
    step = next(step for step in steps_of(size="large") if "sidekiq.units.ingress.processes" in step.description)

    assert set(step.spec.sidekiq.units) == {unit.name for unit in plan_of(size="large").sidekiq}
    assert all("processes" in change or "nodes" in change for change in step.changes)


def test_units_of_the_operator_get_more_processes():
    said = {"expected_monthly_active_users": 2000, "sidekiq": {"units": UNITS}}

    assert any(change.startswith("sidekiq.units.busy.processes: ") for change in steps_of(**said)[0].changes)


def test_a_full_volume_grows():
    said = {"size": "large", "postgres": {"volume_gib": 40}}

    assert any("postgres.volume_gib" in change for step in steps_of(**said) for change in step.changes)


def test_threads_that_were_asked_for_may_go():
    said = {"size": "large", "web": {"workers": 2}, "nodes": {"web": {"count": 3}}}

    assert steps_of(**said)[0].changes == ("leave out web.workers",)


def test_the_mail_quota_does_not_count_but_somebody_must_ask():
    with_quota, without = steps_of(size="large", mail=SES)[0], steps_of(size="large")[0]

    assert with_quota.users == without.users
    assert "ask Amazon" in with_quota.description
    assert "ask Amazon" not in without.description
    assert with_quota.first_limit.name != "mail-quota"


def test_a_bucket_that_may_not_give_more_keeps_media_longer():
    plan = plan_of(size="large", storage=WASABI)
    limit = next(limit for limit in plan.capacity.limits if limit.name == "media-egress")

    moves = list(remedies(plan, limit, limit.users.value * 2))
    longer = planned(plan.spec, *moves[0])

    assert words(moves[0][0]) == "mastodon.remote_media_retention_days: 90"
    assert longer is not None
    assert estimate(longer).total_usd_month == estimate(plan).total_usd_month, "Wasabi bills 90 days anyway"
    assert all(planned(plan.spec, *move) for move in moves)


def test_no_move_is_known_for_a_limit_of_another_kind():
    plan = plan_of(size="large")

    assert list(remedies(plan, replace(plan.capacity.first, name="patience"), 1)) == []


def test_there_is_no_step_beyond_the_largest_number():
    spec = spec_of(expected_monthly_active_users=100_000)
    try:
        plan = plan_instance(spec)
    except PlanError:
        pytest.skip("the planner refuses that many")

    assert all(step.users > plan.capacity.users for step in next_steps(spec, plan))
