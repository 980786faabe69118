"""The stand-in of Mastodon states its rules itself, since it runs where nothing of ours is; here they meet our own."""

import re

import pytest

from mastodon_infra.model.role import Queue
from mastodon_infra.rehearsal.machines.stand_in.mastodon import environment, rules
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.env import MAY_BE_EMPTY, SETTINGS
from mastodon_infra.render.environment import templates_dir
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import SPECS, plan_of
from tests.unit.render.test_env import GONE


def environments():
    """Every environment file of every case, with what the image sets, by place and kind."""
    for case in SPECS:
        plan = plan_of(case)
        for node in plan.nodes:
            for file in bundle(plan, node, Wiring.stand_in(plan)).files:
                if found := re.fullmatch(r"/etc/mastodon/(\w+)\.env", file.path):
                    said = dict(line.split("=", 1) for line in file.content.splitlines())
                    yield f"{case} {node.name}", found[1], {**rules.BAKED, "PATH": "/bin", **said}


def test_both_know_the_same_settings_and_who_reads_them():
    assert {name: set(kinds) for name, kinds in rules.READERS.items()} == {
        name: {str(kind) for kind in kinds} for name, kinds in SETTINGS.items()
    }
    assert rules.MAY_BE_BLANK == MAY_BE_EMPTY


def test_what_is_gone_is_no_setting_any_more():
    assert set(GONE) <= rules.GONE.keys()
    assert not rules.GONE.keys() & SETTINGS.keys()


def test_both_know_the_same_queues():
    assert rules.QUEUES.keys() == {str(queue) for queue in Queue}


def test_the_stand_in_knows_every_command_that_machines_run():
    commands = {" ".join(task.command[:2]): set(task.command[2:]) | {"--days"}
                for case in SPECS for task in plan_of(case).mastodon.maintenance.tasks}  # fmt: skip
    text = (templates_dir() / "leader/usr/local/lib/mastodon-infra/first-start.j2").read_text()
    for line in re.findall(r"bin/tootctl (.+)", text):
        words = line.split()
        commands.setdefault(" ".join(words[:2]), set()).update(word for word in words if word.startswith("--"))
    assert len(commands) == 5
    for name, options in commands.items():
        assert options <= rules.TOOTCTL[name]


def test_the_names_of_metrics_are_those_that_rules_and_panels_ask_for():
    ours = {f"mastodon_{name}" for name in rules.SIDEKIQ_METRICS | rules.PUMA_METRICS}
    ours |= {f"mastodon_streaming_{name}" for name in rules.STREAMING_METRICS}
    asked = {
        name
        for path in (templates_dir() / "monitoring").rglob("*.j2")
        for name in re.findall(r"\bmastodon_(?:streaming|sidekiq|puma|active_record)_\w+", path.read_text())
    }
    plan = plan_of("medium")
    for node in plan.nodes:
        for file in bundle(plan, node, Wiring.stand_in(plan)).files:
            if "/prometheus/" in file.path:
                asked |= set(re.findall(r"\bmastodon_(?:streaming|sidekiq|puma|active_record)_\w+", file.content))
    asked -= {"mastodon_streaming_"}
    assert asked
    assert asked <= ours


def test_what_we_render_is_taken(monkeypatch):
    kinds = set()
    for place, kind, given in environments():
        monkeypatch.setattr(environment, "ENVIRONMENT", given)
        try:
            environment.check(kind)
        except environment.Refused as refused:
            pytest.fail(f"{place}, {kind}: {refused}")
        kinds.add(kind)
    assert kinds == set(rules.ALL)


REFUSALS = [
    ("web", {"RAILS_ENV": None}, "missing: RAILS_ENV; RAILS_ENV is not production"),
    ("web", {"RAILS_ENV": "development"}, "RAILS_ENV is not production"),
    ("web", {"SECRET_KEY_BASE": None}, "missing: SECRET_KEY_BASE"),
    ("tasks", {"ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY": None}, "missing: ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY"),
    ("sidekiq", {"ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY": "xDO_NOT_USE_IN_PRODUCTION"}, "key is the sample's"),
    ("web", {"VAPID_PUBLIC_KEY": None}, "missing: VAPID_PUBLIC_KEY"),
    ("sidekiq", {"S3_BUCKET": None}, "missing: S3_BUCKET"),
    ("web", {"REDIS_HOST": ""}, "missing: REDIS_HOST; blank: REDIS_HOST"),
    ("web", {"S3_ALIAS_HOST": ""}, "blank: S3_ALIAS_HOST"),
    ("web", {"PREPARED_STATEMENTS": ""}, "blank: PREPARED_STATEMENTS"),
    ("web", {"REPLICA_DB_HOST": ""}, "blank: REPLICA_DB_HOST"),
    ("web", {"CACHE_REDIS_URL": "redis://here"}, "knows CACHE_REDIS_HOST alone"),
    ("web", {"REDIS_NAMESPACE": ""}, "gone or never to be set: REDIS_NAMESPACE"),
    ("web", {"OTP_SECRET": "x"}, "gone or never to be set: OTP_SECRET"),
    ("tasks", {"SECRET_KEY_BASE_DUMMY": "1"}, "gone or never to be set: SECRET_KEY_BASE_DUMMY"),
    ("web", {"LOCAL_DOMIAN": "social.example"}, "unknown: LOCAL_DOMIAN"),
    ("web", {"SKIP_POST_DEPLOYMENT_MIGRATIONS": "true"}, "not read by this process: SKIP_POST_DEPLOYMENT_MIGRATIONS"),
    ("streaming", {"SECRET_KEY_BASE": "x"}, "not read by this process: SECRET_KEY_BASE"),
    ("sidekiq", {"WEB_CONCURRENCY": "2"}, "not read by this process: WEB_CONCURRENCY"),
    ("web", {"LOCAL_DOMAIN": '"social.example"'}, "quoted: LOCAL_DOMAIN"),
    ("web", {"MAX_THREADS": "many"}, "no number above 0: MAX_THREADS"),
    ("web", {"WEB_CONCURRENCY": "0"}, "no number above 0: WEB_CONCURRENCY"),
    ("web", {"DB_SSLMODE": "no-verify"}, "libpq knows no DB_SSLMODE=no-verify"),
    ("streaming", {"NODE_ENV": "development"}, "NODE_ENV is not production"),
    ("streaming", {"NODE_EXTRA_CA_CERTS": None}, "nobody says which authority to trust"),
    ("streaming", {"DB_PASS": None}, "missing: DB_PASS"),
]


@pytest.mark.parametrize(("kind", "change", "complaint"), REFUSALS)
def test_what_mastodon_would_stumble_over_is_refused(monkeypatch, kind, change, complaint):
    given = next(given for place, name, given in environments() if name == kind and place.startswith("medium"))
    changed = {name: value for name, value in {**given, **change}.items() if value is not None}
    monkeypatch.setattr(environment, "ENVIRONMENT", changed)
    with pytest.raises(environment.Refused) as refused:
        environment.check(kind)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("streaming", {"DB_SSLMODE": "no-verify", "NODE_EXTRA_CA_CERTS": None}),
        ("web", {"S3_PERMISSION": ""}),
        ("tasks", {"SKIP_POST_DEPLOYMENT_MIGRATIONS": "false"}),
    ],
)
def test_what_mastodon_takes_is_taken(monkeypatch, kind, change):
    given = next(given for place, name, given in environments() if name == kind and place.startswith("medium"))
    changed = {name: value for name, value in {**given, **change}.items() if value is not None}
    monkeypatch.setattr(environment, "ENVIRONMENT", changed)
    environment.check(kind)
