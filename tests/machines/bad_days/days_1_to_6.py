"""The first six: power, crashes, a lost web node, a roll, a cut, and a lost Redis."""

import time

from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.bad_days.day import BadDay, Bounds, at_most
from tests.machines.looking import BOOT_SECONDS

RUNS_AGAIN_SECONDS, LITTLE_CALM_SECONDS = 120, 3
BALANCER_SECONDS, CUT_SECONDS = 30, 30
EDITED = "/etc/mastodon/streaming.env /etc/systemd/system/nginx.service.d/10-mastodon-infra.conf"
"""With these changed, more than Puma has to restart."""
QUEUED_JOBS, REDIS_QUEUE = 300, "redis-server@queue.service"
CUT = """
table inet bad_day {{
  chain forward {{
    type filter hook forward priority -10
    ip saddr {{ {apps} }} ip daddr {database} drop
    ip saddr {database} ip daddr {{ {apps} }} drop
  }}
}}
"""


# --- 1


def everything_reboots(stage):
    stage.instance.reboot(*stage.instance.machines)


# --- 2


def services(stage, node):
    """The units of a node that are processes: those of its bundle, and the containers."""
    machine = stage.machine(node)
    wanted = machine.run("systemctl", "show", "--property=Wants", "--value", "mastodon.target").said.split()
    planned = [unit.name for unit in stage.instance.units(node)]
    names = [name for name in dict.fromkeys([*planned, *wanted]) if name.endswith(".service")]
    return [name for name in names if machine.must("systemctl", "show", "--property=MainPID", "--value", name) != "0"]


def kill(machine, unit):
    """End all processes of a unit at once, as the kernel does when memory ends; wait until it runs again."""
    before = machine.must("systemctl", "show", "--property=InvocationID", "--value", unit)
    machine.must("systemctl", "kill", "--signal=KILL", unit)

    def runs_again():
        now = machine.must("systemctl", "show", "--property=InvocationID", "--value", unit)
        return now not in {"", before} and machine.run("systemctl", "is-active", unit)

    assert wait_until(runs_again, seconds=RUNS_AGAIN_SECONDS), unit


def each_service_is_killed(stage):
    count = 0
    for node in stage.instance.machines:
        for unit in services(stage, node):
            stage.blow()
            kill(stage.machine(node), unit)
            stage.calm(calm=LITTLE_CALM_SECONDS)
            count += 1
    stage.note(f"{count} services were killed.")


# --- 3


def a_web_node_stops(stage):
    node = stage.nodes("web")[-1]
    boots = stage.machine(node).boots
    stage.power(node, "off")
    time.sleep(BALANCER_SECONDS)
    stage.wait_for_alert("NodeDown")
    stage.blow()
    stage.power(node, "on")
    assert wait_until(lambda: stage.machine(node).boots > boots, seconds=BOOT_SECONDS)
    stage.instance.settle()


# --- 4


def web_nodes_are_rolled(stage):
    def another_limit(told):
        settings = told.setdefault("mastodon", {})
        settings["session_limit"] = 21 - settings.get("session_limit", 10)

    assert "await" in stage.instance.change(another_limit)
    nodes = stage.nodes("web")
    for node in nodes:
        stage.machine(node).must("bash", "-c", f"for file in {EDITED}; do echo '# by hand' >> $file; done")
    stage.instance.verb("--", "converge", "--yes", *(word for node in nodes for word in ("--node", node)))
    stage.note(f"On {len(nodes)} web nodes Puma, streaming and nginx were restarted, one node at a time.")


# --- 5


def the_database_is_cut_off(stage):
    def address(node):
        return stage.instance.plan.node(node).address

    (database,) = stage.nodes("postgres")
    apps = ", ".join(address(node) for role in ("web", "sidekiq") for node in stage.nodes(role))
    stage.filter(CUT.format(apps=apps, database=address(database)))
    try:
        time.sleep(CUT_SECONDS)
    finally:
        stage.filter("delete table inet bad_day")


# --- 6


def redis_is_killed(stage):
    (node,) = stage.nodes("redis")
    stage.load.queue(QUEUED_JOBS)
    stage.blow()
    kill(stage.machine(node), REDIS_QUEUE)


DAYS = (
    BadDay(
        1,
        "Every machine reboots at once",
        "Nobody is served until the machines are back. Then everything is, without a hand, and nothing that was "
        "acknowledged is missing.",
        Bounds(recovered=120, failing=at_most(1)),
        everything_reboots,
        quiet="machines are back within NodeDown's 3 minutes",
    ),
    BadDay(
        2,
        "Each service is killed in turn (kill -9)",
        "systemd starts each of them again, and half a minute later nothing fails. Sidekiq loses the jobs that the "
        "killed process was at: in its open edition they exist nowhere else.",
        Bounds(recovered=40, failing=at_most(0.5), jobs_lost=14),
        each_service_is_killed,
        quiet="each is back within 2 minutes",
    ),
    BadDay(
        3,
        "One web node stops behind the balancer",
        "The balancer gives a node up after two looks, five seconds apart. Until then most new connections fail, since "
        "it leads them to the emptiest node. Then none does, also when the node comes back.",
        Bounds(recovered=30, failing=at_most(0.5)),
        a_web_node_stops,
        alert="NodeDown",
        quiet="the node is back within NodeDown's 3 minutes",
    ),
    BadDay(
        4,
        "All web nodes are drained and converged",
        "No request fails, though Puma, streaming and nginx restart on every node. Listeners are cut off, and come "
        "again at once.",
        Bounds(recovered=0),
        web_nodes_are_rolled,
        quiet="each node is back within 2 minutes",
    ),
    BadDay(
        5,
        "The network between app and database is cut for 30 s",
        "What asks the database fails or waits. Pages that ask nothing are served, but for a few that wait too long "
        "behind those that do. After the cut everything goes on by itself within half a minute: jobs that failed are "
        "tried again, and none is lost.",
        Bounds(recovered=CUT_SECONDS + 30, failing=at_most(1, page=0.1, stream=0.2)),
        the_database_is_cut_off,
        quiet="PostgresDown asks from the database's own machine, which nothing ails",
    ),
    BadDay(
        6,
        "Redis is killed with jobs queued",
        "Whoever asks in the two seconds until systemd has started it again sees an error. Every job that was queued "
        "is worked, once.",
        Bounds(recovered=15, failing=at_most(0.5)),
        redis_is_killed,
        quiet="RedisDown needs 2 minutes",
    ),
)
