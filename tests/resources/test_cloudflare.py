"""The zone at Cloudflare: one list of rules per phase, as planned, and a certificate of our own for origin pulls."""

import pytest

PROXIED, DNS_ONLY = "small-cloudflare-ses", "large-melbourne"


def test_each_phase_has_one_list_with_the_planned_rules_in_order(records_of, plan_of, kind):
    planned = plan_of(PROXIED).cloudflare
    rulesets = kind(records_of(PROXIED), "Ruleset")

    assert {one.inputs["phase"]: [rule["ref"] for rule in one.inputs["rules"]] for one in rulesets} == {
        phase.phase.value: [rule.name for rule in phase.rules] for phase in planned.phases
    }
    assert len({one.inputs["phase"] for one in rulesets}) == len(rulesets)
    assert {one.inputs["kind"] for one in rulesets} == {"zone"}


def test_rules_reach_the_provider_in_its_own_spelling(records_of, one):
    (first, *_) = one(records_of(PROXIED), "Ruleset", "rules-cache").inputs["rules"]
    *_, media = one(records_of(PROXIED), "Ruleset", "rules-cache").inputs["rules"]
    (limit,) = one(records_of(PROXIED), "Ruleset", "rules-rate-limit").inputs["rules"]

    assert first["actionParameters"] == {"cache": False}
    assert media["actionParameters"]["edgeTtl"]["statusCodeTtls"][0] == {
        "statusCodeRange": {"from": 400, "to": 499},
        "value": 60,
    }
    assert limit["ratelimit"]["requestsPerPeriod"] == 20


def test_settings_bots_and_tiers_are_as_planned(records_of, plan_of, kind, one):
    records = records_of(PROXIED)

    told = {record.inputs["settingId"]: record.inputs["value"] for record in kind(records, "ZoneSetting")}
    assert told == {one.name: one.value.value for one in plan_of(PROXIED).cloudflare.settings}
    assert one(records, "BotManagement", "bots").inputs["fightMode"] is False
    assert one(records, "TieredCache", "tiered-cache").inputs["value"] == "on"


def test_cloudflare_shows_our_own_certificate_and_only_once_it_has_it(records_of, one):
    records = records_of(PROXIED)
    shown = one(records, "AuthenticatedOriginPullsCertificate", "origin-pull")
    switch = one(records, "AuthenticatedOriginPullsSettings", "origin-pull")
    signed = one(records, "LocallySignedCert", "origin-pull")

    assert shown.inputs["certificate"] == "<<origin-pull certificate>>"
    assert shown.inputs["privateKey"] == "[secret]"
    assert switch.inputs["enabled"] is True
    assert any(name.endswith("::origin-pull") for name in switch.dependencies)
    assert "client_auth" in signed.inputs["allowedUses"]
    assert signed.inputs["caCertPem"] == "<<origin-pull-authority certificate>>"


@pytest.mark.parametrize("case", ["large-melbourne", "solo-aws-manual-dns"])
def test_dns_only_makes_nothing_at_cloudflare(case, records_of):
    assert not [record.name for record in records_of(case) if record.type.startswith(("cloudflare:", "mastodon:cloud"))]


def test_media_alone_behind_cloudflare_gets_rules_and_no_origin_pulls(record_parts, kind):
    edge = {"dns": "cloudflare", "media": "cloudflare", "media_domain": "media.social.example"}
    records = record_parts({"size": "small", "edge": edge})

    assert {one.name for one in kind(records, "Ruleset")} == {
        "rules-redirect", "rules-config", "rules-cache", "rules-firewall", "rules-response",
    }  # fmt: skip
    assert not kind(records, "AuthenticatedOriginPullsSettings")
    assert not kind(records, "OriginCaCertificate")
