"""The data services: PostgreSQL's settings and connections, and both Redis."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from mastodon_infra.model.role import Role
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.machines import differences
from mastodon_infra.operate.verify.questions import OnNode, Question, Said, Subject
from mastodon_infra.operate.verify.sidekiq import judge_sidekiq, sidekiq_words
from mastodon_infra.plan.tuning.redis import RedisInstance
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.env_values import DATABASE, REDIS_USER
from mastodon_infra.render.fingerprints import mastodon_keys

POSTGRES, REDIS, KEYS = Group("postgres"), Group("redis"), Group("keys")
SETTINGS_FOLDER = "/etc/postgresql/17/main/conf.d/"
MIB = 1024 * 1024
NEAR_FULL_PERCENT = 90

POSTGRES_SQL = f"""
select json_build_object(
  'settings', (select json_object_agg(lower(name), json_build_array(setting, unit)) from pg_settings),
  'waiting', (select coalesce(json_agg(name), '[]') from pg_settings where pending_restart),
  'errors', (select coalesce(json_agg(concat_ws(': ', name, error)), '[]') from pg_file_settings
             where error is not null and error <> 'setting could not be applied'),
  'clients', (select count(*) from pg_stat_activity
              where backend_type = 'client backend' and pid <> pg_backend_pid()),
  'keys', (select shobj_description(oid, 'pg_database') from pg_database where datname = '{DATABASE}'))
"""  # noqa: S608  # a name of our own

BASES: Mapping[str, tuple[str, float]] = {
    "B": ("B", 1),
    "kB": ("B", 1024),
    "MB": ("B", MIB),
    "GB": ("B", 1024 * MIB),
    "TB": ("B", 1024 * 1024 * MIB),
    "us": ("s", 1e-6),
    "ms": ("s", 1e-3),
    "s": ("s", 1),
    "min": ("s", 60),
    "h": ("s", 3600),
    "d": ("s", 86_400),
}
"""PostgreSQL's units, as bytes or seconds."""


def data_questions(subject: Subject) -> Iterator[Question]:
    """To the nodes of PostgreSQL and Redis."""
    for node in subject.plan.holders(Role.POSTGRES):
        words = ("runuser", "-u", "postgres", "--", "psql", "-XAtq", "--dbname=postgres", f"--command={POSTGRES_SQL}")
        settings = planned_settings(subject.bundles[node.name])
        budget = subject.plan.connections.server_connections.value
        yield Question("postgres", "settings", OnNode(node.name, words), partial(judge_settings, settings))
        yield Question("postgres", "connections", OnNode(node.name, words), partial(judge_connections, budget))
        judge = partial(judge_database_keys, mastodon_keys(subject.wiring))
        yield Question("keys", "database", OnNode(node.name, words), judge)
    for node in subject.plan.holders(Role.REDIS):
        for store in (subject.plan.redis.queue, subject.plan.redis.cache):
            yield Question("redis", store.name, _redis(subject, node.name, store, "INFO"), partial(judge_redis, store))
        asked = _redis(subject, node.name, subject.plan.redis.queue, *sidekiq_words(subject.plan.sidekiq))
        yield Question("sidekiq", "processes", asked, partial(judge_sidekiq, subject.plan.sidekiq))


def _redis(subject: Subject, node: str, store: RedisInstance, *words: str) -> OnNode:
    command = ("redis-cli", "-p", str(store.port.value), "--user", REDIS_USER, "--no-auth-warning", *words)
    return OnNode(node, command, environment={"REDISCLI_AUTH": subject.wiring.redis_password})


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def planned_settings(bundle: NodeBundle) -> dict[str, str]:
    """Every setting that the bundle's files give PostgreSQL."""
    found: dict[str, str] = {}
    for file in bundle.files:
        if file.path.startswith(SETTINGS_FOLDER):
            for line in file.content.splitlines():
                if match := re.fullmatch(r"([a-z_.]+) = (?:'(.*)'|(\S+))", line):
                    found[match[1]] = match[2] if match[2] is not None else match[3]
    return found


def judge_settings(planned: Mapping[str, str], said: Said) -> Iterator[Check]:
    """What runs is what the plan says, and nothing waits for a restart."""
    told = _told(said)
    running = told["settings"]
    others = [
        f"{name} is {_shown(*running[name])}, and should be {wanted}" if name in running else f"{name} is not known"
        for name, wanted in planned.items()
        if name not in running or not is_same(wanted, *running[name])
    ]
    remedy = "mastodon-infra converge STACK, or restart PostgreSQL if that is what is waited for"
    if others:
        yield POSTGRES.failed("settings", "; ".join(others), remedy)
    elif told["waiting"] or told["errors"]:
        yield POSTGRES.failed("settings", f"wait for a restart: {', '.join(told['waiting'] + told['errors'])}", remedy)
    else:
        yield POSTGRES.ok("settings", f"{len(planned)} are as planned")


