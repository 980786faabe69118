"""What the operator may say about storage, edge, mail, network, databases and backups."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from mastodon_infra.model.base import Closed, Switch
from mastodon_infra.model.names import BucketName, Domain, Email, RecordName, RegionName, RelayLogin


class StorageProvider(StrEnum):
    """Who keeps the buckets."""

    LINODE = "linode"
    WASABI = "wasabi"
    AWS = "aws"


class StorageSpec(Closed):
    """The media bucket."""

    provider: StorageProvider = Field(default=StorageProvider.LINODE, description="Who keeps the media bucket.")
    region: RegionName | None = Field(
        default=None,
        description="The provider's region; by default the one nearest to the machines.",
        examples=["au-mel"],
    )
    bucket: BucketName | None = Field(
        default=None,
        description="The bucket's name; by default made from the domain.",
        examples=["social-example-media"],
    )


class DnsProvider(StrEnum):
    """Who answers for the zone. ``manual``: nobody here does, and the plan prints the records to set."""

    LINODE = "linode"
    CLOUDFLARE = "cloudflare"
    MANUAL = "manual"


class MediaFront(StrEnum):
    """Who serves media to the world from the bucket."""

    NGINX = "nginx"
    CLOUDFLARE = "cloudflare"


class EdgeSpec(Closed):
    """DNS, the proxy in front, and the media host."""

    dns: DnsProvider = Field(default=DnsProvider.LINODE, description="Who serves the DNS zone.")
    zone: Domain | None = Field(
        default=None, description="The DNS zone, where it is not the domain itself.", examples=["example.org"]
    )
    proxied: Switch = Field(
        default=False,
        description="Send web traffic through Cloudflare's proxy; false publishes the origin's address.",
    )
    media: MediaFront = Field(
        default=MediaFront.NGINX,
        description="Who caches and serves media: the web nodes' nginx, or Cloudflare.",
    )
    media_domain: Domain | None = Field(
        default=None,
        description="The media host; by default files. before the web domain.",
        examples=["files.social.example"],
    )
    streaming_domain: Domain | None = Field(
        default=None, description="A host of its own for streaming; by default the web domain serves it."
    )
    serve_local_domain: Switch = Field(
        default=True,
        description="With a web_domain of its own: answer webfinger for the bare domain here. "
        "Set false when another web site lives there and redirects /.well-known/webfinger.",
    )


class SesMailSpec(Closed):
    """Amazon SES, on port 2587, with an identity and DKIM made by the program."""

    provider: Literal["ses"] = Field(description="Amazon Simple Email Service.")
    region: RegionName = Field(description="The AWS region that sends.", examples=["ap-southeast-2"])
    from_address: Email | None = Field(
        default=None,
        description="The sender; by default notifications@ the domain.",
        examples=["hello@social.example"],
    )


class SmtpMailSpec(Closed):
    """Any SMTP relay. Its password is the sibling secret ``mastodon-infra:smtpPassword``."""

    provider: Literal["smtp"] = Field(description="A mail relay that speaks SMTP.")
    host: Domain = Field(description="The relay's host name.", examples=["smtp.relay.example"])
    port: Annotated[int, Field(strict=True, ge=1, le=65535)] = Field(
        default=2525, description="The relay's port; Linode blocks 25, 465 and 587.", examples=[2525]
    )
    username: RelayLogin = Field(description="The login at the relay.", examples=["social-example"])
    from_address: Email | None = Field(default=None, description="The sender; by default notifications@ the domain.")
    spf_include: Domain | None = Field(
        default=None,
        description="The domain that the relay asks you to include in SPF.",
        examples=["spf.relay.example"],
    )
    dkim: dict[RecordName, RecordName] = Field(
        default_factory=dict, description="DKIM CNAME records that the relay asks for: name to target."
    )


NoMail = Literal["none"]
MailSpec = NoMail | Annotated[SesMailSpec | SmtpMailSpec, Field(discriminator="provider")]


class NetworkMode(StrEnum):
    """How nodes reach each other privately. A VLAN's traffic is filtered by the host firewall only."""

    VPC = "vpc"
    VLAN = "vlan"


class NetworkSpec(Closed):
    """The private network."""

    mode: NetworkMode | None = Field(
        default=None, description="By default a VPC where the region has one, else a VLAN."
    )


class PoolerPlace(StrEnum):
    """Where PgBouncer runs, if anywhere."""

    NONE = "none"
    DATABASE_NODE = "database-node"
    APP_NODES = "app-nodes"


class PostgresSpec(Closed):
    """The database."""

    pooler: PoolerPlace | None = Field(
        default=None, description="Where PgBouncer runs; by default decided by the connection budget."
    )
    volume_gib: Annotated[int, Field(strict=True, ge=0, le=16384)] | None = Field(
        default=None,
        description="Size of the data volume; by default three times the expected database. 0: the machine's own disk, "
        "for disposable stacks only.",
        examples=[80],
    )
    replicas: Annotated[int, Field(strict=True, ge=0, le=2)] = Field(
        default=0, description="Hot standbys. Not rendered yet: only 0 is accepted."
    )


class RedisSpec(Closed):
    """The queue and cache stores."""

    volume_gib: Annotated[int, Field(strict=True, ge=0, le=16384)] | None = Field(
        default=None,
        description="Size of the queue store's volume; by default four times its memory. 0: the machine's own disk, "
        "for disposable stacks only.",
    )


class BackupSpec(Closed):
    """Backups of the database, to a bucket with other credentials than the media bucket's."""

    enabled: Switch = Field(default=True, description="Only a disposable stack may switch backups off.")
    provider: StorageProvider | None = Field(
        default=None, description="Who keeps the backup bucket; by default the same as for media."
    )
    region: RegionName | None = Field(default=None, description="The backup bucket's region; by default as for media.")
    bucket: BucketName | None = Field(
        default=None, description="The backup bucket's name; by default made from the domain."
    )
    retention_days: Annotated[int, Field(strict=True, ge=1, le=365)] = Field(
        default=14, description="Days for which any moment can be restored.", examples=[14]
    )


class AlertSpec(Closed):
    """Where alerts go."""

    email: Email | None = Field(default=None, description="Who gets alerts by mail; by default the owner.")
    webhook_host: Domain | None = Field(
        default=None,
        description="Host of a webhook that gets alerts too; its address is the secret mastodon-infra:alertWebhook.",
    )
    heartbeat_host: Domain | None = Field(
        default=None,
        description="Host of a service that raises an alarm when monitoring falls silent; its address is the secret "
        "mastodon-infra:alertHeartbeat.",
    )
