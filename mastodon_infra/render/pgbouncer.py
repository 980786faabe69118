"""What the templates of ``pgbouncer`` see: the pooler beside the database, or beside the app."""

from __future__ import annotations

from dataclasses import dataclass

from mastodon_infra.model.services import PoolerPlace
from mastodon_infra.plan.tuning.pgbouncer import PgBouncerTuning
from mastodon_infra.render.env_values import APP_ROLE, DATABASE, EXPORTER_ROLE, POSTGRES_HOST, direct_door
from mastodon_infra.render.postgres import FOLDER
from mastodon_infra.render.scene import CA_PATH, LOOPBACK, Scene


@dataclass(frozen=True, slots=True)
class PgBouncerContext:
    """One PgBouncer.

    Attributes:
        serves_network: Clients come from other machines, so their side has TLS with PostgreSQL's own certificate.
        exporter_address: Where the exporter of its numbers listens.
    """

    tuning: PgBouncerTuning
    addresses: tuple[str, ...]
    database: str
    host: str
    port: int
    ca_path: str
    certificate_folder: str
    serves_network: bool
    app_role: str
    app_password: str
    exporter_role: str
    exporter_password: str
    exporter_address: str
    exporter_port: int


def pgbouncer_context(scene: Scene) -> PgBouncerContext:
    """The node's pooler as planned."""
    tuning = scene.node.pgbouncer
    assert tuning is not None
    serves_network = scene.plan.pooler.value is PoolerPlace.DATABASE_NODE
    return PgBouncerContext(
        tuning=tuning,
        addresses=scene.addresses("pgbouncer") if serves_network else (LOOPBACK,),
        database=DATABASE,
        host=POSTGRES_HOST,
        port=direct_door().port,
        ca_path=CA_PATH,
        certificate_folder=FOLDER,
        serves_network=serves_network,
        app_role=APP_ROLE,
        app_password=scene.wiring.postgres_app_password,
        exporter_role=EXPORTER_ROLE,
        exporter_password=scene.wiring.postgres_exporter_password,
        exporter_address=scene.address("pgbouncer-exporter"),
        exporter_port=scene.first_port("pgbouncer-exporter"),
    )
