"""The fleet lives through bad days, on one rehearsal, one after the other. Each leaves it healthy, or fails."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.machines.bad_days.days import ALWAYS, DAYS, INSTANCE
from tests.machines.bad_days.runner import live_through, token_of
from tests.machines.bad_days.table import page
from tests.machines.looking import rehearsed

IS_PATIENT = os.environ.get("MASTODON_INFRA_BAD_DAYS") == "all"
"""Whether there is time for all of them, and to wait for alerts."""
BUILD = Path(__file__).parents[3] / "build/bad-days"


@pytest.fixture(scope="module")
def instance(asked, tmp_path_factory):
    with rehearsed("bad-days", INSTANCE, tmp_path_factory.mktemp("bad-days")) as found:
        yield found


@pytest.fixture(scope="module")
def token(instance):
    return token_of(instance)


@pytest.fixture(scope="module")
def outcomes():
    """What was measured; the page is written anew after each day."""
    return []


def asked_for(day):
    """The day, skipped where there is no time for it."""
    is_skipped = not IS_PATIENT and day.number not in ALWAYS
    marks = pytest.mark.skipif(is_skipped, reason="all thirteen days are lived through by: make bad-days")
    return pytest.param(day, marks=marks, id=f"day-{day.number}")


@pytest.mark.parametrize("day", [asked_for(day) for day in DAYS])
def test_a_bad_day(day, instance, token, outcomes):
    outcome = live_through(day, instance, token=token, folder=BUILD, is_patient=IS_PATIENT)

    outcomes.append(outcome)
    text = page(outcomes, date=f"{datetime.now(UTC):%Y-%m-%d}")
    BUILD.with_suffix(".md").write_text(text, encoding="utf-8")
    assert outcome.faults == (), (outcome.faults, outcome.measured)
