"""How many people the plan carries, by everything that can run out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.catalog.limits import NODEBALANCER_CONNECTIONS, SES_SANDBOX_DAY
from mastodon_infra.catalog.sources import (
    AUS_SOCIAL,
    AWS_SES,
    FOSSTODON,
    JUDGEMENT,
    LINODE,
    MASTODON_DOCS,
    PUBLISHED,
    SCALING_2017,
    Source,
)
from mastodon_infra.catalog.storage import object_store
from mastodon_infra.model.role import SINGLE_ROLES, Queue, Role
from mastodon_infra.plan import demand as rules
from mastodon_infra.plan.capacity_types import Capacity, Limit
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.memory import DATABASE_SHARE_OF_SIZE
from mastodon_infra.plan.network_types import BalancerPlan
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.plan.tuning.sidekiq import SidekiqUnit
from mastodon_infra.plan.tuning.streaming import CONNECTIONS_PER_PROCESS
from mastodon_infra.plan.types import Group, MailPlan, MediaPlan, NodePlan, VolumePlan

DISK_TIMES_DATABASE = 3
DISK_FULL_TIMES = 2
REDIS_FULL_PERCENT = 85
USERS_PER_VCPU_ON_ONE_BOX = 250
LEAST_VOLUME_GIB = 40
BALANCER_SHARE_PERCENT = 80
USERS_PER_THREAD_ON_ONE_BOX = 40
MAILS_PER_USER_DAY = 4


@dataclass(frozen=True, slots=True)
class Built:
    """What capacity is measured on."""

    groups: tuple[Group, ...]
    nodes: tuple[NodePlan, ...]
    units: tuple[SidekiqUnit, ...]
    redis: RedisTuning
    volumes: tuple[VolumePlan, ...]
    balancer: BalancerPlan | None
    media: MediaPlan
    mail: MailPlan
    database_memory_mib: int


def capacity_of(built: Built) -> Capacity:
    """Every limit, the tightest first; limits of equal size stay in the order of the request's way through."""
    limits = [
        *_front_limits(built),
        *_one_box_limits(built),
        *_web_limits(built),
        *_sidekiq_limits(built),
        *_data_limits(built),
        *_outside_limits(built),
    ]
    return Capacity(tuple(sorted(limits, key=lambda limit: limit.users.value)))


def _limit(
    name: str,
    title: str,
    users: int,
    rule: str,
    source: Source,
    *inputs: tuple[str, str],
    symptom: str,
    remedy: str,
    is_lifted_on_request: bool = False,
) -> Limit:
    users_carried = Decided(users, rule, source, "users", inputs)
    return Limit(name, title, users_carried, symptom, remedy, is_lifted_on_request)


def _grow(built: Built, role: Role) -> str:
    """How the stack file gives a role more room."""
    group = next(group for group in built.groups if role in group.roles)
    if SINGLE_ROLES & set(group.roles):
        larger = f"a larger nodes.{group.name}.machine_type"
        return f"{larger}, or the next size, which splits the roles" if group.is_shared else larger
    return f"nodes.{group.name}.count: {group.count.value + 1}"


MORE_USERS = "expected_monthly_active_users: as many as you now expect"
"""What follows demand alone grows when more demand is expected."""


def _front_limits(built: Built) -> Iterator[Limit]:
    if built.balancer is None:
        return
    count = len(built.balancer.names)
    most = count * NODEBALANCER_CONNECTIONS.value * BALANCER_SHARE_PERCENT // 100
    yield _limit(
        "balancer-connections",
        "connections through the NodeBalancers",
        most * 100 // rules.STREAMS_PER_100,
        "10,000 connections each, a fifth left free; streams at peak 0.16 per user",
        LINODE,
        ("NodeBalancers", str(count)),
        symptom="new connections are refused while open ones go on",
        remedy="one more NodeBalancer, which the plan adds by itself for more users",
    )


def _one_box_limits(built: Built) -> Iterator[Limit]:
    if len(built.nodes) > 1:
        return
    vcpus = built.nodes[0].machine.vcpus
    yield _limit(
        "processors",
        "the one machine's processors",
        vcpus * USERS_PER_VCPU_ON_ONE_BOX,
        "250 users a processor: a box with four is proven to about 1,000",
        PUBLISHED,
        ("vcpus", str(vcpus)),
        symptom="everything gets slow in the evening",
        remedy=_grow(built, Role.WEB),
    )


def _web_limits(built: Built) -> Iterator[Limit]:
    threads = sum(node.web.thread_count for node in built.nodes if node.web)
    yield _limit(
        "puma-threads",
        "Puma threads for pages and the API",
        rules.users_for_puma_threads(threads),
        "threads half busy at the peak, 200 ms a request, peak three times the average of 0.4 + 0.006 per user",
        SCALING_2017,
        ("threads", str(threads)),
        symptom="pages and apps get slow in the evening",
        remedy=_grow(built, Role.WEB),
    )
    processes = sum(node.streaming.processes.value for node in built.nodes if node.streaming)
    yield _limit(
        "streaming",
        "live updates",
        processes * CONNECTIONS_PER_PROCESS * 100 // rules.STREAMS_PER_100,
        "1,000 connections a process, 0.16 per user at peak",
        MASTODON_DOCS,
        ("processes", str(processes)),
        symptom="timelines stop moving for those who connect last",
        remedy=f"{MORE_USERS}, or streaming.processes: one more than now",
    )


