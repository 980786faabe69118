"""What volumes are for: the machines that hold the data are made anew, one after the other."""

import json

from mastodon_infra.model.role import Role
from tests.machines.bad_days.day import BadDay, Bounds, at_most
from tests.machines.bad_days.fleet import threads_of
from tests.machines.looking import redis

AT_WORK = threads_of("sidekiq-1") + threads_of("sidekiq-2")
QUEUED_JOBS, REPLACED_SECONDS = 300, 300
PARKED, PARKED_JOBS = "queue:parked", 500
"""A queue that nobody works: what is in it has to be there afterwards, and in its order."""


def machines_of_the_data_are_made_anew(stage):
    (database,), (store,) = stage.nodes(Role.POSTGRES), stage.nodes(Role.REDIS)
    machine = stage.machine(store)
    jobs = [json.dumps({"jid": f"parked-{number}"}) for number in range(PARKED_JOBS)]
    redis(machine, "RPUSH", PARKED, *jobs)
    for node in (database, store):
        stage.load.queue(QUEUED_JOBS)
        stage.note(f"{waiting(machine)} jobs waited in Redis beside those parked when {node} was made anew")
        stage.blow()
        stage.instance.replace(node)
        stage.calm()
    assert redis(machine, "LRANGE", PARKED, "0", "-1").splitlines() == jobs
    redis(machine, "DEL", PARKED)


def waiting(machine):
    """How many jobs stand in a queue that is worked, or wait to be tried again."""
    count = """
        local count = redis.call('zcard', 'retry') + redis.call('zcard', 'schedule')
        for _, name in ipairs(redis.call('smembers', 'queues')) do
            count = count + redis.call('llen', 'queue:' .. name)
        end
        return count
    """
    return int(redis(machine, "EVAL", count, "0"))


DAYS = (
    BadDay(
        13,
        "The machines that hold the data are made anew",
        "PostgreSQL's machine and then Redis' are deleted and made again by `up --replace`. Each new one finds its "
        "volume, and goes on where the old one ended; until then what asks it fails. No acknowledged row is missing, "
        "and no job that waited. Only jobs that were at work may be lost, or be worked twice.",
        Bounds(recovered=REPLACED_SECONDS, failing=at_most(1), jobs_lost=AT_WORK, jobs_doubled=AT_WORK),
        machines_of_the_data_are_made_anew,
        quiet="each machine is back within NodeDown's 3 minutes",
    ),
)
