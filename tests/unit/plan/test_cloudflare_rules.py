"""What Cloudflare would do with a request, by the planned rules: the expressions are really evaluated here."""

import re
from dataclasses import dataclass
from typing import Any

import pytest

from mastodon_infra.plan import cloudflare_types
from mastodon_infra.plan.cloudflare_types import Phase
from tests.unit.plan.specs import plan_of

PROXIED = {"dns": "cloudflare", "proxied": True, "media": "cloudflare", "media_domain": "media.social.example"}
WEB, MEDIA, STRANGER = "social.example", "media.social.example", "shop.social.example"

FEDERATION = [
    "/inbox", "/users/admin/inbox", "/users/admin", "/@admin", "/@admin/1234", "/ap/users/1/inbox", "/actor",
    "/actor/inbox", "/api/v1/streaming", "/api/v1/timelines/home", "/api/v2/media", "/.well-known/webfinger",
    "/.well-known/nodeinfo", "/nodeinfo/2.0", "/contexts/1", "/oauth/token", "/media_proxy/1/original", "/health",
]  # fmt: skip
DYNAMIC = ["/", "/@admin", "/users/admin", "/inbox", "/api/v1/instance", "/auth/sign_in", "/settings/profile",
           "/admin", "/sidekiq", "/nodeinfo/2.0", "/.well-known/webfinger", "/media_proxy/1/original", "/health",
           "/sw.js", "/manifest"]  # fmt: skip
STATIC = ["/packs/app.js", "/assets/logo.svg", "/emoji/1f600.svg", "/avatars/original/missing.png", "/ocr/worker.js"]


def plain(parameters: Any) -> Any:
    return cloudflare_types.plain(parameters)


@dataclass(frozen=True)
class Request:
    host: str
    path: str
    method: str = "GET"
    ssl: bool = True


def matches(expression, request):
    """Whether a request meets an expression, in the part of Cloudflare's language that the plan uses."""
    python = re.sub(r"\{([^}]*)\}", lambda found: f"({', '.join(found[1].split())},)", expression)
    python = re.sub(r"(starts|ends)_with\(http\.request\.uri\.path, (\"[^\"]+\")\)", r"path.\1with(\2)", python)
    for name, short in (("http.request.uri.path", "path"), ("http.request.method", "method"), ("http.host", "host")):
        python = python.replace(name, short)
    python = python.replace(" eq ", " == ")
    names = {"path": request.path, "method": request.method, "host": request.host, "ssl": request.ssl}
    return bool(eval(python, {"__builtins__": {}}, names))


def rules(plan, phase):
    return next((one.rules for one in plan.cloudflare.phases if one.phase is phase), ())


def met(plan, phase, request):
    return [rule for rule in rules(plan, phase) if matches(rule.expression, request)]


@pytest.fixture(scope="module")
def plan():
    return plan_of(size="small", edge=PROXIED)


@pytest.mark.parametrize("path", FEDERATION)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_servers_and_apps_pass_before_anything_could_stop_them(plan, path, method):
    first, *_ = met(plan, Phase.FIREWALL, Request(WEB, path, method))

    assert (first.action, plain(first.parameters)["ruleset"]) == ("skip", "current")
    assert Phase.RATE_LIMIT.value in plain(first.parameters)["phases"]
    assert not met(plan, Phase.RATE_LIMIT, Request(WEB, path, method))


def test_nothing_is_ever_challenged_and_bots_are_not_fought(plan):
    actions = {rule.action for phase in plan.cloudflare.phases for rule in phase.rules}

    assert actions == {"redirect", "set_config", "set_cache_settings", "skip", "block", "rewrite"}
    assert plan.cloudflare.fight_bots.value is False
    (config,) = rules(plan, Phase.CONFIG)
    assert (plain(config.parameters)["bic"], plain(config.parameters)["security_level"]) == (False, "essentially_off")


@pytest.mark.parametrize("path", DYNAMIC)
def test_page_that_depends_on_accept_is_never_cached(plan, path):
    *_, last = met(plan, Phase.CACHE, Request(WEB, path))

    assert plain(last.parameters)["cache"] is False


@pytest.mark.parametrize("path", STATIC)
def test_file_that_looks_the_same_to_everybody_is_cached_for_as_long_as_nginx_says(plan, path):
    *_, last = met(plan, Phase.CACHE, Request(WEB, path))

    assert plain(last.parameters)["cache"] is True
    assert plain(last.parameters)["edge_ttl"] == {"mode": "respect_origin"}


def test_media_are_cached_long_their_errors_briefly_and_archives_not_at_all(plan):
    (media,) = met(plan, Phase.CACHE, Request(MEDIA, "/media_attachments/files/1/original.png"))
    ttl = plain(media.parameters)["edge_ttl"]

    assert ttl["default"] == plan.cloudflare.media_edge_seconds.value == 30 * 86400
    assert [(one["status_code_range"]["from"], one["value"]) for one in ttl["status_code_ttls"]] == [
        (400, 60),
        (500, 0),
    ]
    assert not met(plan, Phase.CACHE, Request(MEDIA, "/backups/dumps/1/archive.zip"))


