"""Redis and PgBouncer: the servers start with their files, say what the plan decided, and stop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from mastodon_infra.model.role import Role
from mastodon_infra.render.env_values import REDIS_USER
from tests.parsers.checks import postgres
from tests.parsers.checks.services import POOLER, background
from tests.parsers.checks.system import Files, settings_of
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

MIB = 1024 * 1024
PASS_FILE = "/tmp/pgpass-pooler"


def redis(tree: Tree, files: Files) -> None:
    """Each instance starts with its file, lets in by password alone, has the plan's limits, and stops."""
    for file in files:
        name = re.sub(r".*/redis-(.*)\.conf", r"\1", file.path)
        folder = next(line.split()[1] for line in settings_of(file) if line.startswith("dir "))
        tree.machine.must(["install", "-d", "-o", "redis", "-g", "redis", folder])
        decided = getattr(tree.plan.redis, name)
        port = str(decided.port.value)
        with background(tree, ["redis-server", file.path], user="redis", ports={int(port)}):
            if "NOAUTH" not in tree.machine.run(["redis-cli", "-p", port, "get", "a"]).said:
                raise Refused(f"{file.path}: answers without a password")
            info = _redis_info(tree, port)
        told = (info["maxmemory"], info["maxmemory_policy"], info["aof_enabled"])
        planned = (
            str(decided.maxmemory.value * MIB),
            decided.maxmemory_policy.value,
            str(int(decided.appendonly.value == "yes")),
        )
        if told != planned:
            raise Refused(f"{file.path}: Redis says {told}, the plan {planned}")


def _redis_info(tree: Tree, port: str) -> dict[str, str]:
    password = {"REDISCLI_AUTH": tree.wiring.redis_password}
    said = tree.machine.must(["redis-cli", "--user", REDIS_USER, "-p", port, "info"], environment=password)
    return {name: value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())}


def pgbouncer(tree: Tree, files: Files) -> None:
    """PgBouncer starts with its files, shows what the plan decided, and where PostgreSQL is, leads to it."""
    decided = tree.node.pgbouncer
    assert decided is not None
    with _database(tree), background(tree, POOLER, user="postgres", ports={decided.port.value}) as log:
        shown = dict(line.split("|")[:2] for line in _ask(tree, "pgbouncer", "mastodon_exporter", "SHOW CONFIG"))
        for name in ("default_pool_size", "reserve_pool_size", "max_client_conn"):
            if shown[name] != str(getattr(decided, name).value):
                raise Refused(
                    f"{POOLER[-1]}: {name} is {shown[name]} in PgBouncer, {getattr(decided, name).value} in the plan"
                )
        if tree.node.roles and Role.POSTGRES in tree.node.roles:
            _ask(tree, "mastodon_production", "mastodon", "SELECT 1")
        complaints = [line for line in log().splitlines() if re.search(r"WARNING|ERROR|FATAL", line)]
        if complaints:
            raise Refused("\n".join(complaints))


@contextmanager
def _database(tree: Tree) -> Iterator[None]:
    """PostgreSQL with its roles, where it is on the node."""
    if Role.POSTGRES not in tree.node.roles:
        with nullcontext():
            yield
        return
    postgres.need_cluster(tree)
    with postgres.server(tree):
        tree.machine.must([f"{postgres.LIBRARY}/postgres-roles"], user="postgres")
        yield


def _ask(tree: Tree, database: str, role: str, query: str) -> list[str]:
    passwords = {
        "mastodon": tree.wiring.postgres_app_password,
        "mastodon_exporter": tree.wiring.postgres_exporter_password,
    }
    tree.machine.put(PASS_FILE, f"*:*:*:*:{passwords[role]}\n", 0o600)
    assert tree.node.pgbouncer is not None
    door = f"host=127.0.0.1 port={tree.node.pgbouncer.port.value} dbname={database} user={role}"
    command = ["psql", "--no-psqlrc", "--no-password", "--tuples-only", "--no-align", f"--dbname={door}", f"-c{query}"]
    return tree.machine.must(command, environment={"PGPASSFILE": PASS_FILE}).splitlines()
