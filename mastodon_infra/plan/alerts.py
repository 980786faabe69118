"""Every alert, probe and recorded series of an instance: only of what runs there and gives numbers."""

from __future__ import annotations

from collections.abc import Iterator

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.alerts_app import sidekiq_alerts, streaming_alerts
from mastodon_infra.plan.alerts_data import backup_alerts, pooler_alerts, postgres_alerts, redis_alerts
from mastodon_infra.plan.alerts_machines import DISKS, machine_alerts, watching_alerts
from mastodon_infra.plan.alerts_types import AlertGroup, Probe, Recording
from mastodon_infra.plan.alerts_web import (
    ACTOR,
    STORE,
    WEBFINGER,
    nginx_alerts,
    probe_alerts,
    site_certificate_alerts,
    upload_alerts,
    web_alerts,
)
from mastodon_infra.plan.tuning.postgres import PostgresTuning
from mastodon_infra.plan.tuning.redis import RedisTuning
from mastodon_infra.plan.tuning.sidekiq import SidekiqUnit
from mastodon_infra.plan.types import BackupPlan, MediaPlan, NodePlan, VolumePlan

RECORDINGS: tuple[Recording, ...] = (
    Recording("node:cpu_busy:percent", '100 - 100 * avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'),
    Recording("node:memory_available:percent", "100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"),
    Recording(
        "node:disk_used:percent",
        f"100 - 100 * node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}}",
    ),
    Recording("nginx:requests:rate5m", "sum by (node) (rate(nginx_http_requests_total[5m]))"),
    Recording("streaming:connected_clients:sum", "sum(mastodon_streaming_connected_clients)"),
    Recording("sidekiq:queue_latency_seconds:max", "max by (queue) (mastodon_sidekiq_queue_latency_seconds)"),
    Recording("sidekiq:queue_backlog:max", "max by (queue) (mastodon_sidekiq_queue_backlog)"),
    Recording("sidekiq:jobs:rate5m", "sum by (queue) (rate(mastodon_sidekiq_jobs_total[5m]))"),
    Recording(
        "postgres:cache_hit:ratio15m",
        "sum(rate(pg_stat_database_blks_hit[15m]))"
        " / (sum(rate(pg_stat_database_blks_hit[15m])) + sum(rate(pg_stat_database_blks_read[15m])))",
    ),
    Recording("postgres:connections:sum", "sum by (state) (pg_stat_activity_count)"),
)
"""What graphs and alerts ask for again and again. Every sidekiq process tells of all queues, hence the maximum."""


def alert_groups(
    spec: InstanceSpec,
    *,
    nodes: tuple[NodePlan, ...],
    volumes: tuple[VolumePlan, ...],
    backups: BackupPlan,
    data_gib: int,
    units: tuple[SidekiqUnit, ...],
    postgres: PostgresTuning,
    redis: RedisTuning,
) -> tuple[AlertGroup, ...]:
    """All alerts by subject; a subject that the instance does not have is left out."""
    measured = tuple(node for node in nodes if any(line.name == "puma-metrics" for line in node.memory.lines))
    processes = sum(node.streaming.processes.value for node in nodes if node.streaming)
    queues = tuple(dict.fromkeys(queue for unit in units for queue, _ in unit.queues))
    alarm = min((node.memory.limit("sidekiq").alarm for node in nodes if node.sidekiq), key=lambda one: one.value)
    leader = next(node.name for node in nodes if node.is_leader)
    poolers = tuple(node.pgbouncer for node in nodes if node.pgbouncer)
    has_mail_or_webhook = spec.mail != "none" or bool(spec.alerts.webhook_host)
    groups = (
        AlertGroup("machines", tuple(machine_alerts(volumes, is_alone=len(nodes) == 1))),
        AlertGroup("probes", (*probe_alerts(), *upload_alerts(leader))),
        AlertGroup("web", (*nginx_alerts(), *web_alerts(nodes, measured), *site_certificate_alerts())),
        AlertGroup("streaming", tuple(streaming_alerts(processes))),
        AlertGroup("sidekiq", tuple(sidekiq_alerts(queues, alarm))),
        AlertGroup("postgres", tuple(postgres_alerts(postgres))),
        AlertGroup("pgbouncer", tuple(pooler_alerts(poolers))),
        AlertGroup("redis", tuple(redis_alerts(redis.queue))),
        AlertGroup("backups", tuple(backup_alerts(backups, data_gib))),
        AlertGroup("watching", tuple(watching_alerts(has_mail_or_webhook=has_mail_or_webhook))),
    )
    return tuple(group for group in groups if group.alerts)


def probes(spec: InstanceSpec, media: MediaPlan) -> tuple[Probe, ...]:
    """What is asked from outside, by its public name.

    Media is asked for its certificate alone, the store for any answer; the site's certificate is looked at even once it
    is over.
    """
    return tuple(_probes(spec, media))


def _probes(spec: InstanceSpec, media: MediaPlan) -> Iterator[Probe]:
    yield Probe("web", f"https://{spec.website}/health", "http")
    if not spec.mastodon.limited_federation:
        # Asks the database and the cache. Where federation is limited, it answers to members only.
        yield Probe("api", f"https://{spec.website}/api/v2/instance", "http")
    streaming = spec.edge.streaming_domain or spec.website
    yield Probe("streaming", f"https://{streaming}/api/v1/streaming/health", "http")
    yield Probe("media", f"{media.host}:443", "tls")
    yield Probe("certificate", f"{spec.website}:443", "certificate")
    yield Probe(STORE, f"https://{media.endpoint}/", "store")
    yield from _federation_probes(spec)


def _federation_probes(spec: InstanceSpec) -> Iterator[Probe]:
    """What another server asks first: who has the owner's handle, and that account, which must be no page.

    Where unsigned requests are refused, the account is not asked for. Handles' domains that others serve are theirs.
    """
    owner = spec.owner.username
    handles = spec.domain if spec.edge.serve_local_domain else spec.website
    yield Probe(WEBFINGER, f"https://{handles}/.well-known/webfinger?resource=acct:{owner}@{spec.domain}", WEBFINGER)
    if not spec.mastodon.secure_mode and not spec.mastodon.limited_federation:
        yield Probe(ACTOR, f"https://{spec.website}/@{owner}", ACTOR)
