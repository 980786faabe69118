"""The first limit of capacity and the ways out of it, each found by planning and pricing it for real."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain

from mastodon_infra.cost.estimate import estimate
from mastodon_infra.cost.growth import UNITS, remedies, unit_path
from mastodon_infra.cost.variants import Change, changed, planned, words
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.tier import LARGEST_MAU, Tier, tier_for
from mastodon_infra.plan.capacity_types import Limit
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import ceil_div

LEAST_GAIN_PERCENT = 10
TARGET_PERCENT = 125
GROWTH_PERCENT = (125, 200)
MOST_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Step:
    """A way to carry more people.

    Attributes:
        changes: Lines of the stack file that lead there; empty where nothing in it changes.
        description: The same as one sentence.
        users: Monthly active users that the instance then carries.
        first_limit: What runs out first then.
        usd_month: What the whole instance then costs.
        difference_usd_month: Against today.
        spec: The changed spec, ready to be written.
    """

    changes: tuple[str, ...]
    description: str
    users: int
    first_limit: Limit
    usd_month: Decimal
    difference_usd_month: Decimal
    spec: InstanceSpec


@dataclass(frozen=True, slots=True)
class _State:
    """Where a search stands: what was changed in the stack file, and what that gives."""

    plan: InstancePlan
    usd_month: Decimal
    changes: tuple[Change, ...] = ()

    @property
    def limit(self) -> Limit:
        """What runs out first."""
        return self.plan.capacity.first

    @property
    def to_ask_for(self) -> tuple[Limit, ...]:
        """Limits below that number which a vendor lifts for nothing; someone has to ask."""
        limits = self.plan.capacity.limits
        return tuple(limit for limit in limits if limit.is_lifted_on_request and limit.users.value < self.users)

    @property
    def users(self) -> int:
        """Monthly active users that this carries."""
        return self.limit.users.value


def next_steps(spec: InstanceSpec, plan: InstancePlan) -> tuple[Step, ...]:
    """Ways to carry at least a tenth more people, the cheapest first; none that another way outdoes.

    Looked at are: more expected users, which lets the planner grow everything; the next size; and lifting one
    limit after the other in place.
    """
    start = _State(plan, estimate(plan).total_usd_month)
    least = max(start.users + 1, start.users * (100 + LEAST_GAIN_PERCENT) // 100)
    states = chain(_more_users(start), _next_sizes(spec, start), _climb(start))
    raising = [state for state in states if state.users >= least]
    return tuple(_step(start, state) for state in _worth_it(raising, plan))


def cheapest_step(spec: InstanceSpec, plan: InstancePlan) -> Step | None:
    """The cheapest way to carry at least a tenth more people; None where none was found."""
    return next(iter(next_steps(spec, plan)), None)


def _more_users(start: _State) -> Iterator[_State]:
    """The planner's own answers to more people; mail's quota has to be lifted for them as well."""
    spec, users = start.plan.spec, max(start.users, start.plan.demand.users.value)
    promise = tier_for(users).monthly_active_users
    targets = {_rounded(users * percent // 100) for percent in GROWTH_PERCENT} | {promise}
    for target in sorted(target for target in targets if users < target <= LARGEST_MAU):
        changes: list[Change] = [(("expected_monthly_active_users",), target)]
        if spec.size is not None:
            changes.append((("size",), None))
        yield from _state(start, *changes)


def _next_sizes(spec: InstanceSpec, start: _State) -> Iterator[_State]:
    tiers = list(Tier)
    following = tiers[tiers.index(start.plan.tier) + 1 :][:1]
    for tier in following:
        if spec.size is not None:
            yield from _state(start, (("size",), tier.value))
        elif tier.monthly_active_users > start.plan.demand.users.value:
            yield from _state(start, (("expected_monthly_active_users",), tier.monthly_active_users))


def _climb(start: _State) -> Iterator[_State]:
    """Lift the first limit in the cheapest way, then the next one, until a quarter more people fit."""
    state = start
    target = state.users * TARGET_PERCENT // 100
    for _ in range(MOST_ROUNDS):
        lifted = list(_lifted(state, target))
        if not lifted:
            return
        state = min(lifted, key=lambda one: one.usd_month)
        yield state
        if state.users >= target:
            return


def _lifted(state: _State, target: int) -> Iterator[_State]:
    """States in which the first limit lies higher."""
    limit = state.limit
    for moves in remedies(state.plan, limit, target):
        plan = planned(state.plan.spec, *moves)
        if plan is not None and _users_by(plan, limit.name) > limit.users.value:
            changes = tuple(dict([*state.changes, *moves]).items())
            yield _State(plan, estimate(plan).total_usd_month, changes)


def _users_by(plan: InstancePlan, name: str) -> int:
    """Users by one limit; more than there can be where the limit is gone."""
    limits = (limit for limit in plan.capacity.limits if limit.name == name)
    return next((limit.users.value for limit in limits), LARGEST_MAU + 1)


def _state(start: _State, *changes: Change) -> Iterator[_State]:
    plan = planned(start.plan.spec, *changes)
    if plan is not None:
        yield _State(plan, estimate(plan).total_usd_month, changes)


def _worth_it(states: list[_State], plan: InstancePlan) -> Iterator[_State]:
    """One for each price, without those that an easier way outdoes: a line to write weighs as 1 % of the price."""

    def weight(state: _State) -> tuple[Decimal, int]:
        lines = len(tuple(_lines(plan, state.changes))) + len(state.to_ask_for)
        return state.usd_month * (100 + lines), -state.users

    most, kept = 0, dict[Decimal, _State]()
    for state in sorted(states, key=weight):
        if state.users > most:
            most = state.users
            kept[state.usd_month] = state
    yield from (kept[usd_month] for usd_month in sorted(kept))


def _step(start: _State, state: _State) -> Step:
    changes = tuple(_lines(start.plan, state.changes))
    outside = tuple(limit.remedy for limit in state.to_ask_for)
    return Step(
        changes=changes,
        description="; ".join((*changes, *outside)),
        users=state.users,
        first_limit=state.limit,
        usd_month=state.usd_month,
        difference_usd_month=state.usd_month - start.usd_month,
        spec=changed(start.plan.spec, *state.changes),
    )


def _lines(plan: InstancePlan, changes: tuple[Change, ...]) -> Iterator[str]:
    """The stack file's lines; of sidekiq units that repeat the plan's only what differs."""
    planned_units = {unit_path(unit.name): unit.processes.value for unit in plan.sidekiq}
    for change in changes:
        path, value = change
        if path[: len(UNITS)] != UNITS:
            yield words(change)
        elif path in planned_units and value != planned_units[path]:
            yield f"{words(change)} (now {planned_units[path]})"


def _rounded(users: int) -> int:
    """Up to two digits: 3,788 becomes 3,800."""
    step = int(10 ** max(0, len(str(users)) - 2))
    return ceil_div(users, step) * step
