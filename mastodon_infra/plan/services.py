"""Volumes, backups, monitoring, the balancer and Mastodon itself."""

from __future__ import annotations

from collections.abc import Iterator

from mastodon_infra.catalog.limits import (
    CLOUDFLARE_IPV4,
    CLOUDFLARE_IPV6,
    NODEBALANCER_CONNECTIONS,
    VOLUME_MINIMUM,
)
from mastodon_infra.catalog.sources import (
    ASKED,
    FOSSTODON,
    JUDGEMENT,
    LINODE,
    MASTODON,
    MASTODON_DOCS,
    PGBACKREST,
    REDIS,
    Source,
)
from mastodon_infra.catalog.storage import object_store
from mastodon_infra.catalog.versions import MASTODON_RELEASE
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.mastodon import MastodonSpec
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan import alerts, firewall, naming
from mastodon_infra.plan.alerts_types import AlertGroup
from mastodon_infra.plan.capacity import BALANCER_SHARE_PERCENT, DISK_TIMES_DATABASE, LEAST_VOLUME_GIB
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.demand import Demand
from mastodon_infra.plan.network_types import BalancerPlan, Bind, Listener
from mastodon_infra.plan.tuning.containers import CONTAINERS, tune_uploads
from mastodon_infra.plan.tuning.maintenance import plan_maintenance
from mastodon_infra.plan.tuning.prometheus import tune_prometheus
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.plan.tuning.sidekiq import STOP
from mastodon_infra.plan.types import (
    BackupPlan,
    MastodonPlan,
    MediaPlan,
    MonitoringPlan,
    NodePlan,
    ScrapeTarget,
    VolumePlan,
)
from mastodon_infra.units import ceil_div, round_up

EVERYWHERE = ("0.0.0.0/0", "::/0")
LOOPBACK = "127.0.0.1"


def volume_sizes(spec: InstanceSpec, *, demand: Demand, redis: RedisTuning) -> tuple[Decided[int], Decided[int]]:
    """Sizes of the database's and of the queue store's volume, GiB; 0 means no volume (disposable stacks only)."""
    asked_pg, asked_redis = spec.postgres.volume_gib, spec.redis.volume_gib
    database: Decided[int]
    queue: Decided[int]
    if asked_pg is not None:
        database = Decided(asked_pg, "asked for", ASKED, "GiB", asked=True)
    else:
        database = Decided(
            round_up(max(LEAST_VOLUME_GIB, DISK_TIMES_DATABASE * demand.database_gib.value), 10),
            "three times the expected data (bloat, WAL, a copy during an upgrade), at least 40 GiB, in tens",
            FOSSTODON,
            "GiB",
            (("expected data", f"{demand.database_gib.value} GiB"),),
        )
    if asked_redis is not None:
        queue = Decided(asked_redis, "asked for", ASKED, "GiB", asked=True)
    else:
        queue = Decided(
            max(VOLUME_MINIMUM.value, ceil_div(4 * redis.queue.maxmemory.value, 1024)),
            "four times its memory (snapshot, append-only file and its rewrite); Linode's smallest is 10 GiB",
            REDIS,
            "GiB",
            (("maxmemory", f"{redis.queue.maxmemory.value} MiB"),),
        )
    return database, queue


def plan_volumes(
    spec: InstanceSpec, *, slug: str, sizes: tuple[Decided[int], Decided[int]], holders: dict[Role, str]
) -> tuple[VolumePlan, ...]:
    """Volumes, named by what they hold, and the node that has each today."""
    wanted = (
        (naming.DATA_POSTGRES, Role.POSTGRES, sizes[0], "/var/lib/postgresql"),
        (naming.DATA_REDIS, Role.REDIS, sizes[1], "/var/lib/redis-queue"),
    )
    return tuple(
        VolumePlan(
            name,
            naming.label(slug, name, naming.LONGEST_VOLUME_LABEL),
            holders[role],
            size,
            path,
            not spec.disposable,
        )
        for name, role, size, path in wanted
        if size.value
    )


