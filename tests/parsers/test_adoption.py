"""A machine that gets a volume with a database on it: its own settings, and the rows that were there."""

import pytest

from tests.parsers.cases import Place
from tests.parsers.checks import postgres
from tests.parsers.machine import Machine
from tests.parsers.tree import lay_out

SCRIPT = f"{postgres.LIBRARY}/postgres-cluster"
SETTINGS = postgres.SETTINGS
DATA, ASIDE = "/var/lib/postgresql/17/main", "/var/lib/postgresql/17.empty"


@pytest.fixture
def tree(root_folder):
    """A database machine whose cluster holds a row, and then everything but its volume is lost."""
    with Machine(root_folder) as machine:
        tree = lay_out(machine, Place("medium", "postgres-1"))
        machine.put("/usr/local/sbin/systemctl", "#!/bin/sh\n", 0o755)
        machine.must([SCRIPT], seconds=60)
        with postgres.server(tree):
            query(tree, "CREATE TABLE kept AS SELECT 'a row' AS what")
        yield tree


def query(tree, text):
    return tree.machine.must(["psql", "-XAtq", "--dbname=postgres", f"--command={text}"], user="postgres")


def settings(tree):
    """What Debian's tools wrote for the cluster, without comments."""
    return tree.machine.must(f"cd {SETTINGS} && tail -n +1 *.conf start.conf environment | sed 's/#.*//; /^\\s*$/d'")


def lose_the_machine(tree):
    tree.machine.must(f"find {SETTINGS} -maxdepth 1 -type f -delete; chown -R 4321:4321 {DATA}")


def rows(tree):
    with postgres.server(tree):
        assert query(tree, "SHOW data_directory") == DATA
        assert query(tree, "SHOW data_checksums") == "on"
        return query(tree, "SELECT what FROM kept")


def test_the_rows_are_there_under_the_same_settings(tree):
    before = settings(tree)
    lose_the_machine(tree)

    tree.machine.must([SCRIPT], seconds=60)

    assert settings(tree) == before
    assert rows(tree) == "a row"
    assert not tree.machine.run(["test", "-e", ASIDE])


@pytest.mark.parametrize("program", ["pg_createcluster", "pg_conftool", "chown"])
def test_a_power_cut_on_the_way_leads_to_no_empty_database(tree, program):
    lose_the_machine(tree)
    broken = f'#!/bin/sh\n/usr/bin/{program} "$@"; rm /usr/local/sbin/{program}; kill -KILL $PPID\n'
    tree.machine.put(f"/usr/local/sbin/{program}", broken, 0o755)

    assert not tree.machine.run([SCRIPT], seconds=60)
    tree.machine.must([SCRIPT], seconds=60)

    assert rows(tree) == "a row"


def test_a_cluster_that_was_made_otherwise_says_so_and_works(tree):
    assert "checksums" not in roles_of(tree)
    tree.machine.must(f"rm -rf {DATA} {SETTINGS}", seconds=60)
    tree.machine.must(f"pg_createcluster --locale=C.UTF-8 --datadir={DATA} {postgres.VERSION} main", seconds=60)
    tree.machine.must(f"rm -rf {SETTINGS}; install -d -o postgres -g postgres {SETTINGS}")
    tree.write(file for file in tree.bundle.files if file.path.startswith(SETTINGS))
    tree.machine.must([SCRIPT], seconds=60)

    said = roles_of(tree, "CREATE DATABASE mastodon_production TEMPLATE template0")

    assert "<3>this cluster has no data checksums" in said
    assert "<3>mastodon_production sorts by C.UTF-8 and not by C" in said


def test_a_cluster_of_another_version_is_not_hidden_by_a_new_one(tree):
    lose_the_machine(tree)
    tree.machine.must(f"mv {DATA} /var/lib/postgresql/main; rmdir /var/lib/postgresql/17")
    tree.machine.must("install -d /var/lib/postgresql/16; mv /var/lib/postgresql/main /var/lib/postgresql/16/main")

    refused = tree.machine.run([SCRIPT], seconds=60)

    assert not refused
    assert "another PostgreSQL" in refused.said
    assert not tree.machine.run(["test", "-e", DATA])


def roles_of(tree, before="SELECT 1"):
    """What the script says that makes the roles."""
    with postgres.server(tree):
        query(tree, before)
        return tree.machine.must([f"{postgres.LIBRARY}/postgres-roles"], user="postgres")


def test_again_nothing_is_done(tree):
    lose_the_machine(tree)
    tree.machine.must([SCRIPT], seconds=60)
    before = tree.machine.must(f"stat --format=%y {SETTINGS}/postgresql.conf")
    tree.machine.must([SCRIPT], seconds=60)
    assert tree.machine.must(f"stat --format=%y {SETTINGS}/postgresql.conf") == before
