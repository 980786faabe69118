"""Sizes, money and rounding as text and numbers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.units import (
    HOURS_PER_MONTH,
    SECONDS_PER_MONTH,
    ceil_div,
    mib_text,
    pg_size,
    round_up,
    usd,
)

PG_SIZES = [
    (0, "0kB", "nothing"),
    (1, "1kB", "the smallest unit"),
    (1023, "1023kB", "below the next unit"),
    (1024, "1MB", "the next unit"),
    (1025, "1025kB", "a megabyte would lose one kilobyte"),
    (512 * 1024, "512MB", "whole megabytes"),
    (1024 * 1024, "1GB", "whole gigabytes"),
    (1536 * 1024, "1536MB", "one and a half is not whole"),
]


@pytest.mark.parametrize(("kib", "expected", "why"), PG_SIZES)
def test_a_size_for_postgresql_is_in_the_largest_unit_that_loses_nothing(kib, expected, why):
    assert pg_size(kib) == expected, why


@given(st.integers(0, 2**50))
def test_postgresql_reads_back_what_was_written(kib):
    text = pg_size(kib)
    factors = {"kB": 1, "MB": 1024, "GB": 1024 * 1024}
    assert int(text[:-2]) * factors[text[-2:]] == kib


MEMORY = [
    (0, "0 MiB", "nothing"),
    (768, "768 MiB", "below a gibibyte"),
    (1023, "1023 MiB", "still below"),
    (1024, "1 GiB", "no empty decimals"),
    (1536, "1.5 GiB", "one decimal"),
    (1076, "1.1 GiB", "rounded, half up: 1.0508"),
    (1075, "1 GiB", "rounded down: 1.0498"),
    (16384, "16 GiB", "whole"),
    (102400, "100 GiB", "no exponent for round numbers"),
]


@pytest.mark.parametrize(("mib", "expected", "why"), MEMORY)
def test_memory_is_written_for_people(mib, expected, why):
    assert mib_text(mib) == expected, why


MONEY = [
    ("0", "$0.00", "cents are always shown"),
    ("24", "$24.00", "cents are always shown"),
    ("0.005", "$0.01", "half a cent goes up"),
    ("0.0049", "$0.00", "less goes down"),
    ("1234.5", "$1,234.50", "thousands apart"),
    ("1000000", "$1,000,000.00", "thousands apart"),
    ("-3.255", "$-3.26", "half a cent away from nothing"),
]


@pytest.mark.parametrize(("amount", "expected", "why"), MONEY)
def test_money_is_written_with_cents(amount, expected, why):
    assert usd(Decimal(amount)) == expected, why


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_dividing_and_rounding_up_is_exact(number, divisor):
    quotient = ceil_div(number, divisor)
    assert (quotient - 1) * divisor < number <= quotient * divisor
    assert round_up(number, divisor) == quotient * divisor


def test_a_month_is_what_linode_bills():
    assert HOURS_PER_MONTH == 730
    assert SECONDS_PER_MONTH == 730 * 60 * 60
