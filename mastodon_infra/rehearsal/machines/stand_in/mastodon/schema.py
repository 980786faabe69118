"""The schema: its tables in the order in which Rails makes them, seeds, and migrations around a deployment."""

import zlib
from pathlib import Path

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from mastodon_infra.rehearsal.machines.stand_in.mastodon.database import ask, connect, is_pooled
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import ENVIRONMENT, Refused, setting

BEFORE, AFTER = Path("db/migrate"), Path("db/post_migrate")
VERSION_FILE = Path("lib/mastodon/version")

_COLUMNS = {
    "statuses": "account_id bigint, text text, uri text, created_at timestamptz DEFAULT now()",
    "accounts": "username text NOT NULL, domain text, created_at timestamptz DEFAULT now(), UNIQUE (username, domain)",
    "users": "email text UNIQUE, account_id bigint, role_id bigint, confirmed_at timestamptz, approved bool, "
             "encrypted_password text",
    "user_roles": "name text UNIQUE, position integer",
    "status_stats": "status_id bigint UNIQUE, favourites_count bigint DEFAULT 0",
    "notifications": "account_id bigint, activity_id bigint, created_at timestamptz DEFAULT now()",
    "conversations": "uri text",
    "media_attachments": "account_id bigint, status_id bigint, file_key text, file_content_type text",
    "oauth_access_tokens": "token text UNIQUE, account_id bigint, scopes text, revoked_at timestamptz",
    "settings": "var text UNIQUE, value text",
    "username_blocks": "username text, normalized_username text UNIQUE, exact bool DEFAULT true, "
                       "allow_with_approval bool DEFAULT false",
    "stand_in_jobs": "kind text, number bigint, jid text, queue text, worker text, done_at timestamptz DEFAULT now()",
}  # fmt: skip
"""Each has a number as its key. The last is the stand-in's own: a row for every job that was worked."""


def version():
    """The release that this image says it is: v4.7.4."""
    return VERSION_FILE.read_text(encoding="utf-8").strip()


def column():
    """What this release writes into statuses: its own migrations make it, and the next release's remove it."""
    return f"written_by_{''.join(sign if sign.isalnum() else '_' for sign in version())}"


def prepare():
    """db:prepare: an empty database gets schema and seeds, any other its migrations. Nothing locks the first."""
    connection = _task_connection()
    if _is_empty(connection):
        _load(connection)
        seed()
    else:
        migrate()


def seed():
    """db:seed: what is missing."""
    connection = _task_connection()
    for name, position in rules.ROLES.items():
        ask(
            connection, "INSERT INTO user_roles (name, position) VALUES (%s, %s) ON CONFLICT DO NOTHING", name, position
        )
    for name in rules.RESERVED_NAMES.split():
        ask(
            connection,
            "INSERT INTO username_blocks (username, normalized_username) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            name,
            name.translate(rules.LOOKALIKES),
        )


def migrate():
    """db:migrate: what the database has not had, one run at a time."""
    connection = _task_connection()
    lock = rules.MIGRATION_LOCK_SALT * zlib.crc32(setting("DB_NAME").encode())
    if ask(connection, "SELECT pg_try_advisory_lock(%s)", lock) == [(False,)]:
        raise Refused("ActiveRecord::ConcurrentMigrationError: another migration is running")
    if _is_empty(connection):
        _load(connection)
    done = {row[0] for row in ask(connection, "SELECT version FROM schema_migrations")}
    # Its presence counts, whatever it says.
    is_before = "SKIP_POST_DEPLOYMENT_MIGRATIONS" in ENVIRONMENT
    if is_before and max(done) < rules.OLDEST_FOR_SKIPPING:
        raise Refused("the schema is older than 4.3.0: no migration may be left for later")
    for step, statements in ((BEFORE, _before), (AFTER, _after)):
        for number in _numbers(step):
            if number not in done and not (is_before and step == AFTER):
                _apply(connection, number, statements(connection))


def check_is_current(database):
    """Rails in production does not look, and its queries fail; a check at the start tells it in one line."""
    wanted = _numbers(BEFORE)[-1]
    if not database.ask("SELECT 1 FROM schema_migrations WHERE version = %s", wanted):
        raise Refused(f"the schema has no migration {wanted}")


def _task_connection():
    connection = connect(rules.TASKS)
    if is_pooled(connection):
        raise Refused("rails tasks must go straight to PostgreSQL: their lock would be lost in a pooler")
    if ask(connection, "SHOW is_superuser") == [("on",)]:
        raise Refused("the app must not be a superuser")
    if connection.server_version < rules.OLDEST_POSTGRES:
        raise Refused("PostgreSQL is older than 14")
    return connection


def _is_empty(connection):
    return ask(connection, "SELECT to_regclass('public.schema_migrations') IS NULL") == [(True,)]


def _load(connection):
    """Rails' own notes come last, and the newest migration before the older ones."""
    for table, columns in _COLUMNS.items():
        ask(connection, f"CREATE TABLE {table} (id bigserial PRIMARY KEY, {columns})")
    ask(connection, f"ALTER TABLE statuses ADD COLUMN {column()} bool")
    ask(connection, "CREATE TABLE schema_migrations (version text PRIMARY KEY)")
    for number in sorted({*_numbers(BEFORE), *_numbers(AFTER)}, reverse=True):
        ask(connection, "INSERT INTO schema_migrations VALUES (%s)", number)
    ask(connection, "CREATE TABLE ar_internal_metadata (key text PRIMARY KEY)")
    ask(connection, "INSERT INTO ar_internal_metadata VALUES ('environment')")


def _numbers(folder):
    return sorted(path.name.partition("_")[0] for path in folder.glob("*.rb"))


def _before(_):
    return [f"ALTER TABLE statuses ADD COLUMN IF NOT EXISTS {column()} bool"]


def _after(connection):
    """What the releases before have written goes: their code would fail from now on."""
    found = ask(
        connection,
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'statuses' AND column_name LIKE %s",
        "written\\_by\\_%",
    )
    gone = [name for (name,) in found if name != column()]
    return [f"UPDATE statuses SET {column()} = true WHERE {column()} IS NULL",
            *(f"ALTER TABLE statuses DROP COLUMN {name}" for name in gone)]  # fmt: skip


def _apply(connection, number, statements):
    print(f"== {number}: migrating", flush=True)
    connection.autocommit = False
    with connection:
        for statement in statements:
            ask(connection, statement)
        ask(connection, "INSERT INTO schema_migrations VALUES (%s)", number)
    connection.autocommit = True
    print(f"== {number}: migrated", flush=True)
