"""Web nodes behind a balancer: never the last one that serves, and none left out without being told."""

import asyncio

import pytest

from mastodon_infra.operate.converge.decide import ConvergeError
from mastodon_infra.operate.reach import ReachError
from tests.unit.operate.converge.fleet import FakeBalancers, bundle_of, changed, converge, without_patience

POOLER = "restart pgbouncer.service"


def test_a_web_node_is_drained_changed_and_put_back_before_the_next_one(large, machines):
    converge(machines, large, changed(machines), FakeBalancers(machines.told))

    at = machines.told.index("drain web-1")
    assert machines.told[at : at + 8] == [
        *("drain web-1", "web-1 sends visitors away", "web-1", "accept web-1"),
        *("drain web-2", "web-2 sends visitors away", "web-2", "accept web-2"),
    ]


def test_a_web_node_that_an_earlier_run_left_out_goes_first(large, machines):
    """Else the one that still serves would be drained while the other one is out."""
    converge(machines, large, changed(machines), FakeBalancers(machines.told, drained={"web-2"}))

    assert machines.told.index("accept web-2") < machines.told.index("drain web-1")


def test_a_web_node_that_only_reloads_is_not_drained(large, machines):
    converge(machines, large, changed(machines, need="reload nginx.service"), FakeBalancers(machines.told))

    assert set(machines.told) == set(machines.of)


def test_a_web_node_whose_own_pooler_restarts_is_drained(large, machines):
    """Its pages ask the database through it."""
    for name, machine in machines.of.items():
        machine.boot(bundle_of(name, "one\n", need=POOLER, unit="pgbouncer.service"))

    converge(machines, large, changed(machines, need=POOLER, unit="pgbouncer.service"), FakeBalancers(machines.told))

    assert machines.told.index("drain web-1") < machines.told.index("web-1")


def test_a_machine_that_no_balancer_knows_is_not_taken_out(large, machines):
    converge(machines, large, changed(machines), FakeBalancers(machines.told))

    assert "postgres-1 sends visitors away" not in machines.told


def test_a_node_that_stands_alone_is_not_drained(large, machines):
    """Without it nobody would serve at all."""
    converge(machines, large, changed(machines), FakeBalancers(machines.told, nodes=("web-1",)))

    assert "drain web-1" not in machines.told


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"drained": {"web-2", "web-3"}}, "web-2 is drained, web-3 is drained"),
        ({"drained": {"web-2"}, "down": {"web-3"}}, "web-2 is drained, web-3 is down"),
    ],
)
def test_the_last_node_that_serves_is_not_drained(large, machines, others, said):
    with pytest.raises(ConvergeError, match=said) as caught:
        converge(machines, large, {"web-1": bundle_of("web-1", "two\n")}, FakeBalancers(machines.told, **others))

    assert machines.told == []
    assert "without --node" in caught.value.problems[0].hint


def test_a_node_that_is_down_already_may_be_mended_while_nobody_else_serves(large, machines):
    balancers = FakeBalancers(machines.told, down={"web-1", "web-2", "web-3"})
    mended = machines.of["web-1"].launched

    def launched(asked):
        balancers.down.clear()
        return mended(asked)

    machines.of["web-1"].launched = launched
    converge(machines, large, changed(machines), balancers)

    assert [told for told in machines.told if told.startswith("accept")] == [f"accept web-{n}" for n in (1, 2, 3)]


class TestLeftOut:
    """Nodes that an earlier run has left out of the balancer."""

    def test_one_that_needs_nothing_is_put_back(self, large, machines):
        same = {name: bundle_of(name, "one\n") for name in machines.of}

        converge(machines, large, same, FakeBalancers(machines.told, drained={"web-2"}))

        assert machines.told == ["accept web-2"]

    def test_one_whose_record_alone_was_not_written_is_put_back(self, large, machines):
        """It was killed between its last act and its record: nothing is left that visitors would notice."""
        wanted = {name: bundle_of(name, "one\n") for name in machines.of}
        machines.of["web-1"].at("/var/lib/mastodon-infra/installed").write_text("another\n")

        converge(machines, large, wanted, FakeBalancers(machines.told, drained={"web-1"}))

        assert machines.told == ["web-1", "accept web-1"]

    def test_one_that_is_well_goes_back_though_another_is_not(self, large, machines, monkeypatch):
        without_patience(monkeypatch)
        machines.of["web-1"].trouble = "http://127.0.0.1:3000/health answers 500"
        same = {name: bundle_of(name, "one\n") for name in machines.of}

        with pytest.raises(ConvergeError, match="answers 500") as caught:
            converge(machines, large, same, FakeBalancers(machines.told, drained={"web-1", "web-2"}))

        assert machines.told == ["accept web-2"]
        assert {problem.where for problem in caught.value.problems} == {"web-1"}


class TestStopped:
    """What happens to a node that is out when something goes wrong, or somebody says stop."""

    def test_whoever_stays_out_is_told_beside_the_reason(self, large, machines, monkeypatch):
        without_patience(monkeypatch)
        machines.of["web-1"].trouble = "http://127.0.0.1:3000/health answers 500"

        with pytest.raises(ConvergeError, match="answers 500") as caught:
            converge(machines, large, changed(machines), FakeBalancers(machines.told))

        last = caught.value.problems[-1]
        assert (last.where, last.message) == ("web-1", "is still out of the balancer")
        assert "converge again" in last.hint

    @pytest.mark.parametrize("error", [ReachError("the connection was lost"), asyncio.CancelledError()])
    def test_a_node_that_was_only_drained_goes_back_at_once(self, large, machines, error):
        machines.fails["ss"] = error

        with pytest.raises(type(error)):
            converge(machines, large, changed(machines), FakeBalancers(machines.told))

        assert machines.told[-3:] == ["drain web-1", "web-1 sends visitors away", "accept web-1"]
        assert not any("still out" in words for words in machines.words)

    def test_who_says_stop_is_told_that_work_goes_on_and_who_is_out(self, large, machines):
        def stops(_):
            raise asyncio.CancelledError

        machines.of["web-1"].launched = stops

        with pytest.raises(asyncio.CancelledError):
            converge(machines, large, changed(machines), FakeBalancers(machines.told))

        assert machines.words[-2].startswith(
            "web-1 goes on with its work by itself, in mastodon-infra-converge.service"
        )
        assert machines.words[-1].startswith("web-1 is still out of the balancer; converge again")
