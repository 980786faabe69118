"""Every setting that Mastodon reads from its environment, by the kind of process that reads it.

Source: Mastodon v4.7, its code and documentation. A name that is not here is refused: most of such names are misspelt,
or settings of an older release that do nothing, and ``REDIS_NAMESPACE`` even stops the boot.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum

from mastodon_infra.errors import TemplateError

Setting = tuple[str, str]


class ProcessKind(StrEnum):
    """What kind of process an environment file is for; tasks are rails and tootctl commands."""

    WEB = "web"
    SIDEKIQ = "sidekiq"
    STREAMING = "streaming"
    TASKS = "tasks"


_W, _S, _N, _T = ProcessKind
_RUBY = frozenset({_W, _S, _T})
_ALL = frozenset(ProcessKind)


def _names(text: str, kinds: Iterable[ProcessKind]) -> dict[str, frozenset[ProcessKind]]:
    readers = frozenset(kinds)
    return dict.fromkeys(text.split(), readers)


def _family(prefixes: tuple[str, ...], text: str, kinds: Iterable[ProcessKind]) -> dict[str, frozenset[ProcessKind]]:
    return _names(" ".join(f"{prefix}{name}" for prefix in prefixes for name in text.split()), kinds)


SETTINGS: dict[str, frozenset[ProcessKind]] = {
    # Identity and federation
    **_names("LOCAL_DOMAIN WEB_DOMAIN ALTERNATE_DOMAINS LIMITED_FEDERATION_MODE ALLOWED_PRIVATE_ADDRESSES", _RUBY),
    **_names("AUTHORIZED_FETCH DEFAULT_LOCALE FORCE_DEFAULT_LOCALE", {_W, _S}),
    **_names("SINGLE_USER_MODE DISALLOW_UNAUTHENTICATED_API_ACCESS STREAMING_API_BASE_URL CDN_HOST", {_W}),
    **_names("UPDATE_CHECK_URL DISABLE_AUTOMATIC_SWITCHING_TO_APPROVED_REGISTRATIONS MAX_REQUEST_POOL_SIZE", {_S}),
    **_names(
        "EXPERIMENTAL_FEATURES DISABLE_EMAIL_SUBSCRIPTIONS DISABLE_FOLLOWERS_SYNCHRONIZATION SOURCE_BASE_URL "
        "GITHUB_REPOSITORY",
        {_W, _S},
    ),
    # Secrets
    **_names(
        "SECRET_KEY_BASE ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY ACTIVE_RECORD_ENCRYPTION_DETERMINISTIC_KEY "
        "ACTIVE_RECORD_ENCRYPTION_KEY_DERIVATION_SALT",
        _RUBY,
    ),
    **_names("VAPID_PRIVATE_KEY VAPID_PUBLIC_KEY", {_W, _S}),
    # Process shape and HTTP
    **_names("RAILS_ENV", _RUBY),
    **_names("NODE_ENV LOG_LEVEL NODE_EXTRA_CA_CERTS", {_N}),
    **_names("WEB_CONCURRENCY MIN_THREADS PERSISTENT_TIMEOUT PROXY_PROTO_V1 SENDFILE_HEADER", {_W}),
    **_names("RAILS_SERVE_STATIC_FILES", {_W}),
    **_names("MAX_THREADS", {_W, _T}),
    **_names("BIND PORT SOCKET TRUSTED_PROXY_IP", {_W, _N}),
    **_names("SIDEKIQ_CONCURRENCY MASTODON_SIDEKIQ_READY_FILENAME", {_S}),
    **_names("RAILS_LOG_LEVEL BACKTRACE QUERY_LOG_TAGS_ENABLED", _RUBY),
    # PostgreSQL; PGSSLROOTCERT is libpq's own
    **_names("DB_HOST DB_PORT DB_NAME DB_USER DB_PASS DB_SSLMODE DB_POOL DATABASE_URL", _ALL),
    **_names("PREPARED_STATEMENTS PGSSLROOTCERT", _RUBY),
    **_family(("REPLICA_",), "DB_HOST DB_PORT DB_NAME DB_USER DB_PASS DB_TASKS DATABASE_URL", _RUBY),
    **_names("REPLICA_PREPARED_STATEMENTS", _RUBY),
    # Redis
    **_family(
        ("REDIS_", "CACHE_REDIS_", "SIDEKIQ_REDIS_"),
        "URL HOST PORT DB USER PASSWORD DRIVER SENTINELS SENTINEL_MASTER SENTINEL_PORT SENTINEL_USERNAME "
        "SENTINEL_PASSWORD",
        _RUBY,
    ),
    **_family(
        ("REDIS_",),
        "URL HOST PORT DB USER PASSWORD SENTINELS SENTINEL_MASTER SENTINEL_PORT SENTINEL_USERNAME SENTINEL_PASSWORD",
        _ALL,
    ),
    # Object storage
    **_names("AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY EXTRA_MEDIA_HOSTS", _RUBY),
    **_family(
        ("S3_",),
        "ENABLED BUCKET REGION PROTOCOL HOSTNAME ENDPOINT OVERRIDE_PATH_STYLE ALIAS_HOST CLOUDFRONT_HOST PERMISSION "
        "SIGNATURE_VERSION OPEN_TIMEOUT READ_TIMEOUT RETRY_LIMIT MULTIPART_THRESHOLD FORCE_SINGLE_REQUEST "
        "ENABLE_CHECKSUM_MODE STORAGE_CLASS KEY_PREFIX BATCH_DELETE_LIMIT BATCH_DELETE_RETRY",
        _RUBY,
    ),
    **_family(("CACHE_BUSTER_",), "ENABLED HTTP_METHOD SECRET_HEADER SECRET", _RUBY),
    # Mail
    **_names("SMTP_FROM_ADDRESS SMTP_REPLY_TO SMTP_RETURN_PATH SMTP_DELIVERY_METHOD", _RUBY),
    **_family(
        ("SMTP_", "BULK_SMTP_"),
        "SERVER PORT LOGIN PASSWORD DOMAIN AUTH_METHOD CA_FILE OPENSSL_VERIFY_MODE ENABLE_STARTTLS "
        "ENABLE_STARTTLS_AUTO TLS SSL",
        _RUBY,
    ),
    # Search and metrics
    **_family(("ES_",), "ENABLED HOST PORT USER PASS CA_FILE PREFIX PRESET QUERY_TIMEOUT", _RUBY),
    **_names("MASTODON_PROMETHEUS_EXPORTER_ENABLED PROMETHEUS_EXPORTER_HOST PROMETHEUS_EXPORTER_PORT", {_W, _S}),
    **_names("MASTODON_PROMETHEUS_EXPORTER_WEB_DETAILED_METRICS", {_W}),
    **_family(("MASTODON_PROMETHEUS_EXPORTER_",), "LOCAL HOST PORT SIDEKIQ_DETAILED_METRICS", {_S}),
    # Limits and retention
    **_names(
        "MAX_SESSION_ACTIVATIONS USER_ACTIVE_DAYS IP_RETENTION_PERIOD SESSION_RETENTION_PERIOD MAX_FOLLOWS_THRESHOLD "
        "MAX_FOLLOWS_RATIO HCAPTCHA_SITE_KEY HCAPTCHA_SECRET_KEY EMAIL_DOMAIN_ALLOWLIST EMAIL_DOMAIN_DENYLIST",
        _RUBY,
    ),
    **_names("SKIP_POST_DEPLOYMENT_MIGRATIONS", {_T}),
}

MAY_BE_EMPTY = frozenset({"S3_PERMISSION", "UPDATE_CHECK_URL"})
"""Settings for which an empty value has a meaning of its own; any other is left out, never left blank."""

_LITERAL = re.compile(r"[!%&()*+,./0-9:;<=>?@A-Z\[\]^_a-z{|}~-]*")
"""Characters that every reader of such a file takes as they are: no space, quote, dollar, hash or backslash."""


def is_literal(value: str) -> bool:
    """Whether a value is the same to every reader of a settings file when it stands there unquoted."""
    return bool(_LITERAL.fullmatch(value))


def env_lines(kind: ProcessKind, settings: Iterable[Setting]) -> tuple[str, ...]:
    """``NAME=value`` lines of a process kind's environment file, sorted by name.

    Raises TemplateError for a name that Mastodon does not read (in such a process), for a name said twice, and for a
    value that would not survive the file unquoted. The message never shows the value.
    """
    lines: dict[str, str] = {}
    for name, value in settings:
        readers = SETTINGS.get(name)
        if readers is None:
            raise TemplateError(f"{name} is no setting of Mastodon")
        if kind not in readers:
            raise TemplateError(f"{name} is not read by {kind} processes")
        if name in lines:
            raise TemplateError(f"{name} is set twice for {kind} processes")
        if not value and name not in MAY_BE_EMPTY:
            raise TemplateError(f"{name} is empty; a setting without a value is left out")
        if not is_literal(value):
            raise TemplateError(
                f"the value of {name} has a character that settings files read in different ways",
                hint="use letters, digits and . _ - + = / : @ (no space, quote, $, # or backslash)",
            )
        lines[name] = f"{name}={value}"
    return tuple(lines[name] for name in sorted(lines))
