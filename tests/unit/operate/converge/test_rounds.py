"""Many machines: the order in which they change, and what happens at the first that is not well."""

import asyncio
from dataclasses import replace

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.operate.converge import rounds
from mastodon_infra.operate.converge.decide import ConvergeError, UnwellError
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.render.difference import Act, Verb
from tests.parsers.cases import SMALLEST
from tests.unit.operate.converge.fleet import (
    WEB,
    FakeBalancers,
    bundle_of,
    carrier_of,
    changed,
    converge,
    without_patience,
)
from tests.unit.operate.converge.machines import a_bundle, a_file

SSHD = "/etc/ssh/sshd_config.d/10-mastodon-infra.conf"


def order_of(plan, nodes, **more):
    return [one.nodes for one in rounds.rounds(plan, nodes, **more)]


def test_data_goes_first_then_web_nodes_one_at_a_time_and_the_jump_machine_last(large, machines):
    order = order_of(large, machines.of)

    assert order == [("postgres-1",), ("redis-1",), ("sidekiq-1",), *((name,) for name in WEB), (large.jump,)]


def test_some_of_the_others_go_at_once(machines):
    plan = plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "large", "nodes": {"sidekiq": {"count": 6}}}))

    order = [one for one in order_of(plan, {node.name: 1 for node in plan.nodes}) if one[0].startswith("sidekiq")]

    assert [len(one) for one in order] == [rounds.AT_ONCE, 2]


def test_a_jump_machine_that_serves_goes_after_the_other_web_nodes(large, machines):
    by_web = replace(large, jump="web-1")

    assert order_of(by_web, machines.of)[-3:] == [("web-2",), ("web-3",), ("web-1",)]
    assert order_of(by_web, machines.of, drained=frozenset({"web-1"}))[-3:] == [("web-1",), ("web-2",), ("web-3",)]


def test_what_is_not_well_goes_before_what_is_and_what_is_out_before_both(large, machines):
    order = order_of(large, machines.of, drained=frozenset({"web-2"}), unwell=frozenset({"web-3", "redis-1"}))

    assert order[:2] == [("redis-1",), ("postgres-1",)]
    assert order[-4:] == [("web-2",), ("web-3",), ("web-1",), (large.jump,)]


SICK = "http://127.0.0.1:3000/health answers 500"


def test_the_first_that_is_not_well_ends_it(large, machines, monkeypatch):
    without_patience(monkeypatch)
    machines.of["web-1"].trouble = SICK

    with pytest.raises(UnwellError, match="answers 500") as caught:
        converge(machines, large, changed(machines), FakeBalancers(machines.told))

    assert machines.told[-3:] == ["drain web-1", "web-1 sends visitors away", "web-1"]
    assert caught.value.exit_code == 4


def test_nothing_is_changed_while_a_machine_that_needs_nothing_is_not_well(large, machines, monkeypatch):
    without_patience(monkeypatch)
    wanted = changed(machines) | {"web-1": bundle_of("web-1", "one\n")}
    machines.of["web-1"].trouble = SICK

    with pytest.raises(
        UnwellError, match="web-1\n  it is not well, and what it should hold is there already"
    ) as caught:
        converge(machines, large, wanted, FakeBalancers(machines.told))

    assert machines.told == []
    assert "web-1 is not well" in machines.words[0]
    assert "STACK web-1 shows why" in caught.value.problems[0].hint


def test_an_unwell_machine_is_told_also_where_nothing_is_to_be_changed(large, machines, monkeypatch):
    without_patience(monkeypatch)
    machines.of["sidekiq-1"].trouble = machines.of["web-1"].trouble = SICK

    with pytest.raises(UnwellError) as caught:
        converge(machines, large, {name: bundle_of(name, "one\n") for name in machines.of})

    assert {problem.where for problem in caught.value.problems} == {"sidekiq-1", "web-1"}


