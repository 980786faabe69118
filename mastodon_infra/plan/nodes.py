"""The nodes of a placement, each with its memory and tuning."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.model.role import Role
from mastodon_infra.model.services import MediaFront, PoolerPlace
from mastodon_infra.plan import memory, naming
from mastodon_infra.plan.addressing import node_address
from mastodon_infra.plan.connections import AppNode
from mastodon_infra.plan.fitting import Sizing, load_of, web_tuning
from mastodon_infra.plan.placement import group_processes
from mastodon_infra.plan.roles import cards_of, roles_of_node
from mastodon_infra.plan.tuning.kernel import tune_kernel
from mastodon_infra.plan.tuning.nginx import NginxTuning, tune_nginx
from mastodon_infra.plan.tuning.pgbouncer import PgBouncerTuning, tune_pgbouncer
from mastodon_infra.plan.tuning.postgres import HUGE_PAGES_FROM_KIB
from mastodon_infra.plan.tuning.sidekiq import SidekiqProcess, deal
from mastodon_infra.plan.tuning.streaming import StreamingTuning, tune_streaming
from mastodon_infra.plan.tuning.upgrades import tune_upgrades
from mastodon_infra.plan.types import Group, NodePlan
from mastodon_infra.units import ceil_div


@dataclass(frozen=True, slots=True)
class Site:
    """A node while it is being planned: its group, place and load."""

    group: Group
    ordinal: int
    sidekiq: tuple[SidekiqProcess, ...]
    streaming: StreamingTuning | None
    load: memory.Load

    @property
    def name(self) -> str:
        """The node's logical name."""
        return naming.node_name(self.group.name, self.ordinal)


def sites_of(sizing: Sizing, groups: tuple[Group, ...]) -> tuple[Site, ...]:
    """Every node with what runs on it, in the order of the groups."""
    roles = tuple((group.name, group.roles) for group in groups)
    node_count = sum(group.count.value for group in groups)
    streaming_nodes = sum(group.count.value for group in groups if Role.STREAMING in group.roles)
    found = []
    for group in groups:
        streaming = None
        if Role.STREAMING in group.roles:
            streaming = tune_streaming(
                streams_peak=sizing.demand.streams_peak.value,
                node_count=streaming_nodes,
                vcpus=group.machine.vcpus,
                asked=sizing.spec.streaming.processes,
            )
        hands = deal(group_processes(group.name, roles, sizing.units), group.count.value)
        for ordinal, processes in enumerate(hands, start=1):
            load = load_of(
                sizing,
                roles=roles_of_node(group.roles, ordinal),
                machine=group.machine,
                streaming_processes=streaming.processes.value if streaming else 0,
                sidekiq_processes=len(processes),
                watched_nodes=node_count,
            )
            found.append(Site(group, ordinal, processes, streaming, load))
    return tuple(found)


def app_node(sizing: Sizing, site: Site) -> AppNode:
    """What opens database connections on the node."""
    web = web_tuning(sizing, site.load) if Role.WEB in site.group.roles else None
    return AppNode(
        name=site.name,
        web_threads=web.thread_count if web else 0,
        sidekiq_threads=sum(process.concurrency for process in site.sidekiq),
        streaming_processes=site.load.streaming_processes,
    )


def poolers_of(sizing: Sizing, sites: tuple[Site, ...], database: Group) -> tuple[PgBouncerTuning, ...]:
    """The instance's PgBouncers: none, one beside the database, or one on each app node."""
    apps = [app_node(sizing, site) for site in sites]
    if sizing.pooler is PoolerPlace.NONE:
        return ()
    if sizing.pooler is PoolerPlace.DATABASE_NODE:
        node = naming.node_name(database.name, 1)
        every = sum(app.connections for app in apps)
        return (
            tune_pgbouncer(
                node=node,
                client_connections=every,
                all_client_connections=every,
                database_vcpus=database.machine.vcpus,
                pooler_count=1,
            ),
        )
    with_one = [app for app, site in zip(apps, sites, strict=True) if site.load.has_pgbouncer]
    every = max(1, sum(app.connections for app in with_one))
    return tuple(
        tune_pgbouncer(
            node=app.name,
            client_connections=app.connections,
            all_client_connections=every,
            database_vcpus=database.machine.vcpus,
            pooler_count=len(with_one),
        )
        for app in with_one
    )


def plan_node(
    sizing: Sizing,
    site: Site,
    *,
    slug: str,
    leader: str,
    volumes: tuple[str, ...],
    pgbouncer: PgBouncerTuning | None,
    web_nodes: int,
) -> NodePlan:
    """Everything about one node."""
    group = site.group
    budget = memory.memory_budget(site.load)
    return NodePlan(
        name=site.name,
        group=group.name,
        ordinal=site.ordinal,
        roles=site.load.roles,
        machine=group.machine,
        label=naming.label(slug, site.name),
        hostname=naming.service_host(site.name),
        address=node_address(group.cidr, site.ordinal),
        is_leader=site.name == leader,
        volumes=volumes,
        memory=budget,
        kernel=tune_kernel(
            roles=group.roles,
            memory_mib=group.machine.memory_mib,
            shared_buffers_kib=_huge_buffers(site, database_memory_mib(site)),
        ),
        upgrades=tune_upgrades(first_role=group.roles[0], block=group.block, ordinal=site.ordinal),
        web=web_tuning(sizing, site.load) if Role.WEB in group.roles else None,
        nginx=_nginx(sizing, site, web_nodes) if Role.WEB in group.roles else None,
        streaming=site.streaming,
        sidekiq=site.sidekiq,
        pgbouncer=pgbouncer,
        optional=cards_of(site.load.roles),
    )


def database_memory_mib(site: Site) -> int:
    """PostgreSQL's share of the node's memory, MiB; 0 where it does not run."""
    lines = memory.memory_budget(site.load).lines
    return next((line.memory.value for line in lines if line.name == "postgres"), 0)


def _huge_buffers(site: Site, share_mib: int) -> int | None:
    """shared_buffers in KiB where they are large enough for huge pages."""
    buffers = share_mib * 1024 // 4
    return buffers if Role.POSTGRES in site.group.roles and buffers >= HUGE_PAGES_FROM_KIB else None


def _nginx(sizing: Sizing, site: Site, web_nodes: int) -> NginxTuning:
    serves_media = sizing.spec.edge.media is MediaFront.NGINX
    return tune_nginx(
        streams_per_node=ceil_div(sizing.demand.streams_peak.value, web_nodes),
        media_gb_day=sizing.demand.media_gb_day.value if serves_media else None,
        disk_gib=site.group.machine.disk_gib,
    )
