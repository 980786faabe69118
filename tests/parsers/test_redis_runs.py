"""Redis as a node runs it: who may say what, and what is left after its power was cut."""

import pytest

from mastodon_infra.render.env_values import REDIS_USER
from mastodon_infra.render.redis import EXPORTER_USER
from tests.parsers.cases import Place
from tests.parsers.checks.services import background

REFUSED = "NOPERM"
HOME = Place("medium", "redis-1")
QUEUE, CACHE = "6379", "6380"
ENDED = 124
"""The status of a program that took too long."""

APP_MAY = (
    "SET feed:home:1 one",
    "GET feed:home:1",
    "LPUSH queue:default job",
    "BRPOP queue:default 1",
    "ZADD schedule 1 job",
    "SADD queues default",
    "EVAL 'return redis.call(\"INCR\", KEYS[1])' 1 counter",
    "SCRIPT LOAD 'return 1'",
    "SCAN 0 MATCH feed:* COUNT 100",
    "KEYS feed:*",
    "PUBLISH timeline:public one",
    "INFO server",
    "CLIENT SETNAME sidekiq",
    "CLIENT SETINFO LIB-NAME redis-client",
    "SELECT 0",
    "HELLO 3",
    "UNLINK feed:home:1",
    "PEXPIRE counter 1000",
)
APP_MAY_NOT = (
    "FLUSHALL",
    "FLUSHDB",
    "CONFIG GET *",
    "CONFIG SET dir /tmp",
    "SHUTDOWN NOSAVE",
    "REPLICAOF 192.0.2.1 6379",
    "MODULE LIST",
    "ACL LIST",
    "MONITOR",
    "SAVE",
    "BGREWRITEAOF",
    "CLIENT LIST",
    "CLIENT KILL TYPE normal",
    "SWAPDB 0 1",
    "MIGRATE 192.0.2.1 6379 key 0 1000",
)


@pytest.fixture
def tree(machine_tree):
    tree = machine_tree(HOME)
    for name in ("queue", "cache"):
        tree.machine.must(["install", "-d", "-o", "redis", "-g", "redis", f"/var/lib/redis-{name}"])
    return tree


def said(tree, command, port=QUEUE, user=REDIS_USER):
    """What Redis answers to a user's command."""
    line = f"set -f; redis-cli --user {user} --no-auth-warning -p {port} {command}"
    return tree.machine.must(line, environment={"REDISCLI_AUTH": password_of(tree, user)})


def password_of(tree, user):
    """Each user's own."""
    return tree.wiring.redis_exporter_password if user == EXPORTER_USER else tree.wiring.redis_password


def server(tree, name, port):
    """An instance with the file of the bundle."""
    return background(tree, ["redis-server", f"/etc/redis/redis-{name}.conf"], user="redis", ports={int(port)})


def test_the_app_may_do_its_work_and_nothing_that_destroys(tree):
    with server(tree, "queue", QUEUE):
        for command in APP_MAY:
            answer = said(tree, command)
            assert REFUSED not in answer, answer
            assert "ERR" not in answer, answer
        for command in APP_MAY_NOT:
            assert REFUSED in said(tree, command), command


def test_nobody_comes_in_without_a_name_or_with_a_wrong_password(tree):
    with server(tree, "queue", QUEUE):
        assert "NOAUTH" in tree.machine.must(f"redis-cli -p {QUEUE} GET one")
        for user in ("default", REDIS_USER, EXPORTER_USER):
            wrong = {"REDISCLI_AUTH": "wrong" if user != "default" else tree.wiring.redis_password}
            assert "NOAUTH" in tree.machine.must(f"redis-cli --user {user} -p {QUEUE} GET one", environment=wrong)


def test_one_users_password_does_not_open_the_other(tree):
    with server(tree, "queue", QUEUE):
        for user, other in ((REDIS_USER, EXPORTER_USER), (EXPORTER_USER, REDIS_USER)):
            ask = f"redis-cli --no-auth-warning --user {user} -p {QUEUE} PING"
            own, others = ({"REDISCLI_AUTH": password_of(tree, one)} for one in (user, other))
            assert tree.machine.must(ask, environment=own).strip() == "PONG"
            assert "NOAUTH" in tree.machine.must(ask, environment=others)


