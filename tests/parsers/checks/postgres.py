"""PostgreSQL: the bundle's own scripts make a cluster, and the server reads its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from typing import Any

from mastodon_infra.catalog.versions import POSTGRESQL
from mastodon_infra.plan.decided import Decided
from tests.parsers.checks.system import Files, settings_of
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

VERSION = POSTGRESQL.version
SETTINGS = f"/etc/postgresql/{VERSION}/main"
BINARIES = f"/usr/lib/postgresql/{VERSION}/bin"
LIBRARY = "/usr/local/lib/mastodon-infra"
PASS_FILE = "/tmp/pgpass"
KIB = 1024
BYTES = {"B": 1, "kB": KIB, "8kB": 8 * KIB, "MB": KIB**2, "KiB": KIB, "MiB": KIB**2, "GiB": KIB**3}
MILLISECONDS = {"ms": 1, "s": 1000, "min": 60_000, "seconds": 1000}
ELSEWHERE = {
    "idle_in_transaction_session_timeout": "idle_in_transaction_timeout_seconds",
    "autovacuum_naptime": "autovacuum_naptime_seconds",
    "log_min_duration_statement": "log_min_duration_ms",
    "log_autovacuum_min_duration": "log_autovacuum_min_duration_seconds",
}
"""Settings whose decision has another name in the plan."""

SMALL = "-c shared_buffers=16MB -c wal_buffers=-1 -c huge_pages=off -c log_destination=stderr -c fsync=off"
"""A machine's memory is not this machine's; the rest is as written."""


def settings(tree: Tree, files: Files) -> None:
    """``postgres -C`` takes every setting, and what the plan decided is what it then says."""
    need_cluster(tree)
    written = [match.group(1) for file in files for line in settings_of(file) if (match := re.match(r"([\w.]+)", line))]
    if len(set(written)) != len(written):
        raise Refused("a setting is written twice")
    script = f'for name; do echo "$name=$({BINARIES}/postgres -D {SETTINGS} -C "$name")"; done'
    command = ["bash", "-euc", script, "all", *written]
    said = dict(
        line.partition("=")[::2] for line in tree.machine.must(command, user="postgres", seconds=60).splitlines()
    )
    with server(tree):
        refused = _query(tree, f"SELECT name, error FROM pg_file_settings WHERE error <> '{COULD_NOT}'")
        if refused:
            raise Refused(refused)
        units = dict(line.split("|") for line in _query(tree, "SELECT name, unit FROM pg_settings").splitlines())
    planned = {field.name: getattr(tree.plan.postgres, field.name) for field in fields(tree.plan.postgres)}
    if tree.plan.postgres.parallel:
        parallel = tree.plan.postgres.parallel
        planned |= {field.name: getattr(parallel, field.name) for field in fields(parallel)}
    for name in written:
        decided = planned.get(ELSEWHERE.get(name, name))
        if isinstance(decided, Decided) and not _same(said[name], units[name], decided):
            raise Refused(
                f"{name}: PostgreSQL says {said[name]} {units[name]}, the plan {decided.value} {decided.unit}"
            )
    known = {name for name, value in planned.items() if isinstance(value, Decided)}
    unsaid = known - {ELSEWHERE.get(name, name) for name in written} - OF_NO_FILE
    if unsaid:
        raise Refused(f"the plan decides {', '.join(sorted(unsaid))}, and no file says so")


COULD_NOT = "setting could not be applied"
"""What the server says of a setting that the command line overrides."""

OF_NO_FILE = {"memory_share", "app_connections", "exporter_connections"}
"""Decisions that are no setting of the server: an input, and what a role is given (``roles`` looks at it)."""


def _same(said: str, unit: str, decided: Decided[Any]) -> bool:
    """Whether both are one value. PostgreSQL rounds a size to its own unit, which may be a block of 8 KiB."""
    server, plan = _size(said, unit), _size(decided.value, decided.unit)
    if isinstance(server, Decimal) and isinstance(plan, Decimal):
        return abs(server - plan) < BYTES.get(unit, MILLISECONDS.get(unit, Decimal("1e-9")))
    return server == plan


def _size(value: object, unit: str) -> Decimal | str:
    """A number with its unit as bytes or milliseconds; a word as it is."""
    text = str(value)
    if not re.fullmatch(r"-?[0-9.]+", text):
        return text
    factor = BYTES.get(unit) or MILLISECONDS.get(unit) or 1
    return Decimal(text) * factor


def access(tree: Tree, files: Files) -> None:
    """The running server has read every line of pg_hba.conf without an error, and lets the app in by TLS only."""
    need_cluster(tree)
    with server(tree):
        wrong = _query(tree, "SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL")
        read = int(_query(tree, "SELECT count(*) FROM pg_hba_file_rules"))
        source = _query(tree, "SHOW hba_file")
    lines = sum(len(settings_of(file)) for file in files)
    if wrong or read != lines or source not in {file.path for file in files}:
        raise Refused(f"{source}: {read} rules of {lines} lines\n{wrong}")


def roles(tree: Tree, files: Files) -> None:
    """The bundle's own script runs it, twice; then each role logs in with its password, over TLS and not without."""
    need_cluster(tree)
    logins = {
        "mastodon": tree.wiring.postgres_app_password,
        "mastodon_admin": tree.wiring.postgres_admin_password,
        "mastodon_exporter": tree.wiring.postgres_exporter_password,
    }
    with server(tree):
        for _ in range(2):
            tree.machine.must([f"{LIBRARY}/postgres-roles"], user="postgres")
        for role, password in logins.items():
            come_as_leader(tree, wanted=role == "mastodon_admin")
            tree.machine.put(PASS_FILE, f"*:*:*:*:{password}\n", 0o600)
            for mode, expected in (("verify-full", True), ("disable", False)):
                if bool(_login(tree, role, mode)) != expected:
                    raise Refused(f"{role} with sslmode={mode}: {_login(tree, role, mode).said}")
        most = _query(tree, "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'mastodon'").strip()
        if most != str(tree.plan.postgres.app_connections.value):
            raise Refused(f"mastodon may open {most} connections")


