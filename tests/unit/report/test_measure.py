"""Widths without a font: never less than a wide screen font needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastodon_infra.report.measure import fit, text_width, wrap

WORDS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "bold", "units", "why"),
    [
        ("g6-standard-4", False, 7.08, "as DejaVu Sans draws it, in its own height"),
        ("$1,924.20", False, 5.09, "as DejaVu Sans draws it"),
        ("sidekiq", True, 4.06, "as DejaVu Sans Bold draws it"),
        ("people and other servers", True, 14.2, "as DejaVu Sans Bold draws it"),
    ],
)
def test_widths_are_near_those_of_a_wide_font_and_not_below(text, bold, units, why):
    assert units <= text_width(text, 1, bold=bold) <= units * 1.05, why


@given(st.lists(WORDS, min_size=1, max_size=12), st.integers(1, 4), st.floats(60, 400))
def test_wrapped_lines_fit_and_lose_nothing_unless_cut(words, lines, width):
    broken = wrap(" ".join(words), 12, width, lines=lines)

    assert len(broken) <= lines
    assert all(text_width(line, 12) <= width for line in broken)
    if not any("…" in line for line in broken):
        assert " ".join(broken) == " ".join(words)


@given(WORDS, st.floats(20, 200))
def test_a_text_that_fits_stays_and_another_is_cut(text, width):
    cut = fit(text, 12, width)

    assert cut == text if text_width(text, 12) <= width else cut.endswith("…")
