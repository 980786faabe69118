"""Each thing that a real provider or API refuses is refused here, in words that say what is wrong."""

import base64
from copy import deepcopy

import pytest

from tests.unit.rehearsal.clouds import GOOD, POLICY, REGION, VLAN_REGION, WASABI, refusal, stand_in, token_of


def interfaces(*given):
    return {"linodeInterfaces": list(given)}


def rule(**changed):
    return {"inbounds": [{**GOOD["Firewall"]["inbounds"][0], **changed}]}


VPC_INTERFACE = {"vpc": {"subnetId": 3, "ipv4": {"addresses": [{"address": "192.168.1.1"}]}}}
LEGACY = {"interfaceGeneration": "legacy_config", "linodeInterfaces": None, "region": VLAN_REGION}
TOO_MUCH = base64.b64encode(bytes(16_385)).decode()

WRONG = [
    ("Instance", {"region": None}, "region: a value is required"),
    ("Instance", {"region": "au-nowhere"}, "not a valid region"),
    ("Instance", {"type": "g6-huge-1"}, "not a valid type"),
    ("Instance", {"image": "linode/debian99"}, "not a valid image"),
    ("Instance", {"label": "w1"}, "3 to 50 characters"),
    ("Instance", {"label": "web--1"}, "characters that a label may not have"),
    ("Instance", {"label": "first-machine"}, "must be unique"),
    ("Instance", {"authorizedKeys": None}, "one of rootPass, authorizedKeys, authorizedUsers"),
    ("Instance", {"rootPass": "short"}, "rootPass: must have 11 to 128"),
    ("Instance", {"interfaceGeneration": "newest"}, "expected one of"),
    ("Instance", {"interfaceGeneration": "legacy_config"}, "interfaceGeneration must be linode"),
    ("Instance", {"interfaces": [{"purpose": "public"}]}, "exclude each other"),
    ("Instance", {"metadatas": [{"userData": TOO_MUCH}]}, "16384 bytes"),
    ("Instance", {"metadatas": [{"userData": "no base64!"}]}, "must be base64"),
    ("Instance", {"metadatas": [{}, {}]}, "metadatas: must have 1 to 1"),
    ("Instance", interfaces({"firewallId": 1, "vlan": {"vlanLabel": "private"}}), "not allowed on a VLAN interface"),
    ("Instance", interfaces({"public": {}, "vpc": {"subnetId": 3}}), "one of public, vlan and vpc"),
    ("Instance", interfaces({"firewallId": 99, "public": {}}), "firewall 99 not found"),
    ("Instance", interfaces({"vpc": {"subnetId": 99}}), "subnet 99 not found"),
    ("Instance", interfaces(VPC_INTERFACE), "not in the subnet"),
    ("Instance", interfaces(*[{"public": {}}] * 4), "at most 3"),
    ("Instance", {"placementGroup": {"id": 9}}, "another region"),
    ("Instance", {"ipv4s": ["198.18.9.9"]}, "is not reserved"),
    ("Instance", interfaces({"public": {"ipv4": {"addresses": [{"address": "198.18.9.9"}]}}}), "is not reserved"),
    ("Instance", {**LEGACY, "interfaces": [{"purpose": "vlan"}]}, "needs a label"),
    ("Instance", {**LEGACY, "interfaces": [{"purpose": "vlan", "label": "p", "ipamAddress": "x"}]}, "ipam_address"),
    ("Instance", {**LEGACY, "interfaces": [{"purpose": "lan"}]}, "expected purpose public, vlan or vpc"),
    ("Instance", {**LEGACY, "firewallId": 99}, "firewallId 99 not found"),
    ("Volume", {"label": "v" * 33}, "1 to 32 characters"),
    ("Volume", {"size": 9}, "must be 10 to 16384"),
    ("Volume", {"linodeId": 99}, "not found"),
    ("Volume", {"region": VLAN_REGION}, "another region"),
    ("Vpc", {"region": VLAN_REGION}, "has no vpc"),
    ("Vpc", {"label": "first-vpc"}, "must be unique"),
    ("VpcSubnet", {"ipv4": "10.64.9.0/24"}, "overlaps"),
    ("VpcSubnet", {"ipv4": "8.8.8.0/24"}, "not a private range"),
    ("VpcSubnet", {"vpcId": 99}, "not found"),
    ("Firewall", {"label": "f" * 33}, "3 to 32 characters"),
    ("Firewall", {"inboundPolicy": "REJECT"}, "expected one of"),
    ("Firewall", rule(ipv4s=[]), "ipv4s of web is empty"),
    ("Firewall", rule(protocol="tcp"), "expected protocol"),
    ("Firewall", rule(protocol="ICMP"), "has no ports"),
    ("Firewall", rule(ports="http"), "are no list"),
    ("Firewall", rule(ipv4s=["10.0.0.1/8"]), "has host bits set"),
    ("Firewall", rule(label="l" * 33), "must have 3 to 32"),
    ("PlacementGroup", {"placementGroupType": "affinity"}, "expected one of"),
    ("ReservedIp", {"region": "au-nowhere"}, "not a valid region"),
    ("NodeBalancer", {"firewallId": 99}, "not found"),
    ("NodeBalancer", {"clientConnThrottle": 21}, "must be 0 to 20"),
    ("NodeBalancerConfig", {"protocol": "http"}, "for protocol tcp only"),
    ("NodeBalancerConfig", {"port": 443}, "configured already"),
    ("NodeBalancerConfig", {"algorithm": "random"}, "expected one of"),
    ("NodeBalancerNode", {"address": "10.64.1.1"}, "expected IP:port"),
    ("NodeBalancerNode", {"subnetId": None}, "name its subnet_id"),
    ("NodeBalancerNode", {"mode": "off"}, "expected one of"),
    ("Domain", {"soaEmail": None}, "required for a master"),
    ("Domain", {"domain": "first.example"}, "must be unique"),
    ("DomainRecord", {"recordType": "CAA"}, "needs issue, issuewild or iodef"),
    ("DomainRecord", {"name": "www"}, "a CNAME stands alone"),
    ("DomainRecord", {"ttlSec": 301}, "expected one of"),
    ("ObjectStorageBucket", {"label": "Media"}, "no name of a bucket"),
    ("ObjectStorageBucket", {"region": VLAN_REGION}, "has no object-storage"),
    ("ObjectStorageBucket", {"label": "first-bucket"}, "must be unique"),
    (
        "ObjectStorageKey",
        {"bucketAccesses": [{"bucketName": "b", "region": "x", "permissions": "all"}]},
        "read_only or",
    ),
    ("ObjectStorageObject", {"bucket": "elsewhere"}, "bucket elsewhere not found"),
    ("ObjectStorageObject", {"contentBase64": None}, "one of content"),
    ("Bucket", {"bucket": "no_name"}, "no name of a bucket"),
    ("Bucket", {"bucket": "media-bucket"}, "must be unique"),
    ("BucketPolicy", {}, "BlockPublicPolicy"),
    ("BucketPolicy", {"policy": "{"}, "is no JSON"),
    ("BucketPolicy", {"policy": POLICY}, "is not in this bucket"),
    ("BucketCorsConfiguration", {"corsRules": [{"allowedMethods": ["MOVE"], "allowedOrigins": ["*"]}]}, "MOVE"),
    ("BucketLifecycleConfiguration", {"rules": [{"id": "a", "status": "on"}]}, "Enabled or Disabled"),
    ("BucketObjectv2", {"bucket": "elsewhere"}, "NoSuchBucket"),
    ("User", {"name": "two words"}, "no name of a user"),
    ("UserPolicy", {"user": "nobody"}, "NoSuchEntity"),
    ("EmailIdentityMailFromAttributes", {"mailFromDomain": "bounce.other.example"}, "has to lie below"),
    ("DnsRecord", {"ttl": None}, "ttl: a value is required"),
    ("DnsRecord", {"ttl": 300}, "a proxied record needs 1"),
    ("DnsRecord", {"type": "TXT"}, "cannot be"),
    ("DnsRecord", {"data": {"flags": 0}}, "exclude each other"),
    ("DnsRecord", {"content": None}, "exactly one of content and data"),
    ("DnsRecord", {"name": "first.other"}, "is not in the zone"),
    ("DnsRecord", {"name": "www.first.example"}, "a CNAME stands alone"),
    ("Ruleset", {"phase": "http_config_settings", "rules": []}, "similar configuration"),
    ("Ruleset", {"phase": "http_everything"}, "expected one of"),
    ("Ruleset", {"rules": [{"action": "block", "expression": "true"}]}, "no action of the phase"),
    ("Ruleset", {"rules": GOOD["Ruleset"]["rules"] * 2}, "the same ref"),
    ("ZoneSetting", {"settingId": "sll"}, "undefined zone setting"),
    ("ZoneSetting", {"zoneId": "z9"}, "zone z9 not found"),
    ("TieredCache", {"value": "yes"}, "expected one of"),
    ("RandomBytes", {"length": 0}, "must be 1 to"),
    ("RandomPassword", {"length": 3, "minLower": 4}, "less than the 4 characters"),
    ("PrivateKey", {"algorithm": "DSA"}, "expected one of"),
    ("PrivateKey", {"ecdsaCurve": "P123"}, "expected one of"),
]


