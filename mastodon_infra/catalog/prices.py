"""Prices that belong to no machine and no bucket, and what funding platforms keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from mastodon_infra.catalog.rows import Price, Row
from mastodon_infra.catalog.sources import (
    AKAMAI_DOCS,
    AWS_SES,
    CLOUDFLARE,
    FUNDING,
    LINODE_ADDRESSES,
    LINODE_MANAGER,
    Source,
)

_Seen = tuple[date, Source]
"""The day and the place of a reading."""

_MANAGER: _Seen = (date(2025, 12, 12), LINODE_MANAGER)
_DOCS: _Seen = (date(2025, 12, 12), AKAMAI_DOCS)
_SES: _Seen = (date(2026, 7, 22), AWS_SES)


def _price(name: str, title: str, usd: str, per: str, seen: _Seen) -> Price:
    as_of, source = seen
    return Price(
        name=name,
        as_of=as_of,
        source=source,
        confirmed=source.confirmed,
        title=title,
        price_usd=Decimal(usd),
        per=per,
    )


NODEBALANCER = _price("nodebalancer", "NodeBalancer", "10", "month", _MANAGER)
BLOCK_STORAGE = _price("block-storage", "block storage volume", "0.10", "GiB and month", _MANAGER)
TRANSFER = _price("transfer", "transfer above the account's pool", "0.005", "GB", _DOCS)
VPC = _price("vpc", "VPC and VLAN", "0", "month", _DOCS)
RESERVED_ADDRESS = _price(
    "reserved-address",
    "reserved public IPv4 address, in use or not",
    "0.0068",
    "hour",
    (LINODE_ADDRESSES.as_of, LINODE_ADDRESSES),
)
CLOUD_FIREWALL = _price("cloud-firewall", "Cloud Firewall", "0", "month", _DOCS)
CLOUDFLARE_FREE = _price(
    "cloudflare-free", "Cloudflare, Free plan", "0", "zone and month", (date(2026, 7, 2), CLOUDFLARE)
)
SES_NEW_ACCOUNT = _price(
    "ses-essentials",
    "Amazon SES, the Essentials plan that accounts new since 2026-07-21 start on",
    "0.16",
    "1000 messages",
    _SES,
)
SES_ATTACHMENTS = _price("ses-attachments", "Amazon SES, attachments", "0.12", "GB", _SES)

_ABROAD: tuple[Price, ...] = (
    _price("nodebalancer@id-cgk", "NodeBalancer in Jakarta", "12", "month", _MANAGER),
    _price("nodebalancer@br-gru", "NodeBalancer in São Paulo", "14", "month", _MANAGER),
    _price("block-storage@id-cgk", "volume in Jakarta", "0.12", "GiB and month", _MANAGER),
    _price("block-storage@br-gru", "volume in São Paulo", "0.14", "GiB and month", _MANAGER),
    _price("transfer@id-cgk", "transfer above Jakarta's own pool", "0.015", "GB", _DOCS),
    _price("transfer@br-gru", "transfer above São Paulo's own pool", "0.007", "GB", _DOCS),
)

PRICES: tuple[Price, ...] = (
    NODEBALANCER,
    BLOCK_STORAGE,
    TRANSFER,
    RESERVED_ADDRESS,
    VPC,
    CLOUD_FIREWALL,
    CLOUDFLARE_FREE,
    SES_NEW_ACCOUNT,
    SES_ATTACHMENTS,
    *_ABROAD,
)
"""Every price; ``name@region`` is the price of ``name`` where a region charges another one."""

_BY_NAME = {row.name: row for row in PRICES}


def price_in(price: Price, region: str) -> Price:
    """The price in a Linode region: the region's own where it has one, else the usual one."""
    return _BY_NAME.get(f"{price.name}@{region}", price)


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingFees(Row):
    """What a platform and its payment processor keep of a monthly gift.

    Attributes:
        title: What people call it.
        platform_percent: The platform's own share of a gift.
        processing_percent: The payment processor's share.
        processing_fixed_usd: What the processor takes of each gift besides.
    """

    title: str
    platform_percent: Decimal
    processing_percent: Decimal
    processing_fixed_usd: Decimal


_CARD = (Decimal("2.9"), Decimal("0.30"))
_NOTHING = (Decimal(0), Decimal(0))


def _fees(
    name: str,
    title: str,
    percent: str,
    processing: tuple[Decimal, Decimal],
    as_of: date,
    *,
    confirmed: bool = True,
) -> FundingFees:
    return FundingFees(
        name=name,
        as_of=as_of,
        source=FUNDING,
        confirmed=confirmed,
        title=title,
        platform_percent=Decimal(percent),
        processing_percent=processing[0],
        processing_fixed_usd=processing[1],
    )


FUNDING_FEES: tuple[FundingFees, ...] = (
    _fees("patreon", "Patreon, pages opened since 2025-08-05", "10", _CARD, date(2026, 5, 8)),
    _fees("ko-fi", "Ko-fi, memberships without Gold", "5", _CARD, date(2026, 7, 5)),
    _fees("liberapay", "Liberapay, each gift paid by card", "0", _CARD, date(2025, 1, 1), confirmed=False),
    _fees(
        "open-collective",
        "Open Collective, a host that keeps 10 %",
        "10",
        _CARD,
        date(2024, 1, 1),
        confirmed=False,
    ),
    _fees("direct", "bank transfers to the operator", "0", _NOTHING, date(2025, 1, 1), confirmed=False),
)
"""By the name that a stack file uses.

Processing is that of a US card. Patreon's processor takes less of gifts up to three dollars (5 % and 10
cents, not confirmed). Liberapay bills several months at once, which shrinks the fixed part. Hosts on Open
Collective keep from 0 to 10 %.
"""

_FEES_BY_NAME = {row.name: row for row in FUNDING_FEES}


def funding_fees(platform: str) -> FundingFees | None:
    """The fees of that platform, or None where there is no such platform."""
    return _FEES_BY_NAME.get(platform)
