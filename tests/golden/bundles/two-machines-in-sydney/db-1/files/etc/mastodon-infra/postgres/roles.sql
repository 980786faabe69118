-- Managed by mastodon-infra; local edits are lost. May run as often as it likes.
-- Passwords stand in these statements, so none of them may reach the log.
SET log_statement = none;
SET log_min_duration_statement = -1;
SET log_min_error_statement = panic;
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['mastodon', 'mastodon_admin', 'mastodon_exporter', 'mastodon_backup']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec

-- Nobody logs in as the owner of the tables.
SELECT format('CREATE ROLE %I', 'mastodon_owner')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'mastodon_owner') \gexec
ALTER ROLE mastodon_owner NOSUPERUSER NOCREATEDB NOCREATEROLE NOLOGIN PASSWORD NULL;

-- The app reads and writes rows (rights below). Its statements end after a while, and however many connections it opens,
-- others find one.
ALTER ROLE mastodon NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 87 PASSWORD '<<postgres_app_password>>';
ALTER ROLE mastodon SET statement_timeout = '600s';

-- Migrations log in as themselves and act as the owner, so that what they make belongs to it. Nothing cuts them off.
ALTER ROLE mastodon_admin NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '<<postgres_admin_password>>';
GRANT mastodon_owner TO mastodon_admin;
ALTER ROLE mastodon_admin SET role = mastodon_owner;
ALTER ROLE mastodon_admin SET statement_timeout = '0s';
ALTER ROLE mastodon_admin SET lock_timeout = '0s';
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

SELECT format('CREATE DATABASE %I OWNER %I TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C'' LC_CTYPE ''C.UTF-8''', 'mastodon_production', 'mastodon_owner')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'mastodon_production') \gexec

REVOKE ALL ON DATABASE mastodon_production FROM PUBLIC;
GRANT CONNECT ON DATABASE mastodon_production TO mastodon_admin, mastodon_exporter;
GRANT CONNECT, TEMPORARY ON DATABASE mastodon_production TO mastodon;
\connect mastodon_production
CREATE EXTENSION IF NOT EXISTS pg_stat_statements;

-- What migrations make from now on. MAINTAIN: Mastodon's scheduler refreshes materialized views.
ALTER DEFAULT PRIVILEGES FOR ROLE mastodon_owner GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, MAINTAIN ON TABLES TO mastodon;
ALTER DEFAULT PRIVILEGES FOR ROLE mastodon_owner GRANT USAGE, SELECT, UPDATE ON SEQUENCES TO mastodon;

-- Where the app still owns what there is, it loses that and gets its rights in one step: nobody sees half of it. While
-- somebody holds a table nobody shall wait behind this script: it gives up, and runs again soon.
SET lock_timeout = '5s';
SELECT format('REASSIGN OWNED BY %1$I TO %2$I;
    GRANT CONNECT, TEMPORARY ON DATABASE mastodon_production TO %1$I;
    GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE, MAINTAIN ON ALL TABLES IN SCHEMA public TO %1$I;
    GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO %1$I', 'mastodon', 'mastodon_owner')
WHERE EXISTS (SELECT FROM pg_database WHERE datname = current_database() AND datdba = 'mastodon'::regrole)
    OR EXISTS (SELECT FROM pg_class WHERE relowner = 'mastodon'::regrole) \gexec
