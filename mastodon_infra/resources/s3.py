"""Buckets and identities at Amazon, and at Wasabi, which speaks the same language with gaps.

Never tags, and at Wasabi never what only Amazon has (public access block, ownership controls): see
docs/adr/0009-pulumi-aws-is-pinned.md.
"""

from __future__ import annotations

import base64
import json

import pulumi
import pulumi_aws as aws

from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan import naming
from mastodon_infra.render.payload import FOLDER, Payload
from mastodon_infra.resources.clouds import Credentials
from mastodon_infra.resources.stores import ABORT_MULTIPART_DAYS, Identity, Store, kept_payload

POLICY_VERSION = "2012-10-17"
LONGEST_USER_NAME = 64

PUBLIC_FOLDERS = ("accounts", "cache", "custom_emojis", "media_attachments", "preview_cards", "site_uploads")
"""What everybody may read. Not ``backups`` and ``imports``: people's own archives and lists."""

BACKUP_ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "s3:DeleteObject",
    "s3:AbortMultipartUpload",
    "s3:ListMultipartUploadParts",
)
ACL_ACTIONS = ("s3:GetObjectAcl", "s3:PutObjectAcl")
"""For the mark by which an object is public by itself. Buckets at Amazon have none: their ACLs are shut."""

MEDIA_ACTIONS = (*BACKUP_ACTIONS, *ACL_ACTIONS)

BACKUP_FOLDER = "pgbackrest"
"""Where pgBackRest keeps its repository in the bucket: ``repo1-path`` in templates/backup."""

BUCKET_ACTIONS = ("s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads")


class S3Account:
    """A bucket over one explicit provider, under one component, and identities that may use it alone."""

    def __init__(self, parent: pulumi.Resource, name: str, *, store: Store, credentials: Credentials) -> None:
        self._store, self._arn = store, f"arn:aws:s3:::{store.bucket}"
        self._is_amazon = store.provider is StorageProvider.AWS
        provide = _amazon if self._is_amazon else _wasabi
        provider = provide(name, store, credentials, pulumi.ResourceOptions(parent=parent))
        self._own = pulumi.ResourceOptions(parent=parent, provider=provider)
        self._kept = pulumi.ResourceOptions(parent=parent, provider=provider, protect=store.is_protected)
        self._bucket: pulumi.Input[str] = store.bucket

    def media_bucket(self, name: str) -> None:
        """A bucket whose published folders everybody may read, from scripts on any web site too."""
        self.private_bucket(name)
        opened = [self._opened(name)] if self._is_amazon else []
        statement: dict[str, object] = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": [f"{self._arn}/{folder}/*" for folder in PUBLIC_FOLDERS],
        }
        aws.s3.BucketPolicy(
            name,
            bucket=self._bucket,
            policy=policy_document(statement),
            opts=pulumi.ResourceOptions.merge(self._own, pulumi.ResourceOptions(depends_on=opened)),
        )
        aws.s3.BucketCorsConfiguration(
            name,
            bucket=self._bucket,
            cors_rules=[{"allowed_methods": ["GET", "HEAD"], "allowed_origins": ["*"], "max_age_seconds": 86400}],
            opts=self._own,
        )

    def private_bucket(self, name: str) -> None:
        """A bucket that nobody reads without a key."""
        # In state this logical name is everything that the bucket holds: it must never change.
        bucket = aws.s3.Bucket(
            name, bucket=self._store.bucket, force_destroy=not self._store.is_protected, opts=self._kept
        )
        self._bucket = bucket.bucket
        aws.s3.BucketLifecycleConfiguration(
            name,
            bucket=self._bucket,
            rules=[
                {
                    "id": "abort-multipart",
                    "status": "Enabled",
                    "filter": {"prefix": ""},
                    "abort_incomplete_multipart_upload": {"days_after_initiation": ABORT_MULTIPART_DAYS},
                }
            ],
            opts=self._own,
        )

    def media_writer(self, name: str) -> Identity:
        """Mastodon's key."""
        actions = BACKUP_ACTIONS if self._is_amazon else MEDIA_ACTIONS
        return self._identity(name, _allow(actions, f"{self._arn}/*"), _allow(BUCKET_ACTIONS, self._arn))

    def backup_writer(self, name: str) -> Identity:
        """PgBackRest's key. The database's machine also fetches its payload with it, and changes none."""
        return self._identity(
            name,
            _allow(BACKUP_ACTIONS, f"{self._arn}/{BACKUP_FOLDER}/*"),
            _allow(("s3:GetObject",), f"{self._arn}/{FOLDER}/*"),
            _allow(BUCKET_ACTIONS, self._arn),
        )

    def payload_reader(self, name: str) -> Identity:
        """The key of machines that boot: it reads payloads, and not the backups beside them."""
        return self._identity(name, _allow(("s3:GetObject",), f"{self._arn}/{FOLDER}/*"))

    def upload(self, name: str, payload: Payload) -> pulumi.Resource:
        """Put a payload into the bucket."""
        upload: pulumi.Resource = aws.s3.BucketObjectv2(
            name,
            bucket=self._bucket,
            key=payload.key,
            content_base64=base64.b64encode(payload.content).decode(),
            opts=kept_payload(self._own),
        )
        return upload

    def _opened(self, name: str) -> pulumi.Resource:
        """Amazon refuses public policies on new buckets until this is said. ACLs stay shut: the policy is enough."""
        opened: pulumi.Resource = aws.s3.BucketPublicAccessBlock(
            name,
            bucket=self._bucket,
            block_public_acls=True,
            ignore_public_acls=True,
            block_public_policy=False,
            restrict_public_buckets=False,
            opts=self._own,
        )
        return opened

    def _identity(self, name: str, *statements: dict[str, object]) -> Identity:
        label = naming.label(self._store.bucket, name.rpartition("-")[2], LONGEST_USER_NAME)
        user = aws.iam.User(name, name=label, opts=self._own)
        aws.iam.UserPolicy(name, name=name, user=user.name, policy=policy_document(*statements), opts=self._own)
        key = aws.iam.AccessKey(name, user=user.name, opts=self._own)
        return Identity(key.id, key.secret)


def policy_document(*statements: dict[str, object]) -> str:
    """A policy in the language of Amazon's access management."""
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)})


def _allow(actions: tuple[str, ...], resource: str) -> dict[str, object]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def _amazon(name: str, store: Store, credentials: Credentials, opts: pulumi.ResourceOptions) -> aws.Provider:
    return aws.Provider(
        name,
        region=store.region,
        access_key=credentials.aws_access_key,
        secret_key=credentials.aws_secret_key,
        opts=opts,
    )


def _wasabi(name: str, store: Store, credentials: Credentials, opts: pulumi.ResourceOptions) -> aws.Provider:
    """Every service that is used has its endpoint named, so that no request strays to Amazon."""
    return aws.Provider(
        name,
        region=store.region,
        access_key=credentials.wasabi_access_key,
        secret_key=credentials.wasabi_secret_key,
        endpoints=[
            {
                "s3": f"https://{store.endpoint}",
                "s3control": f"https://{store.endpoint}",
                "iam": "https://iam.wasabisys.com",
                "sts": "https://sts.wasabisys.com",
            }
        ],
        s3_use_path_style=True,
        skip_metadata_api_check=True,
        skip_region_validation=True,
        skip_credentials_validation=True,
        skip_requesting_account_id=True,
        opts=opts,
    )
