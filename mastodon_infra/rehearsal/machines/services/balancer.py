"""Linode's NodeBalancers: a real TCP proxy on their addresses, which speaks to nodes from where the cloud's would.

Played are protocol tcp with and without the proxy protocol, and checks that connect. What nobody documents is played on
the strict side: a connection that a node refuses is the visitor's loss, and is not tried on another node. Which node
has the fewest connections is counted anew after a change of the configuration.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from ipaddress import ip_network

from mastodon_infra.catalog.limits import NODEBALANCER_SOURCES
from mastodon_infra.rehearsal.clouds.linode import CONFIG, NODE
from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services.system import RUN, System, wait_until
from mastodon_infra.rehearsal.world import Thing, World

MASTER = "balancer-master"
CHECK = {"checkInterval": 5, "checkTimeout": 3, "checkAttempts": 2}
"""What the API takes where a configuration does not say: seconds, seconds, and how often."""

# A node that was down stays so over a change of the configuration, until a check has found it again. The proxy runs
# before there is any balancer, and then has nothing to do.
HEAD = f"""\
global
  nbthread 1
  maxconn 4000
  log stdout format raw daemon notice
  server-state-file /{RUN}/balancer-state
defaults
  mode tcp
  log global
  retries 0
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  load-server-state-from-file global
frontend idle
  bind /{RUN}/balancer-idle
"""


class Balancers:
    """All NodeBalancers of the world, in one proxy that keeps its connections when something changes."""

    def __init__(self, ground: Ground) -> None:
        """Start it without any."""
        self._place = ground.place
        self._system = System(ground)
        self._file = ground.folder / "balancer.cfg"
        self._file.write_text(HEAD, encoding="utf-8")
        self._addresses: set[str] = set()
        self._held = HEAD
        (self._system.sockets / MASTER).unlink(missing_ok=True)
        words = ("haproxy", "-W", "-S", f"/{RUN}/{MASTER}", "-f", str(self._file))
        self._system.start(*words, log=ground.folder / "balancer.log")
        wait_until(self._is_ready, what="the balancers' proxy takes orders")

    def follow(self, world: World) -> None:
        """Take the addresses, ports and nodes that there are by now."""
        text = configuration(world)
        if text == self._held:
            return
        wanted = {address for balancer in world.all(BALANCER) for address in _addresses(world, balancer)}
        for address in sorted(wanted - self._addresses):
            self._place.run("ip", "address", "replace", f"{address}/32", "dev", "lo")
        self._file.write_text(text, encoding="utf-8")
        (self._system.sockets / "balancer-state").write_text(self._ask("@1 show servers state"), encoding="utf-8")
        said = self._ask("reload")
        if not said.startswith("Success=1"):
            message = f"the balancers' proxy refuses {self._file}: {said}"
            raise OSError(message)
        for address in sorted(self._addresses - wanted):
            self._place.run("ip", "address", "delete", f"{address}/32", "dev", "lo")
        self._addresses, self._held = wanted, text

    def _ask(self, command: str) -> str:
        """What the proxy's first process answers."""
        # By the folder's number, for a socket's path has to be short.
        folder = os.open(self._system.sockets, os.O_PATH)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(f"/proc/self/fd/{folder}/{MASTER}")
                connection.sendall(f"{command}\n".encode())
                connection.shutdown(socket.SHUT_WR)
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        finally:
            os.close(folder)

    def _is_ready(self) -> bool:
        try:
            return bool(self._ask("show version"))
        except OSError:
            return False


def configuration(world: World) -> str:
    """The proxy's configuration for all balancers of the world."""
    parts = [HEAD]
    for balancer in world.all(BALANCER):
        source = _source(world, balancer)
        for config in world.all(CONFIG):
            if str(config.inputs["nodebalancerId"]) == balancer.id and config.inputs.get("protocol") == "tcp":
                parts += _listen(world, balancer, config, source)
    return "".join(f"{part}\n" if not part.endswith("\n") else part for part in parts)


def _listen(world: World, balancer: Thing, config: Thing, source: str) -> Iterator[str]:
    told = {**CHECK, **{name: value for name, value in config.inputs.items() if value is not None}}
    yield f"listen {config.id}"
    yield f"  bind {balancer.outputs['ipv4']}:{told['port']}"
    yield f"  balance {told.get('algorithm', 'roundrobin')}"
    yield f"  timeout check {told['checkTimeout']}s"
    if told.get("stickiness") == "table":
        yield "  stick-table type ip size 100k expire 30m"
        yield "  stick on src"
    proxied = {"v1": " send-proxy", "v2": " send-proxy-v2"}.get(told.get("proxyProtocol", "none"), "")
    check = ""
    if told.get("check", "none") != "none":
        check = (
            f" check inter {told['checkInterval']}s fall {told['checkAttempts']}{' check-send-proxy' * bool(proxied)}"
        )
    for node in world.all(NODE):
        mode = node.inputs.get("mode", "accept")
        if str(node.inputs["configId"]) != config.id or mode == "reject":
            continue
        # A weight of none leaves a node what it has, and gives it nothing new.
        weight = 0 if mode == "drain" else node.inputs.get("weight", 100)
        backup = " backup" if mode == "backup" else ""
        yield f"  server {node.id} {node.inputs['address']} source {source} weight {weight}{check}{proxied}{backup}"


def _addresses(world: World, balancer: Thing) -> tuple[str, str]:
    """Where it is asked, and where it asks from."""
    return balancer.outputs["ipv4"], _source(world, balancer)


def _source(world: World, balancer: Thing) -> str:
    """In a VPC the range that it was given; else a range that Linode keeps for this in its shared private network."""
    for vpc in balancer.inputs.get("vpcs") or ():
        return str(ip_network(vpc["ipv4Range"])[1])
    others = [one.id for one in world.all(BALANCER)]
    return str(ip_network(NODEBALANCER_SOURCES.prefixes[0])[1 + others.index(balancer.id)])
