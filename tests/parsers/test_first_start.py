"""The first start on a real PostgreSQL: from nothing, again, ended at every step, beside another, and after a restore.

Mastodon's image is a stand-in that makes tables in the order in which Rails does, and ends the leader where it is told.
"""

import pytest

from mastodon_infra.render.app import LOADING_MARK, OWNER_MARK
from tests.parsers.cases import Place
from tests.parsers.checks import postgres
from tests.parsers.checks.services import background

LEADER = Place("solo", "web-1")
SCRIPT = "/usr/local/lib/mastodon-infra/first-start"
KEYS = "/etc/mastodon-infra/key-fingerprints"
GATE = "/usr/local/lib/mastodon-infra/wait-for-schema"
PASSWORD = "0123456789abcdef0123456789abcdef"  # what tootctl prints

IMAGE = r"""#!/bin/bash
set -euo pipefail
case "$*" in
    "image exists"*) exit 0 ;;
    *--entrypoint=ls*) echo 20170101000000_one.rb; echo 20260101000000_last.rb; exit 0 ;;
esac
case "$*" in *--log-driver=none*) ;; *) echo "podman would write what it says into the journal"; exit 1 ;; esac
for word; do case $word in --env-file=*) set -a; . "${word#*=}"; set +a ;; esac; done
export PGPASSWORD=$DB_PASS PGOPTIONS='-c client_min_messages=warning'
sql() {
    psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1" \
        --dbname="host=$DB_HOST port=$DB_PORT dbname=$DB_NAME user=$DB_USER sslmode=$DB_SSLMODE"
}
end_at() {
    [ "$(cat /tmp/end-at 2> /dev/null)" = "$1" ] || return 0
    rm /tmp/end-at
    kill -9 "$PPID"
    exit 137
}
all=$*; command=${all##*--volume=}; command=${command#* }; command=${command#* }
echo "$command" >> /tmp/commands
case $command in
    "bundle exec rails db:prepare")
        if [ "$(sql "SELECT to_regclass('schema_migrations') IS NULL")" = t ]; then
            end_at nothing
            sql "CREATE TABLE accounts (username text, domain text)"
            end_at tables
            sql "CREATE TABLE users (email text, confirmed bool)"
            sql "CREATE VIEW instances AS SELECT domain FROM accounts"
            sql "CREATE TABLE roles (name text UNIQUE)"
            sql "CREATE TABLE schema_migrations (version text)"
            end_at no-versions
            sql "INSERT INTO schema_migrations VALUES ('20260101000000')"
            end_at versions
            sql "INSERT INTO schema_migrations VALUES ('20170101000000')"
            sql "CREATE TABLE ar_internal_metadata (key text)"
            end_at metadata
            sql "INSERT INTO ar_internal_metadata VALUES ('environment')"
            end_at loaded
        fi ;;
    "bundle exec rails db:seed")
        sql "INSERT INTO roles VALUES ('Owner') ON CONFLICT DO NOTHING"
        end_at seeded ;;
    "bin/tootctl settings registrations"*) end_at registrations ;;
    "bin/tootctl accounts create "*)
        [ ! -e /tmp/refuse-owner ] || { echo "E-mail is blocked NEW_PASSWORD"; exit 1; }
        sql "INSERT INTO accounts VALUES ('admin')"
        sql "INSERT INTO users VALUES ('admin@social.example', false)"
        end_at half-an-owner
        sql "UPDATE users SET confirmed = true"
        echo OK; echo "New password: NEW_PASSWORD"
        end_at owner ;;
    "bin/tootctl accounts modify "*) sql "UPDATE users SET confirmed = true"; echo OK ;;
    *) echo "the stand-in does not know: $command"; exit 1 ;;
esac
""".replace("NEW_PASSWORD", PASSWORD)

STEPS = ("nothing", "tables", "no-versions", "versions", "metadata", "loaded", "seeded", "registrations")
STEPS_OF_OWNER = ("half-an-owner", "owner")
DONE = "1|1|1|t|2||"
"""Accounts, users, roles, whether the owner is confirmed, migrations, and no mark."""


