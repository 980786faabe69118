"""Whether a group's share of the work fits on so many machines of a type."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mastodon_infra.catalog.rows import MachineType
from mastodon_infra.catalog.tiers import GroupPreset, Growth
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import REQUIRED_ROLES, Role
from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.model.tier import Tier
from mastodon_infra.plan import memory
from mastodon_infra.plan.demand import Demand
from mastodon_infra.plan.tuning import streaming
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.plan.tuning.sidekiq import SidekiqProcess, SidekiqUnit, deal, most_ingress
from mastodon_infra.plan.tuning.web import WebTuning, tune_web
from mastodon_infra.units import ceil_div, mib_text

USERS_PER_DATABASE_VCPU = 1800


@dataclass(frozen=True, slots=True)
class Sizing:
    """What sizing any group needs to know."""

    spec: InstanceSpec
    demand: Demand
    units: tuple[SidekiqUnit, ...]
    redis: RedisTuning
    pooler: PoolerPlace
    tier: Tier


@dataclass(frozen=True, slots=True)
class Wanted:
    """A group before it is sized: the preset or the operator's words, and what the operator fixed."""

    preset: GroupPreset
    asked_count: int | None
    asked_type: str | None
    address_block: int

    @property
    def name(self) -> str:
        """The group's name."""
        return self.preset.name

    @property
    def roles(self) -> tuple[Role, ...]:
        """What its nodes do."""
        return self.preset.roles


@dataclass(frozen=True, slots=True)
class Share:
    """A group's share of the instance's work."""

    sidekiq: tuple[SidekiqProcess, ...]
    streaming_elsewhere: int
    watched_nodes: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A group on ``count`` machines of a type: will it do?"""

    sizing: Sizing
    wanted: Wanted
    share: Share
    machine: MachineType
    count: int


def shortfall_of(trial: Trial) -> str | None:
    """What does not fit, in words; None when all does. Asked counts and types are held to memory only."""
    fullest = fullest_load(trial)
    missing = memory.shortfall_mib(fullest)
    if missing:
        have = mib_text(trial.machine.memory_mib)
        return f"{trial.machine.name} has {have}, and {mib_text(missing)} more are needed"
    if trial.wanted.asked_count is None and trial.wanted.preset.growth is Growth.OUT:
        too_few = _too_few(trial, fullest)
        if too_few:
            return too_few
    if trial.wanted.roles == (Role.POSTGRES,) and trial.wanted.asked_type is None:
        needed = ceil_div(trial.sizing.demand.users.value, USERS_PER_DATABASE_VCPU)
        if trial.machine.vcpus < needed:
            return f"{trial.machine.name} has {trial.machine.vcpus} processors, and {needed} are needed"
    return None


def _too_few(trial: Trial, fullest: memory.Load) -> str | None:
    """Whether a group that grows by nodes needs one more."""
    roles, count, demand = trial.wanted.roles, trial.count, trial.sizing.demand
    if Role.WEB in roles:
        threads = web_tuning(trial.sizing, fullest).thread_count * count
        if threads < demand.puma_threads.value:
            return f"{count} nodes have {threads} Puma threads, and {demand.puma_threads.value} are needed"
    ingress = sum(process.is_ingress for process in trial.share.sidekiq)
    if ceil_div(ingress, count) > most_ingress(trial.machine.vcpus):
        return f"{count} nodes have too few processors for {ingress} ingress processes"
    if roles == (Role.STREAMING,):
        needed = streaming.processes_needed(demand.streams_peak.value)
        if ceil_div(needed, count) > trial.machine.vcpus:
            return f"{count} nodes have too few processors for {needed} streaming processes"
    return None


def fullest_load(trial: Trial) -> memory.Load:
    """The load of the group's fullest node: the first, which gets the odd processes."""
    sizing, roles = trial.sizing, trial.wanted.roles
    processes = 0
    if Role.STREAMING in roles:
        processes = streaming.tune_streaming(
            streams_peak=sizing.demand.streams_peak.value,
            node_count=trial.count + trial.share.streaming_elsewhere,
            vcpus=trial.machine.vcpus,
            asked=sizing.spec.streaming.processes,
        ).processes.value
    return load_of(
        sizing,
        roles=roles,
        machine=trial.machine,
        streaming_processes=processes,
        sidekiq_processes=len(deal(trial.share.sidekiq, trial.count)[0]),
        watched_nodes=trial.share.watched_nodes,
    )


def load_of(
    sizing: Sizing,
    *,
    roles: tuple[Role, ...],
    machine: MachineType,
    streaming_processes: int,
    sidekiq_processes: int,
    watched_nodes: int,
) -> memory.Load:
    """A node's load, with Puma's workers decided where it serves pages."""
    load = memory.Load(
        roles=roles,
        machine=machine,
        streaming_processes=streaming_processes,
        sidekiq_processes=sidekiq_processes,
        has_pgbouncer=has_pgbouncer(roles, sizing.pooler),
        redis=sizing.redis,
        database_gib=sizing.demand.database_gib.value,
        watched_nodes=watched_nodes,
    )
    if Role.WEB in roles:
        return replace(load, web_workers=web_tuning(sizing, load).workers.value)
    return load


def has_pgbouncer(roles: tuple[Role, ...], pooler: PoolerPlace) -> bool:
    """Whether a node with these roles runs a pooler."""
    if pooler is PoolerPlace.DATABASE_NODE:
        return Role.POSTGRES in roles
    return pooler is PoolerPlace.APP_NODES and bool(set(roles) & {Role.WEB, Role.STREAMING, Role.SIDEKIQ})


def web_tuning(sizing: Sizing, load: memory.Load) -> WebTuning:
    """Puma's shape on a node with this load."""
    return tune_web(
        vcpus=load.machine.vcpus,
        free_mib=memory.free_for_web(replace(load, web_workers=None)),
        is_shared=bool((set(load.roles) & REQUIRED_ROLES) - {Role.WEB, Role.STREAMING}),
        asked_workers=sizing.spec.web.workers,
        asked_threads=sizing.spec.web.threads,
    )
