"""What moves in a month: to people, into the buckets, and out of them. Volumes are GB of 1000 MB."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from mastodon_infra.catalog.storage import object_store
from mastodon_infra.model.services import MediaFront, StorageProvider
from mastodon_infra.plan.edge import LOCAL_SHARE_PERCENT
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.units import GB_PER_TB, ceil_div

CACHE_HIT_PERCENT = 90
"""Media requests that a cache in front of the bucket answers by itself; the plan's capacity counts on the same."""

PAGES_SHARE_PERCENT = 20
"""What is left of the edge's egress for pages and the API once media goes another way. A planning value."""

DAYS_PER_MONTH = Decimal(365) / 12
DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class Traffic:
    """A month's expected traffic.

    Attributes:
        edge_gb: All that reaches browsers and apps.
        web_gb: Of that, what leaves the web nodes.
        bucket_gb: What leaves the media bucket: requests that no cache could answer.
        media_upload_gb: Media that the machines put into the bucket, their own people's and fetched ones.
        backup_upload_gb: Backups that the database's machine sends away.
        pool_gb: What is taken from Linode's transfer pool.
        pool_limit_gb: The pool: every machine's transfer, and the object storage's.
    """

    edge_gb: int
    web_gb: int
    bucket_gb: int
    media_upload_gb: int
    backup_upload_gb: int
    pool_gb: int
    pool_limit_gb: int

    @property
    def overage_gb(self) -> int:
        """What goes beyond the pool."""
        return max(0, self.pool_gb - self.pool_limit_gb)


def traffic_of(plan: InstancePlan) -> Traffic:
    """Expected traffic, on the safe side: what might be counted against the pool is."""
    edge = plan.demand.egress_gb_month.value
    by_cloudflare = plan.media.front is MediaFront.CLOUDFLARE
    web = ceil_div(edge * PAGES_SHARE_PERCENT, 100) if by_cloudflare else edge
    bucket = ceil_div(edge * (100 - CACHE_HIT_PERCENT), 100)
    media_upload = whole_gb(plan.demand.media_gb_day.value * (100 + LOCAL_SHARE_PERCENT) / 100 * DAYS_PER_MONTH)
    backup_upload = whole_gb(backup_gb_week(plan) * DAYS_PER_MONTH / DAYS_PER_WEEK)
    from_bucket = bucket if plan.media.provider is StorageProvider.LINODE else 0
    return Traffic(
        edge_gb=edge,
        web_gb=web,
        bucket_gb=bucket,
        media_upload_gb=media_upload,
        backup_upload_gb=backup_upload,
        pool_gb=web + from_bucket + media_upload + backup_upload,
        pool_limit_gb=_pool_gb(plan),
    )


def backup_gb_week(plan: InstancePlan) -> Decimal:
    """What a week of backups weighs: a full one and the changes after it."""
    if not plan.backups.is_enabled:
        return Decimal(0)
    return Decimal(plan.backups.stored_gb.value) / weeks_kept(plan.backups.retention_days.value)


def weeks_kept(retention_days: int) -> int:
    """Weekly full backups that are kept, so that any moment of so many days can be restored."""
    return 1 + ceil_div(retention_days, DAYS_PER_WEEK)


def providers_of(plan: InstancePlan) -> tuple[StorageProvider, ...]:
    """Who keeps a bucket of this instance, the media bucket's provider first."""
    backups = (plan.backups.provider,) if plan.backups.is_enabled else ()
    return tuple(dict.fromkeys((plan.media.provider, *backups)))


def gb_text(volume_gb: int) -> str:
    """Write a volume for people: ``800 GB``, ``1.1 TB``, ``30 TB``."""
    if volume_gb < GB_PER_TB:
        return f"{volume_gb} GB"
    return f"{Decimal(volume_gb) / GB_PER_TB:.1f}".removesuffix(".0") + " TB"


def whole_gb(volume: Decimal) -> int:
    """Round a volume up to whole GB."""
    return int(volume.to_integral_value(ROUND_CEILING))


def _pool_gb(plan: InstancePlan) -> int:
    machines = sum(node.machine.transfer_tb for node in plan.nodes) * GB_PER_TB
    store = object_store(StorageProvider.LINODE)
    included = store.included_egress_gb if store and StorageProvider.LINODE in providers_of(plan) else 0
    return machines + included
