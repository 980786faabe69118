"""Who pays for it: income after fees, the balance, the reserve, and how many patrons would cover the cost."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal

from mastodon_infra.catalog.prices import FUNDING_FEES, FundingFees, funding_fees
from mastodon_infra.cost.types import CostEstimate, to_cents
from mastodon_infra.model.funding import FundingPlatform, FundingSpec

GIFTS_USD = (Decimal(1), Decimal(3), Decimal(5), Decimal(10))
"""Monthly gifts that the table shows."""

TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class PatronsNeeded:
    """How many patrons who give the same would cover a cost on one platform.

    Attributes:
        platform: The platform as the stack file names it.
        title: What people call it.
        gift_usd: What one patron gives in a month.
        net_usd: What arrives of it.
        patrons: How many are needed; None where the fees eat the gift.
        percent_of_users: Their share of the monthly active users; None as above.
    """

    platform: FundingPlatform
    title: str
    gift_usd: Decimal
    net_usd: Decimal
    patrons: int | None
    percent_of_users: Decimal | None


@dataclass(frozen=True, slots=True)
class FundingReport:
    """A month of income against a month of cost, US dollars.

    Attributes:
        platform: Where the patrons pay.
        fees: What the platform keeps, with date and source.
        patrons: How many there are.
        gifts_usd_month: What they give.
        fees_usd_month: What does not arrive of it.
        other_income_usd_month: Other income, after fees.
        income_usd_month: All that arrives.
        cost_usd_month: What the plan costs.
        balance_usd_month: What is left; negative where money is missing.
        reserve_usd: What has been saved.
        months_of_cost: Months that the reserve pays alone, without any income; None where nothing costs anything.
        months_until_empty: Months until the reserve is used up at this balance; None where it never is.
        per_active_user_usd: The cost for each monthly active user.
        income_per_active_user_usd: The income for each of them.
        patrons_needed: Patrons that would cover the whole cost, on every platform.
        patrons_missing: Further patrons on the own platform that would cover what is missing; empty when nothing is.
    """

    platform: FundingPlatform
    fees: FundingFees
    patrons: int
    gifts_usd_month: Decimal
    fees_usd_month: Decimal
    other_income_usd_month: Decimal
    income_usd_month: Decimal
    cost_usd_month: Decimal
    balance_usd_month: Decimal
    reserve_usd: Decimal
    months_of_cost: Decimal | None
    months_until_empty: Decimal | None
    per_active_user_usd: Decimal
    income_per_active_user_usd: Decimal
    patrons_needed: tuple[PatronsNeeded, ...]
    patrons_missing: tuple[PatronsNeeded, ...]

    @property
    def is_covered(self) -> bool:
        """Whether the income pays for everything."""
        return self.balance_usd_month >= 0


def funding(spec: FundingSpec | None, estimate: CostEstimate) -> FundingReport | None:
    """Hold income against cost; None where the stack file says nothing about funding."""
    fees = funding_fees(spec.platform) if spec else None
    if spec is None or fees is None:
        return None
    gifts = sum((tier.usd_month * tier.patrons for tier in spec.patron_tiers), Decimal(0))
    arriving = to_cents(sum((net_of(tier.usd_month, fees) * tier.patrons for tier in spec.patron_tiers), Decimal(0)))
    cost = estimate.total_usd_month
    income = arriving + spec.other_income_usd_month
    balance = income - cost
    return FundingReport(
        platform=spec.platform,
        fees=fees,
        patrons=sum(tier.patrons for tier in spec.patron_tiers),
        gifts_usd_month=to_cents(gifts),
        fees_usd_month=to_cents(gifts) - arriving,
        other_income_usd_month=to_cents(spec.other_income_usd_month),
        income_usd_month=to_cents(income),
        cost_usd_month=cost,
        balance_usd_month=to_cents(balance),
        reserve_usd=to_cents(spec.reserve_usd),
        months_of_cost=_months(spec.reserve_usd, cost),
        months_until_empty=_months(spec.reserve_usd, -balance),
        per_active_user_usd=estimate.per_active_user_usd,
        income_per_active_user_usd=(income / estimate.users).quantize(Decimal("0.0001"), ROUND_HALF_UP),
        patrons_needed=patrons_needed(estimate),
        patrons_missing=tuple(_needed(fees, gift, -balance, estimate.users) for gift in GIFTS_USD)
        if balance < 0
        else (),
    )


def patrons_needed(estimate: CostEstimate) -> tuple[PatronsNeeded, ...]:
    """Patrons that would cover the whole cost: every platform with every gift of the table."""
    cost = estimate.total_usd_month
    return tuple(_needed(fees, gift, cost, estimate.users) for fees in FUNDING_FEES for gift in GIFTS_USD)


def net_of(gift_usd: Decimal, fees: FundingFees) -> Decimal:
    """What arrives of one monthly gift; zero where the fees are as large as the gift."""
    share = (100 - fees.platform_percent - fees.processing_percent) / 100
    return max(Decimal(0), gift_usd * share - fees.processing_fixed_usd)


def _needed(fees: FundingFees, gift: Decimal, cost: Decimal, users: int) -> PatronsNeeded:
    net = net_of(gift, fees)
    patrons = int((cost / net).to_integral_value(ROUND_CEILING)) if net else None
    share = None if patrons is None else (Decimal(patrons) * 100 / users).quantize(TENTH, ROUND_HALF_UP)
    return PatronsNeeded(FundingPlatform(fees.name), fees.title, gift, net, patrons, share)


def _months(amount: Decimal, per_month: Decimal) -> Decimal | None:
    """How long an amount lasts, to a tenth of a month; never said longer than it is."""
    return (amount / per_month).quantize(TENTH, ROUND_DOWN) if per_month > 0 else None
