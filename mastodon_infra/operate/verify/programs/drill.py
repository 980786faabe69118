"""Restores the newest backup and all WAL since into a scratch cluster, counts rows there and in the live one.

The scratch cluster lies on the database's own volume, listens on a socket in its own folder only, archives nothing, and
is gone at the end. The live cluster gets a restore point, and one more segment of WAL.
"""

import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOM_FACTOR, ROOM_BYTES = 1.2, 1 << 30
ARCHIVED_SECONDS, LOOK_SECONDS = 120, 0.5
PORT = "5432"
CARRIED = ("max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
           "max_locks_per_transaction")  # fmt: skip
"""Settings that a recovery needs at least as large as they were."""


def main(given: dict[str, Any]) -> None:
    """Print what was seen, or why nothing could be."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        print(json.dumps(Drill(given).run()))
    except subprocess.CalledProcessError as error:
        print(json.dumps({"trouble": f"{Path(error.cmd[0]).name}: {gist(error.stderr or error.stdout or '')}"}))


class Drill:
    """One restore."""

    def __init__(self, given: dict[str, Any]) -> None:
        """Take names: stanza, database, tables, the library's folder and that of PostgreSQL's programs."""
        self.given = given
        self.backrest = ["pgbackrest", f"--stanza={given['stanza']}"]

    def run(self) -> dict[str, Any]:
        """All of it."""
        began = time.monotonic()
        (stanza,) = json.loads(out(*self.backrest, "--output=json", "info"))
        if not stanza["backup"]:
            return {"trouble": "there is no backup"}
        size, free = stanza["backup"][-1]["info"]["size"], shutil.disk_usage(self.given["library"]).free
        if free < size * ROOM_FACTOR + ROOM_BYTES:
            return {"size": size, "free": free}
        before = self.counts()
        point = f"verify-{secrets.token_hex(6)}"
        segment = self.live(f"select pg_walfile_name(pg_create_restore_point('{point}'))")
        after = self.counts()
        self.live("select pg_switch_wal()")
        if not self.is_archived(segment):
            return {"trouble": f"WAL is not archived within {ARCHIVED_SECONDS} s"}
        scratch = Path(tempfile.mkdtemp(prefix=".verify-", dir=self.given["library"]))
        try:
            restored = self.restored(scratch, point)
        finally:
            shutil.rmtree(scratch)
        return {"before": before, "after": after, "restored": restored, "size": size,
                "seconds": round(time.monotonic() - began)}  # fmt: skip

    def restored(self, scratch: Path, point: str) -> dict[str, int]:
        """The counts in a cluster that was brought to the restore point."""
        data, log = scratch / "data", scratch / "log"
        data.mkdir(mode=0o700)
        own = [f"--pg1-path={data}", f"--lock-path={scratch}/lock"]
        fetch = " ".join([*self.backrest, *own, "--no-archive-async", 'archive-get %f "%p"'])
        out(*self.backrest, *own, "--process-max=1", "--type=name", f"--target={point}", "--target-action=promote",
            f"--recovery-option=restore_command={fetch}", "restore")  # fmt: skip
        (data / "postgresql.conf").write_text(
            "".join(f"{name} = '{value}'\n" for name, value in self.settings(scratch))
        )
        (data / "pg_hba.conf").write_text("local all postgres peer\n")
        (data / "pg_ident.conf").write_text("")
        control = [f"{self.given['programs']}/pg_ctl", f"--pgdata={data}", "--wait", "--silent"]
        try:
            out(*control, f"--timeout={self.given['seconds']}", f"--log={log}", "start")
            while self.ask("select pg_is_in_recovery()", f"--host={scratch}") != "f":
                time.sleep(LOOK_SECONDS)
            return self.counts(f"--host={scratch}", f"--port={PORT}")
        except subprocess.CalledProcessError:
            said = log.read_text(errors="replace") if log.exists() else "it did not start"
            raise subprocess.CalledProcessError(1, ["postgres"], stderr=said) from None
        finally:
            subprocess.run([*control, "--mode=immediate", "stop"], capture_output=True, check=False)

    def settings(self, scratch: Path) -> Iterator[tuple[str, object]]:
        """As small as may be, reached by its socket only."""
        yield from (
            ("listen_addresses", ""),
            ("port", PORT),
            ("unix_socket_directories", scratch),
            ("archive_mode", "off"),
            ("shared_buffers", "64MB"),
            ("huge_pages", "off"),
            ("shared_preload_libraries", ""),
            ("ssl", "off"),
            ("fsync", "off"),
            ("autovacuum", "off"),
        )
        for name in CARRIED:
            yield name, self.live(f"show {name}")

    def is_archived(self, segment: str) -> bool:
        """Whether the segment has left within the time."""
        end = time.monotonic() + ARCHIVED_SECONDS
        while time.monotonic() < end:
            if self.live("select coalesce(last_archived_wal, '') from pg_stat_archiver") >= segment:
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def counts(self, *where: str) -> dict[str, int]:
        """Rows of each table that is there."""
        known = ", ".join(f"'{table}'" for table in self.given["tables"])
        there = self.ask(f"select relname from pg_class where relkind = 'r' and relname in ({known})", *where)
        return {table: int(self.ask(f"select count(*) from {table}", *where)) for table in there.split()}

    def live(self, sql: str) -> str:
        """The live cluster's answer."""
        return self.ask(sql)

    def ask(self, sql: str, *where: str) -> str:
        """A cluster's answer as bare text."""
        words = ["psql", "--no-psqlrc", "-Atq", "--set=ON_ERROR_STOP=1", f"--dbname={self.given['database']}"]
        return out(*words, *where, f"--command={sql}")


def gist(said: str) -> str:
    """The first line that tells of an error, or the last one."""
    lines = said.strip().splitlines() or ["it does not say why"]
    return next((line for line in lines if "ERROR" in line or "FATAL" in line), lines[-1])[:300]


def out(*words: str) -> str:
    """What a program says; raises CalledProcessError where it fails."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, cwd="/")
    return done.stdout.strip()