@pytest.mark.parametrize("kind", sorted(set(GOOD) - {"BucketPolicy"}))
def test_good_inputs_are_taken(kind, world):
    assert refusal(kind, world, deepcopy(GOOD[kind])) == ""


@pytest.mark.parametrize(("kind", "changed", "words"), WRONG, ids=[f"{kind}-{words}" for kind, _, words in WRONG])
def test_wrong_inputs_are_refused(kind, changed, words, world):
    inputs = {name: value for name, value in {**deepcopy(GOOD[kind]), **changed}.items() if value is not None}

    assert words in refusal(kind, world, inputs)


@pytest.mark.parametrize(
    ("kind", "changed", "words"),
    [
        ("BucketPublicAccessBlock", {}, "only Amazon's S3"),
        ("Bucket", {"tags": {"a": "b"}}, "only Amazon has"),
        ("EmailIdentity", {}, "only Amazon's"),
    ],
)
def test_what_only_amazon_has_is_refused_at_other_endpoints(kind, changed, words, world):
    assert words in refusal(kind, world, {**GOOD[kind], **changed}, WASABI)
    assert refusal(kind, world, {**GOOD[kind], **changed}) == ""


def test_public_policy_is_taken_once_it_was_opened_and_at_others_at_once(world):
    assert refusal("BucketPolicy", world, GOOD["BucketPolicy"], WASABI) == ""
    assert refusal("BucketPublicAccessBlock", world, GOOD["BucketPublicAccessBlock"]) == ""
    world.remove("aws:s3/bucketPolicy:BucketPolicy", "media-bucket")

    assert refusal("BucketPolicy", world, GOOD["BucketPolicy"]) == ""


