"""Linode's plan rows: what a machine has, and what it costs in a region without a surcharge.

A price that was derived is not confirmed, and carries the date of the oldest figure that went into it.
Derived are the list of 2021 times the rise of 2023, and premium machines as 1.2 times the dedicated row.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from mastodon_infra.catalog.rows import MachineFamily, MachineType
from mastodon_infra.catalog.sources import LINODE_PRICES, LINODE_TYPES, Source
from mastodon_infra.units import MIB_PER_GIB


class _Seen(NamedTuple):
    """When and where a price was seen, and whether it was read or worked out."""

    as_of: date
    source: Source
    confirmed: bool


_LIVE = _Seen(date(2026, 8, 26), LINODE_TYPES, confirmed=True)
_LIVE_PREMIUM = _Seen(date(2026, 8, 18), LINODE_TYPES, confirmed=True)
_IN_2026 = _Seen(date(2026, 1, 1), LINODE_TYPES, confirmed=True)
_PUBLISHED = _Seen(date(2023, 4, 1), LINODE_PRICES, confirmed=True)
_DERIVED = _Seen(date(2023, 4, 1), LINODE_PRICES, confirmed=False)


class _Line(NamedTuple):
    """One line of the tables below: sizes in GiB, transfer in TB, price in US dollars a month."""

    name: str
    vcpus: int
    memory_gib: int
    disk_gib: int
    transfer_tb: int
    price: int
    seen: _Seen


_SHARED = (
    _Line("g6-nanode-1", 1, 1, 25, 1, 5, _PUBLISHED),
    _Line("g6-standard-1", 1, 2, 50, 2, 12, _PUBLISHED),
    _Line("g6-standard-2", 2, 4, 80, 4, 24, _IN_2026),
    _Line("g6-standard-4", 4, 8, 160, 5, 48, _DERIVED),
    _Line("g6-standard-6", 6, 16, 320, 8, 96, _DERIVED),
    _Line("g6-standard-8", 8, 32, 640, 16, 192, _LIVE),
    _Line("g6-standard-16", 16, 64, 1280, 20, 384, _LIVE),
    _Line("g6-standard-20", 20, 96, 1920, 20, 576, _DERIVED),
    _Line("g6-standard-24", 24, 128, 2560, 20, 768, _DERIVED),
    _Line("g6-standard-32", 32, 192, 3840, 20, 1152, _DERIVED),
)

_DEDICATED = (
    _Line("g6-dedicated-2", 2, 4, 80, 4, 36, _PUBLISHED),
    _Line("g6-dedicated-4", 4, 8, 160, 5, 72, _IN_2026),
    _Line("g6-dedicated-8", 8, 16, 320, 6, 144, _IN_2026),
    _Line("g6-dedicated-16", 16, 32, 640, 7, 288, _LIVE),
    _Line("g6-dedicated-32", 32, 64, 1280, 8, 576, _LIVE),
    _Line("g6-dedicated-48", 48, 96, 1920, 9, 864, _DERIVED),
    _Line("g6-dedicated-50", 50, 128, 2500, 10, 1152, _DERIVED),
    _Line("g6-dedicated-56", 56, 256, 5000, 11, 2304, _DERIVED),
    _Line("g6-dedicated-64", 64, 512, 7200, 12, 4608, _DERIVED),
)

_HIGH_MEMORY = (
    _Line("g7-highmem-1", 2, 24, 20, 5, 60, _PUBLISHED),
    _Line("g7-highmem-2", 2, 48, 40, 6, 120, _PUBLISHED),
    _Line("g7-highmem-4", 4, 90, 90, 7, 240, _PUBLISHED),
    _Line("g7-highmem-8", 8, 150, 200, 8, 480, _PUBLISHED),
    _Line("g7-highmem-16", 16, 300, 340, 9, 960, _PUBLISHED),
)

_PREMIUM = (
    _Line("g7-premium-2", 2, 4, 80, 4, 43, _IN_2026),
    _Line("g7-premium-4", 4, 8, 160, 5, 86, _DERIVED),
    _Line("g7-premium-8", 8, 16, 320, 6, 173, _DERIVED),
    _Line("g7-premium-16", 16, 32, 640, 7, 346, _DERIVED),
    _Line("g7-premium-32", 32, 64, 1280, 8, 691, _DERIVED),
    _Line("g7-premium-48", 48, 96, 1920, 9, 1037, _DERIVED),
    _Line("g7-premium-50", 50, 128, 2500, 10, 1382, _DERIVED),
    _Line("g7-premium-56", 56, 256, 5000, 11, 2765, _LIVE_PREMIUM),
)


def _row(line: _Line, family: MachineFamily) -> MachineType:
    return MachineType(
        name=line.name,
        as_of=line.seen.as_of,
        source=line.seen.source,
        confirmed=line.seen.confirmed,
        family=family,
        vcpus=line.vcpus,
        memory_mib=line.memory_gib * MIB_PER_GIB,
        disk_gib=line.disk_gib,
        transfer_tb=line.transfer_tb,
        price_usd_month=Decimal(line.price),
    )


MACHINE_TYPES: tuple[MachineType, ...] = (
    *(_row(line, MachineFamily.SHARED) for line in _SHARED),
    *(_row(line, MachineFamily.DEDICATED) for line in _DEDICATED),
    *(_row(line, MachineFamily.HIGH_MEMORY) for line in _HIGH_MEMORY),
    *(_row(line, MachineFamily.PREMIUM) for line in _PREMIUM),
)
"""Every plan row that a node may have, by family and then by size."""

_BY_NAME = {row.name: row for row in MACHINE_TYPES}


def machine_type(name: str) -> MachineType | None:
    """The plan row of that name, or None where Linode has no such row that we know of."""
    return _BY_NAME.get(name)
