"""Programs that the other vendors refuse, and the two that make keys and random values."""

import json

from tests.unit.rehearsal.clouds import GOOD, POLICY, PUBLIC_POLICY, WASABI, rows
from tests.unit.rehearsal.material import new_key
from tests.unit.rehearsal.wrong import Wrong

NO_REGION = {"region": ""}
TAGS = {"tags": {"a": "b"}}
OTHER_KEY = new_key()


def policy(text=POLICY, **changed):
    """A policy of one statement with something changed in it; None takes a part away."""
    whole = json.loads(text)
    statement = {**whole["Statement"][0], **changed}
    whole["Statement"] = [{name: value for name, value in statement.items() if value is not None}]
    return {"policy": json.dumps(whole)}


def cors(**changed):
    return {"corsRules": [{**GOOD["BucketCorsConfiguration"]["corsRules"][0], **changed}]}


def cache_rule(**changed):
    return {"rules": [{**GOOD["Ruleset"]["rules"][0], **changed}]}


def in_phase(phase, **rule):
    return {"phase": phase, "rules": [{"expression": "true", **rule}]}


ELSEWHERE = PUBLIC_POLICY.replace("media-bucket", "elsewhere")

AMAZON = (
    Wrong("Bucket", {"bucket": "no_name"}, "no name of a bucket"),
    Wrong("Bucket", {}, "has no region", settings=NO_REGION),
    Wrong("Bucket", TAGS, "only Amazon has", settings=WASABI),
    Wrong("BucketPublicAccessBlock", {}, "only Amazon's S3", settings=WASABI),
    Wrong("BucketPublicAccessBlock", {}, "has no region", settings=NO_REGION),
    Wrong("BucketPublicAccessBlock", {"bucket": "elsewhere"}, "NoSuchBucket"),
    Wrong("BucketPolicy", {}, "BlockPublicPolicy"),
    Wrong("BucketPolicy", {}, "BlockPublicPolicy", first=(("BucketPublicAccessBlock", {"blockPublicPolicy": True}),)),
    Wrong("BucketPolicy", {}, "has no region", settings=WASABI | NO_REGION),
    Wrong("BucketPolicy", {"bucket": "elsewhere", "policy": ELSEWHERE}, "NoSuchBucket", settings=WASABI),
    Wrong("BucketPolicy", {"policy": "{"}, "is no JSON"),
    Wrong("BucketPolicy", {"policy": POLICY}, "is not in this bucket"),
    Wrong("BucketPolicy", policy(PUBLIC_POLICY, Principal=None), "needs a Principal"),
    Wrong("BucketCorsConfiguration", {}, "has no region", settings=NO_REGION),
    Wrong("BucketCorsConfiguration", {"bucket": "elsewhere"}, "NoSuchBucket"),
    Wrong("BucketCorsConfiguration", {"corsRules": []}, "must have 1 to 100"),
    Wrong("BucketCorsConfiguration", cors(allowedMethods=["MOVE"]), "MOVE"),
    Wrong("BucketCorsConfiguration", cors(allowedMethods=[]), "allowedMethods"),
    Wrong("BucketCorsConfiguration", cors(allowedOrigins=[]), "needs allowedOrigins"),
    Wrong("BucketLifecycleConfiguration", {}, "has no region", settings=NO_REGION),
    Wrong("BucketLifecycleConfiguration", {"bucket": "elsewhere"}, "NoSuchBucket"),
    Wrong("BucketLifecycleConfiguration", {"rules": [{"id": "a", "status": "on"}]}, "Enabled or Disabled"),
    Wrong("BucketLifecycleConfiguration", {"rules": [{"status": "Enabled"}]}, "a rule needs id"),
    Wrong("BucketObjectv2", {}, "has no region", settings=NO_REGION),
    Wrong("BucketObjectv2", {"bucket": "elsewhere"}, "NoSuchBucket"),
    Wrong("BucketObjectv2", {"contentBase64": None}, "one of content"),
    Wrong("BucketObjectv2", TAGS, "only Amazon has", settings=WASABI),
    Wrong("User", {"name": "two words"}, "no name of a user"),
    Wrong("User", TAGS, "only Amazon has", settings=WASABI),
    Wrong("UserPolicy", {"user": "nobody"}, "NoSuchEntity"),
    Wrong("UserPolicy", {"policy": "[]"}, "needs Version"),
    Wrong("UserPolicy", {"policy": POLICY.replace("2012-10-17", "2020-01-01")}, "needs Version"),
    Wrong("UserPolicy", {"policy": json.dumps({"Version": "2012-10-17"})}, "needs Effect"),
    Wrong("UserPolicy", policy(Effect="Permit"), "needs Effect"),
    Wrong("UserPolicy", policy(Action=None), "and Action"),
    Wrong("UserPolicy", policy(Resource=None), "needs Resource"),
    Wrong("AccessKey", {"user": "nobody"}, "NoSuchEntity"),
    Wrong("AccessKey", {"status": "Off"}, "expected one of"),
    Wrong("AccessKey", {}, "at most 2", first=(("AccessKey", {}), ("AccessKey", {}))),
    Wrong("EmailIdentity", {}, "has no region", settings=NO_REGION),
    Wrong("EmailIdentity", {}, "only Amazon's", settings=WASABI),
    Wrong("EmailIdentityMailFromAttributes", {"mailFromDomain": "bounce.other.example"}, "has to lie below"),
    Wrong("EmailIdentityMailFromAttributes", {"behaviorOnMxFailure": "RETRY"}, "expected one of"),
    Wrong(
        "EmailIdentityMailFromAttributes",
        {"emailIdentity": "other.example", "mailFromDomain": "bounce.other.example"},
        "identity other.example not found",
    ),
)

