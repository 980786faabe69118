"""What holds data or opens it refuses to be deleted, and what is secret is never shown."""

import base64
import json

import pytest

KEPT = ("Volume", "ObjectStorageBucket", "Bucket", "RandomPassword", "RandomBytes", "Domain")


def is_kept(record):
    is_secret_key = record.type.endswith(":PrivateKey") and record.name in {"vapid", "authority"}
    return record.type.rpartition(":")[2] in KEPT or is_secret_key


def test_exactly_what_cannot_be_made_again_is_protected(case, records_of, plan_of):
    is_disposable = plan_of(case).spec.disposable

    protected = {(record.type, record.name) for record in records_of(case) if record.protect}
    kept = {(record.type, record.name) for record in records_of(case) if is_kept(record)}

    assert kept
    assert protected == (set() if is_disposable else kept)


def test_disposable_stack_may_delete_full_buckets_and_no_other_may(case, records_of, plan_of, one, kind):
    is_disposable = plan_of(case).spec.disposable
    linode = one(records_of(case), "linode", "linode")

    assert linode.inputs["objBucketForceDelete"] == json.dumps(is_disposable)
    assert all(bucket.inputs["forceDestroy"] is is_disposable for bucket in kind(records_of(case), "Bucket"))


def test_user_data_is_marked_secret_on_every_machine(case, records_of, kind, plan_of):
    machines = kind(records_of(case), "Instance")

    assert len(machines) == len(plan_of(case).nodes)
    assert all(machine.inputs["metadatas"] == [{"userData": "[secret]"}] for machine in machines)


@pytest.mark.parametrize(
    "secret",
    [
        "postgres-app-password",
        "redis-password",
        "secret-key-base",
        "secret-key-of-media-writer",
        "authority private key",
    ],
)
def test_no_record_shows_a_secret(case, records_of, secret):
    shown = json.dumps([record.inputs for record in records_of(case)])

    assert f"<<{secret}>>" not in shown
    assert "PRIVATE KEY" not in shown
    assert base64.b64encode(b"web-1 {'secret_key_base'").decode()[:24] not in shown


def test_randomness_that_is_not_secret_is_never_used(case, records_of, kind):
    assert not kind(records_of(case), "RandomId")
    assert len(kind(records_of(case), "RandomPassword")) >= 4
