"""What the templates of Mastodon's own processes see: containers of web, streaming, sidekiq, and the first start."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.model.mastodon import Registrations
from mastodon_infra.model.role import Role
from mastodon_infra.plan.budget import MemoryLimit
from mastodon_infra.plan.firewall import SIDEKIQ_METRICS_PORT
from mastodon_infra.plan.network_types import InternalHost
from mastodon_infra.plan.tuning.containers import ContainerTuning
from mastodon_infra.plan.tuning.sidekiq import SidekiqStop
from mastodon_infra.render.env_values import (
    ADMIN_ROLE,
    APP_ROLE,
    DATABASE,
    POSTGRES_HOST,
    REDIS_HOST,
    DatabaseDoor,
    app_door,
    direct_door,
    sidekiq_lines,
    streaming_lines,
    tasks_lines,
    web_lines,
)
from mastodon_infra.render.fingerprints import mastodon_keys
from mastodon_infra.render.scene import CA_PATH, Scene

REGISTRATION_WORD = {
    Registrations.OPEN: "open",
    Registrations.APPROVED: "approved",
    Registrations.NONE: "close",
}
"""What ``tootctl settings registrations`` calls them."""

LOADING_MARK = "mastodon-infra: the schema is being loaded"
OWNER_MARK = "mastodon-infra: the owner has no account yet"
"""Comments on the database's schema ``public`` that say how far an unfinished first start has come."""


@dataclass(frozen=True, slots=True)
class MastodonContext:
    """A node with any of Mastodon's processes: the image, and the database whose schema they wait for."""

    image: str
    images: tuple[str, ...]
    containers: ContainerTuning
    restart_time: str
    restarted_units: tuple[str, ...]
    database: str
    role: str
    door: DatabaseDoor
    password: str
    ca_path: str
    loading_mark: str
    key_fingerprints: tuple[tuple[str, str], ...]
    restarts_nightly: bool


def mastodon_context(scene: Scene) -> MastodonContext:
    """What all of Mastodon's processes on a node share."""
    mastodon = scene.plan.mastodon
    units = ["mastodon-web.service"] if scene.has(Role.WEB) else []
    units += [f"mastodon-sidekiq-{process.name}.service" for process in scene.node.sidekiq]
    return MastodonContext(
        image=mastodon.web_image,
        images=(mastodon.web_image, *([mastodon.streaming_image] if scene.has(Role.STREAMING) else [])),
        containers=mastodon.containers,
        restart_time=mastodon.maintenance.restart_time(_ordinal(scene)),
        restarted_units=tuple(units),
        database=DATABASE,
        role=APP_ROLE,
        door=app_door(scene.plan),
        password=scene.wiring.postgres_app_password,
        ca_path=CA_PATH,
        loading_mark=LOADING_MARK,
        key_fingerprints=tuple(mastodon_keys(scene.wiring).items()),
        restarts_nightly=mastodon.restart_nightly and bool(units),
    )


def _ordinal(scene: Scene) -> int:
    """The node's place among those that restart at night."""
    restarting = [node for node in scene.plan.nodes if node.web or node.sidekiq]
    return next((place for place, node in enumerate(restarting) if node.name == scene.node.name), 0)


@dataclass(frozen=True, slots=True)
class PumaContext:
    """Puma on a web node. ``exporter_*`` matter only where ``has_metrics``."""

    image: str
    stores: tuple[InternalHost, ...]
    environment: tuple[str, ...]
    ca_path: str
    containers: ContainerTuning
    memory: MemoryLimit
    address: str
    port: int
    health_seconds: int
    has_metrics: bool
    exporter_memory: MemoryLimit | None
    exporter_address: str
    exporter_port: int


def puma_context(scene: Scene) -> PumaContext:
    """Puma, and the exporter of its metrics where memory allows one."""
    budget, tuning = scene.node.memory, scene.node.web
    assert tuning is not None
    has_metrics = scene.memory_mib("puma-metrics") is not None
    return PumaContext(
        image=scene.plan.mastodon.web_image,
        stores=scene.stores(),
        environment=web_lines(scene),
        ca_path=CA_PATH,
        containers=scene.plan.mastodon.containers,
        memory=budget.limit("puma"),
        address=scene.address("puma"),
        port=scene.first_port("puma"),
        health_seconds=tuning.health_seconds.value,
        has_metrics=has_metrics,
        exporter_memory=budget.limit("puma-metrics") if has_metrics else None,
        exporter_address=scene.address("puma-exporter") if has_metrics else "",
        exporter_port=scene.first_port("puma-exporter") if has_metrics else 0,
    )


