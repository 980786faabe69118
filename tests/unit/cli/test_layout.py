import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.cli.layout import FIXED_SPACE, Page, counted, fixed, listed, trimmed

WORDS = st.lists(st.text("abcdefgh0123456789.,:-$", min_size=1, max_size=12), min_size=1, max_size=40)


@given(
    words=WORDS, width=st.integers(40, 100), indent=st.integers(0, 12), hang=st.integers(0, 10), lead=st.integers(0, 8)
)
def test_wrapping_keeps_every_word_and_the_width(words, width, indent, hang, lead):
    page = Page(width)

    page.text(" " * lead + " ".join(words), indent=indent, hang=hang)

    assert " ".join(str(page).split()) == " ".join(words)
    assert max(map(len, str(page).splitlines())) <= width


@given(rows=st.lists(st.tuples(*[WORDS.map(" ".join)] * 3), min_size=1, max_size=6), width=st.integers(40, 100))
def test_tables_keep_every_word_and_the_width(rows, width):
    page = Page(width)

    page.table(rows, right=frozenset({1}))

    assert sorted(str(page).split()) == sorted(word for row in rows for cell in row for word in cell.split())
    assert max(map(len, str(page).splitlines())) <= width


def test_table_that_is_too_wide_becomes_a_list():
    page = Page(40)

    page.table([("web-1", "a machine of some kind", "and a long sentence about it")])

    assert str(page) == "  web-1\n      a machine of some kind\n      and a long sentence about it"


def test_number_and_unit_stay_on_one_line():
    page = Page(40)

    page.text(f"{'x' * 34} {fixed('12 GiB')} of memory", indent=0)

    assert str(page).splitlines() == ["x" * 34, "12 GiB of memory"]
    assert FIXED_SPACE not in str(page)


def test_headings_are_bold_only_where_styling_is_wanted():
    plain, styled = Page(40), Page(40, is_plain=False)
    plain.heading("What")
    styled.heading("What")

    assert str(plain) == "What"
    assert str(styled) == "\x1b[1mWhat\x1b[0m"


@pytest.mark.parametrize(
    ("number", "text"),
    [("0.020", "0.02"), ("6.400", "6.4"), ("5", "5"), ("9999", "9999"), ("12500.50", "12,500.5"), ("100", "100")],
)
def test_numbers_lose_the_zeros_at_their_end(number, text):
    from decimal import Decimal

    assert trimmed(Decimal(number)) == text


def test_words_are_counted_and_listed():
    assert counted(1, "machine").replace(FIXED_SPACE, " ") == "1 machine"
    assert counted(10_000, "person", "people").replace(FIXED_SPACE, " ") == "10,000 people"
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"], last="or")] == ["a", "a and b", "a, b or c"]
