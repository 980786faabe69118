"""DNS records for each way to send mail, and for each front, as tables of host, type and content."""

import pytest

from mastodon_infra.errors import SpecError
from tests.unit.plan.specs import plan_for, plan_of

WEB = [
    ("social.example", "A", "ipv4 of web-1"),
    ("social.example", "AAAA", "ipv6 of web-1"),
    ("files.social.example", "A", "ipv4 of web-1"),
    ("files.social.example", "AAAA", "ipv6 of web-1"),
    ("social.example", "CAA", '0 issue "letsencrypt.org"'),
]

SES = {"provider": "ses", "region": "ap-southeast-2"}
RELAY = {"provider": "smtp", "host": "smtp.relay.example", "username": "social"}

MAIL = [
    (
        "none",
        [],
        "the owner reads mail at this domain, so somebody else sends as it: its records are left alone",
    ),
    (
        SES,
        [
            ("bounce.social.example", "TXT", "v=spf1 include:amazonses.com -all"),
            ("bounce.social.example", "MX", "10 feedback-smtp.ap-southeast-2.amazonses.com"),
            ("_domainkey.social.example", "CNAME", "ses-dkim of 0"),
            ("_domainkey.social.example", "CNAME", "ses-dkim of 1"),
            ("_domainkey.social.example", "CNAME", "ses-dkim of 2"),
            ("_dmarc.social.example", "TXT", "v=DMARC1; p=quarantine; rua=mailto:admin@social.example"),
        ],
        "three keys, whose names Amazon gives once the identity exists; SPF stands on the bounce domain only",
    ),
    (
        SES | {"from_address": "hello@mail.social.example"},
        [
            ("bounce.mail.social.example", "TXT", "v=spf1 include:amazonses.com -all"),
            ("bounce.mail.social.example", "MX", "10 feedback-smtp.ap-southeast-2.amazonses.com"),
            ("_domainkey.mail.social.example", "CNAME", "ses-dkim of 0"),
            ("_domainkey.mail.social.example", "CNAME", "ses-dkim of 1"),
            ("_domainkey.mail.social.example", "CNAME", "ses-dkim of 2"),
            ("_dmarc.mail.social.example", "TXT", "v=DMARC1; p=quarantine; rua=mailto:admin@social.example"),
        ],
        "everything is about the sender's domain",
    ),
    (
        RELAY,
        [("_dmarc.social.example", "TXT", "v=DMARC1; p=quarantine; rua=mailto:admin@social.example")],
        "what the relay needs is not known",
    ),
    (
        RELAY
        | {
            "spf_include": "spf.relay.example",
            "dkim": {
                "s1._domainkey.social.example": "s1.dkim.relay.example",
                "s2._domainkey.social.example": "s2.dkim.relay.example",
            },
        },
        [
            ("social.example", "TXT", "v=spf1 include:spf.relay.example ~all"),
            ("s1._domainkey.social.example", "CNAME", "s1.dkim.relay.example"),
            ("s2._domainkey.social.example", "CNAME", "s2.dkim.relay.example"),
            ("_dmarc.social.example", "TXT", "v=DMARC1; p=quarantine; rua=mailto:admin@social.example"),
        ],
        "what the relay asks for",
    ),
    (
        RELAY | {"from_address": "social@elsewhere.example"},
        [],
        "the sender's domain is not ours to write in",
    ),
]


def table(plan, keep=None):
    """Host, type and content of each record, the priority before an exchanger's name."""
    rows = []
    for record in plan.dns.records:
        content = (
            record.target.value if record.target.kind == "text" else f"{record.target.kind} of {record.target.value}"
        )
        if record.priority is not None:
            content = f"{record.priority} {content}"
        if keep is None or keep(record):
            rows.append((record.host, record.type, content))
    return rows


@pytest.mark.parametrize(("mail", "expected", "why"), MAIL, ids=lambda value: value if isinstance(value, str) else "")
def test_mail_records_follow_the_provider(mail, expected, why):
    plan = plan_of(size="small", mail=mail)
    assert table(plan, lambda record: record.name.startswith("mail-")) == expected, why


def test_web_records_point_at_the_one_web_node():
    plan = plan_of(size="small")
    assert table(plan, lambda record: not record.name.startswith("mail-")) == WEB


def test_web_records_point_at_the_balancers():
    names = {record.host: record.target.value for record in plan_of(size="large").dns.records if record.type == "A"}
    assert names == {"social.example": "balancer-1", "files.social.example": "balancer-1"}
    twice = plan_for(60_000).dns.records
    assert [record.target.value for record in twice if record.name.startswith("domain-a")] == [
        "balancer-1",
        "balancer-1",
        "balancer-2",
        "balancer-2",
    ]


CLOUDFLARE = {"dns": "cloudflare"}
FRONTS = [
    (
        {"edge": CLOUDFLARE | {"proxied": True}},
        {"social.example": True, "files.social.example": True},
        "everything that people open goes through Cloudflare",
    ),
    (
        {"edge": CLOUDFLARE},
        {"social.example": False, "files.social.example": False},
        "Cloudflare answers for names only",
    ),
    (
        {"web_domain": "web.social.example"},
        {"web.social.example": False, "social.example": False, "files.web.social.example": False},
        "handles on the bare domain, answered here",
    ),
    (
        {"web_domain": "web.social.example", "edge": {"serve_local_domain": False}},
        {"web.social.example": False, "files.web.social.example": False},
        "the bare domain is another web site",
    ),
    (
        {"edge": {"streaming_domain": "stream.social.example", "media_domain": "media.social.example"}},
        {"social.example": False, "media.social.example": False, "stream.social.example": False},
        "names of their own",
    ),
    (
        {"mastodon": {"alternate_domains": ["m.social.example", "other.example"]}},
        {"social.example": False, "files.social.example": False, "m.social.example": False},
        "other.example is not in the zone",
    ),
]


