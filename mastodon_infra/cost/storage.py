"""What the buckets cost: each provider bills media and backups together, by its own rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from mastodon_infra.catalog.rows import ObjectStore
from mastodon_infra.catalog.storage import StorageRate, object_store, storage_rate
from mastodon_infra.cost.traffic import (
    CACHE_HIT_PERCENT,
    DAYS_PER_WEEK,
    Traffic,
    backup_gb_week,
    gb_text,
    providers_of,
    weeks_kept,
    whole_gb,
)
from mastodon_infra.cost.types import CostKind, CostLine, to_cents
from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import ceil_div


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket as its provider sees it. GB are whole.

    Attributes:
        what: ``media`` or ``backups``.
        stored_gb: What lies in it.
        billed_gb: What is billed for it: with a minimum storage duration, also what was deleted too early.
    """

    what: str
    region: str
    stored_gb: int
    billed_gb: int


def storage_lines(plan: InstancePlan, traffic: Traffic) -> Iterator[CostLine]:
    """One group of lines for each provider; minimum charges and free volumes count once an account."""
    for provider in providers_of(plan):
        store = object_store(provider)
        if store is None:
            continue
        buckets = buckets_at(plan, store)
        if store.minimum_days:
            yield _pooled_line(plan, store, buckets)
        else:
            yield from _metered_lines(store, buckets)
        if plan.media.provider is provider:
            yield from _egress_lines(plan, store, traffic)


def buckets_at(plan: InstancePlan, store: ObjectStore) -> tuple[Bucket, ...]:
    """The instance's buckets at one provider."""
    found = []
    if plan.media.provider == store.name:
        found.append(_media_bucket(plan, store))
    if plan.backups.is_enabled and plan.backups.provider == store.name:
        found.append(_backup_bucket(plan, store))
    return tuple(found)


def needed_cache_percent(plan: InstancePlan, traffic: Traffic) -> int | None:
    """Media requests that the cache must answer so that egress stays within the provider's ratio; None without one."""
    store = object_store(plan.media.provider)
    if store is None or store.free_egress_ratio is None:
        return None
    free = int(plan.media.stored_gb.value * store.free_egress_ratio)
    return max(0, ceil_div((traffic.edge_gb - free) * 100, traffic.edge_gb)) if traffic.edge_gb else 0


def _media_bucket(plan: InstancePlan, store: ObjectStore) -> Bucket:
    """Own media stay for ever; other servers' are billed up to the provider's minimum age, however soon they go."""
    media, inflow = plan.media, plan.demand.media_gb_day.value
    retention = media.remote_retention_days.value
    too_early = max(0, store.minimum_days - retention)
    stored = media.stored_gb.value
    return Bucket("media", media.region, stored, stored + whole_gb(inflow * too_early))


def _backup_bucket(plan: InstancePlan, store: ObjectStore) -> Bucket:
    backups = plan.backups
    kept_days = weeks_kept(backups.retention_days.value) * DAYS_PER_WEEK
    too_early = max(0, store.minimum_days - kept_days)
    deleted = whole_gb(backup_gb_week(plan) / DAYS_PER_WEEK * too_early)
    return Bucket("backups", backups.region, backups.stored_gb.value, backups.stored_gb.value + deleted)


def _pooled_line(plan: InstancePlan, store: ObjectStore, buckets: tuple[Bucket, ...]) -> CostLine:
    """All that one account keeps, in one line, with the least volume that is billed."""
    expected = sum(bucket.billed_gb for bucket in buckets)
    billed = max(store.included_gb, expected)
    stored = sum(bucket.stored_gb for bucket in buckets)
    parts = ", ".join(f"{bucket.what} {gb_text(bucket.billed_gb)}" for bucket in buckets)
    floor = f"; at least {gb_text(store.included_gb)} is billed" if billed > expected else ""
    early = f"; {gb_text(stored)} of it stored, the rest deleted before day {store.minimum_days}"
    rate = storage_rate(store, plan.media.region if plan.media.provider == store.name else plan.backups.region)
    return _line(
        f"storage-{store.name}",
        f"{store.title}: {' and '.join(bucket.what for bucket in buckets)}",
        Decimal(billed),
        rate,
        detail=f"{parts}{early if expected > stored else ''}{floor}",
    )


def _metered_lines(store: ObjectStore, buckets: tuple[Bucket, ...]) -> Iterator[CostLine]:
    """The minimum charge with its volume, then each bucket's volume beyond it at its region's rate."""
    free = store.included_gb
    if store.minimum_usd_month:
        yield CostLine(
            name=f"storage-{store.name}",
            kind=CostKind.STORAGE,
            title=f"{store.title}, the first {gb_text(free)}",
            quantity=Decimal(1),
            unit="account",
            unit_price_usd=store.minimum_usd_month,
            usd_month=to_cents(store.minimum_usd_month),
            as_of=store.as_of,
            source=store.source,
            confirmed=store.confirmed,
            detail=", ".join(f"{bucket.what} {gb_text(bucket.billed_gb)}" for bucket in buckets),
        )
    for bucket in buckets:
        covered = min(free, bucket.billed_gb)
        free -= covered
        beyond = bucket.billed_gb - covered
        if beyond or not store.minimum_usd_month:
            yield _line(
                f"storage-{store.name}-{bucket.what}",
                f"{store.title}: {bucket.what}",
                Decimal(beyond),
                storage_rate(store, bucket.region),
                detail=f"beyond the included volume, in {bucket.region}" if covered else f"in {bucket.region}",
            )


def _egress_lines(plan: InstancePlan, store: ObjectStore, traffic: Traffic) -> Iterator[CostLine]:
    """What leaves the media bucket, where it is billed or bound to what is stored; Linode takes it from the pool."""
    rate = storage_rate(store, plan.media.region)
    leaves = f"{gb_text(traffic.bucket_gb)} leave the bucket when the cache answers {CACHE_HIT_PERCENT} %"
    if store.free_egress_ratio is not None:
        needed = needed_cache_percent(plan, traffic)
        yield _line(
            f"egress-{store.name}",
            f"{store.title}: egress",
            Decimal(traffic.bucket_gb),
            rate,
            price=rate.price_usd_egress_gb,
            detail=f"{leaves}; free up to the {gb_text(plan.media.stored_gb.value)} stored, so {needed} % would do",
        )
    elif plan.media.provider is not StorageProvider.LINODE:
        yield _line(
            f"egress-{store.name}",
            f"{store.title}: egress",
            Decimal(max(0, traffic.bucket_gb - store.included_egress_gb)),
            rate,
            price=rate.price_usd_egress_gb,
            detail=f"{leaves}; {gb_text(store.included_egress_gb)} are free",
        )


def _line(
    name: str, title: str, quantity: Decimal, rate: StorageRate, *, detail: str, price: Decimal | None = None
) -> CostLine:
    unit_price = rate.price_usd_gb_month if price is None else price
    return CostLine(
        name=name,
        kind=CostKind.STORAGE,
        title=title,
        quantity=quantity,
        unit="GB",
        unit_price_usd=unit_price,
        usd_month=to_cents(quantity * unit_price),
        as_of=rate.as_of,
        source=rate.source,
        confirmed=rate.confirmed,
        detail=detail,
    )
