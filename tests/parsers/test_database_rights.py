"""Who may do what in the database: the app works with rows, migrations make tables, and each comes from its place."""

from ipaddress import ip_address, ip_network

import pytest

from tests.parsers.cases import Place, plan_of
from tests.parsers.checks import postgres
from tests.parsers.checks.postgres import PASS_FILE
from tests.parsers.places import files_of

DATABASE = "mastodon_production"
ROLES = f"{postgres.LIBRARY}/postgres-roles"
SCHEMA = """
    CREATE FUNCTION timestamp_id(name text) RETURNS bigint LANGUAGE sql AS $$ SELECT nextval(name || '_id_seq') $$;
    CREATE SEQUENCE accounts_id_seq;
    CREATE TABLE accounts (id bigint PRIMARY KEY DEFAULT timestamp_id('accounts'), domain text);
    CREATE TABLE settings (id bigserial PRIMARY KEY, var text);
    CREATE MATERIALIZED VIEW instances AS SELECT domain, count(*) FROM accounts GROUP BY domain;
    CREATE UNIQUE INDEX ON instances (domain)
"""
"""What Mastodon's schema has of each kind: numbers made by a function, plain ones, a view that is refreshed."""

WORK = (
    "INSERT INTO accounts (domain) VALUES ('a.example'); INSERT INTO settings (var) VALUES ('one')",
    "UPDATE accounts SET domain = 'b.example'; SELECT * FROM accounts FOR UPDATE",
    "REFRESH MATERIALIZED VIEW CONCURRENTLY instances",
    "REFRESH MATERIALIZED VIEW instances",
    "ANALYZE accounts",
    "CREATE TEMPORARY TABLE mine (id int)",
    "TRUNCATE settings",
    "DELETE FROM accounts",
)
"""What Mastodon's processes do with it."""

FORBIDDEN = (
    "DROP TABLE settings",
    "ALTER TABLE accounts ADD COLUMN more text",
    "CREATE TABLE mine (id int)",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TRIGGER mine BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "DROP DATABASE mastodon_production",
    "SET ROLE mastodon_owner",
    "COPY accounts TO PROGRAM 'id'",
)


@pytest.fixture(scope="module")
def tree(machine_tree):
    """A machine of one box, with its server running and its roles made."""
    tree = machine_tree(Place("solo", "web-1"))
    postgres.need_cluster(tree)
    with postgres.server(tree):
        make_roles(tree)
        yield tree


@pytest.fixture(autouse=True)
def _schema(tree):
    by_superuser(tree, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner")
    by_superuser(tree, "GRANT USAGE ON SCHEMA public TO PUBLIC")


def make_roles(tree):
    return tree.machine.must([ROLES], user="postgres")


def by_superuser(tree, text):
    line = ["psql", "--no-psqlrc", "--quiet", "-tA", f"--dbname={DATABASE}", f"--command={text}"]
    return tree.machine.must(line, user="postgres")


def ask(tree, role, text, *, seconds=30):
    """Say it as a role that logs in over the network."""
    password = {"mastodon": tree.wiring.postgres_app_password, "mastodon_admin": tree.wiring.postgres_admin_password}
    tree.machine.put(PASS_FILE, f"*:*:*:*:{password[role]}\n", 0o600)
    door = f"host=127.0.0.1 dbname={DATABASE} user={role} sslmode=require"
    line = ["psql", "--no-psqlrc", "--quiet", "-tA", "--set=ON_ERROR_STOP=1", f"--dbname={door}"]
    return tree.machine.run(
        [*line, *(f"--command={one}" for one in text.split("; "))],
        environment={"PGPASSFILE": PASS_FILE},
        seconds=seconds,
    )


def test_what_migrations_make_the_app_may_work_with_and_no_more(tree):
    assert ask(tree, "mastodon_admin", SCHEMA.replace("\n", " ")).said == ""
    for work in WORK:
        done = ask(tree, "mastodon", work)
        assert done, done.said
    for deed in FORBIDDEN:
        refused = ask(tree, "mastodon", deed)
        assert not refused, deed
        assert "must be owner" in refused.said or "permission denied" in refused.said, refused.said


def test_a_database_that_the_app_owned_is_handed_over_while_the_app_goes_on(tree):
    by_superuser(tree, f"ALTER DATABASE {DATABASE} OWNER TO mastodon")
    by_superuser(tree, f"SET ROLE mastodon; {SCHEMA}")

    make_roles(tree)

    owners = "SELECT DISTINCT relowner::regrole FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    owners += " AND relname NOT LIKE 'pg_stat_statements%'"
    assert by_superuser(tree, owners) == "mastodon_owner"
    assert by_superuser(tree, "SELECT datdba::regrole FROM pg_database WHERE datname = current_database()") == (
        "mastodon_owner"
    )
    for work in WORK:
        done = ask(tree, "mastodon", work)
        assert done, done.said
    assert not ask(tree, "mastodon", "DROP TABLE settings")
    assert ask(tree, "mastodon_admin", "ALTER TABLE accounts ADD COLUMN more text")


def test_a_limit_on_locks_would_leave_an_index_that_looks_finished(tree):
    """Why migrations have none: Rails' ``if_not_exists`` is content with what the failed try has left."""
    ask(tree, "mastodon_admin", "CREATE TABLE busy (id int)")
    tree.machine.must(
        f"psql -XAtq --dbname={DATABASE} --command='SELECT pg_sleep(6) FROM (SELECT count(*) FROM busy) AS one' "
        "> /dev/null 2>&1 & sleep 1",
        user="postgres",
    )
    cut = ask(tree, "mastodon_admin", "SET lock_timeout = '1s'; CREATE INDEX CONCURRENTLY one ON busy (id)")
    assert "lock timeout" in cut.said
    assert (
        "already exists, skipping"
        in ask(tree, "mastodon_admin", "CREATE INDEX CONCURRENTLY IF NOT EXISTS one ON busy (id)").said
    )
    assert by_superuser(tree, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'one'::regclass") == "f"
    assert ask(tree, "mastodon_admin", "SHOW lock_timeout").said == "0"


@pytest.mark.parametrize("case", ["solo", "medium", "large", "sydney", "proxied", "placed"])
def test_migrations_may_only_come_from_the_leaders_group(case):
    plan = plan_of(case)
    database = next(node for node in plan.nodes if "postgres" in node.roles)
    files = {file.path: file.content for file in files_of(Place(case, database.name))}
    rules = [line.split() for line in files["/etc/mastodon-infra/postgres/pg_hba.conf"].splitlines() if "ssl" in line]
    admitted = [ip_network(rule[3]) for rule in rules if "mastodon_admin" in rule[2].split(",")]
    leader = plan.node(plan.leader)
    address = "127.0.0.1" if leader.name == database.name else leader.address
    assert [ip_address(address) in network for network in admitted] == [True]
    for node in plan.nodes:
        if node.group != leader.group:
            assert not any(ip_address(node.address) in network for network in admitted)
