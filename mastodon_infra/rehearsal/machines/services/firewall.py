"""Linode's cloud firewall: it stands outside the machines, on the cables that lead to them.

Not held are rules about NodeBalancers as devices of a firewall, machines listed in a firewall instead of naming one,
and limits of rates. Addresses of private networks are reached from private addresses only, as in the cloud, where
nothing leads to them from the world.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from itertools import chain
from typing import Any

from mastodon_infra.rehearsal.clouds.linode_rules import BALANCER, FIREWALL, INSTANCE, vpc_addresses
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services.system import System
from mastodon_infra.rehearsal.world import Thing, Values, World

PRIVATE = "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16"
MATCHES = {
    ("TCP", 4): "meta l4proto tcp",
    ("TCP", 6): "meta l4proto tcp",
    ("UDP", 4): "meta l4proto udp",
    ("UDP", 6): "meta l4proto udp",
    ("ICMP", 4): "meta l4proto icmp",
    ("ICMP", 6): "meta l4proto icmpv6",
    ("IPENCAP", 4): "meta l4proto 4",
    ("IPENCAP", 6): "meta l4proto 4",
}
# A rule that accepts only returns: the firewall on the packet's other end has its say as well.
VERDICTS = {"ACCEPT": "return", "DROP": "drop"}

TABLE = """\
table inet cloud_firewall {{}}
delete table inet cloud_firewall
table inet cloud_firewall {{
{chains}
  chain judged {{
    ct state established,related accept
    icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }} accept
    ip daddr {{ {private} }} ip saddr != {{ {private} }} drop
{jumps}
  }}
  chain forward {{ type filter hook forward priority filter; jump judged; }}
  chain output {{ type filter hook output priority filter; jump judged; }}
  chain input {{ type filter hook input priority filter; jump judged; }}
}}
"""


class CloudFirewall:
    """Holds every firewall of the world in front of the addresses that it was given to."""

    def __init__(self, ground: Ground) -> None:
        self._system = System(ground)
        self._file = ground.folder / "firewall.nft"
        self._held = ""

    def follow(self, world: World) -> None:
        """Hold the rules as they are by now; conversations that were let in go on."""
        rules = ruleset(world)
        if rules != self._held:
            self._file.write_text(rules, encoding="utf-8")
            self._system.run("nft", "--file", str(self._file))
            self._held = rules


def ruleset(world: World) -> str:
    """All firewalls as one table for ``nft``, which takes the place of the one before at once."""
    devices = list(_devices(world))
    used = {identity for identity, _ in devices}
    firewalls = [thing for thing in world.all(FIREWALL) if thing.id in used]
    chains = [line for thing in firewalls for line in _chains(thing)]
    jumps = [
        f"    {_family(address)} {side} {address} jump {direction}_{identity}"
        for identity, address in devices
        for direction, side in (("in", "daddr"), ("out", "saddr"))
    ]
    return TABLE.format(chains="\n".join(chains), private=PRIVATE, jumps="\n".join(jumps))


def _devices(world: World) -> Iterator[tuple[str, str]]:
    """Each firewall's id with an address that it stands before."""
    for machine in world.all(INSTANCE):
        public = [*machine.outputs["ipv4s"], machine.outputs["ipv6"].partition("/")[0]]
        if machine.inputs.get("firewallId") is not None:
            yield from ((str(machine.inputs["firewallId"]), address) for address in public)
        for one in machine.inputs.get("linodeInterfaces") or ():
            if one.get("firewallId") is None:
                continue
            private = [address for _, address in vpc_addresses({"linodeInterfaces": [one]}) if address]
            addresses = public if one.get("public") is not None else private
            yield from ((str(one["firewallId"]), address) for address in addresses)
    for balancer in world.all(BALANCER):
        if balancer.inputs.get("firewallId") is not None:
            identity = str(balancer.inputs["firewallId"])
            yield identity, balancer.outputs["ipv4"]
            yield identity, balancer.outputs["ipv6"]


def _chains(firewall: Thing) -> Iterator[str]:
    inputs = firewall.inputs
    sides = (("in", "saddr", "inbounds", "inboundPolicy"), ("out", "daddr", "outbounds", "outboundPolicy"))
    for direction, side, rules, policy in sides:
        yield f"  chain {direction}_{firewall.id} {{  # {inputs['label']}"
        yield from chain.from_iterable(_rule(rule, side) for rule in inputs.get(rules) or ())
        yield f"    {VERDICTS[inputs[policy]]}"
        yield "  }"


def _rule(rule: Values, side: str) -> Iterator[str]:
    """A line for each family of addresses that the rule names; a family that it does not name, it does not match."""
    ports = f" th dport {{ {rule['ports']} }}" if rule.get("ports") else ""
    for version, name in ((4, "ipv4s"), (6, "ipv6s")):
        networks: list[Any] = [ip_network(source) for source in rule.get(name) or ()]
        if networks:
            matched = MATCHES[rule["protocol"], version]
            yield f"    {_among(networks, version, side)} {matched}{ports} {VERDICTS[rule['action']]}"


def _among(networks: Iterable[IPv4Network | IPv6Network], version: int, side: str) -> str:
    """Whether an address is in any of the networks."""
    collapsed = list(collapse_addresses(networks))  # type: ignore[type-var]
    if not collapsed[0].prefixlen:
        return f"meta nfproto ipv{version}"
    return f"{'ip' if version == 4 else 'ip6'} {side} {{ {', '.join(map(str, collapsed))} }}"  # noqa: PLR2004


def _family(address: str) -> str:
    return "ip6" if ":" in address else "ip"
