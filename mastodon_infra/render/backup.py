"""What the templates of ``backup`` see: pgBackRest's repository, its schedule, and what it backs up."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.catalog.versions import POSTGRESQL
from mastodon_infra.model.role import Role
from mastodon_infra.plan.types import BackupPlan
from mastodon_infra.render.env_values import DATABASE
from mastodon_infra.render.postgres import BACKUP_ROLE, LIBRARY_PATH
from mastodon_infra.render.scene import Scene

STANZA = "mastodon"


@dataclass(frozen=True, slots=True)
class BackupContext:
    """The database node's way to the backup bucket."""

    backups: BackupPlan
    access_key_id: str
    secret_access_key: str
    cipher_passphrase: str
    stanza: str
    version: str
    data_path: str
    database: str
    backup_role: str
    port: int


def has_backups(scene: Scene) -> bool:
    """Whether the node has the database, and the database is backed up."""
    return scene.has(Role.POSTGRES) and scene.plan.backups.is_enabled


def backup_context(scene: Scene) -> BackupContext:
    """PgBackRest as planned."""
    return BackupContext(
        backups=scene.plan.backups,
        access_key_id=scene.wiring.backup_access_key_id,
        secret_access_key=scene.wiring.backup_secret_access_key,
        cipher_passphrase=scene.wiring.backup_cipher_passphrase,
        stanza=STANZA,
        version=POSTGRESQL.version,
        data_path=f"{LIBRARY_PATH}/{POSTGRESQL.version}/main",
        database=DATABASE,
        backup_role=BACKUP_ROLE,
        port=scene.first_port("postgres"),
    )
