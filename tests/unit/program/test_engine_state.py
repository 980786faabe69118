"""A deployment out of the state: its machines, its data, and letting go of it."""

from copy import deepcopy

from mastodon_infra.program.engine_state import machine_urns, protected_data, released, things

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
