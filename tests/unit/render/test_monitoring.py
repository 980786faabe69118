"""What the watching node gets: every target, every rule, and a way to people, whatever ways there are."""

import re
from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Role
from mastodon_infra.plan.alerts_machines import BUNDLE_DIFFERS
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import UnitState
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import SPECS, plan_of
from tests.unit.render.conftest import MINIMUM

RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social", "port": 2525}
HOSTS = {"webhook_host": "hooks.chat.example", "heartbeat_host": "beats.example"}
FOLDER = "/etc/prometheus/mastodon-infra"


def watcher(**words: Any):
    """The plan, and the bundle of the node that watches."""
    plan = plan_instance(InstanceSpec.model_validate(MINIMUM | {"size": "medium"} | words))
    return plan, bundle(plan, plan.node(plan.monitoring.node), Wiring.placeholder(plan))


def read(node_bundle, path: str) -> dict[str, Any]:
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(node_bundle.file(path).content)
    return loaded


def receiver(node_bundle, name: str) -> dict[str, Any]:
    settings = read(node_bundle, "/etc/prometheus/alertmanager.yml")
    return next(one for one in settings["receivers"] if one["name"] == name)


@pytest.mark.parametrize("size", ["solo", "medium", "xlarge"])
def test_every_target_of_the_plan_is_asked(size):
    plan, node_bundle = watcher(size=size)
    asked = {
        (job["job_name"], target)
        for job in read(node_bundle, "/etc/prometheus/prometheus.yml")["scrape_configs"]
        for static in job["static_configs"]
        for target in static["targets"]
    }
    planned = {(one.job, f"{one.address}:{one.port}") for one in plan.monitoring.targets}
    planned |= {("probe", one.target) for one in plan.monitoring.probes}
    assert asked - planned == {
        ("prometheus", "127.0.0.1:9090"),
        ("alertmanager", "127.0.0.1:9093"),
        ("prober", "127.0.0.1:9115"),
    }
    assert planned <= asked


def test_every_alert_of_the_plan_is_a_rule_as_it_stands_there():
    plan, node_bundle = watcher()
    rules = {
        rule["alert"]: rule
        for group in read(node_bundle, "/etc/prometheus/rules/alerts.yml")["groups"]
        for rule in group["rules"]
    }
    planned = {alert.title: alert for group in plan.monitoring.groups for alert in group.alerts}
    assert rules.keys() == planned.keys()
    for title, rule in rules.items():
        assert rule["expr"] == planned[title].expression
        assert rule["labels"]["severity"] == planned[title].severity.value
        assert rule["annotations"] == {
            "summary": planned[title].summary,
            "impact": planned[title].impact,
            "runbook": f"docs/runbooks/{planned[title].runbook}.md",
        }


def differing(size: str) -> tuple[Any, re.Pattern[str]]:
    """The plan, and what the digests of machines with their bundles look like."""
    plan, node_bundle = watcher(size=size)
    (rule,) = read(node_bundle, "/etc/prometheus/rules/bundles.yml")["groups"][0]["rules"]
    found = re.fullmatch(r'mastodon_infra_bundle_info\{node!="(.*)",digest!~"(.*)"\}', rule["expr"])
    assert found
    assert (rule["record"], found[1]) == (BUNDLE_DIFFERS, plan.monitoring.node)
    return plan, re.compile(found[2])


@pytest.mark.parametrize("size", ["medium", "xlarge"])
def test_a_machine_is_told_of_unless_it_holds_its_bundle(size):
    plan, is_right = differing(size)
    wiring = Wiring.placeholder(plan)
    for node in plan.nodes:
        held = bundle(plan, node, wiring).digest
        assert bool(is_right.fullmatch(held)) == (node.name != plan.monitoring.node)
        assert not is_right.fullmatch(f"0{held}")


def test_other_secrets_make_other_digests():
    plan, node_bundle = watcher()
    other = bundle(plan, plan.node(plan.monitoring.node), replace(Wiring.placeholder(plan), redis_password="another"))
    path = "/etc/prometheus/rules/bundles.yml"
    assert other.file(path).content != node_bundle.file(path).content


