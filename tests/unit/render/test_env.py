import re

import pytest

from mastodon_infra.errors import TemplateError
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.env import MAY_BE_EMPTY, SETTINGS, ProcessKind, env_lines
from mastodon_infra.render.wiring import Wiring

GONE = [
    "OTP_SECRET",
    "REDIS_NAMESPACE",
    "STREAMING_CLUSTER_NUM",
    "STATSD_ADDR",
    "MASTODON_USE_LIBVIPS",
    "WHITELIST_MODE",
]


NEVER = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "any name of this form, also a blank one, turns tracing on",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "as above",
    "OTEL_SERVICE_NAME": "Mastodon makes the name itself",
    "OTEL_SERVICE_NAME_PREFIX": "nobody is told about traces",
    "OTEL_SERVICE_NAME_SEPARATOR": "as above",
    "OTEL_RUBY_INSTRUMENTATION_PG_ENABLED": "as above",
    "PAPERCLIP_ROOT_PATH": "media lie in the bucket, never on a machine's disk",
    "PAPERCLIP_ROOT_URL": "as above; and it would open the pages' content policy for another host",
    "LOCAL_HTTPS": "read in development only",
    "SELF_DESTRUCT": "replaces the whole schedule: tootctl self-destruct is a person's own act",
}
"""Settings that Mastodon reads, and that are never said here, each with the reason."""


def environment_of(plan, node: str, kind: str) -> dict[str, str]:
    text = bundle(plan, plan.node(node), Wiring.placeholder(plan)).file(f"/etc/mastodon/{kind}.env").content
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize("name", GONE)
def test_settings_that_no_longer_exist_are_refused(name):
    with pytest.raises(TemplateError, match=f"{name} is no setting of Mastodon"):
        env_lines(ProcessKind.WEB, [(name, "x")])


@pytest.mark.parametrize("name", NEVER)
def test_settings_that_are_never_said_are_refused_for_every_kind_of_process(name):
    for kind in ProcessKind:
        with pytest.raises(TemplateError, match=f"{name} is no setting of Mastodon"):
            env_lines(kind, [(name, "x")])


def test_no_template_says_such_a_setting_beside_the_table(plan):
    for node in plan.nodes:
        for file in bundle(plan, node, Wiring.placeholder(plan)).files:
            said = set(re.findall(r"\b[A-Z][A-Z_]+(?==)", file.content))
            assert not said & set(NEVER), file.path
            assert not [name for name in said if name.startswith("OTEL_")], file.path


def test_a_setting_for_another_kind_of_process_is_refused():
    with pytest.raises(TemplateError, match="WEB_CONCURRENCY is not read by streaming processes"):
        env_lines(ProcessKind.STREAMING, [("WEB_CONCURRENCY", "2")])


def test_blank_values_are_refused_except_where_blank_means_something():
    with pytest.raises(TemplateError, match="REDIS_HOST is empty"):
        env_lines(ProcessKind.WEB, [("REDIS_HOST", "")])
    assert env_lines(ProcessKind.WEB, [("S3_PERMISSION", "")]) == ("S3_PERMISSION=",)


@pytest.mark.parametrize("value", ["two words", 'a"b', "a'b", "a$b", "a#b", "a\\b", "a\nDB_HOST=evil", "a`b`", "ä"])
def test_values_that_readers_take_differently_are_refused_and_not_shown(value):
    with pytest.raises(TemplateError) as caught:
        env_lines(ProcessKind.WEB, [("SMTP_PASSWORD", value)])
    assert value not in str(caught.value)


def test_a_setting_said_twice_is_refused():
    with pytest.raises(TemplateError, match="DB_HOST is set twice"):
        env_lines(ProcessKind.WEB, [("DB_HOST", "a"), ("DB_HOST", "b")])


