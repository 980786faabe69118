"""Who is spoken to: one explicit provider per account, so that no credential is ever sent to another vendor."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
import pulumi_linode as linode

LINODE = "linode"
"""The provider's logical name. In state: a change would move every resource to another provider."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the stack's config says about accounts; None leaves it to the provider's own environment variables.

    Attributes:
        linode_token, linode_url, linode_api_version: Linode's API.
        wasabi_access_key, wasabi_secret_key: Wasabi's root or administrator key.
        aws_access_key, aws_secret_key: Amazon's, for S3 and for SES.
    """

    linode_token: pulumi.Output[str] | None = None
    linode_url: str | None = None
    linode_api_version: str | None = None
    wasabi_access_key: pulumi.Output[str] | None = None
    wasabi_secret_key: pulumi.Output[str] | None = None
    aws_access_key: pulumi.Output[str] | None = None
    aws_secret_key: pulumi.Output[str] | None = None


def linode_cloud(credentials: Credentials, *, is_disposable: bool) -> linode.Provider:
    """The provider of everything at Linode.

    Lifecycle rules of a bucket are set over S3, for which the provider makes itself a short-lived key: no key that
    may touch every bucket is kept in the state. Only a disposable stack's buckets are emptied when they are deleted.
    """
    return linode.Provider(
        LINODE,
        token=credentials.linode_token,
        url=credentials.linode_url,
        api_version=credentials.linode_api_version,
        obj_use_temp_keys=True,
        obj_bucket_force_delete=is_disposable,
    )