CLOUDFLARE = (
    *(
        Wrong(kind, {"zoneId": "z9"}, "zone z9 not found")
        for kind, row in rows().items()
        if row.token.startswith("cloudflare") and "zoneId" in GOOD[kind]
    ),
    Wrong("DnsRecord", {"type": None, "proxied": None}, "type: a value is required"),
    Wrong("DnsRecord", {"type": "SPF", "proxied": None}, "expected one of"),
    Wrong("DnsRecord", {"ttl": 300}, "a proxied record needs 1"),
    Wrong("DnsRecord", {"ttl": 29, "proxied": None}, "29 is neither 1 nor 30 to 86400"),
    Wrong("DnsRecord", {"ttl": 86_401, "proxied": None}, "86401 is neither 1 nor 30 to 86400"),
    Wrong("DnsRecord", {"type": "TXT"}, "cannot be"),
    Wrong("DnsRecord", {"type": "MX", "content": "mail.example", "proxied": None}, "priority: required for MX"),
    Wrong("DnsRecord", {"priority": 65_536}, "must be 0 to 65535"),
    Wrong("DnsRecord", {"data": {"flags": 0}}, "exactly one of content and data"),
    Wrong("DnsRecord", {"content": None}, "exactly one of content and data"),
    Wrong("DnsRecord", {"content": "hello"}, "A needs an IPv4 address, got 'hello'"),
    Wrong("DnsRecord", {"type": "AAAA"}, "AAAA needs an IPv6 address"),
    Wrong("DnsRecord", {"type": "CNAME", "content": "two words"}, "CNAME needs a host's name"),
    Wrong("DnsRecord", {"name": "first.other"}, "is not in the zone"),
    Wrong("DnsRecord", {"name": "www.first.example"}, "a CNAME stands alone"),
    Wrong("DnsRecord", {}, "an identical record", first=(("DnsRecord", {}),)),
    Wrong("Ruleset", {"kind": "account"}, "expected one of"),
    Wrong("Ruleset", {"phase": "http_everything"}, "expected one of"),
    Wrong("Ruleset", {"phase": "http_config_settings", "rules": []}, "similar configuration"),
    Wrong("Ruleset", {"name": "another"}, "similar configuration", first=(("Ruleset", {}),)),
    Wrong("Ruleset", cache_rule(action="block"), "no action of the phase"),
    Wrong("Ruleset", cache_rule(expression=""), "needs action and expression"),
    Wrong("Ruleset", in_phase("http_ratelimit", action="block"), "needs ratelimit"),
    Wrong("Ruleset", {"rules": GOOD["Ruleset"]["rules"] * 2}, "the same ref"),
    Wrong("Ruleset", cache_rule(actionParameters={"cached": True}), "unknown actionParameters cached"),
    Wrong("Ruleset", cache_rule(actionParameters={"edgeTtl": {"mode": "override"}}), "expected edgeTtl.mode"),
    Wrong("Ruleset", cache_rule(expression='http.host eq "first.example'), "do not pair"),
    Wrong("Ruleset", cache_rule(expression="(http.host in {ssl)"), "do not pair"),
    Wrong("Ruleset", cache_rule(expression="not ssl)"), "do not pair"),
    Wrong(
        "Ruleset",
        in_phase(
            "http_request_dynamic_redirect",
            action="redirect",
            actionParameters={"fromValue": {"targetUrl": {"expression": 'concat("https://", http.host'}}},
        ),
        "do not pair",
    ),
    Wrong("ZoneSetting", {"settingId": "sll"}, "undefined zone setting"),
    Wrong("ZoneSetting", {"value": "banana"}, "expected one of ['off', 'flexible', 'full', 'strict'], got 'banana'"),
    Wrong("ZoneSetting", {"settingId": "http3", "value": True}, "expected one of ['on', 'off']"),
    Wrong("ZoneSetting", {"settingId": "max_upload", "value": "100"}, "expected int"),
    Wrong("TieredCache", {"value": "yes"}, "expected one of"),
    Wrong("OriginCaCertificate", {"requestedValidity": 100}, "expected one of"),
    Wrong("OriginCaCertificate", {"requestType": "origin-dsa"}, "expected one of"),
    Wrong("OriginCaCertificate", {"requestType": "origin-rsa"}, "does not fit the key"),
    Wrong("OriginCaCertificate", {"hostnames": ["first.other"]}, "is in no zone"),
    Wrong("OriginCaCertificate", {"csr": "words"}, "is no certificate request"),
    *(
        Wrong(kind, {"privateKey": wrong}, words)
        for kind in ("AuthenticatedOriginPullsCertificate", "AuthenticatedOriginPullsHostnameCertificate")
        for wrong, words in ((OTHER_KEY, "does not belong"), ("-----BEGIN words", "have to be PEM"))
    ),
    Wrong("AuthenticatedOriginPulls", {"configs": [{"certId": "nowhere"}]}, "certificate nowhere not found"),
)

