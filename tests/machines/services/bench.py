"""A bench for parts of the outside world: bare network namespaces stand for machines, and no machine boots."""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from mastodon_infra.rehearsal.machines.addresses import ALL, GATEWAY, VISITOR
from mastodon_infra.rehearsal.machines.authority import Authority
from mastodon_infra.rehearsal.machines.ground import Given, Ground
from mastodon_infra.rehearsal.machines.place import Place, child_of
from mastodon_infra.rehearsal.world import Thing

ANSWERING, CALLING, ORIGIN = (
    str(Path(__file__).with_name(name)) for name in ("answering.py", "calling.py", "origin.py")
)
NUMBERS = count(1)
READY_SECONDS = 20


@contextmanager
def standing(parts, folder, given=Given(images=())):  # noqa: B008 - it cannot change
    """The ground, with a place that nothing runs in."""
    resolver = folder / "resolv.conf"
    resolver.write_text(f"nameserver {GATEWAY}\n", encoding="utf-8")
    with Place(ALL, resolver=resolver) as place:
        yield Ground(place, folder, parts, given, Authority())


def wait_until(is_so, *, what):
    """Ask until it is so."""
    end = time.monotonic() + READY_SECONDS
    while not is_so():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def put(world, token, identity, inputs, **outputs):
    """Have something in the world, or have it otherwise."""
    with world.locked():
        world.put(Thing(token, str(identity), inputs, outputs))


class Node:
    """Stands for a machine: a network namespace on cables of the place, ``eth0`` and perhaps ``eth1``."""

    def __init__(self, ground, name, public, private=None):
        self.ground, self.name, self.public, self.private = ground, name, public, private
        log = ground.folder / f"{name}.log"
        self._process = ground.place.start("unshare", "--net", "sleep", "infinity", log=log)
        wait_until(self._has_own_network, what="a network namespace")
        for interface, address in (("eth0", public), ("eth1", private)):
            if address:
                self._connect(interface, address)
        self.run("ip", "link", "set", "lo", "up")
        self.run("ip", "route", "add", "default", "via", self._gateway)

    @property
    def _gateway(self):
        return f"{self.public.rpartition('.')[0]}.1"

    @property
    def pid(self):
        return child_of(self._process.pid)

    def _has_own_network(self):
        try:
            own = Path(f"/proc/{self.pid}/ns/net").readlink()
        except (OSError, ValueError):
            return False
        return own != Path(f"/proc/{self.ground.place.pid}/ns/net").readlink()

    def _connect(self, interface, address):
        cable = f"{interface}-{self.name}"
        place = self.ground.place
        place.run("ip", "link", "add", cable, "type", "veth", "peer", "name", interface, "netns", self._number)
        self.run("ip", "address", "add", f"{address}/{24 if interface == 'eth0' else 16}", "dev", interface)
        self.run("ip", "link", "set", interface, "up")
        place.connect(cable, [address], self._gateway if interface == "eth0" else "")

    def command(self, *words):
        return ["nsenter", "--target", str(self.pid), "--net", "--", *words]

    def run(self, *words):
        subprocess.run(self.command(*words), check=True, capture_output=True)

    def answer(self, port, *options):
        """Answer on a port of every address; ``proxied`` as an option demands the proxy protocol. Gives the process."""
        return self.start(ANSWERING, str(port), self.name, *options)

    def start(self, script, *words):
        """Start a script in it, and wait until that says so; gives the process."""
        log = self.ground.folder / f"{self.name}-{next(NUMBERS)}.log"
        inside = ("nsenter", f"--net=/proc/{self._number}/ns/net", "--")
        process = self.ground.place.start(*inside, sys.executable, script, *words, log=log)
        wait_until(lambda: "ready" in log.read_text(encoding="utf-8"), what=f"{script} runs on {self.name}")
        return process

    @property
    def _number(self):
        """Its process' number in the place."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="utf-8")
        return next(line.split()[-1] for line in status.splitlines() if line.startswith("NSpid:"))


class Caller:
    """A conversation with an address and port: what was answered first, and whether it goes on."""

    def __init__(self, command, source, address, port):
        self._process: Any = subprocess.Popen(
            [*command, sys.executable, CALLING, source, address, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.first = self._answer()

    def says(self, text):
        """What comes back for a line."""
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self):
        return json.loads(self._process.stdout.readline())

    def close(self):
        with self._process:
            self._process.stdin.close()


@contextmanager
def visiting(ground, address, port, *, source=VISITOR):
    """A visitor's conversation."""
    caller = Caller(ground.place.command(), source, address, port)
    try:
        yield caller
    finally:
        caller.close()


@contextmanager
def calling(node, address, port, *, source=""):
    """A conversation that a node begins."""
    caller = Caller(node.command(), source, address, port)
    try:
        yield caller
    finally:
        caller.close()


def heard(ground, address, port, *, source=VISITOR):
    """What a visitor is told first: the answering node's name and whom it saw, or how it failed."""
    with visiting(ground, address, port, source=source) as caller:
        return caller.first


def heard_by(node, address, port, *, source=""):
    """The same for a node that calls."""
    with calling(node, address, port, source=source) as caller:
        return caller.first