def test_every_environment_file_holds_only_known_settings_of_its_kind(plan):
    for node in plan.nodes:
        for file in bundle(plan, node, Wiring.placeholder(plan)).files:
            if not file.path.startswith("/etc/mastodon/") or not file.path.endswith(".env"):
                continue
            kind = ProcessKind(file.path.rpartition("/")[2].removesuffix(".env"))
            for line in file.content.splitlines():
                name, _, value = line.partition("=")
                assert kind in SETTINGS[name], f"{name} in {file.path}"
                assert value or name in MAY_BE_EMPTY
                assert not re.search(r"[\"'\s$#]", value), line


def test_streaming_gets_no_secret_but_its_logins(planned):
    settings = environment_of(planned("medium"), "web-1", "streaming")
    assert set(settings) == {
        "BIND", "DB_HOST", "DB_NAME", "DB_PASS", "DB_POOL", "DB_PORT", "DB_SSLMODE", "DB_USER", "NODE_ENV",
        "NODE_EXTRA_CA_CERTS", "REDIS_HOST", "REDIS_PASSWORD", "REDIS_PORT", "REDIS_USER",
    }  # fmt: skip


def test_behind_a_pooler_prepared_statements_are_off_and_tasks_go_direct(planned):
    plan = planned("medium")
    web, tasks = environment_of(plan, "web-1", "web"), environment_of(plan, "web-1", "tasks")
    assert (web["DB_PORT"], web["PREPARED_STATEMENTS"]) == ("6432", "false")
    assert (tasks["DB_PORT"], tasks["DB_USER"]) == ("5432", "mastodon_admin")
    assert "PREPARED_STATEMENTS" not in tasks


def test_a_pooler_on_the_same_machine_is_asked_over_loopback(planned):
    web = environment_of(planned("large"), "web-2", "web")
    assert (web["DB_HOST"], web["DB_PORT"], web["DB_SSLMODE"]) == ("127.0.0.1", "6432", "disable")


def test_ruby_never_gets_a_pool_size(plan):
    for node in plan.nodes:
        for kind in ("web", "sidekiq", "tasks"):
            try:
                assert "DB_POOL" not in environment_of(plan, node.name, kind)
            except KeyError:
                continue


def test_wasabi_gets_what_large_uploads_need_there(planned):
    web = environment_of(planned("sydney"), "web-1", "web")
    assert web["S3_FORCE_SINGLE_REQUEST"] == "true"
    assert web["S3_MULTIPART_THRESHOLD"] == "52428800"


def test_without_mail_nothing_is_tried_again_and_again(planned):
    """A mail that cannot leave would fill the retries; with a relay, nothing is said about the way."""
    for mail, way in (("none", "file"), ({"provider": "ses", "region": "us-east-1"}, None)):
        plan = planned(mail=mail)
        for kind in ("web", "sidekiq", "tasks"):
            said = environment_of(plan, plan.leader, kind)
            assert said.get("SMTP_DELIVERY_METHOD") == way
            assert ("SMTP_SERVER" in said) == (way is None)


def test_uploads_wait_and_retry_as_planned(plan):
    said = environment_of(plan, plan.leader, "web")
    uploads = plan.mastodon.uploads
    assert said["S3_READ_TIMEOUT"] == str(uploads.read_timeout_seconds.value)
    assert int(said["S3_RETRY_LIMIT"]) <= 3, "the documentation's most"
    is_wasabi = plan.media.provider == "wasabi"
    assert said.get("S3_MULTIPART_THRESHOLD") == ("52428800" if is_wasabi else None)
    assert said.get("S3_FORCE_SINGLE_REQUEST") == ("true" if is_wasabi else None)


def test_every_process_says_its_name_to_both_stores(plan):
    for node in plan.nodes:
        for file in bundle(plan, node, Wiring.placeholder(plan)).files:
            if file.path.startswith("/etc/mastodon/") and file.path.endswith(".env"):
                said = dict(line.split("=", 1) for line in file.content.splitlines())
                users = {value for name, value in said.items() if name.endswith("REDIS_USER")}
                assert users == {"mastodon"}, file.path
                assert ("CACHE_REDIS_USER" in said) == ("streaming" not in file.path)
