"""What Mastodon demands and promises, as data: the stand-in holds to it, and a unit test holds it against our lists.

Source: Mastodon v4.7 (its config/, lib/mastodon/, streaming/, db/ and documentation), read in August 2026.
"""

WEB, SIDEKIQ, STREAMING, TASKS = "web", "sidekiq", "streaming", "tasks"
RUBY = (WEB, SIDEKIQ, TASKS)
ALL = (*RUBY, STREAMING)

# --- The environment --------------------------------------------------------------------------------------------------

_REDIS = "URL HOST PORT DB USER PASSWORD SENTINELS SENTINEL_MASTER SENTINEL_PORT SENTINEL_USERNAME SENTINEL_PASSWORD"
_SMTP = "SERVER PORT LOGIN PASSWORD DOMAIN AUTH_METHOD CA_FILE OPENSSL_VERIFY_MODE ENABLE_STARTTLS"
_SMTP += " ENABLE_STARTTLS_AUTO TLS SSL"

_READ_BY = {
    ALL: [
        ("", "DATABASE_URL"),
        ("DB_", "HOST PORT NAME USER PASS SSLMODE POOL"),
        ("REDIS_", _REDIS),
    ],
    RUBY: [
        ("", "LOCAL_DOMAIN WEB_DOMAIN ALTERNATE_DOMAINS LIMITED_FEDERATION_MODE ALLOWED_PRIVATE_ADDRESSES"),
        ("", "SECRET_KEY_BASE RAILS_ENV RAILS_LOG_LEVEL BACKTRACE QUERY_LOG_TAGS_ENABLED"),
        ("ACTIVE_RECORD_ENCRYPTION_", "PRIMARY_KEY DETERMINISTIC_KEY KEY_DERIVATION_SALT"),
        ("", "PREPARED_STATEMENTS REPLICA_PREPARED_STATEMENTS PGSSLROOTCERT REPLICA_DATABASE_URL"),
        ("REPLICA_DB_", "HOST PORT NAME USER PASS TASKS"),
        ("REDIS_", "DRIVER"),
        ("CACHE_REDIS_", f"{_REDIS} DRIVER"),
        ("SIDEKIQ_REDIS_", f"{_REDIS} DRIVER"),
        ("", "AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY EXTRA_MEDIA_HOSTS"),
        ("S3_", "ENABLED BUCKET REGION PROTOCOL HOSTNAME ENDPOINT OVERRIDE_PATH_STYLE ALIAS_HOST CLOUDFRONT_HOST"),
        ("S3_", "PERMISSION SIGNATURE_VERSION OPEN_TIMEOUT READ_TIMEOUT RETRY_LIMIT MULTIPART_THRESHOLD"),
        ("S3_", "FORCE_SINGLE_REQUEST ENABLE_CHECKSUM_MODE STORAGE_CLASS KEY_PREFIX"),
        ("S3_BATCH_DELETE_", "LIMIT RETRY"),
        ("CACHE_BUSTER_", "ENABLED HTTP_METHOD SECRET_HEADER SECRET"),
        ("SMTP_", f"{_SMTP} FROM_ADDRESS REPLY_TO RETURN_PATH DELIVERY_METHOD"),
        ("BULK_SMTP_", _SMTP),
        ("ES_", "ENABLED HOST PORT USER PASS CA_FILE PREFIX PRESET QUERY_TIMEOUT"),
        ("", "MAX_SESSION_ACTIVATIONS USER_ACTIVE_DAYS IP_RETENTION_PERIOD SESSION_RETENTION_PERIOD"),
        ("MAX_FOLLOWS_", "THRESHOLD RATIO"),
        ("HCAPTCHA_", "SITE_KEY SECRET_KEY"),
        ("EMAIL_DOMAIN_", "ALLOWLIST DENYLIST"),
    ],
    (WEB, SIDEKIQ): [
        ("", "AUTHORIZED_FETCH DEFAULT_LOCALE FORCE_DEFAULT_LOCALE EXPERIMENTAL_FEATURES SOURCE_BASE_URL"),
        ("", "DISABLE_EMAIL_SUBSCRIPTIONS DISABLE_FOLLOWERS_SYNCHRONIZATION GITHUB_REPOSITORY"),
        ("VAPID_", "PRIVATE_KEY PUBLIC_KEY"),
        ("", "MASTODON_PROMETHEUS_EXPORTER_ENABLED PROMETHEUS_EXPORTER_HOST PROMETHEUS_EXPORTER_PORT"),
    ],
    (WEB, TASKS): [("", "MAX_THREADS")],
    (WEB, STREAMING): [("", "BIND PORT SOCKET TRUSTED_PROXY_IP")],
    (WEB,): [
        ("", "SINGLE_USER_MODE DISALLOW_UNAUTHENTICATED_API_ACCESS STREAMING_API_BASE_URL CDN_HOST"),
        ("", "WEB_CONCURRENCY MIN_THREADS PERSISTENT_TIMEOUT PROXY_PROTO_V1 SENDFILE_HEADER"),
        ("", "RAILS_SERVE_STATIC_FILES MASTODON_PROMETHEUS_EXPORTER_WEB_DETAILED_METRICS"),
    ],
    (SIDEKIQ,): [
        ("", "UPDATE_CHECK_URL DISABLE_AUTOMATIC_SWITCHING_TO_APPROVED_REGISTRATIONS MAX_REQUEST_POOL_SIZE"),
        ("", "SIDEKIQ_CONCURRENCY MASTODON_SIDEKIQ_READY_FILENAME"),
        ("MASTODON_PROMETHEUS_EXPORTER_", "LOCAL HOST PORT SIDEKIQ_DETAILED_METRICS"),
    ],
    (STREAMING,): [("", "NODE_ENV LOG_LEVEL NODE_EXTRA_CA_CERTS")],
    (TASKS,): [("", "SKIP_POST_DEPLOYMENT_MIGRATIONS")],
}