def test_user_has_two_keys_at_most(world):
    assert [refusal("AccessKey", world, GOOD["AccessKey"]) for _ in range(2)] == ["", ""]
    assert "at most 2" in refusal("AccessKey", world, GOOD["AccessKey"])


def test_address_in_the_subnet_is_taken_by_one_machine_only(world):
    assert refusal("Instance", world, GOOD["Instance"]) == ""
    assert "is taken by web-1" in refusal("Instance", world, {**GOOD["Instance"], "label": "web-2"})


def test_reserved_address_belongs_to_one_machine_at_a_time(world):
    address = {"public": {"ipv4": {"addresses": [{"address": "auto", "primary": True}]}}}
    _, reserved, _ = stand_in("ReservedIp", world).create(token_of("ReservedIp"), {"region": REGION}, is_preview=False)
    address["public"]["ipv4"]["addresses"][0]["address"] = reserved["address"]
    inputs = {**GOOD["Instance"], "linodeInterfaces": [address]}

    _, made, _ = stand_in("Instance", world).create(token_of("Instance"), inputs, is_preview=False)

    assert made["ipv4s"] == [reserved["address"]]
    assert "assigned to another" in refusal("Instance", world, {**inputs, "label": "web-2"})


def test_second_ruleset_of_a_phase_is_refused(world):
    assert refusal("Ruleset", world, GOOD["Ruleset"]) == ""
    assert "similar configuration" in refusal("Ruleset", world, {**GOOD["Ruleset"], "name": "another"})


def test_refusal_never_quotes_a_password(world):
    assert "s3cret" not in refusal("Instance", world, {**GOOD["Instance"], "rootPass": "s3cret"})
