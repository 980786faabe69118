"""What the templates of ``postgres`` see: settings, access, roles, certificate."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.versions import POSTGRESQL
from mastodon_infra.plan.tuning.postgres import PostgresTuning
from mastodon_infra.render.base import escape_path, has_volumes
from mastodon_infra.render.env_values import ADMIN_ROLE, APP_ROLE, DATABASE, EXPORTER_ROLE
from mastodon_infra.render.scene import LOOPBACK, Scene
from mastodon_infra.render.wiring import POSTGRES_CERTIFICATE

LIBRARY_PATH = "/var/lib/postgresql"
FOLDER = "/etc/mastodon-infra/postgres"
OWNER_ROLE = "mastodon_owner"
BACKUP_ROLE = "mastodon_backup"
REPLICATION_ROLE = "mastodon_replication"


@dataclass(frozen=True, slots=True)
class PostgresContext:
    """The database node.

    Attributes:
        client_blocks: Address blocks of the app's groups: a node more in a group changes nothing here.
        leader_block: The block of the leader's group, from which alone migrations come.
        mount_unit: The mount unit that the cluster waits for; empty where data lies on the machine's own disk.
    """

    version: str
    tuning: PostgresTuning
    has_backups: bool
    database: str
    app_role: str
    owner_role: str
    admin_role: str
    exporter_role: str
    backup_role: str
    replication_role: str
    app_password: str
    admin_password: str
    exporter_password: str
    addresses: tuple[str, ...]
    port: int
    client_blocks: tuple[str, ...]
    leader_block: str
    folder: str
    certificate: str
    private_key: str
    library_path: str
    has_volume: bool
    exporter_addresses: tuple[str, ...]

    @property
    def mount_unit(self) -> str:
        """The unit that mounts the data."""
        return f"{escape_path(self.library_path)}.mount"


def postgres_context(scene: Scene) -> PostgresContext:
    """PostgreSQL as planned."""
    wiring, plan = scene.wiring, scene.plan
    certificate = wiring.server_certificate(POSTGRES_CERTIFICATE)
    port = scene.first_port("postgres")
    exporter_port = scene.first_port("postgres-exporter")
    return PostgresContext(
        version=POSTGRESQL.version,
        tuning=plan.postgres,
        has_backups=plan.backups.is_enabled,
        database=DATABASE,
        app_role=APP_ROLE,
        owner_role=OWNER_ROLE,
        admin_role=ADMIN_ROLE,
        exporter_role=EXPORTER_ROLE,
        backup_role=BACKUP_ROLE,
        replication_role=REPLICATION_ROLE,
        app_password=wiring.postgres_app_password,
        admin_password=wiring.postgres_admin_password,
        exporter_password=wiring.postgres_exporter_password,
        addresses=scene.addresses("postgres"),
        port=port,
        client_blocks=(f"{LOOPBACK}/32", *dict.fromkeys(scene.sources(port))),
        leader_block=_leader_block(scene),
        folder=FOLDER,
        certificate=certificate.certificate,
        private_key=certificate.private_key,
        library_path=LIBRARY_PATH,
        has_volume=has_volumes(scene) and any(one.mount_path == LIBRARY_PATH for one in plan.volumes),
        exporter_addresses=tuple(f"{address}:{exporter_port}" for address in scene.addresses("postgres-exporter")),
    )


def _leader_block(scene: Scene) -> str:
    """Where the leader's connections come from: loopback where it is this very machine."""
    leader = scene.plan.node(scene.plan.leader)
    if leader.name == scene.node.name:
        return f"{LOOPBACK}/32"
    return next(group.cidr for group in scene.plan.groups if group.name == leader.group)
