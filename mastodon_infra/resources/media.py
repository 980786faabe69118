"""Buckets, each with keys of its own: media for the world, backups for nobody."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi

from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan.types import BackupPlan, MediaPlan
from mastodon_infra.render.payload import Payload
from mastodon_infra.resources.clouds import Credentials
from mastodon_infra.resources.stores import Account, Identity, Store


class MediaBucket(pulumi.ComponentResource):
    """The bucket of pictures and films: everybody may read what is published, nobody may list it.

    Pulumi type: ``mastodon:media:MediaBucket``

    At Linode the bucket is private and Mastodon marks each object as public; elsewhere a bucket policy opens the
    folders that hold published media, and not the archives that people ask for.

    Creates: media - the bucket, at Linode linode.ObjectStorageBucket, elsewhere aws.s3.Bucket with policy, CORS and
        lifecycle; media-writer - linode.ObjectStorageKey, elsewhere aws.iam.User with policy and access key.
    Needs: the media plan, credentials where the bucket is not at Linode.
    Gives: ``writer``, Mastodon's key.
    Replaced when: the provider, region or bucket name changes; protected unless the stack is disposable.
    """

    writer: Identity

    def __init__(
        self, name: str, *, media: MediaPlan, credentials: Credentials, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mastodon:media:MediaBucket", name, None, opts)
        store = Store(media.provider, media.region, media.endpoint, media.bucket, media.is_protected)
        account = _account_for(self, "media-store", store=store, credentials=credentials)
        account.media_bucket("media")
        self.writer = account.media_writer("media-writer")
        self.register_outputs({})


class PrivateBucket(pulumi.ComponentResource):
    """The bucket of database backups, and of what machines fetch at their first boot.

    Pulumi type: ``mastodon:media:PrivateBucket``

    Creates: backup - the bucket, as above without policy and CORS; backup-writer - its key; payload-reader - a key
        that only reads, where there are payloads; payload-<node> - linode.ObjectStorageObject, elsewhere
        aws.s3.BucketObjectv2 - one per payload.
    Needs: the backup plan, the payloads by node, credentials where the bucket is not at Linode.
    Gives: ``writer``, pgBackRest's key; ``reader``, the machines' key, or None; ``uploads`` by node.
    Replaced when: the provider, region or bucket name changes; protected unless the stack is disposable. A payload is
        replaced when its files change; the old object stays in the bucket.
    """

    writer: Identity
    reader: Identity | None
    uploads: Mapping[str, pulumi.Resource]

    def __init__(
        self,
        name: str,
        *,
        backups: BackupPlan,
        payloads: Mapping[str, Payload],
        is_protected: bool,
        credentials: Credentials,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:media:PrivateBucket", name, None, opts)
        store = Store(backups.provider, backups.region, backups.endpoint, backups.bucket, is_protected)
        account = _account_for(self, "backup-store", store=store, credentials=credentials)
        account.private_bucket("backup")
        self.writer = account.backup_writer("backup-writer")
        self.reader = account.payload_reader("payload-reader") if payloads else None
        self.uploads = {node: account.upload(f"payload-{node}", payload) for node, payload in payloads.items()}
        self.register_outputs({})


def _account_for(parent: pulumi.Resource, name: str, *, store: Store, credentials: Credentials) -> Account:
    """The vendor's account for a bucket; ``name`` is the logical name of the provider where one is made."""
    if store.provider is StorageProvider.LINODE:
        from mastodon_infra.resources.linode_store import LinodeAccount  # noqa: PLC0415  # like its sibling below

        return LinodeAccount(parent, store)
    # Imported only where it is used: the package is large, and most instances keep their media at Linode.
    from mastodon_infra.resources.s3 import S3Account  # noqa: PLC0415

    return S3Account(parent, name, store=store, credentials=credentials)
