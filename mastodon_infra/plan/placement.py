"""Which groups there are, on which machines, and how many nodes each has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count as counting

from mastodon_infra.catalog.machine_types import machine_type
from mastodon_infra.catalog.rows import MachineType
from mastodon_infra.catalog.sources import ASKED, JUDGEMENT, PUBLISHED, Source
from mastodon_infra.catalog.tiers import TIER_GROUPS, GroupPreset, Growth
from mastodon_infra.errors import PlanError, Problem
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.nodes import LARGEST_GROUP
from mastodon_infra.model.role import SINGLE_ROLES, Role
from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.model.tier import Tier, tier_for
from mastodon_infra.plan import memory
from mastodon_infra.plan.addressing import group_cidr
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.demand import Demand
from mastodon_infra.plan.tuning import streaming
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.plan.tuning.sidekiq import SidekiqProcess, SidekiqUnit, deal, most_ingress, processes_of
from mastodon_infra.plan.tuning.web import WebTuning, tune_web
from mastodon_infra.plan.types import Group
from mastodon_infra.units import mib_text

GENERAL_LADDER = tuple(f"g6-standard-{size}" for size in (1, 2, 4, 6, 8, 16, 20, 24, 32))
USERS_PER_DATABASE_VCPU = 1600


@dataclass(frozen=True, slots=True)
class Wanted:
    """A group before it is sized: the preset or the operator's words, and what the operator fixed."""

    preset: GroupPreset
    asked_count: int | None
    asked_type: str | None

    @property
    def name(self) -> str:
        """The group's name."""
        return self.preset.name

    @property
    def roles(self) -> tuple[Role, ...]:
        """What its nodes do."""
        return self.preset.roles


@dataclass(frozen=True, slots=True)
class Sizing:
    """What sizing a group needs to know."""

    spec: InstanceSpec
    demand: Demand
    units: tuple[SidekiqUnit, ...]
    redis: RedisTuning
    pooler: PoolerPlace
    tier: Tier


def tier_of(spec: InstanceSpec) -> Tier:
    """The tier whose shape the placement has: the one asked for, or the smallest that covers the users."""
    if spec.size is not None and spec.expected_monthly_active_users is None:
        return spec.size
    return tier_for(spec.monthly_active_users)


def wanted_groups(spec: InstanceSpec) -> tuple[Wanted, ...]:
    """The groups of the placement: the operator's own, or the tier's with the operator's adjustments."""
    presets = TIER_GROUPS[tier_of(spec)]
    own = tuple(_own_preset(name, group.roles) for name, group in spec.nodes.items() if group.roles is not None)
    chosen = own or presets
    return tuple(
        Wanted(
            preset,
            asked.count if (asked := spec.nodes.get(preset.name)) else None,
            asked.machine_type if asked else None,
        )
        for preset in chosen
    )


def _own_preset(name: str, roles: tuple[Role, ...]) -> GroupPreset:
    ordered = tuple(role for role in Role if role in roles)
    growth = Growth.UP if SINGLE_ROLES & set(roles) else Growth.OUT
    ladder = GENERAL_LADDER if growth is Growth.UP else ("g6-standard-4",)
    return GroupPreset(name, ordered, growth, ladder)


def place(sizing: Sizing) -> tuple[Group, ...]:
    """Size every group. Raises PlanError with every group that cannot be made to fit."""
    wanted = wanted_groups(sizing.spec)
    watched = _watched_estimate(sizing, wanted)
    groups, problems = [], []
    blocks: dict[Role, Iterator[int]] = {}
    for one in wanted:
        block = next(blocks.setdefault(one.roles[0], counting()))
        try:
            groups.append(_size(sizing, wanted, one, block, watched))
        except PlanError as error:
            problems.extend(error.problems)
    if problems:
        raise PlanError(problems)
    return tuple(groups)


