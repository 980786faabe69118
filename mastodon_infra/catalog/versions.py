"""Versions that are installed or pinned, and how long each series of Mastodon is supported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from mastodon_infra.catalog.rows import Row, Version
from mastodon_infra.catalog.sources import DEBIAN, DEBIAN_IMAGE, MASTODON, MASTODON_RELEASES, Source

_READ = date(2026, 11, 22)
_MASTODON = date(2026, 8, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series(Row):
    """A series of Mastodon releases, by the name ``4.7``.

    ``ends`` is the last day of security fixes, None where no end has been announced.
    """

    ends: date | None


def _version(name: str, title: str, version: str, as_of: date = _READ, source: Source = DEBIAN) -> Version:
    return Version(name=name, as_of=as_of, source=source, title=title, version=version)


# --- Mastodon -----------------------------------------------------------------------------------------------

MASTODON_RELEASE = _version("mastodon", "Mastodon", "v4.7.4", _READ, MASTODON_RELEASES)
MASTODON_MINIMUM = _version(
    "mastodon-minimum",
    "oldest Mastodon that we install: before it, an interrupted migration of 4.7 could not be run again",
    "v4.7.1",
    _READ,
    MASTODON_RELEASES,
)
MASTODON_RECOMMENDED = _version(
    "mastodon-recommended",
    "oldest Mastodon without the thread leak of its S3 library",
    "v4.7.3",
    _READ,
    MASTODON_RELEASES,
)
MASTODON_NEEDS_POSTGRESQL = _version(
    "mastodon-needs-postgresql", "oldest PostgreSQL that Mastodon migrates on", "14", _MASTODON, MASTODON
)
MASTODON_NEEDS_REDIS = _version(
    "mastodon-needs-redis", "oldest Redis that Sidekiq starts with", "7.0.0", _MASTODON, MASTODON
)

# --- The machine's system, and what its archive holds -------------------------------------------------------

IMAGE = _version("image", "Linode's image of Debian 13", "linode/debian13", date(2026, 5, 14), DEBIAN_IMAGE)
CLOUD_INIT = _version("cloud-init", "cloud-init", "25.1.4")
POSTGRESQL = _version("postgresql", "PostgreSQL, its major version", "17")
REDIS = _version("redis", "Redis", "8.0.2")
PGBOUNCER = _version("pgbouncer", "PgBouncer", "1.24.1")
NGINX = _version("nginx", "nginx", "1.26.3")
PODMAN = _version("podman", "podman", "5.4.2")
PGBACKREST = _version("pgbackrest", "pgBackRest", "2.55.1")
CERTBOT = _version("certbot", "certbot", "4.0.0")
PROMETHEUS = _version("prometheus", "Prometheus", "2.53.3")
ALERTMANAGER = _version("alertmanager", "Alertmanager", "0.28.1")
NODE_EXPORTER = _version("node-exporter", "exporter of the machine", "1.9.0")
POSTGRES_EXPORTER = _version("postgres-exporter", "exporter of PostgreSQL", "0.17.1")
PGBOUNCER_EXPORTER = _version("pgbouncer-exporter", "exporter of PgBouncer", "0.10.2")
REDIS_EXPORTER = _version("redis-exporter", "exporter of Redis", "1.69.0")
NGINX_EXPORTER = _version("nginx-exporter", "exporter of nginx", "1.4.1")
BLACKBOX_EXPORTER = _version("blackbox-exporter", "exporter that probes from outside", "0.26.0")

VERSIONS: tuple[Version, ...] = (
    MASTODON_RELEASE,
    MASTODON_MINIMUM,
    MASTODON_RECOMMENDED,
    MASTODON_NEEDS_POSTGRESQL,
    MASTODON_NEEDS_REDIS,
    IMAGE,
    CLOUD_INIT,
    POSTGRESQL,
    REDIS,
    PGBOUNCER,
    NGINX,
    PODMAN,
    PGBACKREST,
    CERTBOT,
    PROMETHEUS,
    ALERTMANAGER,
    NODE_EXPORTER,
    POSTGRES_EXPORTER,
    PGBOUNCER_EXPORTER,
    REDIS_EXPORTER,
    NGINX_EXPORTER,
    BLACKBOX_EXPORTER,
)

MASTODON_SERIES: tuple[Series, ...] = (
    Series(name="4.7", as_of=_MASTODON, source=MASTODON, ends=None),
    Series(name="4.6", as_of=_MASTODON, source=MASTODON, ends=None),
    Series(name="4.5", as_of=_MASTODON, source=MASTODON, ends=date(2027, 2, 20)),
    Series(name="4.4", as_of=_MASTODON, source=MASTODON, ends=date(2026, 12, 17)),
)
"""Series that get security fixes, newest first; any other has ended."""

_SERIES_BY_NAME = {row.name: row for row in MASTODON_SERIES}


def series_of(release: str) -> Series | None:
    """The series of a release such as ``v4.7.4``, or None where that series is unknown or has ended."""
    return _SERIES_BY_NAME.get(".".join(release.removeprefix("v").split(".")[:2]))
