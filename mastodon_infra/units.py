"""Sizes, money and time as text: the one place where ``2GB`` or ``$24.00`` is born.

Memory is whole KiB or MiB, disks are whole GiB (powers of 1024); money is ``Decimal`` US dollars.
Vendors' "GB" of memory and disk are GiB; their "GB" and "TB" of transfer and object storage are powers of 1000.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

KIB_PER_MIB = 1024
MIB_PER_GIB = 1024
GB_PER_TB = 1000
HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600


def pg_size(kib: int) -> str:
    """Write a size the way PostgreSQL reads it, in the largest unit that loses nothing: ``512MB``."""
    for unit, factor in (("GB", 1024 * 1024), ("MB", 1024)):
        if kib >= factor and kib % factor == 0:
            return f"{kib // factor}{unit}"
    return f"{kib}kB"


def mib_text(mib: int) -> str:
    """Write memory for people: ``768 MiB``, ``1.5 GiB``, ``16 GiB``."""
    if mib < MIB_PER_GIB:
        return f"{mib} MiB"
    gib = Decimal(mib) / MIB_PER_GIB
    return f"{gib.quantize(Decimal('0.1'), ROUND_HALF_UP).normalize():f} GiB"


def usd(amount: Decimal) -> str:
    """Write money with cents and thousands separated: ``$1,234.50``; whole amounts keep their cents."""
    return f"${amount.quantize(Decimal('0.01'), ROUND_HALF_UP):,}"


def ceil_div(numerator: int, denominator: int) -> int:
    """Divide whole numbers and round up."""
    return -(-numerator // denominator)


def round_up(number: int, multiple: int) -> int:
    """The smallest multiple that is not less than ``number``."""
    return ceil_div(number, multiple) * multiple