@pytest.mark.parametrize(
    ("path", "method", "is_stopped"),
    [
        ("/accounts/avatars/1.png", "GET", False),
        ("/accounts/avatars/1.png", "HEAD", False),
        ("/accounts/avatars/1.png", "OPTIONS", False),
        ("/accounts/avatars/1.png", "PUT", True),
        ("/accounts/avatars/1.png", "DELETE", True),
        ("/", "GET", True),
    ],
)
def test_world_reads_single_objects_of_the_bucket_and_lists_nothing(plan, path, method, is_stopped):
    stopped = [rule for rule in met(plan, Phase.FIREWALL, Request(MEDIA, path, method)) if rule.action == "block"]

    assert bool(stopped) is is_stopped


def test_media_answers_carry_what_nginx_would_say(plan):
    (rule,) = met(plan, Phase.RESPONSE, Request(MEDIA, "/accounts/avatars/1.png"))
    said = {name: one["value"] for name, one in plain(rule.parameters)["headers"].items() if one["operation"] == "set"}

    assert said["Access-Control-Allow-Origin"] == "*"
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Content-Security-Policy"].startswith("default-src 'none'")


def test_clear_text_is_led_to_https_with_path_and_query(plan):
    (rule,) = met(plan, Phase.REDIRECT, Request(WEB, "/@admin", ssl=False))

    assert plain(rule.parameters)["from_value"]["preserve_query_string"] is True
    assert not met(plan, Phase.REDIRECT, Request(WEB, "/@admin", ssl=True))


@pytest.mark.parametrize("path", ["/wp-login.php", "/xmlrpc.php", "/.env", "/.git/config", "/wp-admin/"])
def test_probes_for_other_software_end_at_the_edge(plan, path):
    assert [rule.action for rule in met(plan, Phase.FIREWALL, Request(WEB, path))] == ["block"]


def test_guessing_of_passwords_is_slowed_and_reading_is_not(plan):
    (rule,) = met(plan, Phase.RATE_LIMIT, Request(WEB, "/auth/sign_in", "POST"))

    assert plain(rule.rate)["requests_per_period"] == plan.cloudflare.sign_ins_per_period.value
    assert "http.host" not in rule.expression, "the Free plan's rule may look at the path alone"


@pytest.mark.parametrize("path", ["/", "/inbox", "/packs/app.js", "/wp-login.php"])
def test_another_web_site_in_the_zone_is_left_alone(plan, path):
    for phase in Phase:
        if phase is not Phase.RATE_LIMIT:
            assert not met(plan, phase, Request(STRANGER, path, ssl=False))


def test_origin_is_checked_strictly_and_pages_pass_unchanged(plan):
    (config,) = met(plan, Phase.CONFIG, Request(WEB, "/"))

    assert plain(config.parameters)["ssl"] == "strict"
    rewriting = {"email_obfuscation", "rocket_loader", "hotlink_protection", "automatic_https_rewrites"}
    assert {plain(config.parameters)[name] for name in rewriting} == {False}
    assert {one.name: one.value.value for one in plan.cloudflare.settings} == {
        "min_tls_version": "1.2", "tls_1_3": "on", "0rtt": "off", "http3": "on", "websockets": "on",
    }  # fmt: skip


def test_names_of_rules_are_unique_within_their_phase(plan):
    for phase in plan.cloudflare.phases:
        assert len({rule.name for rule in phase.rules}) == len(phase.rules)
        assert all(len(rule.expression) <= 4096 for rule in phase.rules), "Cloudflare's limit"


def test_dns_only_has_nothing_of_it():
    assert plan_of(size="small", edge={"dns": "cloudflare"}).cloudflare is None
    assert plan_of(size="small").cloudflare is None


def test_media_alone_behind_cloudflare_leaves_the_web_site_alone():
    plan = plan_of(size="small", edge={**PROXIED, "proxied": False})

    assert plan.cloudflare
    assert plan.cloudflare.hosts == (MEDIA,)
    assert plan.cloudflare.has_origin_pulls.value is False
    assert not [phase for phase in Phase if met(plan, phase, Request(WEB, "/wp-login.php", ssl=False))]


def test_every_proxied_record_is_among_the_hosts_that_rules_speak_of():
    edge = {"dns": "cloudflare", "zone": "example.org", "proxied": True, "streaming_domain": "stream.example.org"}
    plan = plan_of(size="small", domain="example.org", web_domain="social.example.org", edge=edge)

    assert plan.cloudflare
    assert {record.host for record in plan.dns.records if record.is_proxied} == set(plan.cloudflare.hosts)