def plan_backups(
    spec: InstanceSpec, *, slug: str, region: str, demand: Demand, volume_gib: int, vcpus: int
) -> BackupPlan:
    """Weekly full, daily differential, WAL all the time; ``volume_gib`` and ``vcpus`` are the database node's."""
    provider = spec.backups.provider or spec.storage.provider
    store = object_store(provider)
    days, is_asked = spec.backups.retention_days, "retention_days" in spec.backups.model_fields_set
    stored = demand.database_gib.value * (1 + ceil_div(days, 7)) * 2 // 3
    return BackupPlan(
        is_enabled=spec.backups.enabled,
        provider=provider,
        region=region,
        endpoint=dict(store.regions)[region] if store else "",
        bucket=spec.backups.bucket or f"{slug}-backup",
        retention_days=Decided(
            days,
            "any moment of so many days can be restored",
            ASKED if is_asked else JUDGEMENT,
            "days",
            asked=is_asked,
        ),
        full_schedule=Decided("Sun *-*-* 01:30:00 UTC", "weekly, when few people are up in most places", JUDGEMENT),
        differential_schedule=Decided("Mon..Sat *-*-* 01:30:00 UTC", "on the days between", JUDGEMENT),
        verify_schedule=Decided(
            "Sun *-*-* 04:30:00 UTC",
            "weekly, the newest alone, as reading back costs traffic; it waits for the full one",
            JUDGEMENT,
        ),
        archive_timeout_seconds=Decided(
            60, "at most a minute of posts is lost with the machine and its volume", JUDGEMENT, "s"
        ),
        archive_queue_max_mib=Decided(
            max(2, volume_gib // 4) * 1024,
            "a quarter of the volume, at least 2 GiB: while the bucket is away WAL waits on the disk; beyond this it "
            "is dropped, which costs every moment until the next backup, and not the database itself",
            PGBACKREST,
            "MiB",
            (("volume", f"{volume_gib} GiB"),),
        ),
        process_max=Decided(
            min(4, max(1, vcpus // 4)),
            "a quarter of the processors, 1 to 4: a backup runs beside people",
            PGBACKREST,
            "processes",
            (("vcpus", str(vcpus)),),
        ),
        compress_level=Decided(3, "zstd's own default: a third of the size at little cost", PGBACKREST),
        uri_style=Decided(
            "host" if provider is StorageProvider.AWS else "path",
            "the bucket's name in the path, which every store but AWS takes at once for a new bucket; AWS wants it in "
            "the host's name",
            PGBACKREST,
        ),
        stored_gb=Decided(
            stored,
            "a full backup for each week kept and one more, compressed to a third, and as much again for changes",
            JUDGEMENT,
            "GB",
            (("data", f"{demand.database_gib.value} GiB"), ("kept for", f"{days} days")),
        ),
    )


def plan_balancer(spec: InstanceSpec, *, slug: str, web_nodes: tuple[str, ...], demand: Demand) -> BalancerPlan | None:
    """NodeBalancers from two web nodes on; none in front of a single one."""
    if len(web_nodes) == 1:
        return None
    most = NODEBALANCER_CONNECTIONS.value * BALANCER_SHARE_PERCENT // 100
    count = ceil_div(demand.streams_peak.value, most)
    names = tuple(f"balancer-{number}" for number in range(1, count + 1))
    return BalancerPlan(
        names=names,
        labels=tuple(naming.label(slug, name, 32) for name in names),
        count=Decided(
            count,
            "streams at peak, 10,000 connections each with a fifth left free",
            LINODE,
            "NodeBalancers",
            (("streams at peak", f"{demand.streams_peak.value:,}"),),
        ),
        ports=(firewall.HTTPS_PORT, firewall.HTTP_PORT),
        nodes=web_nodes,
        accepts=front_networks(spec),
    )


def front_networks(spec: InstanceSpec) -> tuple[str, ...]:
    """Networks that web traffic may come from."""
    return (*CLOUDFLARE_IPV4.prefixes, *CLOUDFLARE_IPV6.prefixes) if spec.edge.proxied else EVERYWHERE


def plan_monitoring(
    spec: InstanceSpec,
    *,
    nodes: tuple[NodePlan, ...],
    listeners: tuple[Listener, ...],
    groups: tuple[AlertGroup, ...],
    media: MediaPlan,
) -> MonitoringPlan:
    """Targets of Prometheus, from what runs on each node, what is asked of them, and how much is kept."""
    watcher = next(node for node in nodes if Role.MONITORING in node.roles)
    memory = next(line.memory.value for line in watcher.memory.lines if line.name == "prometheus")
    return MonitoringPlan(
        node=watcher.name,
        targets=tuple(target for node in nodes for target in _targets(node, listeners)),
        probes=alerts.probes(spec, media),
        recordings=alerts.RECORDINGS,
        groups=groups,
        tuning=tune_prometheus(memory_mib=memory),
        retention_days=Decided(30, "a month of history tells a trend from a bad day", JUDGEMENT, "days"),
        retention_mib=Decided(
            watcher.machine.disk_gib * 1024 // 4,
            "a quarter of the machine's disk, whatever comes first",
            JUDGEMENT,
            "MiB",
            (("disk", f"{watcher.machine.disk_gib} GiB"),),
        ),
        alert_email=spec.alerts.email or spec.owner.email,
        webhook_host=spec.alerts.webhook_host or "",
        heartbeat_host=spec.alerts.heartbeat_host or "",
    )


def _targets(node: NodePlan, listeners: tuple[Listener, ...]) -> Iterator[ScrapeTarget]:
    own = tuple(one for one in listeners if one.group == node.group)
    for job, port, process in _jobs(node):
        listener = next(one for one in own if one.first_port <= port <= one.last_port)
        address = LOOPBACK if listener.bind is Bind.LOOPBACK else node.address
        yield ScrapeTarget(job, node.name, address, port, process)


def _jobs(node: NodePlan) -> Iterator[tuple[str, int, str]]:
    """Job, port, and the process' name where several are alike."""
    yield "node", firewall.NODE_EXPORTER_PORT, ""
    if node.web:
        yield "nginx", firewall.NGINX_EXPORTER_PORT, ""
        if any(line.name == "puma-metrics" for line in node.memory.lines):
            yield "puma", firewall.PUMA_EXPORTER_PORT, ""
    if node.streaming:
        for port in node.streaming.ports:
            yield "streaming", port, str(port)
    for port, process in enumerate(node.sidekiq, start=firewall.SIDEKIQ_METRICS_PORT):
        yield "sidekiq", port, process.name
    if Role.POSTGRES in node.roles:
        yield "postgres", firewall.POSTGRES_EXPORTER_PORT, ""
    if node.pgbouncer:
        yield "pgbouncer", firewall.PGBOUNCER_EXPORTER_PORT, ""
    if Role.REDIS in node.roles:
        yield "redis-queue", firewall.REDIS_EXPORTER_PORT, ""
        yield "redis-cache", firewall.REDIS_CACHE_EXPORTER_PORT, ""


def _said(spec: MastodonSpec, field: str, *, rule: str, source: Source, unit: str) -> Decided[int]:
    value: int = getattr(spec, field)
    if field in spec.model_fields_set:
        return Decided(value, "asked for", ASKED, unit, asked=True)
    return Decided(value, rule, source, unit)


def plan_mastodon(spec: InstanceSpec, *, media_days: Decided[int]) -> MastodonPlan:
    """Images, names and behaviour. Both images come from one version, so that they can never differ."""
    mastodon = spec.mastodon
    version: Decided[str]
    if mastodon.version:
        version = Decided(mastodon.version, "asked for", ASKED, asked=True)
    else:
        version = Decided(MASTODON_RELEASE.version, "the newest release in the catalog", MASTODON)
    tag = version.value
    web = f"ghcr.io/mastodon/mastodon:{tag}" + (f"@{mastodon.image_digest}" if mastodon.image_digest else "")
    stream = f"ghcr.io/mastodon/mastodon-streaming:{tag}"
    stream += f"@{mastodon.streaming_image_digest}" if mastodon.streaming_image_digest else ""
    return MastodonPlan(
        version=version,
        web_image=web,
        streaming_image=stream,
        local_domain=spec.domain,
        web_domain=spec.website,
        streaming_domain=spec.edge.streaming_domain or spec.website,
        alternate_domains=mastodon.alternate_domains,
        default_locale=mastodon.default_locale,
        registrations=mastodon.registrations,
        single_user=mastodon.single_user,
        limited_federation=mastodon.limited_federation,
        secure_mode=mastodon.secure_mode,
        private_api=mastodon.private_api,
        session_limit=_said(mastodon, "session_limit", rule="Mastodon's own", source=MASTODON, unit="sessions"),
        restart_nightly=mastodon.restart_nightly,
        containers=CONTAINERS,
        sidekiq_stop=STOP,
        uploads=tune_uploads(spec.storage.provider),
        maintenance=plan_maintenance(
            media_days=media_days,
            preview_card_days=_said(
                mastodon,
                "preview_card_retention_days",
                rule="tootctl's own; a card is fetched again within 14 days",
                source=MASTODON_DOCS,
                unit="days",
            ),
        ),
        owner_username=spec.owner.username,
        owner_email=spec.owner.email,
    )
