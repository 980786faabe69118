"""nginx on a web node: connections, limits, time limits and the size of its caches."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mastodon_infra.catalog.sources import AUS_SOCIAL, COMPENDIUM, JUDGEMENT, MASTODON, MASTODON_DOCS, NGINX
from mastodon_infra.plan.decided import Cap, Decided
from mastodon_infra.plan.tuning.nginx_caching import Caching, cache_lifetimes
from mastodon_infra.units import ceil_div

MEMORY_MIB = 128
LARGEST_SHARE_OF_DISK_PERCENT = 25
CLIENTS_THAT_FILL_A_WORKER = 16


@dataclass(frozen=True, slots=True)
class NginxTuning:
    """nginx on one node. Sizes are MB, times seconds, unless the name says otherwise."""

    worker_connections: Decided[int]
    worker_shutdown_seconds: Decided[int]
    open_files: Decided[int]
    connections_per_client: Decided[int]
    client_table_mb: Decided[int]
    client_max_body_mb: Decided[int]
    connect_timeout_seconds: Decided[int]
    proxy_read_timeout_seconds: Decided[int]
    streaming_read_timeout_seconds: Decided[int]
    bucket_read_timeout_seconds: Decided[int]
    keepalive_timeout_seconds: Decided[int]
    app_keepalive_connections: Decided[int]
    app_keepalive_timeout_seconds: Decided[int]
    header_buffer_kb: Decided[int]
    body_buffers: Decided[int]
    gzip_level: Decided[int]
    tls_session_cache_mb: Decided[int]
    tls_session_hours: Decided[int]
    hsts_seconds: Decided[int]
    retry_after_seconds: Decided[int]
    boot_wait_seconds: Decided[int]
    resolver_seconds: Decided[int]
    page_cache_mb: Decided[int]
    media_cache_mb: Decided[int] | None
    media_cache_keys_mb: Decided[int] | None
    caching: Caching


def tune_nginx(*, streams_per_node: int, media_gb_day: Decimal | None, disk_gib: int) -> NginxTuning:
    """Shape nginx; ``media_gb_day`` is None where the node does not serve media."""
    connections = 8192 if streams_per_node <= 3000 else 16384  # noqa: PLR2004
    return NginxTuning(
        worker_connections=Decided(
            connections,
            "each stream takes two; Debian's 768 ran out in practice; 16,384 above 3,000 streams a node",
            AUS_SOCIAL,
            "connections",
            (("streams at peak on this node", f"{streams_per_node:,}"),),
        ),
        worker_shutdown_seconds=Decided(
            1200,
            "longer than any answer or upload; streams, which would keep a worker of old settings for a day, are "
            "opened anew by their clients",
            JUDGEMENT,
            "s",
        ),
        open_files=Decided(65535, "two files for each connection, and room", JUDGEMENT, "files"),
        connections_per_client=Decided(
            connections // CLIENTS_THAT_FILL_A_WORKER,
            "a sixteenth of a worker's connections for one address: far more than a large server's deliveries or a "
            "campus behind one address, and no single address can take them all",
            JUDGEMENT,
            "connections",
            (("connections of a worker", f"{connections:,}"),),
        ),
        client_table_mb=Decided(10, "80,000 addresses at 128 bytes", NGINX, "MB"),
        client_max_body_mb=Decided(99, "Mastodon accepts videos of up to 99 MB", MASTODON, "MB"),
        connect_timeout_seconds=Decided(
            5, "machines side by side, and a bucket that is up, answer at once", JUDGEMENT, "s"
        ),
        proxy_read_timeout_seconds=Decided(
            300, "longer than the slowest upload: clients that give up post twice", COMPENDIUM, "s"
        ),
        streaming_read_timeout_seconds=Decided(
            86400, "streams live for hours; the server pings every 30 s", MASTODON, "s"
        ),
        bucket_read_timeout_seconds=Decided(30, "then what is kept is shown, or the visitor is told", JUDGEMENT, "s"),
        keepalive_timeout_seconds=Decided(70, "as in Mastodon's own configuration", MASTODON, "s"),
        app_keepalive_connections=Decided(32, "idle connections to Puma that a worker keeps", JUDGEMENT, "connections"),
        app_keepalive_timeout_seconds=Decided(
            15, "less than Puma's 20 s: a connection that Puma is closing loses the request", MASTODON, "s"
        ),
        header_buffer_kb=Decided(16, "the instance's description once outgrew the usual 4 kB", AUS_SOCIAL, "kB"),
        body_buffers=Decided(8, "a page of the API fits into memory", AUS_SOCIAL, "buffers"),
        gzip_level=Decided(6, "as in Mastodon's own configuration", MASTODON),
        tls_session_cache_mb=Decided(10, "40,000 sessions", NGINX, "MB"),
        tls_session_hours=Decided(24, "other servers come back within a day", JUDGEMENT, "h"),
        hsts_seconds=Decided(63_072_000, "two years, as in Mastodon's own configuration", MASTODON, "s"),
        retry_after_seconds=Decided(60, "a restart of Mastodon takes about a minute", JUDGEMENT, "s"),
        boot_wait_seconds=Decided(
            60,
            "Puma needs half a minute after a boot; a page that says so is better than none for longer",
            JUDGEMENT,
            "s",
        ),
        resolver_seconds=Decided(60, "a bucket's addresses change, and their records say minutes", JUDGEMENT, "s"),
        page_cache_mb=Decided(1024, "as in Mastodon's own configuration", MASTODON, "MB"),
        media_cache_mb=_media_cache(media_gb_day, disk_gib),
        media_cache_keys_mb=_media_keys(media_gb_day, disk_gib),
        caching=cache_lifetimes(),
    )


def _media_cache(media_gb_day: Decimal | None, disk_gib: int) -> Decided[int] | None:
    if media_gb_day is None:
        return None
    gave = max(2000, int(3 * media_gb_day * 1000))
    most = disk_gib * 1074 * LARGEST_SHARE_OF_DISK_PERCENT // 100
    cap = Cap(gave, "at most a quarter of the machine's disk", JUDGEMENT) if gave > most else None
    return Decided(
        min(gave, most),
        "three days of what federates in, at least 2 GB",
        MASTODON_DOCS,
        "MB",
        (("media a day", f"{media_gb_day} GB"), ("disk", f"{disk_gib} GiB")),
        cap,
    )


def _media_keys(media_gb_day: Decimal | None, disk_gib: int) -> Decided[int] | None:
    cache = _media_cache(media_gb_day, disk_gib)
    if cache is None:
        return None
    return Decided(
        max(10, ceil_div(cache.value, 8000) * 5),
        "10 MB of keys index 80,000 objects; a media object is about 200 kB",
        JUDGEMENT,
        "MB",
        (("cache", f"{cache.value} MB"),),
    )
