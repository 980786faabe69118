"""Bad days: what falls short of what was expected, and the table that people read."""

from dataclasses import replace

import pytest

from tests.machines.bad_days.day import BadDay, Bounds, Outcome, faults
from tests.machines.bad_days.measure import KINDS, Fired, Measured
from tests.machines.bad_days.table import page, table

NONE = dict.fromkeys(KINDS, 0)
WELL = Measured(
    sent=NONE | {"page": 90, "post": 10},
    failed=NONE,
    dropped=0,
    slowest=0.2,
    recovered=0.0,
    jobs=30,
    jobs_lost=(),
    jobs_doubled=(),
    rows=15,
    rows_lost=(),
    fired=(),
    watched=60.0,
)
DAY = BadDay(
    number=3,
    title="A machine burns",
    expects="Nobody notices.",
    bounds=Bounds(recovered=20, failing={"post": 0.2}, jobs_lost=1),
    do=print,
    alert="NodeDown",
    quiet="it needs 3 minutes",
)


def outcome(number=3, *, notes=(), short=(), **found):
    return Outcome(replace(DAY, number=number), replace(WELL, **found), notes, short)


class TestFaults:
    def test_of_a_day_as_expected_there_are_none(self):
        found = replace(WELL, failed=NONE | {"post": 2}, recovered=20, jobs_lost=(4,))
        assert list(faults(DAY, found, is_patient=False)) == []

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"failed": NONE | {"page": 1}, "errors": {"page: status 502": 1}}, "kind page failed: page: status 502"),
            ({"failed": NONE | {"post": 3}, "errors": {"post: status 500": 3}}, "3 of 10 requests of kind post failed"),
            ({"recovered": 21.0}, "recovered after 21 s, not 20"),
            ({"jobs_lost": (4, 5)}, "2 jobs lost, not 1"),
            ({"jobs_doubled": (4,)}, "1 jobs doubled, not 0"),
            ({"rows_lost": (6,)}, "1 acknowledged rows lost"),
            ({"jobs": 0}, "the load was none"),
        ],
    )
    def test_say_what_fell_short(self, change, said):
        (fault,) = faults(DAY, replace(WELL, **change), is_patient=False)
        assert said in fault

    def test_an_alert_is_demanded_of_those_who_wait_for_it(self):
        assert list(faults(DAY, WELL, is_patient=True)) == ["NodeDown did not fire within 60 s"]
        assert list(faults(DAY, replace(WELL, fired=(Fired("NodeDown", 50),)), is_patient=True)) == []


class TestTable:
    def test_a_row_for_each_day_in_their_order(self):
        rows = table([outcome(12), outcome(2)]).splitlines()[2:]
        assert [row.split(" | ")[0] for row in rows] == ["| 2", "| 12"]

    def test_a_row(self):
        found = outcome(failed=NONE | {"post": 2}, recovered=7.4, jobs_lost=(4,), fired=(Fired("NodeDown", 211.0),))
        cells = "| 3 | A machine burns | 2 of 100 (post 2) | 1, 0 of 30 | 0 of 15 | 7 s | NodeDown after 211 s |"
        assert table([found]).splitlines()[2] == cells

    def test_where_nothing_happened_it_says_so_and_why(self):
        row = table([outcome()]).splitlines()[2]
        assert row.endswith(
            "| 0 of 100 | 0, 0 of 30 | 0 of 15 | nothing failed | none within 60 s: it needs 3 minutes |"
        )

    def test_the_page_has_its_date_and_what_fell_short(self):
        said = page([outcome(notes=("It was warm.",), short=("1 jobs lost",))], date="2026-11-23")
        assert said.startswith("Measured on 2026-11-23.\n")
        assert "- Day 3: It was warm.\n" in said
        assert "- Day 3 fell short: 1 jobs lost\n" in said
