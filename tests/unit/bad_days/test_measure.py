"""What a bad day has cost is counted from what the load wrote down."""

import json

from tests.machines.bad_days.measure import (
    Fired,
    Record,
    acknowledged_jobs,
    fired,
    is_calm,
    lost_and_doubled,
    measured,
    read,
    recovered_after,
)

GOOD = {"is_ok": True}
BAD = {"is_ok": False, "said": "status 502"}


def record(at, *, kind="page", took=1.0, **more):
    return Record(at=at, kind=kind, took=took, **GOOD | more)


class TestRead:
    def test_a_line_that_is_not_whole_yet_is_left_out(self):
        line = json.dumps({"at": 1, "kind": "page", "took": 2, "ok": True, "said": "", "number": None})
        assert read([f"{line}\n", line[:9]]) == [record(1, took=2)]


class TestRecovery:
    def test_is_the_first_success_of_who_came_after_the_last_failure(self):
        records = [record(0), record(10, **BAD), record(12, **BAD), record(11, took=9), record(13)]
        assert recovered_after(records, [10]) == 4

    def test_of_the_kind_that_took_longest(self):
        records = [record(10, **BAD), record(11), record(10, kind="post", **BAD), record(18, kind="post")]
        assert recovered_after(records, [10]) == 9

    def test_is_counted_from_each_blow(self):
        records = [record(10, **BAD), record(15), record(110, **BAD), record(112)]
        assert recovered_after(records, [10, 110]) == 6

    def test_never_comes_without_a_success(self):
        assert recovered_after([record(5), record(10, **BAD)], [10]) == float("inf")

    def test_takes_no_time_where_nothing_failed(self):
        assert recovered_after([record(0, **BAD), record(10)], [5]) == 0

    def test_is_not_about_listeners_that_were_cut_off(self):
        assert recovered_after([record(10, kind="dropped", **BAD)], [5]) == 0


RATES = {"page": 1.0, "post": 0.5}


class TestCalm:
    def all_well(self):
        return [record(at) for at in range(10)] + [record(at, kind="post") for at in range(0, 10, 2)]

    def test_where_all_goes_well_in_its_rhythm(self):
        assert is_calm(self.all_well(), RATES, now=11, seconds=8)

    def test_not_while_anything_fails(self):
        assert not is_calm([*self.all_well(), record(5, **BAD)], RATES, now=11, seconds=8)

    def test_what_failed_before_does_not_matter(self):
        assert is_calm([*self.all_well(), record(0, **BAD)], RATES, now=11, seconds=8)

    def test_not_while_a_kind_hangs(self):
        only_pages = [one for one in self.all_well() if one.kind == "page"]
        assert not is_calm(only_pages, RATES, now=11, seconds=8)


class TestJobs:
    def test_are_counted_one_by_one_and_many_at_once(self):
        records = [
            record(0, kind="job", number=1),
            record(0, kind="queued", number=2),
            record(0, kind="post", number=3),
        ]
        assert acknowledged_jobs(records) == [1, 2]

    def test_what_was_refused_was_not_lost(self):
        assert acknowledged_jobs([record(0, kind="job", number=1, **BAD)]) == []

    def test_lost_and_doubled(self):
        assert lost_and_doubled([1, 2, 3], {1: 1, 2: 2, 4: 3}) == ((3,), (2, 4))


class TestAlerts:
    def answer(self, **first_fired):
        result = [
            {"metric": {"alertname": name}, "values": [[at, "1"] for at in moments]}
            for name, moments in first_fired.items()
        ]
        return {"data": {"result": result}}

    def test_first_ones_first(self):
        answer = self.answer(Late=[160, 165], Soon=[130])
        assert fired(answer, begun=100, before=()) == (Fired("Soon", 30), Fired("Late", 60))

    def test_those_of_before_are_left_out(self):
        assert fired(self.answer(Watchdog=[100]), begun=100, before={"Watchdog"}) == ()

    def test_a_name_counts_once(self):
        answer = self.answer(Down=[150])
        answer["data"]["result"] += self.answer(Down=[140])["data"]["result"]
        assert fired(answer, begun=100, before=()) == (Fired("Down", 40),)


def test_all_of_it():
    records = [
        record(0),
        record(10, took=3, **BAD),
        record(20, took=0.5),
        record(10, kind="dropped", **BAD),
        record(1, kind="post", number=7),
        record(2, kind="upload", number=8),
        record(3, kind="job", number=9),
    ]
    found = measured(records, blows=[10], ended=40, worked={}, rows=[7], alerts=(Fired("Down", 20),))

    assert (found.all_sent, found.all_failed, found.failed["page"], found.dropped) == (6, 1, 1, 1)
    assert found.errors == {"page: status 502": 1}
    assert (found.slowest, found.recovered, found.watched) == (3, 10.5, 30)
    assert (found.jobs, found.jobs_lost, found.jobs_doubled) == (1, (9,), ())
    assert (found.rows, found.rows_lost) == (2, (8,))
