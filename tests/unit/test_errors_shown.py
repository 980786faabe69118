"""What a hostile text may do to the terminal of whoever reads an error about it: nothing."""

from mastodon_infra.errors import LONGEST_LINE, Problem


def test_letters_that_steer_a_terminal_are_shown_by_their_number():
    problem = Problem(("nodes", "a\n\u202eb"), "'\x1b[2J\u2028' is no name", "not \x9b or \ufeff")

    assert problem.lines() == (
        "nodes.a\\n\\u202eb",
        "  '\\u001b[2J\\u2028' is no name",
        "  hint: not \\u009b or \\ufeff",
    )


def test_letters_of_every_language_stay_as_they_are():
    assert Problem((), "é ☃ \U0001f418 שלום\u00a0x").lines() == ("é ☃ \U0001f418 שלום\u00a0x",)


def test_a_text_without_an_end_is_cut():
    (line,) = Problem((), "x" * 30_000).lines()

    assert line == "x" * LONGEST_LINE + "..."
