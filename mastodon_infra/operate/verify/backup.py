"""Backups: the newest is fresh, and one was restored, brought up to this moment, and counted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from functools import partial

from mastodon_infra.catalog.versions import POSTGRESQL
from mastodon_infra.model.role import Role
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.programs import drill, program
from mastodon_infra.operate.verify.questions import OnNode, Question, Said, Subject, nothing_to_ask
from mastodon_infra.render.backup import STANZA
from mastodon_infra.render.env_values import DATABASE
from mastodon_infra.render.postgres import LIBRARY_PATH
from mastodon_infra.units import MIB_PER_GIB

BACKUP, RESTORE = Group("backup"), Group("restore")
MOST_HOURS = 26
"""A day between two backups, and two hours for the backup itself, as the alert has it."""

DRILL_SECONDS = 3600
GIB = 1024 * 1024 * MIB_PER_GIB
TABLES = ("users", "accounts", "statuses", "media_attachments", "follows")
LOW_PRIORITY = (
    *("systemd-run", "--quiet", "--pipe", "--wait", "--collect", "--service-type=exec", "--uid=postgres"),
    *("--nice=19", "--property=IOSchedulingClass=idle", "--property=CPUWeight=10", "--property=OOMScoreAdjust=900"),
)
"""A unit of its own: it gives way to everything else, and is ended as a whole when its time is over."""


def backup_questions(subject: Subject) -> Iterator[Question]:
    """To the database's node."""
    if not subject.plan.backups.is_enabled:
        yield nothing_to_ask("backup", "newest", "no backups are planned")
        return
    (node,) = subject.plan.holders(Role.POSTGRES)
    info = ("runuser", "-u", "postgres", "--", "pgbackrest", f"--stanza={STANZA}", "--output=json", "info")
    yield Question("backup", "newest", OnNode(node.name, info, seconds=60), partial(judge_info, time.time))
    given = {
        "stanza": STANZA,
        "database": DATABASE,
        "tables": TABLES,
        "library": LIBRARY_PATH,
        "programs": f"/usr/lib/postgresql/{POSTGRESQL.version}/bin",
        "seconds": DRILL_SECONDS,
    }
    words = (*LOW_PRIORITY, f"--property=RuntimeMaxSec={DRILL_SECONDS}", "python3", "-I", "-")
    ask = OnNode(node.name, words, stdin=program(drill, given), seconds=DRILL_SECONDS)
    yield Question("restore", "drill", ask, judge_drill)


def judge_info(now: Callable[[], float], said: Said) -> Iterator[Check]:
    """There is a whole one, and it is not old."""
    remedy = "docs/runbooks/backup-late.md"
    if not said:
        yield BACKUP.failed("newest", f"pgBackRest does not say: {said.trouble}", remedy)
        return
    stanzas = json.loads(said.stdout)
    whole = [one for stanza in stanzas for one in stanza["backup"] if not one.get("error")]
    if not whole:
        yield BACKUP.failed("newest", "there is none", remedy)
        return
    newest = whole[-1]
    hours = (now() - newest["timestamp"]["stop"]) / 3600
    seen = f"{newest['label']}, {_age(hours)} old, of {len(whole)}"
    if hours > MOST_HOURS:
        yield BACKUP.failed("newest", seen, remedy)
    elif any(stanza["status"]["code"] for stanza in stanzas):
        yield BACKUP.failed("newest", f"pgBackRest says: {stanzas[0]['status']['message']}", remedy)
    else:
        yield BACKUP.ok("newest", seen)


def _age(hours: float) -> str:
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def judge_drill(said: Said) -> Iterator[Check]:
    """Rows in the restored cluster are those of the live one, but for what came and went meanwhile."""
    remedy = "docs/how-to/restore-the-database.md; docs/runbooks/backup-late.md"
    if not said:
        yield RESTORE.failed("drill", said.trouble, remedy)
        return
    told = json.loads(said.stdout)
    if "trouble" in told:
        yield RESTORE.failed("drill", str(told["trouble"]), remedy)
    elif "free" in told:
        room = f"{told['free'] / GIB:.1f} GiB are free, and the backup has {told['size'] / GIB:.1f} GiB"
        yield RESTORE.unproven("drill", f"the volume has no room for a second cluster: {room}")
    else:
        yield _counted(told, remedy)


def _counted(told: dict[str, dict[str, int]], remedy: str) -> Check:
    before, after, restored = told["before"], told["after"], told["restored"]
    others = [
        f"{table}: {restored.get(table)} restored, {count} live"
        for table, count in before.items()
        if not min(count, after[table]) <= restored.get(table, -1) <= max(count, after[table])
    ]
    if others or not before:
        return RESTORE.failed("drill", "; ".join(others) or "the database has none of Mastodon's tables", remedy)
    rows = ", ".join(f"{count:,} {table}" for table, count in restored.items())
    return RESTORE.ok("drill", f"restored up to this moment in {told['seconds']} s: {rows}")
