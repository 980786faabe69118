"""Buckets and keys at Linode."""

from __future__ import annotations

import base64

import pulumi
import pulumi_linode as linode

from mastodon_infra.plan import naming
from mastodon_infra.render.payload import Payload
from mastodon_infra.resources.stores import ABORT_MULTIPART_DAYS, Identity, Store, kept_payload

LONGEST_KEY_LABEL = 50


class LinodeAccount:
    """A bucket at Linode, under one component, and keys that open it alone.

    A key opens a whole bucket: Linode knows no rights below it.
    """

    def __init__(self, parent: pulumi.Resource, store: Store) -> None:
        self._store = store
        self._own = pulumi.ResourceOptions(parent=parent)
        self._kept = pulumi.ResourceOptions(parent=parent, protect=store.is_protected)
        self._label: pulumi.Input[str] = store.bucket

    def media_bucket(self, name: str) -> None:
        """A private bucket too: Mastodon marks each object that everybody may read, and takes the mark back."""
        self.private_bucket(name)

    def private_bucket(self, name: str) -> None:
        """A bucket that nobody reads or lists without a key."""
        # In state this logical name is everything that the bucket holds: it must never change.
        bucket = linode.ObjectStorageBucket(
            name,
            label=self._store.bucket,
            region=self._store.region,
            acl="private",
            # cors_enabled is left to Linode, which answers scripts of every site. Whether its newer kinds of endpoints
            # take the setting is not known (check), and what it should say is what is so already.
            lifecycle_rules=[
                linode.ObjectStorageBucketLifecycleRuleArgs(
                    id="abort-multipart",
                    enabled=True,
                    abort_incomplete_multipart_upload_days=ABORT_MULTIPART_DAYS,
                )
            ],
            opts=self._kept,
        )
        self._label = bucket.label

    def media_writer(self, name: str) -> Identity:
        """Mastodon's key."""
        return self._key(name, "read_write")

    def backup_writer(self, name: str) -> Identity:
        """PgBackRest's key."""
        return self._key(name, "read_write")

    def payload_reader(self, name: str) -> Identity:
        """The key of machines that boot. It reads the backups as well, which are encrypted by pgBackRest."""
        return self._key(name, "read_only")

    def upload(self, name: str, payload: Payload) -> pulumi.Resource:
        """Put a payload into the bucket."""
        return linode.ObjectStorageObject(
            name,
            bucket=self._label,
            region=self._store.region,
            key=payload.key,
            content_base64=base64.b64encode(payload.content).decode(),
            acl="private",
            opts=kept_payload(self._own),
        )

    def _key(self, name: str, permissions: str) -> Identity:
        key = linode.ObjectStorageKey(
            name,
            label=naming.label(self._store.bucket, name.rpartition("-")[2], LONGEST_KEY_LABEL),
            bucket_accesses=[
                linode.ObjectStorageKeyBucketAccessArgs(
                    bucket_name=self._label, region=self._store.region, permissions=permissions
                )
            ],
            opts=self._own,
        )
        return Identity(key.access_key, key.secret_key)
