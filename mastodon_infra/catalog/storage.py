"""Who keeps buckets: prices, rules, endpoints, and which of a provider's regions is near to the machines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.catalog.rows import Capability, ObjectStore, Row
from mastodon_infra.catalog.sources import AKAMAI_DOCS, AWS_PRICES, WASABI_PRICES

_AWS_READ = date(2026, 7, 4)
_LINODE_READ = date(2025, 12, 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageRate(Row):
    """What a provider charges in one of its regions, where that is not the provider's usual price.

    ``name`` is ``provider/region``. Prices are US dollars per GB of 1000 MB, storage for a month.
    """

    price_usd_gb_month: Decimal
    price_usd_egress_gb: Decimal


def _aws(region: str, storage: str, egress: str, *, confirmed: bool = True) -> StorageRate:
    return StorageRate(
        name=f"aws/{region}",
        as_of=_AWS_READ,
        source=AWS_PRICES,
        confirmed=confirmed,
        price_usd_gb_month=Decimal(storage),
        price_usd_egress_gb=Decimal(egress),
    )


def _linode(region: str, storage: str, egress: str) -> StorageRate:
    return StorageRate(
        name=f"linode/{region}",
        as_of=_LINODE_READ,
        source=AKAMAI_DOCS,
        price_usd_gb_month=Decimal(storage),
        price_usd_egress_gb=Decimal(egress),
    )


STORAGE_RATES: tuple[StorageRate, ...] = (
    _linode("id-cgk", "0.024", "0.015"),
    _linode("br-gru", "0.028", "0.007"),
    # AWS: the storage price of every row was read; egress is unconfirmed where only its usual price is known.
    _aws("us-east-1", "0.023", "0.09"),
    _aws("us-east-2", "0.023", "0.09", confirmed=False),
    _aws("us-west-1", "0.026", "0.09", confirmed=False),
    _aws("us-west-2", "0.023", "0.09"),
    _aws("ca-central-1", "0.025", "0.09", confirmed=False),
    _aws("sa-east-1", "0.0405", "0.15", confirmed=False),
    _aws("eu-west-1", "0.023", "0.09"),
    _aws("eu-west-2", "0.024", "0.09", confirmed=False),
    _aws("eu-west-3", "0.024", "0.09", confirmed=False),
    _aws("eu-central-1", "0.0245", "0.09", confirmed=False),
    _aws("eu-north-1", "0.023", "0.09", confirmed=False),
    _aws("ap-southeast-1", "0.025", "0.12"),
    _aws("ap-southeast-2", "0.025", "0.114"),
    _aws("ap-southeast-3", "0.025", "0.132"),
    _aws("ap-northeast-1", "0.025", "0.114"),
    _aws("ap-south-1", "0.025", "0.1093", confirmed=False),
)
"""Regions whose price differs from the provider's row; for AWS, every region that is offered."""

_WASABI_REGIONS = (
    "us-east-1",
    "us-east-2",
    "us-central-1",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "eu-central-1",
    "eu-central-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
)

OBJECT_STORES: tuple[ObjectStore, ...] = (
    ObjectStore(
        name="linode",
        as_of=_LINODE_READ,
        source=AKAMAI_DOCS,
        title="Linode Object Storage",
        included_gb=250,
        minimum_usd_month=Decimal(5),
        price_usd_gb_month=Decimal("0.02"),
        minimum_days=0,
        free_egress_ratio=None,
        included_egress_gb=1000,
        price_usd_egress_gb=Decimal("0.005"),
        regions=tuple((row.name, row.object_storage_endpoint) for row in REGIONS if row.can(Capability.OBJECT_STORAGE)),
    ),
    ObjectStore(
        name="wasabi",
        as_of=date(2026, 7, 1),
        source=WASABI_PRICES,
        confirmed=False,
        title="Wasabi",
        included_gb=1000,
        minimum_usd_month=Decimal("7.99"),
        price_usd_gb_month=Decimal("0.00799"),
        minimum_days=90,
        free_egress_ratio=Decimal(1),
        included_egress_gb=0,
        price_usd_egress_gb=Decimal(0),
        regions=tuple((region, f"s3.{region}.wasabisys.com") for region in _WASABI_REGIONS),
    ),
    ObjectStore(
        name="aws",
        as_of=_AWS_READ,
        source=AWS_PRICES,
        title="Amazon S3, Standard class",
        included_gb=0,
        minimum_usd_month=Decimal(0),
        price_usd_gb_month=Decimal("0.023"),
        minimum_days=0,
        free_egress_ratio=None,
        included_egress_gb=100,
        price_usd_egress_gb=Decimal("0.09"),
        regions=tuple(
            (region, f"s3.{region}.amazonaws.com")
            for provider, _, region in (rate.name.partition("/") for rate in STORAGE_RATES)
            if provider == "aws"
        ),
    ),
)
"""The providers that a stack file may name.

Linode's egress comes out of the account's transfer pool, to which object storage adds its included volume.
Wasabi does not bill egress above its ratio: it may limit or suspend the account instead. AWS bills a region
at its own rate, see ``storage_rate``.
"""

