"""Keeps a rehearsal running: it makes real, on this computer, whatever the stand-in providers wrote down.

    python -m mastodon_infra.rehearsal keep FOLDER

It follows FOLDER/cloud, writes FOLDER/running.json (each machine by its label: pid of its first process, boots, whether
it is on), and takes orders, a line of JSON each, on the socket FOLDER/control: ``{"do": "end"}``. When it ends, however
it ends, the kernel takes away all that it started.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Protocol, Self

from mastodon_infra.rehearsal.machines.addresses import ALL, GATEWAY
from mastodon_infra.rehearsal.machines.authority import Authority
from mastodon_infra.rehearsal.machines.bed import Parts, write_layer
from mastodon_infra.rehearsal.machines.compute import Compute
from mastodon_infra.rehearsal.machines.ground import Given, Ground
from mastodon_infra.rehearsal.machines.place import Place
from mastodon_infra.rehearsal.machines.services.acme import Acme
from mastodon_infra.rehearsal.machines.services.balancer import Balancers
from mastodon_infra.rehearsal.machines.services.edge import Edge
from mastodon_infra.rehearsal.machines.services.firewall import CloudFirewall
from mastodon_infra.rehearsal.machines.services.linode_api import LinodeApi
from mastodon_infra.rehearsal.machines.services.names import Names
from mastodon_infra.rehearsal.machines.services.registry import Registry
from mastodon_infra.rehearsal.machines.services.relay import Relay
from mastodon_infra.rehearsal.machines.services.store import Store
from mastodon_infra.rehearsal.world import World

LOOK_SECONDS = 0.2
RUNNING, CONTROL, TRUST, PID, GIVEN = "running.json", "control", "trusted.pem", "keeper.pid", "given.json"


class Service(Protocol):
    """A part of the outside world."""

    def follow(self, world: World) -> None:
        """Be what the world says by now."""


def keep(folder: Path, parts: Parts) -> None:
    """Run until told to end, by an order or by a signal."""
    (folder / PID).write_text(f"{os.getpid()}\n", encoding="ascii")
    with ExitStack() as ending:
        resolver = folder / "resolv.conf"
        resolver.write_text(f"nameserver {GATEWAY}\n", encoding="utf-8")
        place = ending.enter_context(Place(ALL, resolver=resolver))
        ground = Ground(place, folder, parts, _given(folder / GIVEN), Authority())
        acme = Acme(ground)
        trusted = ground.authority.certificate + acme.root()
        write_layer(folder / "layer", parts, trusted)
        (folder / TRUST).write_text(trusted, encoding="utf-8")
        services: list[Service] = [
            *(Names(ground), Store(ground), Registry(ground), acme),
            *(CloudFirewall(ground), Balancers(ground), Edge(ground), LinodeApi(ground), Relay(ground)),
        ]
        compute = Compute(ground)
        orders = ending.enter_context(Orders(folder / CONTROL))
        orders.known = _orders(compute, orders)
        (folder / PID).write_text(f"{os.getpid()} {place.pid}\n", encoding="utf-8")
        signal.signal(signal.SIGTERM, lambda *_: orders.end())
        world = World(folder / "cloud")
        while not orders.is_over:
            with world.locked():
                for service in services:
                    service.follow(world)
                compute.follow(world)
            _tell(folder / RUNNING, place, compute)
            orders.take(LOOK_SECONDS)


class Orders:
    """A socket on which orders come, one a connection, each answered by a line."""

    def __init__(self, path: Path) -> None:
        self.is_over = False
        self.known: Mapping[str, Callable[[dict[str, Any]], None]] = {}
        self._path = path
        path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        path.chmod(0o600)
        self._socket.listen()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def end(self) -> None:
        """Take no more."""
        self.is_over = True

    def take(self, seconds: float) -> None:
        """Wait so long for an order, and carry it out."""
        end = time.monotonic() + seconds
        while not self.is_over and (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with suppress(TimeoutError):
                connection, _ = self._socket.accept()
                with connection, connection.makefile("rw", encoding="utf-8") as stream:
                    stream.write(json.dumps(self._answer(json.loads(stream.readline()))) + "\n")

    def _answer(self, order: dict[str, Any]) -> dict[str, str]:
        try:
            self.known[order["do"]](order)
        except (OSError, KeyError) as error:
            return {"refused": str(error)}
        return {"done": order["do"]}


def _given(path: Path) -> Given:
    told = json.loads(path.read_text(encoding="utf-8"))
    return Given(**told | {"images": tuple(told["images"]), "mail_ports": tuple(told.get("mail_ports", ()))})


def _orders(compute: Compute, orders: Orders) -> dict[str, Callable[[dict[str, Any]], None]]:
    return {
        "end": lambda _: orders.end(),
        "reboot": lambda order: compute.machines[order["machine"]].ask_to_reboot(),
        "power-off": lambda order: compute.machines[order["machine"]].power_off(),
        "power-on": lambda order: compute.machines[order["machine"]].power_on(),
        "hold-back": lambda order: compute.hold_back(order["label"]),
        "let-go": lambda order: compute.let_go(order["label"]),
    }


def _tell(path: Path, place: Place, compute: Compute) -> None:
    machines = {
        name: {"pid": machine.pid, "boots": machine.boots, "is_on": machine.is_on, "trouble": machine.trouble}
        for name, machine in compute.machines.items()
    }
    text = json.dumps({"place": place.pid, "machines": machines}, indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        making = path.with_suffix(".making")
        making.write_text(text, encoding="utf-8")
        making.replace(path)
