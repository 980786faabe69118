"""PgBackRest: the bundle's own script makes a backup with the bundle's own file, into a folder instead of a bucket.

It reads the backup back, too, and notices when a byte of it is another.
"""

from __future__ import annotations

import re
from dataclasses import replace

from tests.parsers.checks import monitoring
from tests.parsers.checks.postgres import LIBRARY, need_cluster, server
from tests.parsers.checks.system import Files, settings_of
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

METRICS = "/var/lib/prometheus/node-exporter/mastodon-infra-backup.prom"
TABLES = "CREATE TABLE schema_migrations (version text); CREATE TABLE ar_internal_metadata (key text)"


def pgbackrest(tree: Tree, files: Files) -> None:
    """Every option is known and the bucket is asked; then a whole round: archive, backup, metrics, reading, restore."""
    monitoring.pgbackrest(tree, files)
    for file in files:
        local = re.sub(r"^repo1-s3-.*\n", "", file.content, flags=re.MULTILINE)
        local = local.replace("repo1-type=s3", "repo1-type=posix").replace("=/pgbackrest", "=/tmp/pgbackrest")
        tree.write([replace(file, content=local)])
        try:
            _round(tree)
        finally:
            tree.write([file])


ANOTHER_BYTE = """
import sys
with open(sys.argv[1], "r+b") as file:
    file.seek(2000)
    byte, = file.read(1)
    file.seek(2000)
    file.write(bytes([byte ^ 0xFF]))
"""
"""Another one in any case: of what is enciphered, one of 256 files has any given byte there already."""


def _round(tree: Tree) -> None:
    need_cluster(tree)
    with server(tree):
        tree.machine.must([f"{LIBRARY}/postgres-roles"], user="postgres")
        tree.machine.must(["psql", "--dbname=mastodon_production", f"--command={TABLES}"], user="postgres")
        for kind in ("first", "diff"):
            tree.machine.must([f"{LIBRARY}/backup", kind], user="postgres", seconds=60)
        tree.machine.must([f"{LIBRARY}/backup-metrics"], environment={"SERVICE_RESULT": "success"})
        said = tree.machine.must(["cat", METRICS])
        _want(said, r"last_timestamp_seconds \d+", r"last_full_timestamp_seconds \d+", "last_failed 0")
        _read_back(tree)
    restore = ["pgbackrest", "--stanza=mastodon", "--delta", "restore"]
    tree.machine.must(restore, user="postgres", seconds=60)
    with server(tree):
        pass


def _want(said: str, *lines: str) -> None:
    for line in lines:
        if not re.search(f"^mastodon_infra_backup_{line}$", said, re.MULTILINE):
            raise Refused(f"no {line} in\n{said}")


def _read_back(tree: Tree) -> None:
    """The newest backup, which is a differential one; then with another byte in the full one that it stands on."""
    verify, tell = [f"{LIBRARY}/backup", "verify"], [f"{LIBRARY}/backup-metrics", "verify"]
    tree.machine.must(verify, user="postgres", seconds=60)
    tree.machine.must(tell, environment={"SERVICE_RESULT": "success"})
    _want(tree.machine.must(["cat", METRICS]), "damaged 0", r"last_verified_timestamp_seconds \d+", "last_failed 0")
    file = tree.machine.must("find /tmp/pgbackrest/backup -path '*F/bundle/1'")
    tree.machine.must(f"cp -p {file} /tmp/kept")
    tree.machine.must(["python3", "-c", ANOTHER_BYTE, file])
    if tree.machine.run(verify, user="postgres", seconds=60):
        raise Refused(f"another byte in {file}, and the backup is called whole")
    tree.machine.must(tell, environment={"SERVICE_RESULT": "exit-code"})
    _want(tree.machine.must(["cat", METRICS]), "damaged 1", r"last_verified_timestamp_seconds \d+", "last_failed 0")
    tree.machine.must([f"{LIBRARY}/backup-metrics"])
    _want(tree.machine.must(["cat", METRICS]), "damaged 1", "last_failed 0")
    tree.machine.must(f"mv /tmp/kept {file}")


def users(tree: Tree, files: Files) -> None:
    """The running server has read every line of pg_ident.conf without an error."""
    need_cluster(tree)
    question = "SELECT count(*), count(error) FROM pg_ident_file_mappings"
    with server(tree):
        ask = ["psql", "--no-psqlrc", "--tuples-only", "--no-align", f"--command={question}"]
        said = tree.machine.must(ask, user="postgres")
    lines = sum(len(settings_of(file)) for file in files)
    if said != f"{lines}|0":
        raise Refused(f"{said}, of {lines} lines")
