"""What a bucket and its users are, whoever keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pulumi

from mastodon_infra.model.services import StorageProvider
from mastodon_infra.render.payload import Payload

ABORT_MULTIPART_DAYS = 7
"""Uploads that were begun and never finished are paid for until they are thrown away."""


@dataclass(frozen=True, slots=True)
class Store:
    """Where a bucket lies: the part that the plans of media and of backups have in common."""

    provider: StorageProvider
    region: str
    endpoint: str
    bucket: str
    is_protected: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """An access key that may use one bucket and nothing else."""

    access_key_id: pulumi.Output[str]
    secret_access_key: pulumi.Output[str]


def kept_payload(own: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """How a payload is uploaded: what it replaces, or what no plan names any more, stays in the bucket.

    A key is a digest, so new files make a new object, before any machine is made that fetches it. The old one may be
    needed still: by a machine whose first boot is not over, by one that its owner rebuilds with the user data that it
    was made with, and by another machine that has the same files and therefore the same key.
    """
    return pulumi.ResourceOptions.merge(own, pulumi.ResourceOptions(retain_on_delete=True))


class Account(Protocol):
    """A vendor's way to keep one bucket. The bucket comes first, then those who use it."""

    def media_bucket(self, name: str) -> None:
        """Make a bucket whose published objects everybody may read and nobody list."""

    def private_bucket(self, name: str) -> None:
        """Make a bucket that nobody reads without a key."""

    def media_writer(self, name: str) -> Identity:
        """Make Mastodon's key: read, write and delete objects, and say who may read each."""

    def backup_writer(self, name: str) -> Identity:
        """Make pgBackRest's key: read, write, delete and list objects."""

    def payload_reader(self, name: str) -> Identity:
        """Make the key of machines that boot: read payloads."""

    def upload(self, name: str, payload: Payload) -> pulumi.Resource:
        """Put a payload into the bucket."""
