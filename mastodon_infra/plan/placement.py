"""Which groups there are, on which machines, and how many nodes each has."""

from __future__ import annotations

from dataclasses import replace

from mastodon_infra.catalog.machine_types import machine_type
from mastodon_infra.catalog.rows import MachineType
from mastodon_infra.catalog.sources import ASKED, JUDGEMENT, PUBLISHED, Source
from mastodon_infra.catalog.tiers import TIER_GROUPS, GroupPreset, Growth
from mastodon_infra.errors import Path, PlanError, Problem
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.nodes import LARGEST_GROUP
from mastodon_infra.model.role import SINGLE_ROLES, Role
from mastodon_infra.model.tier import Tier, tier_for
from mastodon_infra.plan.addressing import group_cidr
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.fitting import Share, Sizing, Trial, Wanted, shortfall_of
from mastodon_infra.plan.roles import with_optional
from mastodon_infra.plan.tuning.sidekiq import SidekiqProcess, SidekiqUnit, deal, processes_of
from mastodon_infra.plan.types import Group

DATABASE_LADDER = tuple(f"g6-dedicated-{size}" for size in (2, 4, 8, 16, 32, 48, 56, 64))
GENERAL_LADDER = tuple(f"g6-standard-{size}" for size in (1, 2, 4, 6, 8, 16, 20, 24, 32))


def tier_of(spec: InstanceSpec) -> Tier:
    """The tier whose shape the placement has: the one asked for, or the smallest that covers the users."""
    if spec.size is not None and spec.expected_monthly_active_users is None:
        return spec.size
    return tier_for(spec.monthly_active_users)


def wanted_groups(spec: InstanceSpec) -> tuple[Wanted, ...]:
    """The groups of the placement: the operator's own, or the tier's with the operator's adjustments.

    In the order of first role and address block, never of the file: the first web group holds the leader.
    """
    presets = TIER_GROUPS[tier_of(spec)]
    own = [(_own_preset(name, group.roles), group) for name, group in spec.nodes.items() if group.roles is not None]
    own.sort(key=lambda pair: (list(Role).index(pair[0].roles[0]), pair[1].address_block))
    chosen = tuple(preset for preset, _ in own) or presets
    return tuple(
        Wanted(
            replace(preset, roles=with_optional(preset.roles, asked.also)) if asked else preset,
            asked.count if asked else None,
            asked.machine_type if asked else None,
            asked.address_block if asked else 0,
        )
        for preset, asked in ((preset, spec.nodes.get(preset.name)) for preset in chosen)
    )


def _own_preset(name: str, roles: tuple[Role, ...]) -> GroupPreset:
    ordered = tuple(role for role in Role if role in roles)
    growth = Growth.UP if SINGLE_ROLES & set(roles) else Growth.OUT
    ladder = GENERAL_LADDER if growth is Growth.UP else ("g6-standard-4",)
    if ordered == (Role.POSTGRES,):
        ladder = DATABASE_LADDER
    return GroupPreset(name, ordered, growth, ladder)


def place(sizing: Sizing) -> tuple[Group, ...]:
    """Size every group. Raises PlanError with every group that cannot be made to fit.

    Monitoring comes last: its memory depends on how many nodes the others have.
    """
    wanted = wanted_groups(sizing.spec)
    roles = tuple((one.name, one.roles) for one in wanted)
    groups: dict[str, Group] = {}
    problems: list[Problem] = []
    for one in sorted(wanted, key=lambda one: Role.MONITORING in one.roles):
        share = Share(
            sidekiq=group_processes(one.name, roles, sizing.units),
            streaming_elsewhere=_streaming_elsewhere(wanted, one),
            watched_nodes=sum(group.count.value for group in groups.values()) + (one.asked_count or 1),
        )
        try:
            groups[one.name] = _size(sizing, one, share, one.address_block)
        except PlanError as error:
            problems.extend(error.problems)
    if problems:
        raise PlanError(problems)
    return tuple(groups[one.name] for one in wanted)


