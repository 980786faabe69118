"""What verify says at the end, and what it refuses before it asks."""

from __future__ import annotations

import shlex

import pytest

from mastodon_infra.cli.app import run
from mastodon_infra.cli.layout import FIXED_SPACE
from mastodon_infra.cli.logs import journal_words
from mastodon_infra.cli.verify import verdict
from mastodon_infra.operate.checks import Check, Group

TRIAL = Group("trial")


def test_a_group_that_there_is_not_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["verify", "demo", "--only", "mai"]) == 1
    told = capsys.readouterr().err
    assert "there is no group 'mai'" in told
    assert "mail" in told


def said(*checks: Check) -> str:
    return verdict(checks).replace(FIXED_SPACE, " ")


def test_what_was_not_proven_is_counted_and_not_called_right() -> None:
    assert said(TRIAL.ok("a", "so")) == "All is as planned: 1 check ok."
    told = said(TRIAL.ok("a", "so"), TRIAL.unproven("b", "who knows"), TRIAL.warn("c", "soon", "wait"))
    assert told == "Nothing failed: 1 check ok, 1 warning, 1 not proven."


def test_one_failure_is_the_first_thing_that_is_said() -> None:
    told = said(TRIAL.ok("a", "so"), TRIAL.failed("b", "not so", "mend it"), TRIAL.skipped("c", "none"))
    assert told == "1 check failed of 3, 1 skipped."


def test_words_of_the_journal_reach_the_other_end_as_they_are() -> None:
    words = journal_words("mastodon-*", follow=True, since="10 min ago")
    assert shlex.split(" ".join(words)) == [
        *("sudo", "journalctl", "--no-pager", "--quiet"),
        *("--unit=mastodon-*", "--since=10 min ago", "--follow"),
    ]
    assert journal_words("", follow=False, since="")[-1] == "--lines=200"
