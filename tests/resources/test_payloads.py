"""Payloads: what does not fit into user data lies in the private bucket before its machine boots."""

import base64
import gzip
import json
import re

import pytest

from mastodon_infra.program.offline import preview_offline
from mastodon_infra.render.payload import Payload
from mastodon_infra.resources.nodes import FirstBoot

PAYLOAD = Payload("social-example-backup", "payload/0123.tar.gz", "0123", b"an archive")


@pytest.fixture
def with_payload(plan_parts, stand_in):
    """Record an instance whose first node has a payload; gives the records, and the wiring that machines saw."""

    def run(parts):
        seen = []

        def user_data(_node, wiring):
            seen.append(wiring)
            return b""

        records = preview_offline(
            plan_parts(parts), first_boot=FirstBoot(user_data, {"web-1": PAYLOAD}, stand_in.digest)
        )
        return records, seen[0]

    return run


def test_machine_waits_for_its_payload_and_gets_a_key_that_only_reads(with_payload, one):
    records, wiring = with_payload({"size": "large"})
    upload = one(records, "ObjectStorageObject", "payload-web-1")
    (access,) = one(records, "ObjectStorageKey", "payload-reader").inputs["bucketAccesses"]

    assert upload.inputs["key"] == PAYLOAD.key
    assert base64.b64decode(upload.inputs["contentBase64"]) == PAYLOAD.content
    assert upload.inputs["acl"] == "private"
    assert f"{upload.type}::payload-web-1" in one(records, "Instance", "web-1").dependencies
    assert f"{upload.type}::payload-web-1" not in one(records, "Instance", "web-2").dependencies
    assert (access["bucketName"], access["permissions"]) == ("social-example-backup", "read_only")
    assert wiring.payload_access_key_id == "<<access-key-of-payload-reader>>"


def test_reader_at_an_s3_vendor_sees_payloads_and_no_backups(with_payload, one):
    records, _ = with_payload({"size": "solo", "storage": {"provider": "aws"}})
    (statement,) = json.loads(one(records, "UserPolicy", "payload-reader").inputs["policy"])["Statement"]

    assert statement["Action"] == ["s3:GetObject"]
    assert statement["Resource"] == "arn:aws:s3:::social-example-backup/payload/*"
    assert one(records, "BucketObjectv2", "payload-web-1").inputs["key"] == PAYLOAD.key


def test_payloads_need_the_private_bucket_without_backups_too(with_payload, kind):
    records, wiring = with_payload({"size": "solo", "disposable": True, "backups": {"enabled": False}})

    assert {record.name for record in kind(records, "ObjectStorageBucket")} == {"media", "backup"}
    assert wiring.backup_access_key_id == ""


def test_real_templates_go_through_the_whole_program_and_payloads_hold_no_secret(plan_parts, kind):
    records = preview_offline(plan_parts({"size": "small", "disposable": True}))
    contents = [
        gzip.decompress(base64.b64decode(upload.inputs["contentBase64"]))
        for upload in kind(records, "ObjectStorageObject")
    ]

    assert [machine.inputs["metadatas"] for machine in kind(records, "Instance")] == [[{"userData": "[secret]"}]]
    # A stand-in for a secret is <<name>>; <<< is a shell's here-string.
    assert not [content for content in contents if re.search(rb"(?<!<)<<[a-z]|PRIVATE KEY", content)]
