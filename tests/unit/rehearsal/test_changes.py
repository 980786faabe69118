"""What a change does: which inputs replace, which are changed in place, and what else follows."""

from copy import deepcopy

import pytest

from mastodon_infra.rehearsal.clouds.cloudflare_keys import pull_key
from mastodon_infra.rehearsal.kinds import ApiError
from mastodon_infra.rehearsal.world import Fault
from tests.unit.rehearsal.clouds import GOOD, rows, stand_in, token_of

REPLACING = [
    ("Instance", "image", "linode/debian12"),
    ("Instance", "authorizedKeys", ["ssh-ed25519 BBBB"]),
    ("Instance", "metadatas", [{"userData": "eA=="}]),
    ("Instance", "firewallId", 1),
    ("Instance", "interfaceGeneration", "legacy_config"),
    ("Instance", "networkHelper", True),
    ("Instance", "ipv4s", ["198.18.0.9"]),
    ("Volume", "region", "us-ord"),
    ("Volume", "encryption", "disabled"),
    ("Vpc", "region", "us-ord"),
    ("VpcSubnet", "ipv4", "10.66.0.0/16"),
    ("PlacementGroup", "region", "us-ord"),
    ("NodeBalancer", "firewallId", 2),
    ("NodeBalancer", "vpcs", []),
    ("NodeBalancerConfig", "nodebalancerId", 7),
    ("NodeBalancerNode", "subnetId", 4),
    ("Domain", "type", "slave"),
    ("DomainRecord", "recordType", "TXT"),
    ("ObjectStorageBucket", "label", "another"),
    ("ObjectStorageKey", "bucketAccesses", []),
    ("Bucket", "bucket", "another"),
    ("UserPolicy", "name", "another"),
    ("AccessKey", "user", "another"),
    ("EmailIdentity", "emailIdentity", "another.example"),
    ("DnsRecord", "type", "AAAA"),
    ("DnsRecord", "zoneId", "z2"),
    ("Ruleset", "name", "another"),
    ("Ruleset", "phase", "http_config_settings"),
    ("ZoneSetting", "settingId", "brotli"),
    ("RandomPassword", "length", 41),
    ("PrivateKey", "ecdsaCurve", "P384"),
]
IN_PLACE = [
    ("Instance", "label", "web-9"),
    ("Instance", "type", "g6-standard-4"),
    ("Instance", "region", "us-ord"),
    ("Instance", "privateIp", True),
    ("Instance", "placementGroup", {"id": 1}),
    ("Volume", "size", 40),
    ("Volume", "label", "another"),
    ("Volume", "linodeId", 9),
    ("Vpc", "label", "another"),
    ("Firewall", "inbounds", []),
    ("NodeBalancer", "label", "another"),
    ("NodeBalancerConfig", "port", 8080),
    ("NodeBalancerNode", "mode", "drain"),
    ("DomainRecord", "target", "198.18.0.2"),
    ("ObjectStorageKey", "label", "another"),
    ("BucketPolicy", "policy", "{}"),
    ("DnsRecord", "content", "198.18.0.2"),
    ("DnsRecord", "proxied", False),
    ("Ruleset", "rules", []),
    ("ZoneSetting", "value", "full"),
]


KEPT = [
    ("Vpc", "2", None, "with subnets"),
    ("VpcSubnet", "3", None, "while first-balancer is in it"),
    ("VpcSubnet", "3", "Instance", "while web-1 is in it"),
    ("ObjectStorageBucket", "au-mel:first-bucket", "ObjectStorageObject", "not empty"),
    ("Bucket", "media-bucket", "BucketObjectv2", "BucketNotEmpty"),
    ("User", "first-user", "UserPolicy", "DeleteConflict"),
    ("User", "first-user", "AccessKey", "DeleteConflict"),
]
"""Kind and id of what is not deleted, the kind of what is put into it before, and why it is kept."""


def changes_of(kind, world, changed):
    before = GOOD[kind]
    outputs = {**before, "validityEndTime": "2999-01-01T00:00:00+00:00"}
    return stand_in(kind, world).diff(token_of(kind), before, outputs, {**before, **changed})


