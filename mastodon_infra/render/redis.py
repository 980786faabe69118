"""What the templates of ``redis`` see: the queue store that forgets nothing, and the cache that may."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.plan.firewall import REDIS_CACHE_EXPORTER_PORT, REDIS_EXPORTER_PORT
from mastodon_infra.plan.tuning.redis import Linger, RedisInstance
from mastodon_infra.render.base import escape_path
from mastodon_infra.render.env_values import REDIS_USER
from mastodon_infra.render.scene import Scene

EXPORTER_USER = "exporter"
DATA_FOLDER = {"queue": "/var/lib/redis-queue", "cache": "/var/lib/redis-cache"}


@dataclass(frozen=True, slots=True)
class RedisServer:
    """One Redis process. ``mount_unit`` is what its data waits for; empty without a volume.

    ``lingers`` is whether it outlasts those that put something into it while they end.
    """

    name: str
    tuning: RedisInstance
    addresses: tuple[str, ...]
    folder: str
    mount_unit: str
    exporter_address: str
    exporter_port: int
    memory_max_mib: int
    lingers: bool

    @property
    def keeps_snapshots(self) -> bool:
        """Whether it also saves snapshots."""
        return self.tuning.keeps_snapshots.value


@dataclass(frozen=True, slots=True)
class RedisContext:
    """The node of both stores, and who may log in: two users of very different rights."""

    servers: tuple[RedisServer, ...]
    app_user: str
    exporter_user: str
    app_password: str
    exporter_password: str
    queue_port: int
    linger: Linger


def redis_context(scene: Scene) -> RedisContext:
    """Both instances as planned."""
    tuning = scene.plan.redis
    return RedisContext(
        servers=(
            _server(scene, tuning.queue, REDIS_EXPORTER_PORT),
            _server(scene, tuning.cache, REDIS_CACHE_EXPORTER_PORT),
        ),
        app_user=REDIS_USER,
        exporter_user=EXPORTER_USER,
        app_password=scene.wiring.redis_password,
        exporter_password=scene.wiring.redis_exporter_password,
        queue_port=tuning.queue.port.value,
        linger=tuning.linger,
    )


def _server(scene: Scene, tuning: RedisInstance, exporter_port: int) -> RedisServer:
    folder = DATA_FOLDER[tuning.name]
    is_mounted = any(one.node == scene.node.name and one.mount_path == folder for one in scene.plan.volumes)
    return RedisServer(
        name=tuning.name,
        tuning=tuning,
        addresses=scene.addresses(f"redis-{tuning.name}"),
        folder=folder,
        mount_unit=f"{escape_path(folder)}.mount" if is_mounted else "",
        exporter_address=scene.address("redis-exporter"),
        exporter_port=exporter_port,
        memory_max_mib=scene.node.memory.limit(f"redis-{tuning.name}").most.value,
        lingers=tuning is scene.plan.redis.queue,
    )
