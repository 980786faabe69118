"""Alerts: only of what runs, with thresholds of the plan, and each with a page that says what to do."""

import re
from pathlib import Path

import pytest

from mastodon_infra.model.tier import Tier
from mastodon_infra.plan.alerts_types import Alert, Severity
from mastodon_infra.plan.memory import METRICS_EXPORTER_MIB, METRICS_FROM_MIB
from tests.unit.plan.specs import plan_of

RUNBOOKS = Path(__file__).parents[3] / "docs/runbooks"
RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social"}
METRIC_OF_JOB = {
    "puma": "mastodon_puma_",
    "pgbouncer": "pgbouncer_",
    "streaming": "mastodon_streaming_",
    "sidekiq": "mastodon_sidekiq_",
    "postgres": "pg_",
    "redis-queue": "redis_",
    "nginx": "nginx_",
}


def alerts_of(plan) -> dict[str, Alert]:
    return {alert.title: alert for group in plan.monitoring.groups for alert in group.alerts}


def every_alert() -> list[Alert]:
    plans = [plan_of(size=tier, mail=mail) for tier in Tier for mail in ("none", RELAY)]
    return [alert for plan in plans for alert in alerts_of(plan).values()]


def test_each_alert_has_its_page_and_each_page_its_alerts():
    wanted: dict[str, set[str]] = {}
    for alert in every_alert():
        title = re.sub("^VolumeMissing.*", "VolumeMissing…", alert.title)
        wanted.setdefault(alert.runbook, set()).add(title)
    pages = {page.stem: page.read_text(encoding="utf-8") for page in RUNBOOKS.glob("*.md") if page.stem != "README"}
    named = {}
    for slug, text in pages.items():
        line = text.split("\n\n")[1]
        assert line.startswith("Alerts: "), slug
        named[slug] = set(re.findall("`([^`]+)`", line))
    assert named == wanted


def test_each_page_says_what_it_means_where_to_look_and_how_to_mend_it():
    for page in RUNBOOKS.glob("*.md"):
        if page.stem != "README":
            text = page.read_text(encoding="utf-8")
            for part in ("**What it means.**", "**What people notice.**", "## Look", "```sh", "## Mend", "## Wake"):
                assert part in text, f"{page.name}: {part}"


def test_the_index_names_every_page():
    index = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\(([a-z-]+)\.md\)", index)) == {one.stem for one in RUNBOOKS.glob("*.md")} - {"README"}


@pytest.mark.parametrize("tier", list(Tier), ids=str)
def test_only_what_gives_numbers_is_watched(tier):
    plan = plan_of(size=tier)
    jobs = {target.job for target in plan.monitoring.targets}
    expressions = " ".join(alert.expression for alert in alerts_of(plan).values())
    for job, prefix in METRIC_OF_JOB.items():
        assert (re.search(rf"\b{prefix}", expressions) is not None) == (job in jobs), job


def test_without_backups_nobody_is_woken_for_them():
    plan = plan_of(size="small", disposable=True, backups={"enabled": False})
    assert not [title for title in alerts_of(plan) if "Backup" in title or "Archive" in title]


def test_thresholds_follow_the_plan():
    for size in Tier:
        plan = plan_of(size=size)
        alerts = alerts_of(plan)
        most = plan.postgres.app_connections.value
        assert alerts["PostgresConnectionsHigh"].threshold.value == most * 80 // 100
        assert alerts["PostgresConnectionsNearlyGone"].threshold.value < most, (
            "the app is stopped before max_connections"
        )
        assert alerts["RedisMemoryNearlyGone"].threshold.value == plan.redis.queue.maxmemory.value * 2**20 * 90 // 100
        for node in plan.nodes:
            if node.web and "PumaBusy" in alerts:
                assert alerts["PumaBusy"].threshold.value <= node.web.thread_count