@pytest.mark.parametrize(
    ("words", "expected", "why"), FRONTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_each_public_name_of_the_zone_has_an_address(words, expected, why):
    plan = plan_of(size="small", **words)
    found = {record.host: record.is_proxied for record in plan.dns.records if record.type == "A"}
    assert found == expected, why
    both = {record.host: record.is_proxied for record in plan.dns.records if record.type == "AAAA"}
    assert both == expected, "IPv6 as IPv4"


def test_proxied_records_leave_their_lifetime_to_cloudflare():
    plan = plan_of(size="small", mail=RELAY, edge=CLOUDFLARE | {"proxied": True})
    assert {(record.is_proxied, record.ttl_seconds) for record in plan.dns.records} == {(True, 1), (False, 300)}
    assert not any(record.type == "CAA" for record in plan.dns.records), "Cloudflare chooses its own authorities"


MEDIA = [
    ({"provider": "wasabi"}, "s3.ap-southeast-2.wasabisys.com"),
    ({"provider": "aws", "region": "ap-southeast-2"}, "s3.ap-southeast-2.amazonaws.com"),
    ({"provider": "linode"}, "au-mel-1.linodeobjects.com"),
]


@pytest.mark.parametrize(("storage", "target"), MEDIA, ids=["wasabi", "aws", "linode"])
def test_media_behind_cloudflare_is_an_alias_of_storage_which_finds_the_bucket_by_that_name(storage, target):
    plan = plan_of(size="small", storage=storage, edge=CLOUDFLARE | {"media": "cloudflare"})
    media = [record for record in plan.dns.records if record.host == "files.social.example"]
    assert [(record.type, record.target.value, record.is_proxied) for record in media] == [("CNAME", target, True)]
    assert plan.media.bucket == plan.media.host


@pytest.mark.parametrize(
    ("words", "path"),
    [
        ({"storage": {"bucket": "our-own-pictures"}}, ("storage", "bucket")),
        ({"edge": CLOUDFLARE | {"media_domain": f"{'a' * 60}.social.example"}}, ("edge", "media_domain")),
    ],
)
def test_bucket_that_cloudflare_could_not_find_is_refused(words, path):
    edge = words.get("edge", CLOUDFLARE) | {"media": "cloudflare"}

    with pytest.raises(SpecError) as told:
        plan_of(size="small", **(words | {"edge": edge}))

    assert [problem.path for problem in told.value.problems] == [path]


ELSEWHERE = {"username": "admin", "email": "admin@elsewhere.example"}


def test_without_mail_nobody_may_send_as_a_domain_that_nobody_reads_at():
    plan = plan_of(size="small", owner=ELSEWHERE)
    assert table(plan, lambda record: record.name.startswith("mail-")) == [
        ("social.example", "TXT", "v=spf1 -all"),
        ("_dmarc.social.example", "TXT", "v=DMARC1; p=reject"),
    ]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"owner": ELSEWHERE, "alerts": {"email": "ops@mail.social.example"}}, "alerts are read under the domain"),
        ({"owner": {"username": "admin", "email": "admin@social.example"}}, "the owner reads at the domain"),
    ],
    ids=["alerts", "owner"],
)
def test_without_mail_a_domain_in_use_keeps_its_own_records(words, why):
    plan = plan_of(size="small", **words)
    assert not table(plan, lambda record: record.name.startswith("mail-")), why


def test_reports_go_only_to_a_reader_inside_the_zone():
    for owner, expected in ((None, "; rua=mailto:admin@social.example"), (ELSEWHERE, "")):
        plan = plan_of(size="small", mail=RELAY, **({"owner": owner} if owner else {}))
        dmarc = next(record for record in plan.dns.records if record.name == "mail-dmarc")
        assert dmarc.target.value == f"v=DMARC1; p=quarantine{expected}"


@pytest.mark.parametrize(
    ("words", "hosts", "why"),
    [
        ({}, {"social.example"}, "the media host lies under the web site"),
        (
            {"edge": {"media_domain": "media.example", "dns": "manual"}},
            {"social.example"},
            "another zone is somebody else's",
        ),
        (
            {
                "domain": "example.org",
                "web_domain": "social.example.org",
                "edge": {"streaming_domain": "stream.example.org", "media_domain": "files.example.org"},
            },
            {"social.example.org", "stream.example.org", "files.example.org"},
            "the bare domain is left alone, for it would bind every web site under it",
        ),
        ({"edge": {"dns": "cloudflare", "proxied": True}}, set(), "Cloudflare writes its own"),
    ],
)
def test_each_name_says_who_may_issue_its_certificate(words, hosts, why):
    records = [record for record in plan_of(size="small", **words).dns.records if record.type == "CAA"]

    assert {record.host for record in records} == hosts, why
    assert len({record.name for record in records}) == len(records)


def test_what_answered_for_a_host_goes_on_doing_so_when_the_web_site_gets_one_of_its_own():
    """Else the change would ask for a record that is still there under another name."""

    def name_of(**more):
        records = plan_of(size="small", domain="example.org", **more).dns.records
        return {(record.host, record.type): record.name for record in records if record.type in {"A", "AAAA", "CAA"}}

    before, after = name_of(), name_of(web_domain="s.example.org")
    shared = before.keys() & after.keys()

    assert ("example.org", "A") in shared
    assert {key: before[key] for key in shared} == {key: after[key] for key in shared}
