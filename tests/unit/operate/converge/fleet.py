"""All machines of an instance in folders, and a balancer before its web nodes, as converge sees them."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

from mastodon_infra.operate.api import Api
from mastodon_infra.operate.converge import carry, rounds
from mastodon_infra.operate.converge.balancer import ACCEPT, DRAIN, Backend, Balancers
from mastodon_infra.operate.converge.carry import Carrier
from mastodon_infra.operate.converge.decide import Steps
from mastodon_infra.operate.converge.front import Front
from mastodon_infra.operate.converge.machine import probe
from mastodon_infra.operate.reach import Outcome, ReachError
from tests.unit.operate.converge.machines import FolderMachine, a_bundle, a_file

WEB = ("web-1", "web-2", "web-3")


def bundle_of(name, text, *, need="restart nginx.service", unit="nginx.service"):
    return replace(a_bundle(a_file("/etc/nginx/nginx.conf", text, need=need), units=(unit,)), node=name)


class Machines:
    """Machines in folders, reached without a network. ``told`` is what happened, in order."""

    def __init__(self, folder, names):
        self.told, self.words = [], []
        self.lets_in = True
        self.fails = {}
        self.unreached = 0
        self.of = {name: FolderMachine(folder / name) for name in names}
        for name, machine in self.of.items():
            machine.boot(bundle_of(name, "one\n"))

    async def hold(self):
        pass

    async def run(self, node, *words, **_):
        if words[0] in self.fails:
            raise self.fails[words[0]]
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
        if self.unreached:
            self.unreached -= 1
            raise ReachError("the connection was lost", where=node)
        if program is probe:
            return self.of[node].probed(asked)
        self.told.append(node)
        return self.of[node].launched(asked)

    @asynccontextmanager
    async def connect(self):
        yield self


class FakeBalancers(Balancers):
    """One balancer before web nodes. ``down`` is what its checks say."""

    def __init__(self, told, *, nodes=WEB, drained=(), down=()):
        super().__init__(Api(""), ())
        self.told, self.down = told, set(down)
        self.modes = {node: DRAIN if node in drained else ACCEPT for node in nodes}
        self._backends = tuple(self._all())

    def _all(self):
        for node, mode in self.modes.items():
            yield Backend(node, f"/configs/1/nodes/{node}", mode, self._status(node))

    def _status(self, node):
        return "DOWN" if node in self.down else "UP"

    def _states(self, node):
        return {self._status(node)}

    def _put(self, backend, mode):
        self.told.append(f"{mode} {backend.node}")
        self.modes[backend.node] = mode


def carrier_of(machines, **more):
    health = lambda _: ("http://127.0.0.1:3000/health",)  # noqa: E731
    tell = lambda node, words: machines.words.append(f"{node} {words}")  # noqa: E731
    return Carrier(reach=machines, connect=machines.connect, health=health, allow_restart=False, tell=tell, **more)


def converge(machines, plan, bundles, balancers=None):
    """Once; what each machine needed that was brought to the end."""
    ended: dict[str, Steps] = {}

    async def whole():
        carrier = carrier_of(machines)
        steps = await rounds.decide_all(carrier, bundles)
        front = Front(balancers, machines, carrier.tell)
        await rounds.bring_all(carrier, plan, steps, front, ended=ended, hold=machines.hold)

    asyncio.run(whole())
    return ended


def changed(machines, **more):
    return {name: bundle_of(name, "two\n", **more) for name in machines.of}


def without_patience(monkeypatch):
    """Nothing is waited for twice."""
    monkeypatch.setattr(carry, "SETTLE_SECONDS", 0)
    monkeypatch.setattr(carry, "BUSY_SECONDS", 0)
    monkeypatch.setattr(rounds, "COMING_SECONDS", 0)
