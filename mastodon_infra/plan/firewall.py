"""The firewall matrix: who talks to whom, as openings of ports, and the listeners behind them.

A *flow* says which role talks to which; rules and listeners are derived from flows, so no port is open without a
listener and no listener is reachable without a rule. What stays on one machine goes through loopback and needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.catalog.limits import NODEBALANCER_SOURCES
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import NetworkMode, PoolerPlace
from mastodon_infra.plan.network_types import Bind, Enforcer, FirewallRule, Listener, Side
from mastodon_infra.plan.roles import cards_of
from mastodon_infra.plan.tuning import pgbouncer, redis, streaming, web
from mastodon_infra.plan.types import Group

SSH_PORT = 22
HTTP_PORT, HTTPS_PORT = 80, 443
ACME_PORT = 8480
POSTGRES_PORT = 5432
NODE_EXPORTER_PORT = 9100
POSTGRES_EXPORTER_PORT = 9187
REDIS_EXPORTER_PORT = 9121
REDIS_CACHE_EXPORTER_PORT = 9122
NGINX_EXPORTER_PORT = 9113
PGBOUNCER_EXPORTER_PORT = 9127
PUMA_EXPORTER_PORT = 9394
SIDEKIQ_METRICS_PORT = 9400
PROMETHEUS_PORT, ALERTMANAGER_PORT, PROBER_PORT = 9090, 9093, 9115

APP = (Role.WEB, Role.STREAMING, Role.SIDEKIQ)


@dataclass(frozen=True, slots=True)
class Runs:
    """What the fullest node of a group runs, as far as it opens ports."""

    group: Group
    streaming: int
    sidekiq: int
    has_web_metrics: bool
    shares_certificate: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """One conversation inside the instance: nodes with any of the roles ``clients`` talk to the group ``server``."""

    name: str
    clients: tuple[Role, ...]
    server: str
    process: str
    first_port: int
    last_port: int
    purpose: str


@dataclass(frozen=True, slots=True)
class Front:
    """How the world reaches the web nodes.

    ``sources`` are the networks that may; ``who`` names them. ``has_balancer``: through NodeBalancers, from
    ``balancer_cidr`` on a VPC, from Linode's shared private network on a VLAN.
    """

    sources: tuple[str, ...]
    who: str
    has_balancer: bool
    balancer_cidr: str


def internal_flows(runs: tuple[Runs, ...], pooler: PoolerPlace) -> tuple[Flow, ...]:
    """Every conversation between machines of the instance, group by group of those that are asked."""
    return tuple(flow for one in runs for flow in (*_service_flows(one, pooler), *_metrics_flows(one, pooler)))


def _service_flows(runs: Runs, pooler: PoolerPlace) -> Iterator[Flow]:
    roles, name = runs.group.roles, runs.group.name

    def flow(process: str, clients: tuple[Role, ...], port: int, purpose: str, *, count: int = 1) -> Flow:
        return Flow(process, clients, name, process, port, port + count - 1, purpose)

    if runs.shares_certificate:
        yield flow("acme", (Role.WEB,), ACME_PORT, "certificate challenges passed on, and the public chain")
    if runs.streaming:
        yield flow("streaming", (Role.WEB,), streaming.FIRST_PORT, "nginx passes streams on", count=runs.streaming)
    if Role.REDIS in roles:
        yield flow("redis-queue", APP, redis.QUEUE_PORT, "queues, feeds, live updates")
        yield flow("redis-cache", (Role.WEB, Role.SIDEKIQ), redis.CACHE_PORT, "Rails' cache and rate limits")
    if Role.POSTGRES in roles:
        yield flow("postgres", APP, POSTGRES_PORT, "queries; migrations always go direct")
        if pooler is PoolerPlace.DATABASE_NODE:
            yield flow("pgbouncer", APP, pgbouncer.PORT, "queries through the pooler")


def _metrics_flows(runs: Runs, pooler: PoolerPlace) -> Iterator[Flow]:
    roles = set(runs.group.roles)
    has_pooler = pooler is PoolerPlace.DATABASE_NODE and Role.POSTGRES in roles
    has_pooler = has_pooler or (pooler is PoolerPlace.APP_NODES and bool(roles & set(APP)))
    ports = (
        ("nginx-exporter", NGINX_EXPORTER_PORT, int(Role.WEB in roles)),
        ("puma-exporter", PUMA_EXPORTER_PORT, int(runs.has_web_metrics)),
        ("streaming", streaming.FIRST_PORT, runs.streaming),
        ("sidekiq", SIDEKIQ_METRICS_PORT, runs.sidekiq),
        ("postgres-exporter", POSTGRES_EXPORTER_PORT, int(Role.POSTGRES in roles)),
        ("pgbouncer-exporter", PGBOUNCER_EXPORTER_PORT, int(has_pooler)),
        ("redis-exporter", REDIS_EXPORTER_PORT, 2 * int(Role.REDIS in roles)),
    )
    for process, first, count in ports:
        if count:
            last = first + count - 1
            purpose = "Prometheus reads metrics"
            yield Flow(f"metrics-{process}", (Role.MONITORING,), runs.group.name, process, first, last, purpose)


def firewall_rules(
    *,
    groups: tuple[Group, ...],
    flows: tuple[Flow, ...],
    front: Front,
    mode: NetworkMode,
    jump_group: str,
    admins: tuple[str, ...],
) -> tuple[FirewallRule, ...]:
    """Every opening, group by group."""
    private = (Enforcer.CLOUD, Enforcer.HOST) if mode is NetworkMode.VPC else (Enforcer.HOST,)
    rules: list[FirewallRule] = []
    for group in groups:
        rules.extend(_public_rules(group, front=front, mode=mode, private=private))
        rules.extend(_ssh_rules(group, groups, jump_group, admins, private))
        rules.extend(_internal_rules(group, groups, flows, private))
        if rule := _node_metrics(group, groups, private):
            rules.append(rule)
    return tuple(_merged(rules))


def _public_rules(
    group: Group,
    *,
    front: Front,
    mode: NetworkMode,
    private: tuple[Enforcer, ...],
) -> Iterator[FirewallRule]:
    if Role.WEB not in group.roles:
        return
    both = (Enforcer.CLOUD, Enforcer.HOST)
    for name, port, purpose in (
        ("https", HTTPS_PORT, "the web site, the API and media"),
        ("http", HTTP_PORT, "redirects and certificate challenges"),
    ):
        if not front.has_balancer:
            yield FirewallRule(
                f"{group.name}/{name}",
                group.name,
                Side.PUBLIC,
                "tcp",
                port,
                port,
                front.sources,
                front.who,
                purpose,
                both,
            )
        elif mode is NetworkMode.VPC:
            yield FirewallRule(
                f"{group.name}/{name}",
                group.name,
                Side.PRIVATE,
                "tcp",
                port,
                port,
                (front.balancer_cidr,),
                "the NodeBalancers",
                purpose,
                private,
            )
        else:
            yield FirewallRule(
                f"{group.name}/{name}",
                group.name,
                Side.PUBLIC,
                "tcp",
                port,
                port,
                NODEBALANCER_SOURCES.prefixes,
                "the NodeBalancers",
                purpose,
                both,
            )


def _ssh_rules(
    group: Group,
    groups: tuple[Group, ...],
    jump_group: str,
    admins: tuple[str, ...],
    private: tuple[Enforcer, ...],
) -> Iterator[FirewallRule]:
    if group.name == jump_group:
        yield FirewallRule(
            f"{group.name}/ssh",
            group.name,
            Side.PUBLIC,
            "tcp",
            SSH_PORT,
            SSH_PORT,
            admins,
            "administrators",
            "log-in, keys only",
            (Enforcer.CLOUD, Enforcer.HOST),
        )
    if group.name != jump_group or group.count.value > 1:
        jump = next(other.cidr for other in groups if other.name == jump_group)
        yield FirewallRule(
            f"{group.name}/ssh-inside",
            group.name,
            Side.PRIVATE,
            "tcp",
            SSH_PORT,
            SSH_PORT,
            (jump,),
            "the jump node",
            "log-in from the jump node",
            private,
        )


def _internal_rules(
    group: Group, groups: tuple[Group, ...], flows: tuple[Flow, ...], private: tuple[Enforcer, ...]
) -> Iterator[FirewallRule]:
    for flow in flows:
        if flow.server != group.name:
            continue
        clients = tuple(
            other for other in groups if set(flow.clients) & set(other.roles) and _is_remote(other, group, flow)
        )
        if clients:
            yield FirewallRule(
                f"{group.name}/{flow.name}",
                group.name,
                Side.PRIVATE,
                "tcp",
                flow.first_port,
                flow.last_port,
                tuple(client.cidr for client in clients),
                ", ".join(client.name for client in clients),
                flow.purpose,
                private,
            )


def _node_metrics(group: Group, groups: tuple[Group, ...], private: tuple[Enforcer, ...]) -> FirewallRule | None:
    watcher = next(other for other in groups if Role.MONITORING in other.roles)
    if watcher.name == group.name and group.count.value == 1:
        return None
    return FirewallRule(
        f"{group.name}/metrics-node",
        group.name,
        Side.PRIVATE,
        "tcp",
        NODE_EXPORTER_PORT,
        NODE_EXPORTER_PORT,
        (watcher.cidr,),
        watcher.name,
        "Prometheus reads metrics",
        private,
    )


def _is_remote(client: Group, server: Group, flow: Flow) -> bool:
    """Whether the conversation leaves the machine. Streaming beside nginx is always asked on the same machine."""
    if client.name != server.name:
        return not (flow.name == "streaming" and Role.STREAMING in client.roles)
    return server.count.value > 1 and flow.name != "streaming"


def _merged(rules: list[FirewallRule]) -> Iterator[FirewallRule]:
    """Rules by name, each once: a port asked for by two flows of one name is one opening."""
    seen: set[str] = set()
    for rule in rules:
        if rule.name not in seen:
            seen.add(rule.name)
            yield rule


def listeners(
    *, groups: tuple[Group, ...], flows: tuple[Flow, ...], rules: tuple[FirewallRule, ...], pooler: PoolerPlace
) -> tuple[Listener, ...]:
    """Every port that a process listens on, and how far: private or public exactly where a rule opens it."""
    found: dict[tuple[str, str, int], Listener] = {}
    for group in groups:
        for process, first, last in _ports_of(group, flows, pooler):
            sides = {
                rule.side
                for rule in rules
                if rule.group == group.name and rule.first_port <= last and first <= rule.last_port
            }
            bind = Bind.PUBLIC if Side.PUBLIC in sides else Bind.PRIVATE if sides else Bind.LOOPBACK
            found.setdefault((group.name, process, first), Listener(group.name, process, first, last, bind))
    return tuple(found.values())


def _ports_of(group: Group, flows: tuple[Flow, ...], pooler: PoolerPlace) -> Iterator[tuple[str, int, int]]:
    yield "sshd", SSH_PORT, SSH_PORT
    yield "node-exporter", NODE_EXPORTER_PORT, NODE_EXPORTER_PORT
    if Role.WEB in group.roles:
        yield "nginx", HTTP_PORT, HTTP_PORT
        yield "nginx", HTTPS_PORT, HTTPS_PORT
        yield "puma", web.PORT, web.PORT
    if pooler is PoolerPlace.APP_NODES and set(APP) & set(group.roles):
        yield "pgbouncer", pgbouncer.PORT, pgbouncer.PORT
    if Role.MONITORING in group.roles:
        yield "prometheus", PROMETHEUS_PORT, PROMETHEUS_PORT
        yield "alertmanager", ALERTMANAGER_PORT, ALERTMANAGER_PORT
        yield "blackbox-exporter", PROBER_PORT, PROBER_PORT
    for card in cards_of(group.roles):
        for one in card.ports:
            yield one.process, one.port, one.port
    for flow in flows:
        if flow.server == group.name:
            yield flow.process, flow.first_port, flow.last_port