def _sidekiq_limits(built: Built) -> Iterator[Limit]:
    """Users by each growing queue; threads that queues share are split in proportion to what the queues need."""
    for queue in rules.SIDEKIQ_THREADS_PER_10000:
        users, threads = _users_by_queue(queue, built.units)
        yield _limit(
            f"sidekiq-{queue}",
            f"sidekiq's {queue} queue",
            users,
            f"{rules.SIDEKIQ_THREADS_PER_10000[queue]} threads per 10,000 users when the queue has its own; "
            f"{USERS_PER_THREAD_ON_ONE_BOX} or more users a thread where queues share them",
            PUBLISHED,
            ("threads that work it", str(threads)),
            symptom=_QUEUE_SYMPTOM[queue],
            remedy=f"{MORE_USERS}, or more processes in sidekiq.units",
        )


_QUEUE_SYMPTOM = {
    Queue.DEFAULT: "posts reach home timelines late, uploads stay grey",
    Queue.PUSH: "other servers hear of posts late",
    Queue.INGRESS: "posts from other servers arrive late",
    Queue.PULL: "threads and media from elsewhere stay incomplete",
}


def _users_by_queue(queue: Queue, units: tuple[SidekiqUnit, ...]) -> tuple[int, int]:
    own = sum(unit.thread_count for unit in units if {one for one, _ in unit.queues} == {queue})
    shared = [unit for unit in units if queue in {one for one, _ in unit.queues} and len(unit.queues) > 1]
    threads = own + sum(unit.thread_count for unit in shared)
    users = own * 10_000 // rules.SIDEKIQ_THREADS_PER_10000[queue]
    users += sum(_users_by_shared(unit) for unit in shared)
    return users, threads


def _users_by_shared(unit: SidekiqUnit) -> int:
    """Users that a unit of several queues serves; published boxes carry 40 and more a thread."""
    growing = [queue for queue, _ in unit.queues if queue in rules.SIDEKIQ_THREADS_PER_10000]
    per_10000 = sum(rules.SIDEKIQ_THREADS_PER_10000[queue] for queue in growing)
    return unit.thread_count * max(USERS_PER_THREAD_ON_ONE_BOX, 10_000 // per_10000)


def _data_limits(built: Built) -> Iterator[Limit]:
    yield _limit(
        "database-memory",
        "memory for the database",
        _users_by_database(built.database_memory_mib * DATABASE_SHARE_OF_SIZE // 1024),
        "memory for at least a twelfth of the data; 5 GiB and 3 MiB per user of data",
        JUDGEMENT,
        ("PostgreSQL's memory", f"{built.database_memory_mib} MiB"),
        symptom="every page gets slow at once, the disk is always busy",
        remedy=_grow(built, Role.POSTGRES),
    )
    disk = next((volume.size.value for volume in built.volumes if volume.name == "data-postgres"), None)
    if disk is not None:
        yield _limit(
            "database-disk",
            "the database's volume",
            _users_by_database(disk // DISK_FULL_TIMES),
            "twice the data fits: bloat and WAL, but no copy during an upgrade; 5 GiB and 3 MiB per user of data",
            FOSSTODON,
            ("volume", f"{disk} GiB"),
            symptom="the disk fills; at the end PostgreSQL stops",
            remedy="a larger postgres.volume_gib: its file system grows by itself",
        )
    usable = built.redis.queue.maxmemory.value * REDIS_FULL_PERCENT // 100
    yield _limit(
        "redis-memory",
        "memory for queues and feeds",
        max(0, usable - rules.REDIS_BASE_MIB) * 1024 // rules.REDIS_KIB_PER_USER,
        "85 % of maxmemory, where the alert fires; 128 MiB and 0.15 MiB per user",
        JUDGEMENT,
        ("maxmemory", f"{built.redis.queue.maxmemory.value} MiB"),
        symptom="Redis refuses writes: nothing can be posted",
        remedy=f"{MORE_USERS}: the store's memory follows it",
    )


def _users_by_database(gib: int) -> int:
    return max(0, gib - rules.DB_BASE_GIB) * 1024 // rules.DB_MIB_PER_USER


def _outside_limits(built: Built) -> Iterator[Limit]:
    if built.mail.provider == "ses":
        yield _limit(
            "mail-quota",
            "mail, while SES keeps the account in its sandbox",
            SES_SANDBOX_DAY.value * MAILS_PER_USER_DAY,
            "200 mails a day in the sandbox, one mail per user in four days",
            AWS_SES,
            ("mails a day", str(SES_SANDBOX_DAY.value)),
            symptom="sign-up and password mails do not arrive",
            remedy="ask Amazon to take the account out of the sandbox; then this limit is gone",
            is_lifted_on_request=True,
        )
    store = object_store(built.media.provider)
    if store and store.free_egress_ratio is not None:
        yield _limit(
            "media-egress",
            "what may leave the bucket",
            built.media.stored_gb.value * 10 * 1000 // rules.EGRESS_GB_PER_1000,
            "egress may equal what is stored; the cache answers nine of ten requests; 0.5 GB per user a month",
            AUS_SOCIAL,
            ("stored", f"{built.media.stored_gb.value} GB"),
            symptom="the storage provider limits or suspends the account",
            remedy=f"mastodon.remote_media_retention_days: {max(store.minimum_days, 1)}, or another storage provider",
        )