READERS = {
    f"{prefix}{name}": kinds for kinds, parts in _READ_BY.items() for prefix, names in parts for name in names.split()
}
"""Every setting, and the kinds of processes that read it."""

ENCRYPTION_KEYS = tuple(f"ACTIVE_RECORD_ENCRYPTION_{name}" for name in ("PRIMARY_KEY", "DETERMINISTIC_KEY",
                                                                      "KEY_DERIVATION_SALT"))  # fmt: skip
SAMPLE_KEY = "DO_NOT_USE_IN_PRODUCTION"
"""How the keys of the sample end: with them, or without keys, the boot aborts."""

_STORES = ("DB_HOST", "DB_NAME", "DB_USER", "DB_PASS", "REDIS_HOST", "REDIS_PASSWORD")
_MEDIA = ("S3_ENABLED", "S3_BUCKET", "S3_REGION", "S3_HOSTNAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_EVERY_RUBY = ("RAILS_ENV", "LOCAL_DOMAIN", "SECRET_KEY_BASE", *ENCRYPTION_KEYS, *_STORES, *_MEDIA)
NEEDED = {
    WEB: (*_EVERY_RUBY, "VAPID_PRIVATE_KEY", "VAPID_PUBLIC_KEY"),
    SIDEKIQ: (*_EVERY_RUBY, "VAPID_PRIVATE_KEY", "VAPID_PUBLIC_KEY"),
    TASKS: _EVERY_RUBY,
    STREAMING: ("NODE_ENV", *_STORES),
}
"""Without these a process does not start, or works on what nobody planned: a default host, a disk that is lost."""

MAY_BE_BLANK = {"S3_PERMISSION", "UPDATE_CHECK_URL"}
"""There and blank they say something; every other setting that is blank does harm, or is a mistake."""

GONE = {
    "REDIS_NAMESPACE": "stops the boot, even where it is blank",
    "SECRET_KEY_BASE_DUMMY": "puts random keys in the place of the right ones",
    "SELF_DESTRUCT": "only tootctl self-destruct sets it",
    "OTP_SECRET": "nobody reads it since 4.4",
    "STREAMING_CLUSTER_NUM": "streaming has no cluster any more",
    "STATSD_ADDR": "nobody reads it any more",
    "MASTODON_USE_LIBVIPS": "nobody reads it any more",
    "WHITELIST_MODE": "it is called LIMITED_FEDERATION_MODE",
}
"""Settings that stop a boot, do harm, or do nothing any more."""

NUMBERS = (
    *("PORT", "DB_PORT", "REDIS_PORT", "CACHE_REDIS_PORT", "SMTP_PORT"),
    *("DB_POOL", "WEB_CONCURRENCY", "MAX_THREADS", "SIDEKIQ_CONCURRENCY"),
)
"""Anything but a number is read as 0, and that is no pool and no port."""

LIBPQ_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
"""Streaming's word no-verify is none of them."""

BAKED = {
    "BIND": "0.0.0.0",
    "NODE_ENV": "production",
    "RAILS_ENV": "production",
    "RAILS_SERVE_STATIC_FILES": "true",
    "MASTODON_SIDEKIQ_READY_FILENAME": "sidekiq_process_has_started_and_will_begin_processing_jobs",
    "TZ": "Etc/UTC",
}
"""What the images set themselves, for whichever process."""

NOT_MASTODONS = {"PATH", "HOME", "HOSTNAME", "TERM", "PWD", "OLDPWD", "SHLVL", "_", "LANG", "LC_ALL", "LC_CTYPE", "TZ",
                 "container", "NOTIFY_SOCKET"}  # fmt: skip
"""What containers and shells set."""

# --- Processes --------------------------------------------------------------------------------------------------------

QUEUES = {"default": 8, "push": 6, "ingress": 4, "mailers": 2, "pull": 1, "scheduler": 1, "fasp": 1}
"""Sidekiq's queues and their weights, where its command line names none."""

FETCH_SECONDS, GIVE_BACK_SECONDS, BEAT_SECONDS, PROCESS_LIVES_SECONDS = 2, 25, 10, 60
"""Sidekiq's own: a fetch waits so long; on TERM jobs get so long; a process says so often that it lives."""

PUMA_WORKERS, THREADS, PERSISTENT_SECONDS, WORKER_STOP_SECONDS = 2, 5, 20, 30
STREAMING_POOL = 10
POOL_WAIT_SECONDS, CONNECT_SECONDS = 5, 15
"""ActiveRecord waits so long for a free connection, and libpq so long for a server."""

SUBSCRIBED_SECONDS, SUBSCRIBED_AGAIN_SECONDS = 1080, 360
"""Streaming says in Redis who listens, for so long, and again after so long."""

# --- Schema -----------------------------------------------------------------------------------------------------------

OLDEST_FOR_SKIPPING = "20241007071624"
"""The last migration of 4.3.0: on an older schema nothing may be left for after the deployment."""

OLDEST_POSTGRES = 140000
MIGRATION_LOCK_SALT = 2053462845
"""Rails' advisory lock is this number times the CRC-32 of the database's name."""

TABLES = ("statuses", "accounts", "users", "user_roles", "status_stats", "notifications", "conversations")
ROLES = {"Moderator": 10, "Admin": 100, "Owner": 1000}
RESERVED_NAMES = (
    "abuse account accounts admin administration administrator admins help helpdesk instance mod moderator moderators "
    "mods owner root security server staff support webmaster"
)
"""What the seeds keep from those who sign up, and from tootctl accounts create too."""

LOOKALIKES = str.maketrans("123457890", "izeastbgo")

# --- Metrics ----------------------------------------------------------------------------------------------------------

STREAMING_METRICS = {
    "connected_clients", "connected_channels", "messages_sent_total", "redis_messages_received_total",
    "redis_subscriptions", "pg_pool_total_connections", "pg_pool_idle_connections", "pg_pool_waiting_queries",
    "nodejs_eventloop_lag_p99_seconds",
}  # fmt: skip
SIDEKIQ_METRICS = {
    "sidekiq_process_busy", "sidekiq_process_concurrency", "sidekiq_jobs_total", "sidekiq_failed_jobs_total",
    "sidekiq_dead_jobs_total", "sidekiq_queue_backlog", "sidekiq_queue_latency_seconds",
    *(f"sidekiq_stats_{name}" for name in ("processed", "failed", "enqueued", "scheduled_size", "retry_size",
                                           "dead_size", "workers_size", "processes_size")),
}  # fmt: skip
PUMA_METRICS = {
    "puma_workers", "puma_booted_workers", "puma_old_workers", "puma_running_threads", "puma_request_backlog",
    "puma_thread_pool_capacity", "puma_max_threads", "puma_busy_threads", "http_requests_total",
    *(f"active_record_connection_pool_{name}" for name in ("connections", "busy", "idle", "waiting", "size")),
}  # fmt: skip

# --- The command line -------------------------------------------------------------------------------------------------

TOOTCTL = {
    "accounts create": {"--email", "--confirmed", "--approve", "--role", "--reattach", "--force"},
    "accounts modify": {"--confirm", "--approve", "--role", "--remove-role", "--email", "--enable", "--disable",
                        "--disable-2fa", "--reset-password"},
    "settings registrations": {"--require-reason"},
    "media remove": {"--days", "--concurrency", "--prune-profiles", "--remove-headers", "--include-follows",
                     "--keep-interacted", "--dry-run", "--verbose"},
    "preview_cards remove": {"--days", "--concurrency", "--link", "--dry-run", "--verbose"},
    "stand-in token": set(),
}  # fmt: skip
"""The commands that the stand-in knows, with all options that tootctl takes; the last is its own."""

WITH_VALUE = {"--email", "--role", "--days", "--concurrency"}
