"""Lives through a day: load before it, through it and after it, then everything is counted."""

import time
from dataclasses import replace

from mastodon_infra.model.role import Role
from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.bad_days.day import Outcome, faults
from tests.machines.bad_days.load import JOB_QUEUES
from tests.machines.bad_days.measure import acknowledged, acknowledged_jobs, measured
from tests.machines.bad_days.stage import Stage, fired, names
from tests.machines.bad_days.steady import Load
from tests.machines.looking import check_units, page, redis, sql

WARM_SECONDS, JOBS_SECONDS = 180, 240
TABLES = ("statuses", "media_attachments")
WAITING = f"""
    local count = redis.call('zcard', 'retry') + redis.call('zcard', 'schedule')
    for _, name in ipairs({{{", ".join(f"'{name}'" for name in JOB_QUEUES)}}}) do
        count = count + redis.call('llen', 'queue:' .. name)
    end
    for _, process in ipairs(redis.call('smembers', 'processes')) do
        count = count + (redis.call('hget', process, 'busy') or 0)
    end
    return count
"""
"""What waits for Sidekiq, and what it is at: that is said anew every ten seconds."""
IDLE_LOOKS = 15


def token_of(instance):
    """A token of the instance's owner, as an app would get one."""
    node = only(instance, Role.WEB)
    return instance.machine(node).must("podman", "exec", "mastodon-web", "bin/tootctl", "stand-in", "token", "admin")


def live_through(day, instance, *, token, folder, is_patient):
    """Do it all to the instance. It is healthy before and after, or this fails."""
    check_health(instance)
    before = names(fired(instance, time.time() - 60, ()))
    with Load(instance, token, folder / f"day-{day.number}.jsonl") as load:
        load.wait_until_calm(WARM_SECONDS)
        stage = Stage(instance, load, is_patient)
        stage.blow()
        begun = stage.blows[0]
        day.do(stage)
        load.wait_until_calm()
        ended = time.time()
    records = load.records()
    worked = worked_jobs(instance, acknowledged_jobs(records))
    check_health(instance)
    found = replace(
        measured(
            records,
            blows=stage.blows,
            ended=ended,
            worked=worked,
            rows=rows(instance, [*acknowledged(records, "post"), *acknowledged(records, "upload")]),
            alerts=fired(instance, begun, before),
        ),
        watched=ended - begun,
    )
    return Outcome(day, found, tuple(stage.notes), tuple(faults(day, found, is_patient=is_patient)))


def check_health(instance):
    """Every unit of every machine is as planned, and the front answers."""
    instance.settle()
    for name in instance.machines:
        check_units(instance, name)
    assert page(instance, "/health") == "OK"
    assert page(instance, "/api/v1/streaming/health") == "OK"


def worked_jobs(instance, numbers):
    """How often each job was worked, once all were or none is left that could be."""
    counts: dict[int, int] = {}
    asked = f"BETWEEN {min(numbers)} AND {max(numbers)}"
    query = f"SELECT number, count(*) FROM stand_in_jobs WHERE number {asked} GROUP BY number"
    waiting: list[int] = []

    def is_over():
        pairs = [line.split("|") for line in sql(database(instance), query)]
        counts.update({int(number): int(times) for number, times in pairs})
        if not set(numbers) - set(counts):
            return True
        waiting.append(int(redis(instance.machine(only(instance, Role.REDIS)), "EVAL", WAITING, "0")))
        time.sleep(1)
        return len(waiting) > IDLE_LOOKS and not any(waiting[-IDLE_LOOKS:])

    wait_until(is_over, seconds=JOBS_SECONDS)
    return counts


def rows(instance, numbers):
    """Which of these posts and pictures the database holds."""
    wanted = ", ".join(map(str, numbers)) or "NULL"
    query = " UNION ALL ".join(f"SELECT id FROM {table} WHERE id IN ({wanted})" for table in TABLES)
    return [int(line) for line in sql(database(instance), query)]


def database(instance):
    """The machine of the database."""
    return instance.machine(only(instance, Role.POSTGRES))


def only(instance, role):
    """The first node that has the role."""
    return next(node.name for node in instance.plan.nodes if role in node.roles)
