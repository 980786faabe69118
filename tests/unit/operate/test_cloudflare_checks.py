"""What Cloudflare tells of the token and the zone."""

from __future__ import annotations

import pytest

from mastodon_infra.operate.api import Api
from mastodon_infra.operate.cloudflare_checks import cloudflare_checks
from tests.unit.cost.made import plan_of
from tests.unit.operate.made import by_name, outcomes
from tests.unit.operate.servers import TOKEN, FakeCloudflare, serving

DNS_ONLY = plan_of(size="small", edge={"dns": "cloudflare"})
PROXIED = plan_of(size="small", edge={"dns": "cloudflare", "proxied": True})
ZONE = {"id": "z1", "name": "social.example", "status": "active", "paused": False, "name_servers": ["a.ns", "b.ns"]}


def checked(cloud: FakeCloudflare, plan=PROXIED, *, token: str | None = TOKEN):
    with serving(cloud) as url:
        return list(cloudflare_checks(plan, Api(url, token)))


@pytest.mark.parametrize("plan", [DNS_ONLY, PROXIED])
def test_active_zone_and_a_token_that_may_all_have_nothing_against_them(plan):
    assert outcomes(checked(FakeCloudflare([ZONE]), plan)) == {"token": "ok", "zone": "ok", "token's rights": "ok"}


def test_no_token_names_the_rights_to_give():
    proxied, dns_only = (by_name(checked(FakeCloudflare(), plan, token=None))["token"] for plan in (PROXIED, DNS_ONLY))

    assert "Cache Rules:Edit" in proxied.remedy
    assert "Cache Rules:Edit" not in dns_only.remedy


def test_wrong_token_is_told_with_cloudflares_own_words():
    told = by_name(checked(FakeCloudflare([ZONE]), token="other"))

    assert told["token"].seen == "Cloudflare refuses it: 403 Invalid access token"
    assert told["zone"].outcome == "skipped"


def test_disabled_token_fails():
    assert outcomes(checked(FakeCloudflare([ZONE], status="disabled")))["token"] == "failed"


def test_token_of_an_account_is_as_good_as_a_persons():
    assert outcomes(checked(FakeCloudflare([ZONE], is_of_an_account=True)))["token"] == "ok"


def test_zone_that_the_token_does_not_see_fails():
    assert outcomes(checked(FakeCloudflare([{**ZONE, "name": "other.example"}])))["zone"] == "failed"


@pytest.mark.parametrize(("plan", "outcome"), [(PROXIED, "failed"), (DNS_ONLY, "warn")])
def test_zone_that_waits_for_its_registrar_tells_the_name_servers(plan, outcome):
    check = by_name(checked(FakeCloudflare([{**ZONE, "status": "pending"}]), plan))["zone"]

    assert check.outcome == outcome
    assert "a.ns, b.ns" in check.remedy


@pytest.mark.parametrize(
    ("closed", "named"),
    [
        ("/dns_records", "DNS"),
        ("/bot_management", "Bot Management"),
        ("/rulesets", "Cache"),
        ("min_tls_version", "Zone Settings"),
    ],
)
def test_right_that_is_missing_is_named(closed, named):
    check = by_name(checked(FakeCloudflare([ZONE], closed=(closed,))))["token's rights"]

    assert check.outcome == "failed"
    assert named in check.seen


def test_token_that_may_only_read_records_fails():
    zone = {**ZONE, "permissions": ["#zone:read", "#dns_records:read"]}

    assert outcomes(checked(FakeCloudflare([zone]), DNS_ONLY))["token's rights"] == "failed"