@dataclass(frozen=True, slots=True)
class StreamingContext:
    """Streaming on a node: one process a port."""

    image: str
    stores: tuple[InternalHost, ...]
    environment: tuple[str, ...]
    ca_path: str
    ports: tuple[int, ...]
    containers: ContainerTuning
    memory: MemoryLimit
    open_files: int


def streaming_context(scene: Scene) -> StreamingContext:
    """The streaming processes of a node."""
    tuning = scene.node.streaming
    assert tuning is not None
    return StreamingContext(
        image=scene.plan.mastodon.streaming_image,
        stores=scene.stores(),
        environment=streaming_lines(scene),
        ca_path=CA_PATH,
        ports=tuning.ports,
        containers=scene.plan.mastodon.containers,
        memory=scene.node.memory.limit("streaming"),
        open_files=tuning.open_files.value,
    )


@dataclass(frozen=True, slots=True)
class SidekiqProcessView:
    """One sidekiq process. ``queue_words`` are what ``-q`` takes: ``default,8``, or a bare name in strict order."""

    name: str
    concurrency: int
    queue_words: tuple[str, ...]
    metrics_port: int


@dataclass(frozen=True, slots=True)
class SidekiqContext:
    """Sidekiq on a node."""

    image: str
    stores: tuple[InternalHost, ...]
    environment: tuple[str, ...]
    ca_path: str
    processes: tuple[SidekiqProcessView, ...]
    containers: ContainerTuning
    memory: MemoryLimit
    stop: SidekiqStop


def sidekiq_context(scene: Scene) -> SidekiqContext:
    """The sidekiq processes that the plan put on this node, and on no other."""
    queues = {
        unit.name: tuple(f"{queue},{weight}" if weight else str(queue) for queue, weight in unit.queues)
        for unit in scene.plan.sidekiq
    }
    processes = tuple(
        SidekiqProcessView(process.name, process.concurrency, queues[process.unit], port)
        for port, process in enumerate(scene.node.sidekiq, start=SIDEKIQ_METRICS_PORT)
    )
    return SidekiqContext(
        image=scene.plan.mastodon.web_image,
        stores=scene.stores(),
        environment=sidekiq_lines(scene),
        ca_path=CA_PATH,
        processes=processes,
        containers=scene.plan.mastodon.containers,
        memory=scene.node.memory.limit("sidekiq"),
        stop=scene.plan.mastodon.sidekiq_stop,
    )


@dataclass(frozen=True, slots=True)
class LeaderContext:
    """The one node that does the first start."""

    image: str
    environment: tuple[str, ...]
    ca_path: str
    database: str
    role: str
    password: str
    host: str
    port: int
    redis_host: str
    redis_ports: tuple[int, ...]
    loading_mark: str
    owner_mark: str
    owner_username: str
    owner_email: str
    registrations: str


def leader_context(scene: Scene) -> LeaderContext:
    """The first start: schema, owner, registrations; straight to PostgreSQL."""
    mastodon, door = scene.plan.mastodon, direct_door()
    return LeaderContext(
        image=mastodon.web_image,
        environment=tasks_lines(scene),
        ca_path=CA_PATH,
        database=DATABASE,
        role=ADMIN_ROLE,
        password=scene.wiring.postgres_admin_password,
        host=POSTGRES_HOST,
        port=door.port,
        redis_host=REDIS_HOST,
        redis_ports=(scene.plan.redis.queue.port.value, scene.plan.redis.cache.port.value),
        loading_mark=LOADING_MARK,
        owner_mark=OWNER_MARK,
        owner_username=mastodon.owner_username,
        owner_email=mastodon.owner_email,
        registrations=REGISTRATION_WORD[mastodon.registrations],
    )


def runs_mastodon(scene: Scene) -> bool:
    """Whether any of Mastodon's own processes runs on the node."""
    return any(scene.has(role) for role in (Role.WEB, Role.STREAMING, Role.SIDEKIQ))