@pytest.mark.parametrize(("kind", "name", "value"), REPLACING)
def test_change_replaces(kind, name, value, world):
    assert {key: change.replaces for key, change in changes_of(kind, world, {name: value}).items()} == {name: True}


@pytest.mark.parametrize(("kind", "name", "value"), IN_PLACE)
def test_change_is_made_in_place(kind, name, value, world):
    assert {key: change.replaces for key, change in changes_of(kind, world, {name: value}).items()} == {name: False}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_nothing_changes_where_nothing_is_different(kind, world):
    assert changes_of(kind, world, {}) == {}


def test_whole_number_that_travelled_as_a_fraction_is_no_change(world):
    assert changes_of("Volume", world, {"size": 20.0}) == {}


def test_input_that_is_taken_away_is_seen(world):
    before, after = {"label": "a", "tags": ["t"]}, {"label": "a"}

    changes = stand_in("Firewall", world).diff(token_of("Firewall"), before, before, after)

    assert {name: change.kind for name, change in changes.items()} == {"tags": "delete"}


# --- In the world ---------------------------------------------------------------------------------------------------


@pytest.fixture
def volume(world):
    """A provider, and a volume that it made."""
    provider = stand_in("Volume", world)
    identity, properties, _ = provider.create(token_of("Volume"), deepcopy(GOOD["Volume"]), is_preview=False)
    return provider, identity, properties


def test_path_of_a_volume_follows_its_label(volume, world):
    provider, identity, properties = volume

    changed, _ = provider.update(
        token_of("Volume"),
        identity,
        olds=properties,
        old_inputs=GOOD["Volume"],
        news={**GOOD["Volume"], "label": "data-redis"},
        is_preview=False,
    )

    assert properties["filesystemPath"] == "/dev/disk/by-id/scsi-0Linode_Volume_data-postgres"
    assert changed["filesystemPath"] == "/dev/disk/by-id/scsi-0Linode_Volume_data-redis"
    assert world.get(token_of("Volume"), identity).inputs["label"] == "data-redis"


@pytest.mark.parametrize(
    ("kind", "changed", "words"),
    [("Volume", {"size": 10}, "cannot be made smaller"), ("Instance", {}, "a private address cannot be removed")],
)
def test_change_that_the_api_refuses_changes_nothing(kind, changed, words, world):
    provider = stand_in(kind, world)
    made = {**GOOD[kind], **({"privateIp": True} if kind == "Instance" else {})}
    identity, properties, _ = provider.create(token_of(kind), made, is_preview=False)

    with pytest.raises(ApiError, match=words):
        provider.update(
            token_of(kind),
            identity,
            olds=properties,
            old_inputs=made,
            news={**GOOD[kind], **changed},
            is_preview=False,
        )

    assert world.get(token_of(kind), identity).inputs == made


def test_preview_makes_nothing(world):
    provider = stand_in("Volume", world)
    before = world.all(token_of("Volume"))

    provider.create(token_of("Volume"), GOOD["Volume"], is_preview=True)

    assert world.all(token_of("Volume")) == before


def test_preview_checks_what_is_known_and_leaves_the_rest(world):
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    provider = stand_in("DnsRecord", world)

    assert provider.check(token_of("DnsRecord"), {**GOOD["DnsRecord"], "content": unknown, "zoneId": unknown}) == []
    assert provider.check(token_of("DnsRecord"), {**GOOD["DnsRecord"], "content": unknown, "ttl": 60.0}) != []


@pytest.mark.parametrize(
    ("kind", "identity", "inside", "words"),
    KEPT,
)
def test_what_others_are_in_is_not_deleted(kind, identity, inside, words, world):
    if inside:
        stand_in(inside, world).create(token_of(inside), GOOD[inside], is_preview=False)

    with pytest.raises(ApiError, match=words):
        stand_in(kind, world).delete(token_of(kind), identity)

    assert world.get(token_of(kind), identity)


def test_every_kind_that_may_refuse_to_be_deleted_does_so_in_a_test():
    with_certificates = {"AuthenticatedOriginPullsCertificate", "AuthenticatedOriginPullsHostnameCertificate"}

    assert {kind for kind, row in rows().items() if row.on_delete} == {case[0] for case in KEPT} | with_certificates


