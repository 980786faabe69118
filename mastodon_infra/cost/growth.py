"""How each limit is lifted, in the stack file's words: the moves that ``cost.steps`` tries."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from mastodon_infra.catalog.machine_types import MACHINE_TYPES
from mastodon_infra.catalog.rows import MachineType
from mastodon_infra.cost.variants import Change
from mastodon_infra.model.nodes import LARGEST_GROUP
from mastodon_infra.model.role import SINGLE_ROLES, Role
from mastodon_infra.model.services import MediaFront, StorageProvider
from mastodon_infra.plan.capacity_types import Limit
from mastodon_infra.plan.tuning.sidekiq import SidekiqUnit
from mastodon_infra.plan.types import Group, InstancePlan
from mastodon_infra.units import ceil_div, round_up

LARGER_TYPES_TRIED = 2
VOLUME_STEP_GIB = 10
LONG_RETENTION_DAYS = 90
UNITS = ("sidekiq", "units")

Moves = tuple[Change, ...]
"""Changes of the stack file that are made together."""


def remedies(plan: InstancePlan, limit: Limit, target: int) -> Iterator[Moves]:
    """Moves that may lift a limit to ``target`` users; whether one does is seen by planning it."""
    if limit.name.startswith("sidekiq-"):
        yield from _more_sidekiq(plan, limit, target)
        return
    find = _REMEDIES.get(limit.name)
    if find:
        yield from find(plan, limit, target)


def _more_sidekiq(plan: InstancePlan, limit: Limit, target: int) -> Iterator[Moves]:
    """More processes for the queue, as few as needed, on the machines there are or on one more of them."""
    queue = limit.name.removeprefix("sidekiq-")
    units = [unit for unit in plan.sidekiq if any(one.value == queue for one, _ in unit.queues)]
    for unit in units:
        now = unit.processes.value
        more = max(now + 1, ceil_div(now * target, max(1, limit.users.value)))
        changes = _unit_changes(plan, unit, more)
        yield changes
        for move in _more_room(plan, Role.SIDEKIQ):
            yield (*changes, *move)


def _unit_changes(plan: InstancePlan, unit: SidekiqUnit, processes: int) -> Moves:
    """A unit with more processes. Where the stack file names no units, the plan's own are written out."""
    mine: Change = (unit_path(unit.name), processes)
    if plan.spec.sidekiq.units is not None:
        return (mine,)
    return (*(change for other in plan.sidekiq for change in _written(other)), mine)


def unit_path(unit: str) -> tuple[str, ...]:
    """Where the stack file says how many processes a unit has."""
    return (*UNITS, unit, "processes")


def _written(unit: SidekiqUnit) -> Iterator[Change]:
    here = (*UNITS, unit.name)
    is_weighted = any(weight is not None for _, weight in unit.queues)
    names = [queue.value for queue, _ in unit.queues]
    yield (*here, "queues"), {queue.value: weight for queue, weight in unit.queues} if is_weighted else names
    yield (*here, "concurrency"), unit.concurrency.value
    yield (*here, "processes"), unit.processes.value


def _more_room(plan: InstancePlan, role: Role) -> Iterator[Moves]:
    """One more node of a group with the role, or a larger machine type for it."""
    for group in (group for group in plan.groups if role in group.roles):
        if not SINGLE_ROLES & set(group.roles) and group.count.value < LARGEST_GROUP:
            yield ((("nodes", group.name, "count"), group.count.value + 1),)
        for machine in _larger(group):
            yield ((("nodes", group.name, "machine_type"), machine.name),)


def _larger(group: Group) -> list[MachineType]:
    """The next machine types of the same family."""
    family = [row for row in MACHINE_TYPES if row.family is group.machine.family]
    above = [row for row in family if row.price_usd_month > group.machine.price_usd_month]
    return above[:LARGER_TYPES_TRIED]


def _room_for(role: Role) -> Callable[[InstancePlan, Limit, int], Iterator[Moves]]:
    def find(plan: InstancePlan, _: Limit, __: int) -> Iterator[Moves]:
        yield from _more_room(plan, role)

    return find


def _more_puma(plan: InstancePlan, limit: Limit, target: int) -> Iterator[Moves]:
    if plan.spec.web.workers:
        yield ((("web", "workers"), None),)
    yield from _room_for(Role.WEB)(plan, limit, target)


def _more_streaming(plan: InstancePlan, limit: Limit, target: int) -> Iterator[Moves]:
    holders = plan.holders(Role.STREAMING)
    most = max(node.streaming.processes.value for node in holders if node.streaming)
    yield ((("streaming", "processes"), most + 1),)
    yield from _room_for(Role.STREAMING)(plan, limit, target)


def _larger_volume(plan: InstancePlan, limit: Limit, target: int) -> Iterator[Moves]:
    size = next(volume.size.value for volume in plan.volumes if volume.name == "data-postgres")
    wanted = round_up(ceil_div(size * target, max(1, limit.users.value)), VOLUME_STEP_GIB)
    yield ((("postgres", "volume_gib"), max(size + VOLUME_STEP_GIB, wanted)),)


def _less_egress(plan: InstancePlan, _: Limit, __: int) -> Iterator[Moves]:
    """Store more (which costs nothing up to the minimum age), or a provider without the ratio."""
    if plan.media.remote_retention_days.value < LONG_RETENTION_DAYS:
        yield ((("mastodon", "remote_media_retention_days"), LONG_RETENTION_DAYS),)
    for provider in StorageProvider:
        if provider is not plan.media.provider:
            yield ((("storage", "provider"), provider.value), (("storage", "region"), None))
    if plan.media.front is MediaFront.NGINX and plan.spec.edge.dns == "cloudflare":
        yield ((("edge", "media"), MediaFront.CLOUDFLARE.value),)


_REMEDIES: dict[str, Callable[[InstancePlan, Limit, int], Iterator[Moves]]] = {
    "processors": _room_for(Role.WEB),
    "puma-threads": _more_puma,
    "streaming": _more_streaming,
    "database-memory": _room_for(Role.POSTGRES),
    "database-disk": _larger_volume,
    "media-egress": _less_egress,
}
