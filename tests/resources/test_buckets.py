"""Buckets: who may read, who may write, and which vendor is asked."""

import json
from pathlib import Path

import pytest

from mastodon_infra.resources.s3 import BACKUP_FOLDER

WASABI, AWS, LINODE = "large-sydney-wasabi", "solo-aws-manual-dns", "large-melbourne"


def statements(record):
    return json.loads(record.inputs["policy"])["Statement"]


@pytest.mark.parametrize("name", [WASABI, AWS], ids=["wasabi", "aws"])
def test_everybody_may_get_published_objects_and_do_nothing_else(name, records_of, kind):
    (policy,) = kind(records_of(name), "BucketPolicy")
    (statement,) = statements(policy)

    assert policy.inputs["bucket"] == "social-example-media"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Allow", "*", "s3:GetObject")
    assert "arn:aws:s3:::social-example-media/media_attachments/*" in statement["Resource"]
    assert not [one for one in statement["Resource"] if "/backups" in one or one.endswith("media/*")]


@pytest.mark.parametrize("name", [WASABI, AWS], ids=["wasabi", "aws"])
@pytest.mark.parametrize("what", ["media", "backup"])
def test_each_identity_may_use_its_own_bucket_only(name, what, records_of, one):
    policy = one(records_of(name), "UserPolicy", f"{what}-writer")
    key = one(records_of(name), "AccessKey", f"{what}-writer")

    resources = {statement["Resource"] for statement in statements(policy)}
    inside = {"media": {"*"}, "backup": {"pgbackrest/*", "payload/*"}}[what]
    actions = {action for statement in statements(policy) for action in statement["Action"]}

    bucket = f"arn:aws:s3:::social-example-{what}"
    assert resources == {bucket, *(f"{bucket}/{part}" for part in inside)}
    assert not [action for action in actions if "*" in action or "Policy" in action or action == "s3:DeleteBucket"]
    assert policy.inputs["user"] == key.inputs["user"] == f"social-example-{what}-writer"


@pytest.mark.parametrize("what", ["media", "backup"])
def test_linode_bucket_is_private_and_its_key_opens_it_alone(what, records_of, one):
    bucket = one(records_of(LINODE), "ObjectStorageBucket", what).inputs
    key = one(records_of(LINODE), "ObjectStorageKey", f"{what}-writer").inputs

    assert bucket["acl"] == "private"
    assert key["bucketAccesses"] == [
        {"bucketName": f"social-example-{what}", "permissions": "read_write", "region": "au-mel"}
    ]
    assert "regions" not in key
    assert len(key["label"]) <= 50


def test_unfinished_uploads_are_thrown_away_everywhere(case, records_of, kind):
    rules = [
        rule
        for record in records_of(case)
        if not record.type.startswith("cloudflare:")
        for rule in (record.inputs.get("lifecycleRules") or record.inputs.get("rules") or ())
    ]
    days = [
        rule.get("abortIncompleteMultipartUploadDays") or rule["abortIncompleteMultipartUpload"]["daysAfterInitiation"]
        for rule in rules
    ]

    assert days == [7, 7]


def test_wasabi_is_asked_at_its_own_endpoints_and_never_for_what_it_lacks(records_of, kind, one):
    records = records_of(WASABI)
    for store in ("media-store", "backup-store"):
        provider = one(records, "aws", store).inputs
        (endpoints,) = json.loads(provider["endpoints"])
        assert set(endpoints) == {"s3", "s3control", "iam", "sts"}
        assert all("wasabisys.com" in url for url in endpoints.values())
        assert provider["s3UsePathStyle"] == "true"
    assert not [record for record in records if "tags" in record.inputs]
    assert not kind(records, "BucketPublicAccessBlock")
    assert not kind(records, "BucketOwnershipControls")


def test_amazon_opens_public_policies_before_the_policy_comes(records_of, one):
    policy = one(records_of(AWS), "BucketPolicy", "media")

    assert any(name.endswith("BucketPublicAccessBlock::media") for name in policy.dependencies)
    assert one(records_of(AWS), "BucketPublicAccessBlock", "media").inputs["blockPublicPolicy"] is False


def test_backups_switched_off_make_no_bucket(record_parts):
    records = record_parts({"size": "solo", "disposable": True, "backups": {"enabled": False}})

    assert not [record for record in records if "backup" in record.name and "passphrase" not in record.name]


@pytest.mark.parametrize(("case_name", "marks"), [(WASABI, True), (AWS, False)])
def test_objects_are_marked_as_public_where_buckets_know_such_marks(case_name, marks, records_of, one):
    (objects, _) = statements(one(records_of(case_name), "UserPolicy", "media-writer"))

    assert ({"s3:GetObjectAcl", "s3:PutObjectAcl"} <= set(objects["Action"])) is marks


def test_key_of_the_backups_writes_the_repository_and_reads_payloads_only(records_of, one):
    policy = statements(one(records_of(AWS), "UserPolicy", "backup-writer"))
    may = {(action, part["Resource"].partition("/")[2]) for part in policy for action in part["Action"]}

    assert {folder for action, folder in may if action in {"s3:PutObject", "s3:DeleteObject"}} == {"pgbackrest/*"}
    assert {folder for action, folder in may if action == "s3:GetObject"} == {"pgbackrest/*", "payload/*"}
    template = Path(__file__).parents[2] / "templates" / "backup" / "etc" / "pgbackrest" / "pgbackrest.conf.j2"
    assert f"repo1-path=/{BACKUP_FOLDER}\n" in template.read_text(encoding="utf-8")