def test_subnet_is_deleted_once_nothing_is_in_it(world):
    world.remove(token_of("NodeBalancer"), "5")

    stand_in("VpcSubnet", world).delete(token_of("VpcSubnet"), "3")
    stand_in("Vpc", world).delete(token_of("Vpc"), "2")

    assert world.get(token_of("Vpc"), "2") is None


def test_amazon_bucket_is_emptied_first_where_it_says_so(world):
    provider = stand_in("Bucket", world)
    inputs = {**GOOD["Bucket"], "forceDestroy": True}
    identity, _, _ = provider.create(token_of("Bucket"), inputs, is_preview=False)
    provider.create(token_of("BucketObjectv2"), {**GOOD["BucketObjectv2"], "bucket": identity}, is_preview=False)

    provider.delete(token_of("Bucket"), identity)

    assert world.all(token_of("BucketObjectv2")) == ()


@pytest.mark.parametrize("kind", ["AuthenticatedOriginPullsCertificate", "AuthenticatedOriginPullsHostnameCertificate"])
def test_key_of_a_certificate_goes_with_it(kind, world):
    provider = stand_in(kind, world)
    identity, _, _ = provider.create(token_of(kind), GOOD[kind], is_preview=False)
    assert pull_key(world, identity).is_file()

    provider.delete(token_of(kind), identity)

    assert not pull_key(world, identity).exists()


def test_bucket_is_emptied_first_where_the_provider_was_told_so(world):
    stand_in("ObjectStorageObject", world).create(
        token_of("ObjectStorageObject"), GOOD["ObjectStorageObject"], is_preview=False
    )
    forcing = stand_in("ObjectStorageBucket", world, {"objBucketForceDelete": "true"})

    forcing.delete(token_of("ObjectStorageBucket"), "au-mel:first-bucket")

    assert world.all(token_of("ObjectStorageObject")) == ()


def test_zone_setting_stays_when_it_is_deleted(world):
    provider = stand_in("ZoneSetting", world)
    identity, _, _ = provider.create(token_of("ZoneSetting"), GOOD["ZoneSetting"], is_preview=False)

    provider.delete(token_of("ZoneSetting"), identity)

    assert world.get(token_of("ZoneSetting"), identity)


def test_planned_fault_hits_the_nth_call_once(world):
    world.plan_faults(Fault(token_of("ReservedIp"), nth=2, status=503))
    provider = stand_in("ReservedIp", world)

    def made():
        try:
            return bool(provider.create(token_of("ReservedIp"), GOOD["ReservedIp"], is_preview=False)[0])
        except ApiError as error:
            return str(error)[:5]

    assert [made() for _ in range(3)] == [True, "[503]", True]


def test_late_fault_hits_after_the_thing_was_made(world):
    world.plan_faults(Fault(token_of("ReservedIp"), status=504, is_late=True))
    before = len(world.all(token_of("ReservedIp")))

    with pytest.raises(ApiError, match="504"):
        stand_in("ReservedIp", world).create(token_of("ReservedIp"), GOOD["ReservedIp"], is_preview=False)

    assert len(world.all(token_of("ReservedIp"))) == before + 1


def test_provider_without_a_token_says_which_variable_would_help(world):
    with pytest.raises(ApiError, match="LINODE_TOKEN is not set"):
        stand_in("Volume", world, {"token": None})


def test_unknown_kind_is_refused_by_name(world):
    with pytest.raises(ApiError, match="the local cloud has no linode:index/lkeCluster:LkeCluster"):
        stand_in("Volume", world).check("linode:index/lkeCluster:LkeCluster", {})


def test_zone_is_found_by_name_and_another_is_not(world):
    provider = stand_in("DnsRecord", world)
    question = "cloudflare:index/getZone:getZone"

    assert provider.invoke(question, {"filter": {"name": "first.example"}})["zoneId"] == "z1"
    with pytest.raises(ApiError, match=r"no zone other\.example"):
        provider.invoke(question, {"filter": {"name": "other.example"}})
