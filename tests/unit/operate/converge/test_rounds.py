"""Many machines: the order in which they change, who is drained, and what happens at the first that is not well."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.operate.api import Api
from mastodon_infra.operate.converge import carry, rounds
from mastodon_infra.operate.converge.balancer import Balancers
from mastodon_infra.operate.converge.carry import Carrier
from mastodon_infra.operate.converge.decide import ConvergeError
from mastodon_infra.operate.converge.machine import probe
from mastodon_infra.operate.reach import Outcome, ReachError
from mastodon_infra.plan.instance import plan_instance
from tests.parsers.cases import SMALLEST
from tests.unit.operate.converge.machines import FolderMachine, a_bundle, a_file

SSHD = "/etc/ssh/sshd_config.d/10-mastodon-infra.conf"


def bundle_of(name, text, *, need="restart nginx.service"):
    return replace(a_bundle(a_file("/etc/nginx/nginx.conf", text, need=need), units=("nginx.service",)), node=name)


class Machines:
    """Machines in folders, reached without a network. ``told`` is what happened, in order."""

    def __init__(self, folder, names):
        self.told = []
        self.lets_in = True
        self.of = {name: FolderMachine(folder / name) for name in names}
        for name, machine in self.of.items():
            machine.boot(bundle_of(name, "one\n"))

    async def run(self, node, *words, **_):
        if words[0] == "systemctl":
            machine = self.of[node]
            if not self.lets_in:
                raise ReachError("port 22 refuses the keys of alice", where=node)
            if words[1] == "stop":
                machine.undo = None
            if words[1] == "reload":
                self.told.append(f"{node} sends visitors away")
                return Outcome(0, "", "")
            return Outcome(0 if words[1] == "stop" or machine.undo else 3, "", "")
        return Outcome(0, "", "")

    async def ask(self, _, node, program, asked, **__):
        if program is probe:
            return self.of[node].probed(asked)
        self.told.append(node)
        return self.of[node].launched(asked)

    @asynccontextmanager
    async def connect(self):
        yield self


class FakeBalancers(Balancers):
    def __init__(self, told, *, drained=()):
        super().__init__(Api(""), ())
        self.told, self.out = told, drained

    def drained(self):
        return frozenset(self.out)

    async def drain(self, node):
        self.told.append(f"drain {node}")

    async def accept(self, node):
        self.told.append(f"accept {node}")


@pytest.fixture(scope="module")
def large():
    return plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "large"}))


@pytest.fixture
def machines(large, tmp_path, monkeypatch):
    made = Machines(tmp_path, [node.name for node in large.nodes])
    monkeypatch.setattr(carry, "_ask", made.ask)
    monkeypatch.setattr(carry, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(rounds, "QUIET_SECONDS", 0)
    return made


def carrier_of(machines):
    return Carrier(reach=machines, connect=machines.connect, health=lambda _: "", allow_restart=False)


def converge(machines, plan, bundles, balancers=None):
    async def whole():
        carrier = carrier_of(machines)
        steps = await rounds.decide_all(carrier, bundles)
        await rounds.bring_all(carrier, plan, steps, balancers, lambda *_: None)

    asyncio.run(whole())


def changed(machines, **more):
    return {name: bundle_of(name, "two\n", **more) for name in machines.of}


def test_data_goes_first_and_web_nodes_last_one_at_a_time(large, machines):
    order = [one.nodes for one in rounds.rounds(large, machines.of)]

    assert [one for one in order if one[0].startswith(("postgres", "redis"))] == order[: order.index(("redis-1",)) + 1]
    assert order[-len([name for name in machines.of if name.startswith("web")]) :] == [
        (name,) for name in machines.of if name.startswith("web")
    ]
    assert max(map(len, order)) <= rounds.AT_ONCE
    assert sorted(name for one in order for name in one) == sorted(machines.of)


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


def test_the_first_that_is_not_well_ends_it_and_stays_out_of_the_balancer(large, machines, monkeypatch):
    monkeypatch.setattr(carry, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(Carrier.wait_until_well, "__kwdefaults__", {"seconds": 0})
    machines.of["web-1"].trouble = "http://127.0.0.1:3000/health answers 500"

    with pytest.raises(ConvergeError, match="answers 500"):
        converge(machines, large, changed(machines), FakeBalancers(machines.told))

    assert machines.told[-3:] == ["drain web-1", "web-1 sends visitors away", "web-1"]


def test_a_second_run_changes_nothing(large, machines):
    converge(machines, large, changed(machines))
    machines.told.clear()

    converge(machines, large, changed(machines))

    assert machines.told == []


def test_a_node_that_an_earlier_run_left_out_is_put_back(large, machines):
    async def whole():
        carrier = carrier_of(machines)
        steps = await rounds.decide_all(carrier, {name: bundle_of(name, "one\n") for name in machines.of})
        await rounds.put_back(carrier, FakeBalancers(machines.told, drained={"web-2"}), steps, lambda *_: None)

    asyncio.run(whole())

    assert machines.told == ["accept web-2"]


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


def test_balancers_are_told_by_port_and_by_node():
    calls = []

    class Told(Balancers):
        def _get(self, path):
            rows = {
                "/nodebalancers": [{"id": 7, "label": "ours"}, {"id": 8, "label": "theirs"}],
                "/nodebalancers/7/configs": [{"id": 1}, {"id": 2}],
                "/nodebalancers/7/configs/1/nodes": [
                    {"id": 11, "label": "web-1", "mode": "accept"},
                    {"id": 12, "label": "web-2", "mode": "drain"},
                ],
                "/nodebalancers/7/configs/2/nodes": [{"id": 21, "label": "web-1", "mode": "accept"}],
            }
            return rows[path]

        def _put(self, backend, mode):
            calls.append((backend.path, mode))

    async def whole():
        told = Told(Api(""), ("ours",))
        await told.read()
        assert told.drained() == {"web-2"}
        await told.drain("web-1")

    asyncio.run(whole())

    assert calls == [
        ("/nodebalancers/7/configs/1/nodes/11", "drain"),
        ("/nodebalancers/7/configs/2/nodes/21", "drain"),
    ]
