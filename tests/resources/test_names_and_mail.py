"""DNS records, SES and the origin certificate."""

import json

import pytest

from mastodon_infra.resources.edge import relative_to
from mastodon_infra.resources.records import CaaValue

CLOUDFLARE, LINODE, MANUAL = "small-cloudflare-ses", "large-melbourne", "solo-aws-manual-dns"


@pytest.mark.parametrize("name", [CLOUDFLARE, LINODE], ids=["cloudflare", "linode"])
def test_every_planned_record_is_there_under_its_name(name, records_of, plan_of, kind):
    records = [*kind(records_of(name), "DnsRecord"), *kind(records_of(name), "DomainRecord")]

    assert {record.name for record in records} == {record.name for record in plan_of(name).dns.records}


def test_linode_records_are_relative_to_the_zone_that_the_program_makes(records_of, one):
    records = records_of(LINODE)
    zone = one(records, "Domain", "zone")

    assert (zone.inputs["domain"], zone.inputs["soaEmail"]) == ("social.example", "admin@social.example")
    assert one(records, "DomainRecord", "domain-a").inputs["name"] == ""
    assert one(records, "DomainRecord", "media-a").inputs["name"] == "files"
    assert one(records, "DomainRecord", "domain-a").inputs["target"] == "<<IPv4 of balancer-1>>"
    assert one(records, "DomainRecord", "domain-aaaa").inputs["target"] == "<<IPv6 of balancer-1>>"
    caa = one(records, "DomainRecord", "domain-caa").inputs
    assert (caa["tag"], caa["target"]) == ("issue", "letsencrypt.org")


@pytest.mark.parametrize(
    ("host", "name"), [("social.example", ""), ("files.social.example", "files"), ("a.b.social.example", "a.b")]
)
def test_relative_name(host, name):
    assert relative_to("social.example", host) == name


def test_caa_value_in_parts():
    assert CaaValue.of('0 issue "letsencrypt.org"') == CaaValue(0, "issue", "letsencrypt.org")


def test_cloudflare_records_have_full_names_quoted_texts_and_automatic_ttl_where_proxied(records_of, kind, one):
    records = records_of(CLOUDFLARE)
    for record in kind(records, "DnsRecord"):
        inputs = record.inputs
        assert inputs["name"].endswith("social.example")
        assert inputs["zoneId"] == "<<id of the zone>>"
        assert inputs["ttl"] == 1 or not inputs["proxied"]
        if inputs["type"] == "TXT":
            assert inputs["content"].startswith('"')
            assert inputs["content"].endswith('"')
    assert one(records, "DnsRecord", "mail-bounce-mx").inputs["priority"] == 10


def test_ses_tokens_become_dkim_records(records_of, one):
    record = one(records_of(CLOUDFLARE), "DnsRecord", "mail-dkim-2").inputs

    assert record["name"] == "<<token 2 of mail-sender>>._domainkey.social.example"
    assert record["content"] == "<<token 2 of mail-sender>>.dkim.amazonses.com"


def test_ses_login_may_only_send_as_the_instance(records_of, one):
    records = records_of(CLOUDFLARE)
    (statement,) = json.loads(one(records, "UserPolicy", "mail-sender").inputs["policy"])["Statement"]

    assert statement["Action"] == "ses:SendRawEmail"
    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "notifications@social.example"}}
    assert one(records, "aws", "mail-sender").inputs["region"] == "ap-southeast-2"
    assert one(records, "EmailIdentity", "mail-sender").inputs["emailIdentity"] == "social.example"


def test_origin_certificate_is_made_only_behind_cloudflare(case, records_of, kind):
    made = kind(records_of(case), "OriginCaCertificate")

    assert [record.inputs["requestType"] for record in made] == (["origin-ecc"] if case == CLOUDFLARE else [])


def test_manual_dns_registers_no_record(records_of, kind):
    records = records_of(MANUAL)

    assert not kind(records, "DomainRecord")
    assert not kind(records, "DnsRecord")
    assert not kind(records, "Domain")