def is_same(wanted: str, setting: str, unit: str | None) -> bool:
    """Whether a value as files write it is the one that runs, which has PostgreSQL's own unit."""
    if wanted == setting:
        return True
    try:
        return _measured(wanted, unit or "") == _measured(setting, unit or "", is_count=True)
    except ValueError:
        return False


def _measured(text: str, unit: str, *, is_count: bool = False) -> tuple[str, float]:
    """A value as bytes, seconds or a bare number. Without a unit of its own it has the setting's, as ``8kB``."""
    match = re.fullmatch(r"(-?[\d.]+)\s*([a-zA-Z]*)", text)
    if match is None:
        raise ValueError(text)
    number, own = float(match[1]), "" if is_count else match[2]
    if own:
        base, factor = BASES[own]
        return base, round(number * factor, 6)
    scale = re.fullmatch(r"(\d*)([a-zA-Z]*)", unit)
    if scale is None or not scale[2]:
        return "", number
    base, factor = BASES[scale[2]]
    return base, round(number * factor * int(scale[1] or 1), 6)


def _shown(setting: str, unit: str | None) -> str:
    return f"{setting} x {unit}" if unit else setting


def judge_connections(budget: int, said: Said) -> Iterator[Check]:
    """No more clients than the budget has."""
    clients = int(_told(said)["clients"])
    seen = f"{clients} clients, and {budget} are in the budget"
    if clients > budget:
        yield POSTGRES.failed("connections", seen, "docs/runbooks/postgres-connections.md")
    else:
        yield POSTGRES.ok("connections", seen)


def judge_database_keys(wanted: Mapping[str, str], said: Said) -> Iterator[Check]:
    """The database was written with the keys of the state, each of them and no other."""
    found = dict(line.split() for line in str(_told(said)["keys"] or "").splitlines())
    if others := differences(wanted, found):
        told = (
            f"written with other keys: {', '.join(others)}"
            if found
            else "it does not say with which keys it was written"
        )
        yield KEYS.failed("database", told, "docs/how-to/keep-the-keys.md, and do not deploy before")
    else:
        yield KEYS.ok("database", f"written with the {len(found)} keys of the state")


def _told(said: Said) -> dict[str, Any]:
    if not said:
        raise ValueError(said.trouble)
    told: dict[str, Any] = json.loads(said.stdout)
    return told


# --- Redis ------------------------------------------------------------------------------------------------------------


def judge_redis(store: RedisInstance, said: Said) -> Iterator[Check]:
    """Memory, policy and persistence as planned, and room left."""
    info = dict(line.strip().partition(":")[::2] for line in said.stdout.splitlines() if ":" in line)
    if not said or "maxmemory" not in info:
        yield REDIS.failed(store.name, f"it does not answer: {said.trouble}", "docs/runbooks/redis-down.md")
        return
    wanted = {
        "maxmemory": str(store.maxmemory.value * MIB),
        "maxmemory_policy": store.maxmemory_policy.value,
        "aof_enabled": "1" if store.appendonly.value == "yes" else "0",
    }
    others = [
        f"{name} is {info.get(name)}, and should be {value}"
        for name, value in wanted.items()
        if info.get(name) != value
    ]
    saving = {
        "rdb_last_bgsave_status": store.keeps_snapshots.value,
        "aof_last_write_status": store.appendonly.value == "yes",
    }
    broken = [name for name, is_wanted in saving.items() if is_wanted and info.get(name) != "ok"]
    percent = int(info["used_memory"]) * 100 // (store.maxmemory.value * MIB)
    if others:
        yield REDIS.failed(store.name, "; ".join(others), "mastodon-infra converge STACK")
    elif broken:
        yield REDIS.failed(store.name, f"it cannot save: {', '.join(broken)}", "docs/runbooks/redis-saving.md")
    elif percent >= NEAR_FULL_PERCENT and store.maxmemory_policy.value == "noeviction":
        yield REDIS.failed(store.name, f"{percent} % of its memory is used", "docs/runbooks/redis-memory.md")
    else:
        saves = "saves everything" if store.keeps_snapshots.value else "may forget"
        yield REDIS.ok(store.name, f"{percent} % of {store.maxmemory.value} MiB used, {saves}")