def test_one_machine_has_no_others_to_compare():
    _, node_bundle = watcher(size="solo")
    text = "".join(file.content for file in node_bundle.files)
    assert "bundles.yml" not in text
    assert BUNDLE_DIFFERS not in text


def test_without_any_way_out_the_settings_are_still_whole():
    _, node_bundle = watcher()
    assert receiver(node_bundle, "people") == {"name": "people"}
    assert receiver(node_bundle, "heartbeat") == {"name": "heartbeat"}
    assert not [file.path for file in node_bundle.files if file.path.startswith(f"{FOLDER}/")]


def test_alerts_go_by_mail_by_webhook_and_as_a_heartbeat():
    _, node_bundle = watcher(mail=RELAY, alerts=HOSTS | {"email": "night@social.example"})
    settings = read(node_bundle, "/etc/prometheus/alertmanager.yml")["global"]
    people = receiver(node_bundle, "people")
    assert (settings["smtp_smarthost"], settings["smtp_require_tls"]) == ("smtp.relay.example:2525", True)
    assert people["email_configs"][0]["to"] == "night@social.example"
    assert people["webhook_configs"][0]["url_file"] == f"{FOLDER}/webhook-url"
    assert receiver(node_bundle, "heartbeat")["webhook_configs"][0]["url_file"] == f"{FOLDER}/heartbeat-url"


def test_secrets_lie_in_files_that_only_alertmanager_reads():
    _, node_bundle = watcher(mail=RELAY, alerts=HOSTS)
    for name, secret in (
        ("smtp-password", "<<smtp_password>>"),
        ("webhook-url", "<<alert_webhook_url>>"),
        ("heartbeat-url", "<<alert_heartbeat_url>>"),
    ):
        file = node_bundle.file(f"{FOLDER}/{name}")
        assert file.content == f"{secret}\n"
        assert (file.mode, file.group, file.is_secret) == (0o640, "prometheus", True)
        assert [one.path for one in node_bundle.files if secret in one.content] == [file.path]


def test_how_long_numbers_are_kept_is_bounded_by_time_and_by_disk():
    plan, node_bundle = watcher()
    words = node_bundle.file("/etc/default/prometheus").content
    assert f"--storage.tsdb.retention.time={plan.monitoring.retention_days.value}d" in words
    assert f"--storage.tsdb.retention.size={plan.monitoring.retention_mib.value}MB" in words


def test_a_name_with_quotes_changes_nothing_but_itself(monkeypatch):
    # The app's settings would refuse such a name, and with them the digests of the other machines.
    monkeypatch.setattr("mastodon_infra.render.bundle._digests_of_others", lambda _: ())
    plan, _ = watcher(mail=RELAY)
    odd = replace(Wiring.placeholder(plan), smtp_username='a"b: {{ c }}\\')
    node_bundle = bundle(plan, plan.node(plan.monitoring.node), odd)
    assert read(node_bundle, "/etc/prometheus/alertmanager.yml")["global"]["smtp_auth_username"] == 'a"b: {{ c }}\\'


SYSTEM_UNITS = {"ssh.service", "unattended-upgrades.service", "apt-daily-upgrade.service"}
"""Of Debian's own, beside those that a bundle names."""


@pytest.mark.parametrize("case", SPECS)
def test_the_state_of_every_unit_that_a_bundle_starts_is_told(case):
    """Mounts apart: an alert asks for each volume's file system."""
    plan = plan_of(case)
    wiring = Wiring.placeholder(plan)
    for node in plan.nodes:
        made = bundle(plan, node, wiring)
        words = made.file("/etc/default/prometheus-node-exporter").content
        found = re.search(r'unit-include=([^ "]+)', words)
        assert found
        is_told = re.compile(found[1])
        units = {unit.name for unit in made.units if unit.state is not UnitState.DISABLED} | SYSTEM_UNITS
        assert {unit for unit in units if not is_told.fullmatch(unit) and not unit.endswith(".mount")} == set()
        assert bool(is_told.fullmatch("tor@default.service")) == (Role.ONION in node.roles)
        assert not is_told.fullmatch("getty@tty1.service")
