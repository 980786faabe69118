"""One node while it is being rendered: its plan among the others, and the questions that templates' contexts ask."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.model.role import Role
from mastodon_infra.plan.firewall import SIDEKIQ_METRICS_PORT
from mastodon_infra.plan.naming import service_host
from mastodon_infra.plan.network_types import Bind, Enforcer, FirewallRule, InternalHost, Listener
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render.wiring import Wiring

LOOPBACK = "127.0.0.1"
ETC = "/etc/mastodon-infra"
LIBRARY = "/usr/local/lib/mastodon-infra"
STATE = "/var/lib/mastodon-infra"
CA_PATH = f"{ETC}/ca.crt"


@dataclass(frozen=True, slots=True)
class Scene:
    """A node, the instance around it, and what only the deployment knows."""

    plan: InstancePlan
    node: NodePlan
    wiring: Wiring

    def has(self, role: Role) -> bool:
        """Whether the node has the role."""
        return role in self.node.roles

    def listeners(self) -> tuple[Listener, ...]:
        """What listens on the node: what its group has, without what only another node of it runs."""
        absent = {
            (one.process, one.port)
            for holder in self.plan.nodes
            for card in holder.optional
            for one in card.ports
            if card not in self.node.optional
        }
        if not self.node.sidekiq:
            absent.add(("sidekiq", SIDEKIQ_METRICS_PORT))
        return tuple(
            one
            for one in self.plan.listeners
            if one.group == self.node.group and (one.process, one.first_port) not in absent
        )

    def first_port(self, process: str) -> int:
        """The (first) port of a process on this node."""
        return self._listener(process).first_port

    def address(self, process: str) -> str:
        """The one address for a process that can take only one: private where others ask it, else loopback."""
        return LOOPBACK if self._listener(process).bind is Bind.LOOPBACK else self.node.address

    def addresses(self, process: str) -> tuple[str, ...]:
        """Loopback, and the private address where others ask the process. Never every address of the machine."""
        return tuple(dict.fromkeys((LOOPBACK, self.address(process))))

    def stores(self) -> tuple[InternalHost, ...]:
        """Where this node finds the stores of Mastodon's processes: what runs here is reached over loopback."""
        stores = ((Role.POSTGRES, service_host("postgres")), (Role.REDIS, service_host("redis")))
        return tuple(
            InternalHost(name, LOOPBACK if self.has(role) else self.plan.address_of(name)) for role, name in stores
        )

    def rules(self) -> tuple[FirewallRule, ...]:
        """The openings that this machine's own firewall holds."""
        return tuple(
            rule for rule in self.plan.firewall if rule.group == self.node.group and Enforcer.HOST in rule.enforcers
        )

    def sources(self, port: int) -> tuple[str, ...]:
        """The networks that may reach a port of this node."""
        return tuple(
            source for rule in self.rules() if rule.first_port <= port <= rule.last_port for source in rule.sources
        )

    def memory_mib(self, line: str) -> int | None:
        """What the memory budget sets aside under that name, MiB; None where the node has no such line."""
        return next((one.memory.value for one in self.node.memory.lines if one.name == line), None)

    def _listener(self, process: str) -> Listener:
        return next(one for one in self.listeners() if one.process == process)