def _watched_estimate(sizing: Sizing, wanted: tuple[Wanted, ...]) -> int:
    """Nodes that monitoring will watch, near enough for its memory: asked counts, or one per 2,500 users."""
    return sum(
        one.asked_count or (1 if one.preset.growth is Growth.UP else 1 + sizing.demand.users.value // 5000)
        for one in wanted
    )


def _size(sizing: Sizing, wanted: tuple[Wanted, ...], one: Wanted, block: int, watched: int) -> Group:
    """Find the first machine type and count on which the group's share of the work fits."""
    types = (one.asked_type,) if one.asked_type else one.preset.ladder
    shortfalls = []
    for name in types:
        row = machine_type(name)
        if row is None:
            continue
        for count in _counts(one):
            shortfall = _shortfall(sizing, wanted, one, row, count, watched)
            if shortfall is None:
                return _group(sizing.spec, one, block, row, count)
        shortfalls.append(shortfall or "")
    raise PlanError([_too_small(one, shortfalls[-1] if shortfalls else "no machine type is known")])


def _counts(one: Wanted) -> range:
    if one.asked_count is not None:
        return range(one.asked_count, one.asked_count + 1)
    if one.preset.growth is Growth.UP:
        return range(1, 2)
    return range(one.preset.at_least, LARGEST_GROUP + 1)


def _shortfall(
    sizing: Sizing, wanted: tuple[Wanted, ...], one: Wanted, row: MachineType, count: int, watched: int
) -> str | None:
    """What does not fit on ``count`` machines of the type, in words; None when all does."""
    fullest = fullest_load(sizing, wanted, one, row, count, watched)
    is_computed = one.asked_count is None
    missing = memory.shortfall_mib(fullest)
    if missing:
        return f"{row.name} has {mib_text(row.memory_mib)}, and {mib_text(missing)} more are needed"
    if is_computed and one.preset.growth is Growth.OUT:
        if Role.WEB in one.roles and _web_threads(sizing, one, fullest) * count < sizing.demand.puma_threads.value:
            return f"{count} nodes have too few Puma threads"
        processes = _share_of_sidekiq(sizing, wanted, one)
        ingress = sum(process.is_ingress for process in processes)
        if -(-ingress // count) > most_ingress(row.vcpus):
            return f"{count} nodes have too few processors for {ingress} ingress processes"
        if one.roles == (Role.STREAMING,):
            needed = streaming.processes_needed(sizing.demand.streams_peak.value)
            if -(-needed // count) > row.vcpus:
                return f"{count} nodes have too few processors for {needed} streaming processes"
    is_dedicated_database = one.roles == (Role.POSTGRES,)
    if is_dedicated_database and one.asked_type is None:
        needed_vcpus = -(-sizing.demand.users.value // USERS_PER_DATABASE_VCPU)
        if row.vcpus < needed_vcpus:
            return f"{row.name} has {row.vcpus} processors, and {needed_vcpus} are needed"
    return None


def fullest_load(
    sizing: Sizing, wanted: tuple[Wanted, ...], one: Wanted, row: MachineType, count: int, watched: int
) -> memory.Load:
    """The load of the group's fullest node: the first, which gets the odd processes."""
    processes = deal(_share_of_sidekiq(sizing, wanted, one), count)[0]
    load = memory.Load(
        roles=one.roles,
        machine=row,
        streaming_processes=streaming_tuning(sizing, one.roles, row, _streaming_nodes(wanted, one, count)),
        sidekiq_processes=len(processes),
        has_pgbouncer=has_pgbouncer(one.roles, sizing.pooler),
        redis=sizing.redis,
        database_gib=sizing.demand.database_gib.value,
        watched_nodes=watched,
    )
    if Role.WEB in one.roles:
        load = replace(load, web_workers=web_tuning(sizing, one.roles, load).workers.value)
    return load


def streaming_tuning(sizing: Sizing, roles: tuple[Role, ...], row: MachineType, node_count: int) -> int:
    """Streaming processes on a node of a group that has the role; 0 elsewhere."""
    if Role.STREAMING not in roles:
        return 0
    return streaming.tune_streaming(
        streams_peak=sizing.demand.streams_peak.value,
        node_count=node_count,
        vcpus=row.vcpus,
        asked=sizing.spec.streaming.processes,
    ).processes.value


def has_pgbouncer(roles: tuple[Role, ...], pooler: PoolerPlace) -> bool:
    """Whether a node with these roles runs a pooler."""
    if pooler is PoolerPlace.DATABASE_NODE:
        return Role.POSTGRES in roles
    return pooler is PoolerPlace.APP_NODES and bool(set(roles) & {Role.WEB, Role.STREAMING, Role.SIDEKIQ})


def web_tuning(sizing: Sizing, roles: tuple[Role, ...], load: memory.Load) -> WebTuning:
    """Puma's shape on a node with this load."""
    return tune_web(
        vcpus=load.machine.vcpus,
        free_mib=memory.free_for_web(replace(load, web_workers=None)),
        is_shared=bool(set(roles) - {Role.WEB, Role.STREAMING}),
        asked_workers=sizing.spec.web.workers,
        asked_threads=sizing.spec.web.threads,
    )


def _web_threads(sizing: Sizing, one: Wanted, load: memory.Load) -> int:
    return web_tuning(sizing, one.roles, load).thread_count


def _streaming_nodes(wanted: tuple[Wanted, ...], one: Wanted, count: int) -> int:
    others = sum(other.asked_count or 1 for other in wanted if Role.STREAMING in other.roles and other.name != one.name)
    return count + others


def _share_of_sidekiq(sizing: Sizing, wanted: tuple[Wanted, ...], one: Wanted) -> tuple[SidekiqProcess, ...]:
    """Processes that the group runs."""
    return group_processes(one.name, tuple((other.name, other.roles) for other in wanted), sizing.units)


def group_processes(
    group: str, groups: tuple[tuple[str, tuple[Role, ...]], ...], units: tuple[SidekiqUnit, ...]
) -> tuple[SidekiqProcess, ...]:
    """Sidekiq processes of one group: those pinned to it, and an equal share of those that are free."""
    every = processes_of(units)
    takers = sidekiq_takers(groups, units)
    pinned = tuple(process for process in every if process.group == group)
    if group not in takers:
        return pinned
    free = tuple(process for process in every if process.group is None)
    return (*pinned, *deal(free, len(takers))[takers.index(group)])


def sidekiq_takers(groups: tuple[tuple[str, tuple[Role, ...]], ...], units: tuple[SidekiqUnit, ...]) -> tuple[str, ...]:
    """Groups over which units without a group of their own are spread: those that no unit is pinned to, else all."""
    able = tuple(name for name, roles in groups if Role.SIDEKIQ in roles)
    pinned = {unit.group for unit in units if unit.group}
    return tuple(name for name in able if name not in pinned) or able


def _group(spec: InstanceSpec, one: Wanted, block: int, row: MachineType, count: int) -> Group:
    source: Source = PUBLISHED if one.preset.ladder != GENERAL_LADDER else JUDGEMENT
    counted: Decided[int]
    if one.asked_count is not None:
        counted = Decided(count, "asked for", ASKED, "nodes", asked=True)
    elif one.preset.growth is Growth.UP:
        counted = Decided(1, "its data, or its view of the others, lives in one place", JUDGEMENT, "nodes")
    else:
        counted = Decided(
            count,
            f"the fewest, from {one.preset.at_least} on, on which the processes, their memory and their threads fit",
            JUDGEMENT,
            "nodes",
            (("users", f"{spec.monthly_active_users:,}"), ("machine", row.name)),
        )
    typed: Decided[str]
    if one.asked_type is not None:
        typed = Decided(row.name, "asked for", ASKED, asked=True)
    else:
        typed = Decided(row.name, "the first that fits of: " + ", ".join(one.preset.ladder), source)
    return Group(one.name, one.roles, block, counted, typed, row, group_cidr(spec.private_network, one.roles[0], block))


def _too_small(one: Wanted, shortfall: str) -> Problem:
    path: tuple[str, ...] = ("nodes", one.name)
    if one.asked_type:
        path = (*path, "machine_type")
    elif one.asked_count:
        path = (*path, "count")
    bigger = "a larger machine_type" if one.preset.growth is Growth.UP else "a larger machine_type or count"
    return Problem(
        path,
        f"the {one.name} nodes do not hold what they must run: {shortfall}",
        f"give nodes.{one.name} {bigger}, or leave it to the plan",
    )