_STORE_BY_NAME = {row.name: row for row in OBJECT_STORES}
_RATE_BY_NAME = {row.name: row for row in STORAGE_RATES}

_NEAREST: tuple[tuple[str, str, str, str], ...] = (
    # Linode's region, then the nearest of Linode's object storage, of Wasabi, of AWS
    ("ap-northeast", "jp-osa", "ap-northeast-1", "ap-northeast-1"),
    ("ap-south", "ap-south", "ap-southeast-1", "ap-southeast-1"),
    ("ap-southeast", "au-mel", "ap-southeast-2", "ap-southeast-2"),
    ("ap-west", "in-maa", "ap-southeast-1", "ap-south-1"),
    ("au-mel", "au-mel", "ap-southeast-2", "ap-southeast-2"),
    ("br-gru", "br-gru", "us-east-1", "sa-east-1"),
    ("ca-central", "us-ord", "ca-central-1", "ca-central-1"),
    ("de-fra-2", "de-fra-2", "eu-central-2", "eu-central-1"),
    ("es-mad", "es-mad", "eu-west-2", "eu-west-3"),
    ("eu-central", "eu-central", "eu-central-2", "eu-central-1"),
    ("eu-west", "gb-lon", "eu-west-1", "eu-west-2"),
    ("fr-par", "fr-par", "eu-west-2", "eu-west-3"),
    ("fr-par-2", "fr-par", "eu-west-2", "eu-west-3"),
    ("gb-lon", "gb-lon", "eu-west-1", "eu-west-2"),
    ("id-cgk", "id-cgk", "ap-southeast-1", "ap-southeast-3"),
    ("in-bom-2", "in-bom-2", "ap-southeast-1", "ap-south-1"),
    ("in-maa", "in-maa", "ap-southeast-1", "ap-south-1"),
    ("it-mil", "it-mil", "eu-south-1", "eu-central-1"),
    ("jp-osa", "jp-osa", "ap-northeast-2", "ap-northeast-1"),
    ("jp-tyo-3", "jp-tyo-3", "ap-northeast-1", "ap-northeast-1"),
    ("nl-ams", "nl-ams", "eu-central-1", "eu-central-1"),
    ("se-sto", "se-sto", "eu-central-1", "eu-north-1"),
    ("sg-sin-2", "sg-sin-2", "ap-southeast-1", "ap-southeast-1"),
    ("us-central", "us-ord", "us-central-1", "us-east-2"),
    ("us-east", "us-east", "us-east-1", "us-east-1"),
    ("us-iad", "us-iad", "us-east-1", "us-east-1"),
    ("us-iad-2", "us-iad", "us-east-1", "us-east-1"),
    ("us-lax", "us-lax", "us-west-2", "us-west-1"),
    ("us-mia", "us-mia", "us-east-1", "us-east-1"),
    ("us-ord", "us-ord", "us-east-1", "us-east-2"),
    ("us-sea", "us-sea", "us-west-1", "us-west-2"),
    ("us-southeast", "us-southeast", "us-east-1", "us-east-1"),
    ("us-west", "us-lax", "us-west-2", "us-west-1"),
)
_NEAREST_BY_REGION = {home: {"linode": linode, "wasabi": wasabi, "aws": aws} for home, linode, wasabi, aws in _NEAREST}


def object_store(name: str) -> ObjectStore | None:
    """The provider of that name, or None where there is no such provider."""
    return _STORE_BY_NAME.get(name)


def endpoint(store: ObjectStore, region: str) -> str | None:
    """The S3 host of a provider's region, or None where the provider does not offer that region."""
    return dict(store.regions).get(region)


def storage_rate(store: ObjectStore, region: str) -> StorageRate:
    """What the provider charges in a region: the region's own rate, else the provider's usual one."""
    own = _RATE_BY_NAME.get(f"{store.name}/{region}")
    return own or StorageRate(
        name=f"{store.name}/{region}",
        as_of=store.as_of,
        source=store.source,
        confirmed=store.confirmed,
        price_usd_gb_month=store.price_usd_gb_month,
        price_usd_egress_gb=store.price_usd_egress_gb,
    )


def nearest_region(provider: str, linode_region: str) -> str | None:
    """The provider's region that is nearest to a Linode region, or None where either is unknown.

    For ``linode`` that is the region itself where it has object storage, else a neighbour that has.
    """
    return _NEAREST_BY_REGION.get(linode_region, {}).get(provider)