def test_the_exporter_reads_figures_and_no_data(tree):
    with server(tree, "queue", QUEUE):
        said(tree, "SET secret one")
        for command in ("GET secret", "SET secret two", "KEYS *", "SCAN 0", "CONFIG GET *", "FLUSHALL"):
            assert REFUSED in said(tree, command, user=EXPORTER_USER), command
        assert "used_memory" in said(tree, "INFO memory", user=EXPORTER_USER)

        address = f"{tree.node.address}:9121"
        start = "set -a; . /etc/mastodon-infra/redis/exporter-queue.env; exec prometheus-redis-exporter"
        with background(tree, start, ports={9121}):
            ask = f"import urllib.request as u; print(u.urlopen('http://{address}/metrics').read().decode())"
            metrics = tree.machine.must(["python3", "-c", ask]).splitlines()
        assert "redis_up 1" in metrics
        assert any(line.startswith("redis_memory_max_bytes") for line in metrics)


def test_what_was_written_survives_a_kill(tree):
    written = {f"job:{number}": str(number * 7) for number in range(50)}
    with server(tree, "queue", QUEUE):
        process = said(tree, "INFO server").partition("process_id:")[2].split()[0]
        for key, value in written.items():
            said(tree, f"SET {key} {value}")
        said(tree, "WAITAOF 1 0 3000")
        tree.machine.must(f"kill -9 {process}; while kill -0 {process} 2> /dev/null; do sleep 0.05; done")

    with server(tree, "queue", QUEUE):
        assert {key: said(tree, f"GET {key}") for key in written} == written


def test_a_file_that_was_cut_in_the_middle_of_a_command_is_read_up_to_there(tree):
    with server(tree, "queue", QUEUE):
        said(tree, "SET first 1")
        said(tree, "SET second 2")
        said(tree, "WAITAOF 1 0 3000")
    tree.machine.must("file=$(ls /var/lib/redis-queue/appendonlydir/*.incr.aof | tail -n 1); truncate -s -3 $file")
    with server(tree, "queue", QUEUE):
        assert said(tree, "GET first") == "1"
        assert said(tree, "GET second") == ""


def test_the_cache_forgets_what_it_must_and_the_queue_store_refuses(tree):
    fill = 'EVAL \'for i = 1, 40 do redis.call("SET", KEYS[1] .. i, string.rep("x", 1048576)) end\' 1 big'
    for name, port in (("queue", QUEUE), ("cache", CACHE)):
        conf = f"/etc/redis/redis-{name}.conf"
        tree.machine.must(f"sed -i 's/^maxmemory .*/maxmemory 16mb/' {conf}")
        with server(tree, name, port):
            answer = "".join(said(tree, fill.replace("big", f"big{turn}"), port) for turn in range(2))
            evicted = "evicted_keys:0" not in said(tree, "INFO stats", port)
        assert ("OOM" in answer, evicted) == (name == "queue", name == "cache"), answer


LINGER = "/usr/local/lib/mastodon-infra/linger-redis"
CONNECTED = "exec 9<> /dev/tcp/127.0.0.1/6379; "


@pytest.fixture
def is_stopping(tree):
    """Say that the machine goes down, or that it does not."""

    def say(word):
        tree.machine.must(f"printf '#!/bin/sh\\necho {word}\\n' > /usr/local/bin/systemctl")
        tree.machine.must("chmod 755 /usr/local/bin/systemctl")

    return say


def lingers(tree, connected=CONNECTED):
    """Whether it still waits after several of its looks."""
    return tree.machine.run(f"{connected}exec {LINGER}", seconds=5).status == ENDED


def test_the_queue_store_outlasts_sidekiqs_that_end(tree, is_stopping):
    tree.machine.must(f"sed -i 's/-lt 15 /-lt 0 /' {LINGER}")
    is_stopping("stopping")
    with server(tree, "queue", QUEUE):
        said(tree, "SADD processes one two")
        said(tree, "HSET one quiet false")
        assert not lingers(tree), "nobody is ending"
        said(tree, "HSET two quiet true")
        assert lingers(tree)
        assert not lingers(tree, connected=""), "nobody is there any more"


def test_at_first_the_queue_store_lingers_for_those_who_have_not_said_yet_that_they_end(tree, is_stopping):
    is_stopping("stopping")
    with server(tree, "queue", QUEUE):
        assert lingers(tree)


def test_the_queue_store_does_not_linger_when_it_alone_restarts(tree, is_stopping):
    is_stopping("running")
    with server(tree, "queue", QUEUE):
        assert not lingers(tree)
