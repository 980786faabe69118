"""What watches the instance: Prometheus reaches everything it should, and nothing is alarming."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import OnNode, Question, Said
from mastodon_infra.plan.firewall import ALERTMANAGER_PORT, PROMETHEUS_PORT
from mastodon_infra.plan.types import InstancePlan, ScrapeTarget

MONITORING = Group("monitoring")
HEARTBEAT = "Watchdog"
API = f"http://127.0.0.1:{PROMETHEUS_PORT}/api/v1"


def watch_questions(plan: InstancePlan) -> Iterator[Question]:
    """To the node that watches."""
    node = plan.monitoring.node
    targets = _curl(node, f"{API}/targets?state=active")
    yield Question("monitoring", "targets", targets, partial(judge_targets, plan.monitoring.targets))
    yield Question("monitoring", "alerts", _curl(node, f"{API}/alerts"), judge_alerts)
    ready = _curl(node, f"http://127.0.0.1:{ALERTMANAGER_PORT}/-/ready")
    yield Question("monitoring", "Alertmanager", ready, judge_alertmanager)


def _curl(node: str, url: str) -> OnNode:
    return OnNode(node, ("curl", "-sS", "--fail", "--max-time", "10", url))


def judge_targets(planned: Sequence[ScrapeTarget], said: Said) -> Iterator[Check]:
    """All that is planned is asked, and answers."""
    active = _data(said)["activeTargets"]
    down = [f"{_named(one)}: {one.get('lastError') or one['health']}" for one in active if one["health"] != "up"]
    known = {(one["job"], one.get("node"), one["instance"].rpartition(":")[2]) for one in (t["labels"] for t in active)}
    missing = [f"{one.job} of {one.node}" for one in planned if (one.job, one.node, str(one.port)) not in known]
    remedy = "docs/runbooks/exporter-down.md"
    if missing:
        yield MONITORING.failed("targets", f"not asked at all: {', '.join(missing)}", "mastodon-infra converge STACK")
    elif down:
        yield MONITORING.failed("targets", "; ".join(down), remedy)
    else:
        yield MONITORING.ok("targets", f"all {len(active)} answer")


def judge_alerts(said: Said) -> Iterator[Check]:
    """The heartbeat fires, and nothing else does."""
    firing = [one for one in _data(said)["alerts"] if one["state"] == "firing"]
    others = sorted({one["annotations"].get("summary", _alert(one)) for one in firing if _alert(one) != HEARTBEAT})
    if others:
        runbook = next(one["annotations"].get("runbook", "") for one in firing if _alert(one) != HEARTBEAT)
        yield MONITORING.failed("alerts", "; ".join(others), runbook)
    elif not firing:
        yield MONITORING.failed("alerts", "not even the heartbeat fires", "docs/runbooks/watchdog.md")
    else:
        yield MONITORING.ok("alerts", "the heartbeat, and no other")


def judge_alertmanager(said: Said) -> Iterator[Check]:
    """Who tells people is there."""
    if said:
        yield MONITORING.ok("Alertmanager", "ready")
    else:
        yield MONITORING.failed("Alertmanager", said.trouble, "docs/runbooks/alerts-not-delivered.md")


def _data(said: Said) -> dict[str, Any]:
    if not said:
        raise ValueError(said.trouble)
    told: dict[str, Any] = json.loads(said.stdout)["data"]
    return told


def _named(target: dict[str, Any]) -> str:
    labels = target["labels"]
    return f"{labels['job']} of {labels.get('node') or labels['instance']}"


def _alert(alert: dict[str, Any]) -> str:
    return str(alert["labels"]["alertname"])
