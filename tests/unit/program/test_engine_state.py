"""A deployment out of the state: its machines, its data, and letting go of it."""

from copy import deepcopy

from mastodon_infra.program.engine_state import (
    begun,
    held_again,
    machine_urns,
    protected_data,
    released,
    things,
    volume_places,
)

PROVIDER = "urn:pulumi:s::p::pulumi:providers:linode::linode"


def resource(kind, name, *, protect=False, **inputs):
    return {
        "urn": f"urn:pulumi:s::p::{kind}::{name}",
        "type": kind,
        "custom": True,
        "protect": protect,
        "inputs": inputs,
        "outputs": dict(inputs),
        "provider": f"{PROVIDER}::1",
    }


DEPLOYMENT = {
    "resources": [
        {"urn": PROVIDER, "type": "pulumi:providers:linode", "custom": True, "inputs": {}, "outputs": {}},
        resource("linode:index/instance:Instance", "web-1"),
        resource("linode:index/volume:Volume", "data-postgres", protect=True, label="social-data-postgres"),
        resource("linode:index/objectStorageBucket:ObjectStorageBucket", "media", protect=True, label="social-media"),
        resource("aws:s3/bucket:Bucket", "backup", protect=True, bucket="social-backup"),
        resource("random:index/randomBytes:RandomBytes", "secret-key-base", protect=True),
        resource("random:index/randomPassword:RandomPassword", "redis-password", protect=True),
    ]
}


def test_data_is_told_by_name_and_all_keys_together():
    told = {piece.name: (piece.kind, piece.called, len(piece.urns)) for piece in protected_data(DEPLOYMENT)}

    assert told == {
        "backup": ("bucket", "social-backup", 1),
        "data-postgres": ("volume", "social-data-postgres", 1),
        "media": ("bucket", "social-media", 1),
        "keys": ("keys", "2 keys and passwords", 2),
    }
    assert list(machine_urns(DEPLOYMENT)) == ["web-1"]
    assert things(DEPLOYMENT) == 6
    assert protected_data({}) == ()


def test_only_what_was_named_is_released_and_its_bucket_may_be_emptied():
    before = deepcopy(DEPLOYMENT)
    pieces = {piece.name: piece.urns for piece in protected_data(DEPLOYMENT)}

    after = released(DEPLOYMENT, [*pieces["backup"], *pieces["media"]])

    assert before == DEPLOYMENT
    assert {piece.name for piece in protected_data(after)} == {"data-postgres", "keys"}
    provider, *_, bucket, _bytes, _password = after["resources"]
    assert provider["outputs"]["objBucketForceDelete"] == "true"
    assert bucket["outputs"]["forceDestroy"] is True


def test_what_was_let_go_of_is_held_again_as_it_was():
    kept = {**resource("linode:index/reservedIp:ReservedIp", "address-web-1"), "retainOnDelete": True}
    before = {"resources": [*deepcopy(DEPLOYMENT["resources"]), kept]}
    every = [urn for piece in protected_data(before) for urn in piece.urns]

    free = released(before, every)
    gone = [one for one in free["resources"] if not one["urn"].endswith("::data-postgres")]
    again = held_again({"resources": gone}, before)

    assert not [one for one in free["resources"] if one.get("protect") or one.get("retainOnDelete")]
    assert again["resources"] == [one for one in before["resources"] if not one["urn"].endswith("::data-postgres")]


def test_volumes_are_at_the_machine_whose_number_they_have():
    machine = {**resource("linode:index/instance:Instance", "web-1"), "id": "10000001"}
    at = resource("linode:index/volume:Volume", "data-postgres", linodeId=1.0000001e07)
    elsewhere = resource("linode:index/volume:Volume", "data-redis", linodeId=7)
    nowhere = resource("linode:index/volume:Volume", "data-other")

    assert volume_places({"resources": [machine, at, elsewhere, nowhere]}) == {"data-postgres": "web-1"}


def test_creations_that_were_cut_off_are_told_where_a_vendor_may_have_made_them():
    pending = [
        {"type": "creating", "resource": resource("linode:index/nodeBalancer:NodeBalancer", "balancer-1")},
        {"type": "creating", "resource": resource("random:index/randomBytes:RandomBytes", "secret-key-base")},
        {"type": "deleting", "resource": resource("linode:index/instance:Instance", "web-2")},
    ]

    assert [(one.name, one.vendor) for one in begun({"pending_operations": pending})] == [("balancer-1", "Linode")]
    assert begun({}) == ()
