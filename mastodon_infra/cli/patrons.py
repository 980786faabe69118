"""Who pays for it: the balance of an instance that says so, and the patrons that would cover the cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mastodon_infra.cli.layout import Page, counted, listed, trimmed
from mastodon_infra.cost.funding import FundingReport, PatronsNeeded, funding, patrons_needed
from mastodon_infra.cost.types import CostEstimate
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import usd

SHOWN_GIFTS_USD = (Decimal(3), Decimal(5))


def add_funding(page: Page, plan: InstancePlan, price: CostEstimate) -> None:
    """Income against cost, where the stack file names any; else how many patrons would do."""
    report = funding(plan.spec.funding, price)
    if report is None:
        page.heading("Patrons that would cover it, after fees")
        page.entries(_platform_rows(patrons_needed(price)))
        page.text("Write funding in the stack file to see your own balance.")
        return
    page.heading("Funding")
    page.entries(_balance_rows(report))
    if report.patrons_missing:
        page.text(f"To cover it: {_any_of(report.patrons_missing)} more on {report.fees.title}.")


def _balance_rows(report: FundingReport) -> list[tuple[str, str]]:
    given = f"{counted(report.patrons, 'patron')} give {usd(report.gifts_usd_month)}"
    kept = f"{report.fees.title} keeps {usd(report.fees_usd_month)}"
    other = f"other income {usd(report.other_income_usd_month)}"
    rows = [
        ("income", f"{usd(report.income_usd_month)} a month: {given}, {kept}, {other}"),
        ("balance", _balance_words(report)),
    ]
    if report.reserve_usd and report.months_of_cost is not None:
        until = report.months_until_empty
        lasts = f"{trimmed(until)} months at this balance" if until is not None else "untouched at this balance"
        rows.append(("reserve", f"{usd(report.reserve_usd)}: {trimmed(report.months_of_cost)} months of cost, {lasts}"))
    return rows


def _balance_words(report: FundingReport) -> str:
    gap = report.balance_usd_month
    return f"{usd(gap)} a month are left over" if gap >= 0 else f"{usd(-gap)} a month are missing"


def _platform_rows(needed: tuple[PatronsNeeded, ...]) -> list[tuple[str, str]]:
    titles = dict.fromkeys(one.title for one in needed)
    return [(title, _any_of(tuple(one for one in needed if one.title == title))) for title in titles]


def _any_of(needed: tuple[PatronsNeeded, ...]) -> str:
    words = [
        f"{counted(one.patrons, 'patron')} at ${trimmed(one.gift_usd)} ({trimmed(one.percent_of_users)} % of users)"
        for one in needed
        if one.gift_usd in SHOWN_GIFTS_USD and one.patrons is not None and one.percent_of_users is not None
    ]
    return listed(words, last="or")


def funding_data(plan: InstancePlan, price: CostEstimate) -> dict[str, Any]:
    """Balance and patrons as data."""
    report = funding(plan.spec.funding, price)
    data: dict[str, Any] = {"patrons_needed": [_patrons_data(one) for one in patrons_needed(price)], "report": None}
    if report is not None:
        data["report"] = {
            "platform": report.platform.value,
            "patrons": report.patrons,
            "income_usd_month": str(report.income_usd_month),
            "fees_usd_month": str(report.fees_usd_month),
            "balance_usd_month": str(report.balance_usd_month),
            "is_covered": report.is_covered,
            "reserve_usd": str(report.reserve_usd),
            "months_of_cost": None if report.months_of_cost is None else str(report.months_of_cost),
            "months_until_empty": None if report.months_until_empty is None else str(report.months_until_empty),
            "patrons_missing": [_patrons_data(one) for one in report.patrons_missing],
        }
    return data


def _patrons_data(one: PatronsNeeded) -> dict[str, Any]:
    return {
        "platform": one.platform.value,
        "gift_usd": str(one.gift_usd),
        "patrons": one.patrons,
        "percent_of_users": None if one.percent_of_users is None else str(one.percent_of_users),
    }
