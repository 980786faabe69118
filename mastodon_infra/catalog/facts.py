"""All tables of the catalog as one list, to see what has grown old. The day is always given, never read."""

from __future__ import annotations

from datetime import date, timedelta
from functools import singledispatch

from mastodon_infra.catalog.limits import LIMITS, NETWORKS, Network
from mastodon_infra.catalog.machine_types import MACHINE_TYPES
from mastodon_infra.catalog.mail import BLOCKED_PORT_ROWS, MAIL_PROVIDERS
from mastodon_infra.catalog.prices import FUNDING_FEES, PRICES, FundingFees
from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.catalog.rows import (
    Limit,
    MachineType,
    MailProvider,
    ObjectStore,
    Price,
    Region,
    Row,
    Version,
)
from mastodon_infra.catalog.storage import OBJECT_STORES, STORAGE_RATES, StorageRate
from mastodon_infra.catalog.versions import MASTODON_SERIES, VERSIONS, Series
from mastodon_infra.units import mib_text, usd

FRESH_DAYS = 90
"""A fact counts as fresh for so many days after it was last confirmed."""

_TABLES: tuple[tuple[str, tuple[Row, ...]], ...] = (
    ("machine types", MACHINE_TYPES),
    ("regions", REGIONS),
    ("object stores", OBJECT_STORES),
    ("storage rates", STORAGE_RATES),
    ("mail", MAIL_PROVIDERS),
    ("blocked ports", BLOCKED_PORT_ROWS),
    ("prices", PRICES),
    ("funding fees", FUNDING_FEES),
    ("limits", LIMITS),
    ("networks", NETWORKS),
    ("versions", VERSIONS),
    ("mastodon series", MASTODON_SERIES),
)


def all_rows() -> tuple[tuple[str, Row], ...]:
    """Every fact with the name of its table, in a fixed order."""
    return tuple((table, row) for table, rows in _TABLES for row in rows)


def stale_rows(today: date, days: int = FRESH_DAYS) -> tuple[tuple[str, Row], ...]:
    """The facts that were last confirmed more than ``days`` days before ``today``, oldest first."""
    oldest_fresh = today - timedelta(days=days)
    stale = [(table, row) for table, row in all_rows() if row.as_of < oldest_fresh]
    return tuple(sorted(stale, key=lambda entry: entry[1].as_of))


def describe(row: Row) -> str:
    """A fact in one line: what it says, where it was read and when, and whether that is sure."""
    doubt = "" if row.confirmed else ", unconfirmed"
    return f"{row.name}: {words(row)} ({row.source.key}, {row.as_of.isoformat()}{doubt})"


@singledispatch
def words(row: Row) -> str:
    """What the row says; each kind of row registers its own sentence."""
    raise TypeError(f"no words for a row of type {type(row).__name__}")


@words.register
def _(row: MachineType) -> str:
    return (
        f"{row.family}, {row.vcpus} vCPU, {mib_text(row.memory_mib)}, {row.disk_gib} GiB disk, "
        f"{row.transfer_tb} TB transfer, {usd(row.price_usd_month)} a month"
    )


@words.register
def _(row: Region) -> str:
    surcharge = "" if row.price_factor == 1 else f", machines cost {row.price_factor} times the list"
    return f"{row.place} ({row.country.upper()}), {', '.join(sorted(row.capabilities))}{surcharge}"


@words.register
def _(row: ObjectStore) -> str:
    kept = f", kept at least {row.minimum_days} days" if row.minimum_days else ""
    return (
        f"{row.title}, {usd(row.minimum_usd_month)} a month with {row.included_gb} GB, then "
        f"${row.price_usd_gb_month} per GB{kept}, egress ${row.price_usd_egress_gb} per GB"
    )


@words.register
def _(row: StorageRate) -> str:
    return f"${row.price_usd_gb_month} per GB and month, egress ${row.price_usd_egress_gb} per GB"


@words.register
def _(row: MailProvider) -> str:
    price = "price not known" if row.price_usd_1000 is None else f"{usd(row.price_usd_1000)} per 1000"
    return f"{row.title}, {row.host} port {row.port}, {price}"


@words.register
def _(row: Price) -> str:
    return f"{row.title}, ${row.price_usd} per {row.per}"


@words.register
def _(row: FundingFees) -> str:
    return (
        f"{row.title}, keeps {row.platform_percent} %, processing {row.processing_percent} % "
        f"and {usd(row.processing_fixed_usd)} a gift"
    )


@words.register
def _(row: Limit) -> str:
    return f"{row.title}, {row.value} {row.unit}"


@words.register
def _(row: Network) -> str:
    return f"{row.title}, {', '.join(row.prefixes)}"


@words.register
def _(row: Version) -> str:
    return f"{row.title}, {row.version}"


@words.register
def _(row: Series) -> str:
    return f"Mastodon {row.name}, supported " + (f"until {row.ends.isoformat()}" if row.ends else "without a set end")