def tables(tree: Tree, files: Files) -> None:
    """A small Mastodon gets the plan's autovacuum on its big tables, and the second time changes nothing."""
    need_cluster(tree)
    ours = ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]
    ours += ["--dbname=mastodon_production"]
    made = "".join(f"CREATE TABLE IF NOT EXISTS {name} (id bigint);" for name in ("statuses", "accounts", "settings"))
    want = f"autovacuum_vacuum_scale_factor={tree.plan.postgres.big_tables.vacuum_scale_factor.value}"
    count = f"--command=SELECT count(*) FROM pg_class WHERE reloptions @> ARRAY['{want}']"
    with server(tree):
        tree.machine.must([f"{LIBRARY}/postgres-roles"], user="postgres")
        tree.machine.must([*ours, f"--command={made}"], user="postgres")
        for file in files:
            for _ in range(2):
                tree.machine.must([*ours, f"--file={file.path}"], user="postgres")
        if tree.machine.must([*ours, count], user="postgres") != "2":
            raise Refused(f"not both of the big tables have {want}")


def come_as_leader(tree: Tree, *, wanted: bool) -> None:
    """Let connections to the node's private address come from the leader's, whichever machine that is; or no more."""
    leader, own = tree.plan.node(tree.plan.leader).address, tree.node.address
    source = leader if wanted else own
    tree.machine.must(
        f"ip address replace {leader}/32 dev lo; ip route replace table local local {own} dev lo src {source}"
    )


def _login(tree: Tree, role: str, mode: str):
    is_leader = tree.node.name == tree.plan.leader
    address = tree.node.address if role == "mastodon_admin" and not is_leader else "127.0.0.1"
    door = (
        f"host=postgres.mastodon.internal hostaddr={address} port=5432 dbname=mastodon_production user={role} "
        f"sslmode={mode} sslrootcert=/etc/mastodon-infra/ca.crt"
    )
    command = ["psql", "--no-psqlrc", "--no-password", "--command=SELECT 1", f"--dbname={door}"]
    return tree.machine.run(command, environment={"PGPASSFILE": PASS_FILE})


def create_cluster(tree: Tree, files: Files) -> None:
    """Debian's package asks its settings, with the words of its own script, whether to make a cluster: it must not."""
    question = ["pg_conftool", "/etc/postgresql-common/createcluster.conf", "show", "-bs", "create_main_cluster"]
    said = tree.machine.must(question)
    if said not in {"0", "off", "false", "no"}:
        raise Refused(f"{', '.join(file.path for file in files)}: create_main_cluster is {said}")


def need_cluster(tree: Tree) -> None:
    """Let the bundle's own script make the cluster, once."""
    if not tree.machine.run(["test", "-e", f"{SETTINGS}/postgresql.conf"]):
        tree.machine.must([f"{LIBRARY}/postgres-cluster"], seconds=60)


@contextmanager
def server(tree: Tree) -> Iterator[None]:
    """The server, running with the settings as written but for memory."""
    control = [f"{BINARIES}/pg_ctl", f"--pgdata={SETTINGS}", "--wait", "--silent", "--timeout=20"]
    log = "/tmp/postgres.log"
    started = tree.machine.run([*control, f"--log={log}", f"--options={SMALL}", "start"], user="postgres")
    if not started:
        raise Refused(f"{started.said}\n{tree.machine.run(['cat', log]).said}")
    try:
        yield
    finally:
        tree.machine.run([*control, "--mode=immediate", "stop"], user="postgres")


def _query(tree: Tree, query: str) -> str:
    return tree.machine.must(
        ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", f"--command={query}"], user="postgres"
    )