MATERIAL = (
    Wrong("RandomBytes", {"length": 0}, "must be 1 to"),
    Wrong("RandomPassword", {"length": 0}, "must be 1 to"),
    Wrong("RandomPassword", {"length": 3, "minLower": 4}, "less than the 4 characters"),
    Wrong("PrivateKey", {"algorithm": "DSA"}, "expected one of"),
    Wrong("PrivateKey", {"ecdsaCurve": "P123"}, "expected one of"),
    Wrong("CertRequest", {"privateKeyPem": "words"}, "is no PEM"),
    Wrong("SelfSignedCert", {"privateKeyPem": "words"}, "is no PEM"),
    *(
        wrong
        for kind in ("SelfSignedCert", "LocallySignedCert")
        for wrong in (
            Wrong(kind, {"validityPeriodHours": -1}, "validityPeriodHours: must be 0 to"),
            Wrong(kind, {"earlyRenewalHours": -1}, "earlyRenewalHours: must be 0 to"),
            Wrong(kind, {"allowedUses": ["anything"]}, "unknown anything"),
        )
    ),
    *(
        Wrong("LocallySignedCert", {name: "words"}, f"{name}: is no PEM")
        for name in ("caPrivateKeyPem", "caCertPem", "certRequestPem")
    ),
)

DOUBTFUL = (
    Wrong("User", {"forceDestroy": True}, "what only Amazon has", settings=WASABI),
    Wrong("Ruleset", cache_rule(actionParameters={"ssl": "full"}), "no parameters of the action set_cache_settings"),
)

OTHERS_WRONG = (*AMAZON, *CLOUDFLARE, *MATERIAL)