@pytest.fixture
def leader(machine_tree):
    """The leader with an empty database, both stores of Redis, and the stand-in."""
    tree = machine_tree(LEADER)
    tree.machine.put("/usr/local/bin/podman", IMAGE, 0o755)
    tree.machine.must("rm -f /tmp/commands /tmp/end-at /tmp/refuse-owner; touch /tmp/commands")
    for name in ("queue", "cache"):
        tree.machine.must(["install", "-d", "-o", "redis", "-g", "redis", f"/var/lib/redis-{name}"])
    postgres.need_cluster(tree)
    with (
        postgres.server(tree),
        background(tree, ["redis-server", "/etc/redis/redis-queue.conf"], user="redis", ports={6379}),
        background(tree, ["redis-server", "/etc/redis/redis-cache.conf"], user="redis", ports={6380}),
    ):
        tree.machine.must([f"{postgres.LIBRARY}/postgres-roles"], user="postgres")
        query(tree, "DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        query(tree, "GRANT USAGE ON SCHEMA public TO PUBLIC")
        query(tree, "COMMENT ON DATABASE mastodon_production IS NULL")
        yield tree
    tree.machine.must("rm /usr/local/bin/podman")


def start(leader):
    return leader.machine.run([SCRIPT], environment={"PGPASSFILE": "/etc/mastodon/tasks-pgpass"}, seconds=60)


def gate(leader):
    """Whether other processes may start now."""
    return bool(leader.machine.run([GATE], environment={"PGPASSFILE": "/etc/mastodon/pgpass"}, seconds=2))


def query(leader, text):
    line = ["psql", "--no-psqlrc", "--quiet", "-tA", "--dbname=mastodon_production", f"--command={text}"]
    return leader.machine.must(line, user="postgres")


def state(leader):
    return query(
        leader,
        "SELECT (SELECT count(*) FROM accounts), (SELECT count(*) FROM users), (SELECT count(*) FROM roles), "
        "(SELECT bool_and(confirmed) FROM users), (SELECT count(*) FROM schema_migrations), "
        "obj_description('public'::regnamespace), NULL",
    )


def commands(leader):
    return leader.machine.must("cat /tmp/commands; : > /tmp/commands").splitlines()


def test_from_nothing_and_never_again(leader):
    assert not gate(leader)
    first = start(leader)
    assert first, first.said
    assert PASSWORD not in first.said
    assert state(leader) == DONE
    assert gate(leader)
    assert "bin/tootctl settings registrations approved" in commands(leader)

    again = start(leader)
    assert again, again.said
    assert commands(leader) == []
    assert state(leader) == DONE


@pytest.mark.parametrize("step", STEPS + STEPS_OF_OWNER)
def test_ended_anywhere_it_comes_to_the_same_end(leader, step):
    leader.machine.put("/tmp/end-at", step)
    killed = start(leader)
    assert not killed
    assert PASSWORD not in killed.said
    assert gate(leader) == (step in {"registrations", *STEPS_OF_OWNER}), "nothing starts on half a schema"

    again = start(leader)
    assert again, again.said
    assert state(leader) == DONE
    assert gate(leader)


def test_two_leaders_do_the_work_of_one(leader):
    both = leader.machine.run(
        f"{SCRIPT} & first=$!; {SCRIPT}; wait $first", environment={"PGPASSFILE": "/etc/mastodon/tasks-pgpass"}
    )
    assert both, both.said
    assert state(leader) == DONE
    done = commands(leader)
    assert len(done) == len(set(done))


def test_a_password_is_not_shown_when_the_account_is_refused(leader):
    leader.machine.put("/tmp/refuse-owner", "")
    refused = start(leader)
    assert not refused
    assert "E-mail is blocked" in refused.said
    assert PASSWORD not in refused.said
    assert gate(leader), "the site works without an owner"

    leader.machine.must("rm /tmp/refuse-owner")
    assert start(leader)
    assert state(leader) == DONE


def as_app(leader, text):
    query(leader, f"SET ROLE mastodon_owner; {text}")


def test_a_database_that_was_moved_here_stays_as_it_is(leader):
    as_app(
        leader,
        "CREATE TABLE accounts (username text, domain text); CREATE TABLE users (email text); "
        "CREATE TABLE schema_migrations (version text); INSERT INTO schema_migrations VALUES ('20260101000000')",
    )
    moved = start(leader)
    assert moved, moved.said
    assert commands(leader) == []
    assert gate(leader)


def test_half_a_restore_is_waited_for(leader):
    as_app(leader, "CREATE TABLE accounts (username text, domain text); INSERT INTO accounts VALUES ('somebody')")
    waiting = start(leader)
    assert not waiting
    assert "is a backup being restored?" in waiting.said
    assert query(leader, "SELECT count(*) FROM accounts") == "1"
    assert commands(leader) == []


def test_an_incomplete_schema_with_users_is_left_to_a_person(leader):
    as_app(
        leader,
        "CREATE TABLE users (email text); INSERT INTO users VALUES ('somebody@social.example'); "
        f"COMMENT ON SCHEMA public IS '{LOADING_MARK}'",
    )
    refused = start(leader)
    assert not refused
    assert "a person must look" in refused.said
    assert query(leader, "SELECT count(*) FROM users") == "1"


def test_a_machine_with_other_life_long_keys_starts_nothing(leader):
    assert start(leader)
    right = leader.machine.must(f"cat {KEYS}")
    assert query(leader, "SELECT shobj_description(oid, 'pg_database') FROM pg_database "
                 "WHERE datname = current_database()") == right.strip()  # fmt: skip

    leader.machine.must(f"sed -i '1s/.$/x/' {KEYS}")
    assert not gate(leader)
    refused = start(leader)
    assert not refused
    assert "life-long keys are not those" in refused.said
    assert state(leader) == DONE

    leader.machine.put(KEYS, right)
    assert gate(leader)
    assert start(leader)


def test_marks_are_words_that_no_quoting_changes():
    assert not set("'\"\\$`") & set(LOADING_MARK + OWNER_MARK)
