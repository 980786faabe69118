"""The comparison of storage providers and media fronts for one instance."""

from __future__ import annotations

from typing import Any

from mastodon_infra.cli.layout import Page
from mastodon_infra.cost.compare import Alternative, compare_edges
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.units import usd


def add_choices(page: Page, spec: InstanceSpec) -> None:
    """Every choice with the whole instance's price, the cheapest first, and what it asks of the operator."""
    page.heading("Other choices for media, with what the whole instance then costs a month")
    for one in compare_edges(spec):
        now = " (now)" if one.is_current else ""
        if one.usd_month is None:
            page.text(f"not to be had  {one.title}: {one.problem}", hang=4)
            continue
        page.text(f"{usd(one.usd_month):>10}  {one.title}{now}{_difference(one)}", hang=12)
        for demand in one.demands:
            page.text(f"- {demand}", indent=14, hang=2)
        if one.changes:
            page.text(f"to choose it: {', '.join(one.changes)}", indent=14, hang=2)


def _difference(one: Alternative) -> str:
    gap = one.difference_usd_month
    if one.is_current or gap is None:
        return ""
    if gap == 0:
        return ", the same price"
    return f", {usd(abs(gap))} {'more' if gap > 0 else 'less'}"


def choices_data(spec: InstanceSpec) -> list[dict[str, Any]]:
    """The comparison as data."""
    return [
        {
            "storage": one.provider.value,
            "media_front": one.front.value,
            "title": one.title,
            "is_current": one.is_current,
            "usd_month": None if one.usd_month is None else str(one.usd_month),
            "difference_usd_month": None if one.difference_usd_month is None else str(one.difference_usd_month),
            "needed_cache_percent": one.needed_cache_percent,
            "changes": list(one.changes),
            "demands": list(one.demands),
            "problem": one.problem,
        }
        for one in compare_edges(spec)
    ]
