"""Backups: what pgBackRest and the drill say, and what it means."""

from __future__ import annotations

import json
from typing import Any

from mastodon_infra.operate.checks import Check
from mastodon_infra.operate.verify.backup import judge_drill, judge_info
from mastodon_infra.operate.verify.questions import Said

STOP = 1_795_403_985
INFO = [
    {
        "backup": [{"error": False, "label": "20261123-031944F", "timestamp": {"start": STOP - 1, "stop": STOP}}],
        "name": "mastodon",
        "status": {"code": 0, "message": "ok"},
    }
]
COUNTS = {"users": 12, "statuses": 3400}


def info(told: Any, hours: float) -> Check:
    (check,) = judge_info(lambda: STOP + hours * 3600, Said(0, json.dumps(told), ""))
    return check


def drill(**told: Any) -> Check:
    (check,) = judge_drill(Said(0, json.dumps(told), ""))
    return check


def test_a_backup_of_last_night_is_fresh() -> None:
    assert (info(INFO, 20).outcome.value, info(INFO, 20).seen) == ("ok", "20261123-031944F, 20 h old, of 1")


def test_one_that_is_older_than_a_day_and_its_own_time_is_late() -> None:
    assert info(INFO, 26.5).outcome.value == "failed"


def test_a_broken_backup_is_none() -> None:
    broken = [INFO[0] | {"backup": [INFO[0]["backup"][0] | {"error": True}]}]  # type: ignore[index]
    assert info(broken, 1).seen == "there is none"
    assert info([INFO[0] | {"backup": []}], 1).outcome.value == "failed"


def test_pgbackrest_that_cannot_answer_is_no_good_news() -> None:
    (check,) = judge_info(lambda: STOP, Said(56, "", "ERROR: [056]: unable to find primary cluster"))
    assert check.outcome.value == "failed"


def test_a_restore_with_equal_rows_is_told_with_them() -> None:
    check = drill(before=COUNTS, after=COUNTS, restored=COUNTS, size=1, seconds=31)
    assert (check.outcome.value, check.seen) == (
        "ok",
        "restored up to this moment in 31 s: 12 users, 3,400 statuses",
    )


def test_rows_that_came_while_it_was_counted_may_be_there_or_not() -> None:
    after = {"users": 12, "statuses": 3410}
    for statuses, outcome in ((3400, "ok"), (3410, "ok"), (3399, "failed"), (3411, "failed")):
        restored = {"users": 12, "statuses": statuses}
        assert drill(before=COUNTS, after=after, restored=restored, size=1, seconds=1).outcome.value == outcome


def test_a_table_that_was_not_restored_fails() -> None:
    check = drill(before=COUNTS, after=COUNTS, restored={"users": 12}, size=1, seconds=1)
    assert check.seen == "statuses: None restored, 3400 live"


def test_no_table_at_all_proves_nothing() -> None:
    assert drill(before={}, after={}, restored={}, size=1, seconds=1).outcome.value == "failed"


def test_without_room_nothing_is_proven_and_nothing_passed() -> None:
    check = drill(size=30 * 1024**3, free=10 * 1024**3)
    assert check.outcome.value == "unproven"
    assert "10.0 GiB are free, and the backup has 30.0 GiB" in check.seen


def test_a_drill_that_stopped_says_where() -> None:
    assert drill(trouble="WAL is not archived within 120 s").outcome.value == "failed"
    (check,) = judge_drill(Said(124, "", "it did not end within 3600 s"))
    assert check.outcome.value == "failed"
