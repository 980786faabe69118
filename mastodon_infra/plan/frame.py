"""The frame of a plan: groups sized, connections counted, every process given a node."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mastodon_infra.catalog.sources import ASKED, JUDGEMENT
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.model.tier import Tier
from mastodon_infra.plan import naming
from mastodon_infra.plan.budget import ConnectionBudget
from mastodon_infra.plan.connections import connection_budget, direct_connections
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.demand import demand_of
from mastodon_infra.plan.fitting import Sizing
from mastodon_infra.plan.nodes import Site, app_node, database_memory_mib, poolers_of, sites_of
from mastodon_infra.plan.placement import place, tier_of
from mastodon_infra.plan.tuning.pgbouncer import PgBouncerTuning, pooler_place
from mastodon_infra.plan.tuning.postgres import PostgresTuning, tune_postgres
from mastodon_infra.plan.tuning.redis import tune_redis
from mastodon_infra.plan.tuning.sidekiq import asked_units, derived_units
from mastodon_infra.plan.types import Group


@dataclass(frozen=True, slots=True)
class Frame:
    """What the rest of the plan is hung on."""

    spec: InstanceSpec
    slug: str
    sizing: Sizing
    groups: tuple[Group, ...]
    sites: tuple[Site, ...]
    pooler: Decided[PoolerPlace]
    poolers: tuple[PgBouncerTuning, ...]
    connections: ConnectionBudget

    def group(self, role: Role) -> Group:
        """The first group that has a role."""
        return next(group for group in self.groups if role in group.roles)

    def first_node(self, role: Role) -> str:
        """The name of the first node that has a role."""
        return naming.node_name(self.group(role).name, 1)

    @property
    def leader(self) -> str:
        """The node that does first start and migrations: the first web node."""
        return self.first_node(Role.WEB)

    @property
    def web_nodes(self) -> tuple[str, ...]:
        """Names of the nodes that serve pages."""
        return tuple(site.name for site in self.sites if Role.WEB in site.group.roles)

    @property
    def database_site(self) -> Site:
        """The node that holds the database."""
        return next(site for site in self.sites if Role.POSTGRES in site.group.roles)


def frame_of(spec: InstanceSpec) -> Frame:
    """Size the groups, decide on a pooler from the connections, and size again with it in place."""
    demand = demand_of(_users(spec))
    units = asked_units(spec.sidekiq.units) if spec.sidekiq.units else derived_units(demand.users.value)
    sizing = Sizing(
        spec=spec,
        demand=demand,
        units=units,
        redis=tune_redis(demand_mib=demand.redis_mib, users=demand.users.value),
        pooler=PoolerPlace.NONE,
        tier=tier_of(spec),
    )
    without = sites_of(sizing, place(sizing))
    pooler = pooler_place(
        direct_connections=direct_connections(app_node(sizing, site) for site in without),
        is_large=sizing.tier in (Tier.LARGE, Tier.XLARGE),
        asked=spec.postgres.pooler,
    )
    sizing = replace(sizing, pooler=pooler.value)
    groups = place(sizing)
    sites = sites_of(sizing, groups)
    database = next(group for group in groups if Role.POSTGRES in group.roles)
    poolers = poolers_of(sizing, sites, database)
    connections = connection_budget(
        tuple(app_node(sizing, site) for site in sites),
        pooler=pooler.value,
        poolers=poolers,
        database_node=naming.node_name(database.name, 1),
    )
    return Frame(spec, naming.slug_of(spec.domain), sizing, groups, sites, pooler, poolers, connections)


def tuned_postgres(frame: Frame, volume_gib: int) -> PostgresTuning:
    """PostgreSQL's settings for its share of its node's memory."""
    site = frame.database_site
    share = database_memory_mib(site)
    budget_line = Decided(
        share * 1024,
        "what the node's memory budget leaves for PostgreSQL and its page cache",
        JUDGEMENT,
        "KiB",
        (("machine", site.load.machine.name), ("share", f"{share} MiB")),
    )
    return tune_postgres(
        memory_share=budget_line,
        vcpus=site.load.machine.vcpus,
        workload="web" if site.group.roles == (Role.POSTGRES,) else "mixed",
        max_connections=frame.connections.max_connections,
        app_connections=frame.connections.app_connections,
        database_gib=frame.sizing.demand.database_gib.value,
        volume_gib=volume_gib or site.load.machine.disk_gib // 2,
    )


def _users(spec: InstanceSpec) -> Decided[int]:
    if spec.expected_monthly_active_users is not None:
        return Decided(spec.expected_monthly_active_users, "expected_monthly_active_users", ASKED, "users", asked=True)
    return Decided(spec.monthly_active_users, f"the promise of size: {spec.size}", ASKED, "users", asked=True)