def test_each_queue_that_is_worked_has_a_warning_and_an_emergency():
    for size in Tier:
        plan = plan_of(size=size)
        queues = {str(queue) for unit in plan.sidekiq for queue, _ in unit.queues} - {"scheduler"}
        alerts = alerts_of(plan)
        for queue in queues:
            late, stuck = alerts[f"QueueLate{queue.capitalize()}"], alerts[f"QueueStuck{queue.capitalize()}"]
            assert (late.severity, stuck.severity) == (Severity.WARNING, Severity.CRITICAL)
            assert late.threshold.value < stuck.threshold.value


def test_a_heartbeat_always_fires():
    watchdog = alerts_of(plan_of(size="small"))["Watchdog"]
    assert (watchdog.expression, watchdog.severity) == ("vector(1) == 1", Severity.NONE)


def test_every_target_is_asked_where_it_listens():
    """On loopback where nobody else may ask, else by its private address."""
    plan = plan_of(size=Tier.MEDIUM)
    for target in plan.monitoring.targets:
        is_own = target.node == plan.monitoring.node
        assert target.address == ("127.0.0.1" if is_own else plan.node(target.node).address)


def test_probes_ask_by_public_names():
    asked = {probe.name: probe.target for probe in plan_of(size="small").monitoring.probes}
    assert asked == {
        "web": "https://social.example/health",
        "api": "https://social.example/api/v2/instance",
        "streaming": "https://social.example/api/v1/streaming/health",
        "media": "files.social.example:443",
        "certificate": "social.example:443",
        "store": "https://au-mel-1.linodeobjects.com/",
        "webfinger": "https://social.example/.well-known/webfinger?resource=acct:admin@social.example",
        "actor": "https://social.example/@admin",
    }
    hidden = plan_of(size="small", mastodon={"limited_federation": True})
    assert not {"api", "actor"} & {probe.name for probe in hidden.monitoring.probes}


@pytest.mark.parametrize(
    ("words", "webfinger", "actor"),
    [
        ({"mastodon": {"secure_mode": True}}, "social.example", None),
        (
            {"web_domain": "www.social.example", "edge": {"serve_local_domain": False}},
            "www.social.example",
            "www.social.example",
        ),
        ({"web_domain": "www.social.example"}, "social.example", "www.social.example"),
    ],
    ids=["unsigned requests are refused", "others serve the handles' domain", "we serve the handles' domain"],
)
def test_federation_is_asked_for_where_we_answer_other_servers(words, webfinger, actor):
    asked = {probe.name: probe.target for probe in plan_of(size="small", **words).monitoring.probes}
    assert asked["webfinger"] == f"https://{webfinger}/.well-known/webfinger?resource=acct:admin@social.example"
    assert asked.get("actor") == (f"https://{actor}/@admin" if actor else None)


@pytest.mark.parametrize("tier", list(Tier), ids=str)
def test_a_dead_puma_is_seen_on_every_web_node_however_small(tier):
    alerts = alerts_of(plan_of(size=tier))
    assert alerts["WebNodeDown"].severity is Severity.CRITICAL
    assert ("PumaSilent" in alerts) == ("PumaBusy" in alerts) == ("WebWorkerLarge" in alerts)


def test_the_list_of_alerts_says_which_machines_are_too_small_for_numbers_of_puma():
    said = (RUNBOOKS / "README.md").read_text(encoding="utf-8")
    assert f"from {METRICS_FROM_MIB // 1024} GiB on" in said
    assert f"takes {METRICS_EXPORTER_MIB} MiB" in said
    for title in ("PumaBusy", "PumaBacklog", "RequestsWait", "PumaSilent", "WebWorkerLarge"):
        alert = alerts_of(plan_of(size=Tier.LARGE))[title]
        assert "mastodon_infra_" not in alert.expression
        assert f"`{title}`" in said.partition("| page |")[0], title


def test_a_large_database_may_take_longer_to_back_up():
    def hours(title, size):
        threshold = alerts_of(plan_of(size=size))[title].threshold
        return threshold.value // 3600, dict(threshold.inputs)["data"]

    assert hours("BackupLate", Tier.SOLO) == (24 + 2 + 1, "6 GiB")
    assert hours("BackupLate", Tier.XLARGE) == (24 + 2 + 2, "93 GiB")
    assert hours("BackupFullLate", Tier.XLARGE) == (168 + 2 + 2, "93 GiB")
