"""Every number that a rule asks for is told by somebody: Debian's exporters beside what they measure, and our scripts.

An expression with a name that nobody tells is as valid as any other, and its alert never fires.
"""

import re
import time
from contextlib import ExitStack

import pytest

from tests.parsers.cases import Place, plan_of
from tests.parsers.checks import postgres
from tests.parsers.checks.services import POOLER, background, service_of
from tests.parsers.machine import Machine
from tests.parsers.stage import start_nginx
from tests.parsers.tree import lay_out

NAME = re.compile(r"\b(?:pg|pgbouncer|redis|nginx|node|prometheus|alertmanager|probe|mastodon_infra)_\w+")
LIBRARY = "/usr/local/lib/mastodon-infra"
FOUND_SECONDS = 20

SEEN_ELSEWHERE = {
    "node_systemd_unit_state": "no systemd runs in these machines; those of tests/machines have one",
    "mastodon_infra_backup_": "a backup is made, read back and told of in checks/backups.py",
    "mastodon_infra_bundle_info": "asked for by digest, and only where there are several machines",
}
"""How names begin that are not looked for here, and who looks."""


def asked_names():
    """What alerts and recordings ask for, with every way to tell people and without."""
    plans = [plan_of(case).monitoring for case in ("medium", "proxied")]
    asked = [alert.expression for plan in plans for group in plan.groups for alert in group.alerts]
    asked += [one.expression for plan in plans for one in plan.recordings]
    names = {name for text in asked for name in NAME.findall(re.sub(r'"[^"]*"', "", text))}
    return {name for name in names if not name.startswith(tuple(SEEN_ELSEWHERE))}


def numbers_of(tree, *addresses):
    """The names that these pages tell."""
    said = "\n".join(tree.machine.must(["curl", "--silent", "--fail", f"http://{one}"]) for one in addresses)
    return set(re.findall(r"^([a-zA-Z_:][\w:]*)", said, re.MULTILINE))


def targets_of(tree, *jobs):
    targets = [one for one in tree.plan.monitoring.targets if one.node == tree.node.name and one.job in jobs]
    assert {one.job for one in targets} == set(jobs)
    return [f"{one.address}:{one.port}/metrics" for one in targets]


def told_by_web(tree, standing):
    """The front behind its exporter, and the node's own numbers."""
    start_nginx(tree)
    tree.machine.put("/var/lib/mastodon-infra/installed", "0123\n")
    tree.machine.must([f"{LIBRARY}/machine-metrics"])
    tree.machine.run(["timeout", "2", f"{LIBRARY}/web-metrics"])
    tree.machine.run(["timeout", "2", f"{LIBRARY}/trial-upload"])
    for name in ("nginx", "node"):
        standing.enter_context(service_of(tree, f"/etc/default/prometheus-{name}-exporter"))
    return numbers_of(tree, *targets_of(tree, "nginx", "node"))


def told_by_postgres(tree, standing):
    """PostgreSQL with its roles, PgBouncer in front of it, and an exporter beside each."""
    postgres.need_cluster(tree)
    standing.enter_context(postgres.server(tree))
    tree.machine.must([f"{LIBRARY}/postgres-roles"], user="postgres")
    standing.enter_context(background(tree, POOLER, user="postgres", ports={tree.node.pgbouncer.port.value}))
    for name in ("postgres", "pgbouncer"):
        standing.enter_context(service_of(tree, f"/etc/default/prometheus-{name}-exporter"))
    return numbers_of(tree, *targets_of(tree, "postgres", "pgbouncer"))


def told_by_redis(tree, standing):
    """The queue store, from which nothing may be lost."""
    port = tree.plan.redis.queue.port.value
    tree.machine.must("install -d -o redis -g redis /var/lib/redis-queue")
    server = ["redis-server", "/etc/redis/redis-queue.conf"]
    standing.enter_context(background(tree, server, user="redis", ports={port}))
    standing.enter_context(service_of(tree, "/etc/mastodon-infra/redis/exporter-queue.env"))
    return numbers_of(tree, *targets_of(tree, "redis-queue"))


def told_by_monitoring(tree, standing):
    """Prometheus, Alertmanager and the prober, which is asked to look at something with a certificate."""
    tree.machine.must("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=a -keyout /tmp/a.key -out /tmp/a.crt")
    shows = ["openssl", "s_server", "-quiet", "-port", "4433", "-key", "/tmp/a.key", "-cert", "/tmp/a.crt"]
    standing.enter_context(background(tree, shows, ports={4433}))
    for name in ("prometheus", "prometheus-alertmanager", "prometheus-blackbox-exporter"):
        standing.enter_context(service_of(tree, f"/etc/default/{name}"))
    probe = "127.0.0.1:9115/probe?module=certificate&target=127.0.0.1:4433"
    end = time.monotonic() + FOUND_SECONDS
    while True:
        told = numbers_of(tree, "127.0.0.1:9090/metrics", "127.0.0.1:9093/metrics", probe)
        # Told of each Alertmanager, and Prometheus takes some seconds to find it in its settings.
        if "prometheus_notifications_errors_total" in told or time.monotonic() > end:
            return told
        time.sleep(0.5)


TELLERS = {
    "web-1": told_by_web,
    "postgres-1": told_by_postgres,
    "redis-1": told_by_redis,
    "monitoring-1": told_by_monitoring,
}


@pytest.fixture(scope="module")
def told(root_folder):
    """Every name that is told on any of the machines."""
    names = set()
    for node, tell in TELLERS.items():
        with ExitStack() as standing:
            machine = standing.enter_context(Machine(root_folder))
            names |= tell(lay_out(machine, Place("medium", node)), standing)
    return names


def test_every_name_that_rules_ask_for_is_told(told):
    asked = asked_names()
    assert len(asked) > 40
    assert asked - told == set()


def test_what_is_looked_for_elsewhere_is_asked_for():
    plan = plan_of("medium").monitoring
    asked = " ".join(alert.expression for group in plan.groups for alert in group.alerts)
    asked += "mastodon_infra_bundle_info"
    assert [name for name in SEEN_ELSEWHERE if name not in asked] == []