def test_an_unwell_machine_may_be_mended_by_its_change(large, machines):
    machine = machines.of["web-2"]
    machine.trouble = SICK
    mended = machine.launched

    def launched(asked):
        machine.trouble = ""
        return mended(asked)

    machine.launched = launched
    converge(machines, large, changed(machines), FakeBalancers(machines.told))

    assert machines.told.index("accept web-2") < machines.told.index("drain web-1")


def test_a_second_run_changes_nothing(large, machines):
    assert set(converge(machines, large, changed(machines))) == set(machines.of)
    machines.told.clear()

    assert converge(machines, large, changed(machines)) == {}
    assert machines.told == []


def test_what_fails_in_a_round_is_told_of_all_its_machines(large, machines):
    for name in ("web-1", "web-2"):
        machines.of[name].at("/var/lib/mastodon-infra/installed").unlink()

    with pytest.raises(ConvergeError) as caught:
        converge(machines, large, changed(machines))

    assert [problem.where for problem in caught.value.problems] == ["web-1", "web-2"]


def medium():
    return plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "medium"}))


def test_the_pooler_that_all_go_through_is_shared_and_one_of_a_machines_own_is_not(large):
    assert rounds.shared_units(medium(), "postgres-1") == ("pgbouncer.service",)
    assert rounds.shared_units(medium(), "web-1") == ()
    assert rounds.shared_units(large, "web-1") == ()


def test_pages_and_streams_are_asked_where_they_listen(large):
    node = large.node("web-1")

    assert rounds.health_addresses(large, "web-1") == (
        "http://127.0.0.1:3000/health",
        f"http://{node.address}:4000/api/v1/streaming/health",
    )
    solo = plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "solo"}))
    assert rounds.health_addresses(solo, "web-1")[1:] == ("http://127.0.0.1:4000/api/v1/streaming/health",)
    assert rounds.health_addresses(large, "sidekiq-1") == ()


def test_who_changes_before_the_data_that_it_asks_is_known_beforehand(large, machines):
    async def steps():
        return await rounds.decide_all(carrier_of(machines), changed(machines))

    found = asyncio.run(steps())
    restart = Act(Verb.RESTART, "postgresql@17-main.service")
    waits = found | {"postgres-1": replace(found["postgres-1"], waiting=(restart,))}

    assert not rounds.ahead(large, found)
    assert rounds.ahead(large, waits) == rounds.Ahead(("postgres-1",), (*WEB, "sidekiq-1"))


class TestAccess:
    """Settings that could lock people out."""

    @staticmethod
    def with_sshd(text):
        files = (a_file(SSHD, text, need="reload ssh.service"), a_file("/etc/nginx/nginx.conf"))
        return replace(a_bundle(*files, units=("nginx.service", "ssh.service")), node="web-1")

    def test_they_are_changed_first_and_kept_once_a_new_session_gets_in(self, large, machines):
        machine = machines.of["web-1"]
        machine.boot(self.with_sshd("old\n"))

        converge(machines, large, {"web-1": self.with_sshd("new\n")})
        machine.time_is_over()

        assert machine.at(SSHD).read_text() == "new\n"
        assert machine.said == ["systemctl reload-or-restart ssh.service", "systemctl daemon-reload"]

    def test_without_a_new_session_the_old_ones_come_back_and_nothing_else_was_done(self, large, machines):
        machine = machines.of["web-1"]
        machine.boot(self.with_sshd("old\n"))
        before = machine.tree()
        machines.lets_in = False

        with pytest.raises(ConvergeError, match="lets nobody in"):
            converge(machines, large, {"web-1": self.with_sshd("new\n")})
        machine.time_is_over()

        after = machine.tree()
        # Its record knows what was tried, so that the next run does not take it for somebody's own.
        assert after.pop("/var/lib/mastodon-infra/applied")[0].startswith(
            before.pop("/var/lib/mastodon-infra/applied")[0]
        )
        assert after == before
        assert machine.said == ["systemctl reload-or-restart ssh.service"] * 2
        assert machine.decide(self.with_sshd("new\n")).edited == ()
