"""What the plan says in Mastodon's own words: the settings of web, sidekiq, streaming and task processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.model.services import PoolerPlace, StorageProvider
from mastodon_infra.plan.firewall import POSTGRES_PORT
from mastodon_infra.plan.naming import service_host
from mastodon_infra.plan.tuning import pgbouncer
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.env import ProcessKind, Setting, env_lines
from mastodon_infra.render.scene import CA_PATH, LOOPBACK, Scene

DATABASE = "mastodon_production"
APP_ROLE, ADMIN_ROLE, EXPORTER_ROLE = "mastodon", "mastodon_admin", "mastodon_exporter"
REDIS_USER = "mastodon"
POSTGRES_HOST, REDIS_HOST = service_host("postgres"), service_host("redis")


@dataclass(frozen=True, slots=True)
class DatabaseDoor:
    """How an app process reaches the database."""

    host: str
    port: int
    is_encrypted: bool
    is_pooled: bool


def app_door(plan: InstancePlan) -> DatabaseDoor:
    """Through the pooler where there is one. TLS wherever a wire is between, checked against our own authority."""
    if plan.pooler.value is PoolerPlace.APP_NODES:
        return DatabaseDoor(LOOPBACK, pgbouncer.PORT, is_encrypted=False, is_pooled=True)
    is_pooled = plan.pooler.value is PoolerPlace.DATABASE_NODE
    port = pgbouncer.PORT if is_pooled else POSTGRES_PORT
    return DatabaseDoor(POSTGRES_HOST, port, is_encrypted=True, is_pooled=is_pooled)


def direct_door() -> DatabaseDoor:
    """Straight to PostgreSQL, as migrations need it."""
    return DatabaseDoor(POSTGRES_HOST, POSTGRES_PORT, is_encrypted=True, is_pooled=False)


def web_lines(scene: Scene) -> tuple[str, ...]:
    """The environment of Puma."""
    plan, web = scene.plan, scene.node.web
    assert web is not None
    settings = [
        *_ruby(scene, app_door(plan)),
        *_push(scene),
        *_voice(plan),
        ("BIND", scene.address("puma")),
        ("PORT", str(web.port.value)),
        ("WEB_CONCURRENCY", str(web.workers.value)),
        ("MAX_THREADS", str(web.threads.value)),
        ("RAILS_SERVE_STATIC_FILES", "true"),
    ]
    for name, is_on in (
        ("SINGLE_USER_MODE", plan.mastodon.single_user),
        ("DISALLOW_UNAUTHENTICATED_API_ACCESS", plan.mastodon.private_api),
    ):
        if is_on:
            settings.append((name, "true"))
    if plan.mastodon.streaming_domain != plan.mastodon.web_domain:
        settings.append(("STREAMING_API_BASE_URL", f"wss://{plan.mastodon.streaming_domain}"))
    if scene.memory_mib("puma-metrics") is not None:
        settings += [
            ("MASTODON_PROMETHEUS_EXPORTER_ENABLED", "true"),
            ("PROMETHEUS_EXPORTER_HOST", scene.address("puma-exporter")),
            ("PROMETHEUS_EXPORTER_PORT", str(scene.first_port("puma-exporter"))),
        ]
    return env_lines(ProcessKind.WEB, settings)


def sidekiq_lines(scene: Scene) -> tuple[str, ...]:
    """The environment that all sidekiq processes of a node share; each adds its own port of metrics."""
    settings = [
        *_ruby(scene, app_door(scene.plan)),
        *_push(scene),
        *_voice(scene.plan),
        ("MASTODON_PROMETHEUS_EXPORTER_ENABLED", "true"),
        ("MASTODON_PROMETHEUS_EXPORTER_LOCAL", "true"),
        ("MASTODON_PROMETHEUS_EXPORTER_HOST", scene.address("sidekiq")),
        ("MASTODON_PROMETHEUS_EXPORTER_SIDEKIQ_DETAILED_METRICS", "true"),
    ]
    return env_lines(ProcessKind.SIDEKIQ, settings)


def tasks_lines(scene: Scene) -> tuple[str, ...]:
    """The environment of rails and tootctl on the leader: straight to PostgreSQL, as the role for migrations."""
    return env_lines(ProcessKind.TASKS, _ruby(scene, direct_door(), is_admin=True))


def streaming_lines(scene: Scene) -> tuple[str, ...]:
    """The environment that all streaming processes of a node share; each has a port of its own."""
    door = app_door(scene.plan)
    streaming = scene.node.streaming
    assert streaming is not None
    settings = [
        ("NODE_ENV", "production"),
        ("BIND", scene.address("streaming")),
        ("DB_POOL", str(streaming.database_pool.value)),
        *_database(scene, door),
        *_redis(scene, "REDIS_", scene.plan.redis.queue.port.value),
    ]
    if door.is_encrypted:
        settings.append(("NODE_EXTRA_CA_CERTS", CA_PATH))
    return env_lines(ProcessKind.STREAMING, settings)


def _ruby(scene: Scene, door: DatabaseDoor, *, is_admin: bool = False) -> Iterator[Setting]:
    plan, wiring, mastodon = scene.plan, scene.wiring, scene.plan.mastodon
    yield "RAILS_ENV", "production"
    yield "RAILS_LOG_LEVEL", "warn"
    yield "LOCAL_DOMAIN", mastodon.local_domain
    if mastodon.web_domain != mastodon.local_domain:
        yield "WEB_DOMAIN", mastodon.web_domain
    if mastodon.alternate_domains:
        yield "ALTERNATE_DOMAINS", ",".join(mastodon.alternate_domains)
    if mastodon.limited_federation:
        yield "LIMITED_FEDERATION_MODE", "true"
    yield "MAX_SESSION_ACTIVATIONS", str(mastodon.session_limit.value)
    yield "SECRET_KEY_BASE", wiring.secret_key_base
    yield "ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY", wiring.encryption_primary_key
    yield "ACTIVE_RECORD_ENCRYPTION_DETERMINISTIC_KEY", wiring.encryption_deterministic_key
    yield "ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT", wiring.encryption_key_derivation_salt
    yield from _database(scene, door, is_admin=is_admin)
    if door.is_encrypted:
        yield "PGSSLROOTCERT", CA_PATH
    if door.is_pooled:
        yield "PREPARED_STATEMENTS", "false"
    yield from _redis(scene, "REDIS_", plan.redis.queue.port.value)
    yield from _redis(scene, "CACHE_REDIS_", plan.redis.cache.port.value)
    yield from _media(scene)
    yield from _mail(scene)


def _push(scene: Scene) -> Iterator[Setting]:
    yield "VAPID_PRIVATE_KEY", scene.wiring.vapid_private_key
    yield "VAPID_PUBLIC_KEY", scene.wiring.vapid_public_key


def _voice(plan: InstancePlan) -> Iterator[Setting]:
    yield "DEFAULT_LOCALE", plan.mastodon.default_locale
    if plan.mastodon.secure_mode:
        yield "AUTHORIZED_FETCH", "true"


def _database(scene: Scene, door: DatabaseDoor, *, is_admin: bool = False) -> Iterator[Setting]:
    yield "DB_HOST", door.host
    yield "DB_PORT", str(door.port)
    yield "DB_NAME", DATABASE
    yield "DB_USER", ADMIN_ROLE if is_admin else APP_ROLE
    yield "DB_PASS", scene.wiring.postgres_admin_password if is_admin else scene.wiring.postgres_app_password
    yield "DB_SSLMODE", "verify-full" if door.is_encrypted else "disable"


def _redis(scene: Scene, prefix: str, port: int) -> Iterator[Setting]:
    """All parts of one address: Mastodon inherits nothing once a prefixed host is given."""
    yield f"{prefix}HOST", REDIS_HOST
    yield f"{prefix}PORT", str(port)
    yield f"{prefix}USER", REDIS_USER
    yield f"{prefix}PASSWORD", scene.wiring.redis_password


def _media(scene: Scene) -> Iterator[Setting]:
    media, uploads, wiring = scene.plan.media, scene.plan.mastodon.uploads, scene.wiring
    yield "S3_ENABLED", "true"
    yield "S3_PROTOCOL", "https"
    yield "S3_BUCKET", media.bucket
    yield "S3_REGION", media.region
    yield "S3_HOSTNAME", media.endpoint
    yield "S3_ALIAS_HOST", media.host
    yield "AWS_ACCESS_KEY_ID", wiring.media_access_key_id
    yield "AWS_SECRET_ACCESS_KEY", wiring.media_secret_access_key
    yield "S3_OPEN_TIMEOUT", str(uploads.open_timeout_seconds.value)
    yield "S3_READ_TIMEOUT", str(uploads.read_timeout_seconds.value)
    yield "S3_RETRY_LIMIT", str(uploads.retry_limit.value)
    if uploads.multipart_bytes:
        yield "S3_MULTIPART_THRESHOLD", str(uploads.multipart_bytes.value)
    if media.provider is not StorageProvider.AWS:
        yield "S3_ENDPOINT", f"https://{media.endpoint}"
    yield "S3_PERMISSION", uploads.permission.value  # there and blank: no ACL is sent
    if media.provider is StorageProvider.WASABI:
        yield "S3_FORCE_SINGLE_REQUEST", "true"


def _mail(scene: Scene) -> Iterator[Setting]:
    mail = scene.plan.mail
    if mail.port is None:
        # Without a way out each mail would fail and be tried again for weeks. So it becomes a file in the container's
        # tmp/mails, where an administrator can read it, and which ends with the container.
        yield "SMTP_DELIVERY_METHOD", "file"
        return
    yield "SMTP_SERVER", mail.host
    yield "SMTP_PORT", str(mail.port.value)
    yield "SMTP_LOGIN", scene.wiring.smtp_username or mail.username
    yield "SMTP_PASSWORD", scene.wiring.smtp_password
    yield "SMTP_FROM_ADDRESS", mail.from_address
    yield "SMTP_ENABLE_STARTTLS", "always"