def _streaming_elsewhere(wanted: tuple[Wanted, ...], one: Wanted) -> int:
    """Streaming nodes that other groups have at least; fewer than there will be errs on the safe side."""
    return sum(other.asked_count or 1 for other in wanted if Role.STREAMING in other.roles and other.name != one.name)


def _size(sizing: Sizing, one: Wanted, share: Share, block: int) -> Group:
    """Find the first machine type and count on which the group's share of the work fits.

    A group that grows by machines climbs beyond its own ladder where what was asked elsewhere makes it.
    """
    ladder = (one.asked_type,) if one.asked_type else one.preset.ladder
    if one.asked_type is None and one.preset.growth is Growth.UP:
        ladder = (*ladder, *_larger_than(ladder[-1]))
    shortfall = "no such machine type is known"
    for name in ladder:
        count, found = _first_count(sizing, one, share, name)
        row = machine_type(name)
        if count and row:
            return _group(sizing.spec, one, block, row, count)
        shortfall = found or shortfall
    raise PlanError([_too_small(sizing, one, share, shortfall)])


def _first_count(sizing: Sizing, one: Wanted, share: Share, type_name: str) -> tuple[int, str]:
    """The fewest nodes of a type that do; 0 and what was missing at the end where none do."""
    row, shortfall = machine_type(type_name), ""
    for count in _counts(one) if row else ():
        found = shortfall_of(Trial(sizing, one, share, row, count)) if row else None
        if found is None:
            return count, ""
        shortfall = found
    return 0, shortfall


def _larger_than(type_name: str) -> tuple[str, ...]:
    """The general machine types with more memory."""
    last = machine_type(type_name)
    rows = (machine_type(name) for name in GENERAL_LADDER)
    return tuple(row.name for row in rows if row and last and row.memory_mib > last.memory_mib)


def _counts(one: Wanted) -> range:
    if one.asked_count is not None:
        return range(one.asked_count, one.asked_count + 1)
    if one.preset.growth is Growth.UP:
        return range(1, 2)
    return range(one.preset.at_least, LARGEST_GROUP + 1)


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
    source: Source = PUBLISHED if one.preset.ladder not in (GENERAL_LADDER, DATABASE_LADDER) else JUDGEMENT
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


def _too_small(sizing: Sizing, one: Wanted, share: Share, shortfall: str) -> Problem:
    """Where to change the file, by how much the group is too small, and what would do."""
    fitting = (name for name in GENERAL_LADDER if _first_count(sizing, one, share, name)[0])
    would_do = next(fitting, None)
    path, ways = _blamed(sizing.spec, one)
    if would_do:
        ways = [f"nodes.{one.name}.machine_type: {would_do} would do", *ways]
    if one.asked_count is not None and one.preset.growth is Growth.OUT:
        free = replace(one, asked_count=None)
        count, _ = _first_count(sizing, free, share, one.asked_type or one.preset.ladder[0])
        if count:
            ways = [*ways, f"nodes.{one.name}.count: {count} would do"]
    ways = ways or ["spread its roles over more groups"]
    return Problem(path, f"the {one.name} nodes do not hold what they must run: {shortfall}", ", or ".join(ways))


def _blamed(spec: InstanceSpec, one: Wanted) -> tuple[Path, list[str]]:
    """What the operator fixed that makes the group too small, and the way out that undoes it."""
    if one.asked_type:
        return ("nodes", one.name, "machine_type"), ["leave it to the plan"]
    if Role.WEB in one.roles and spec.web.workers:
        return ("web", "workers"), ["fewer web.workers"]
    if Role.STREAMING in one.roles and spec.streaming.processes:
        return ("streaming", "processes"), ["fewer streaming.processes"]
    if one.asked_count:
        return ("nodes", one.name, "count"), []
    if Role.SIDEKIQ in one.roles and spec.sidekiq.units:
        return ("sidekiq", "units"), ["fewer processes in sidekiq.units"]
    return ("nodes", one.name), []
