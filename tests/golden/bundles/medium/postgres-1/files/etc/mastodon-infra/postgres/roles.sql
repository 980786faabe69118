-- Managed by mastodon-infra; local edits are lost. May run as often as it likes.
-- Passwords stand in these statements, so none of them may reach the log.
SET log_statement = none;
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['mastodon', 'mastodon_admin', 'mastodon_exporter', 'mastodon_backup']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- The app owns its tables. Its statements end after a while, and however many connections it opens, others find one.
ALTER ROLE mastodon NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 87 PASSWORD '<<postgres_app_password>>';
ALTER ROLE mastodon SET statement_timeout = '600s';

-- Migrations log in as themselves and act as the app, so that what they make belongs to it. Nothing cuts them off.
ALTER ROLE mastodon_admin NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '<<postgres_admin_password>>';
GRANT mastodon TO mastodon_admin;
ALTER ROLE mastodon_admin SET role = mastodon;
ALTER ROLE mastodon_admin SET statement_timeout = '0s';
ALTER ROLE mastodon_admin SET idle_in_transaction_session_timeout = '0s';

ALTER ROLE mastodon_exporter NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 3 PASSWORD '<<postgres_exporter_password>>';
GRANT pg_monitor TO mastodon_exporter;
ALTER ROLE mastodon_exporter SET statement_timeout = '10s';

-- What pgBackRest asks of the server. It reads the files as the system's user, and no table.
ALTER ROLE mastodon_backup NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD NULL;
GRANT pg_read_all_settings, pg_checkpoint TO mastodon_backup;
GRANT EXECUTE ON FUNCTION pg_backup_start(text, boolean), pg_backup_stop(boolean), pg_switch_wal(),
    pg_create_restore_point(text) TO mastodon_backup;

-- Whoever copies the server's log and nothing else. Closed: pg_hba.conf admits no replication, and it has no password.
SELECT format('CREATE ROLE %I', 'mastodon_replication')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mastodon_replication') \gexec
ALTER ROLE mastodon_replication NOSUPERUSER NOCREATEDB NOCREATEROLE NOLOGIN REPLICATION PASSWORD NULL;

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C.UTF-8''', 'mastodon_production', 'mastodon')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mastodon_production') \gexec

REVOKE ALL ON DATABASE mastodon_production FROM PUBLIC;
GRANT CONNECT ON DATABASE mastodon_production TO mastodon, mastodon_admin, mastodon_exporter;
\connect mastodon_production
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
