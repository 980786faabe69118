"""The whole sentence: everything that an operator may say about one instance."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mastodon_infra.model.base import Closed, Switch
from mastodon_infra.model.funding import FundingSpec
from mastodon_infra.model.mastodon import MastodonSpec
from mastodon_infra.model.names import (
    Domain,
    Email,
    Handle,
    Network,
    RegionName,
    Slug,
    SshPublicKey,
    UserName,
)
from mastodon_infra.model.nodes import NodeGroupSpec, SidekiqSpec, StreamingSpec, WebSpec
from mastodon_infra.model.services import (
    AlertSpec,
    BackupSpec,
    EdgeSpec,
    MailSpec,
    NetworkSpec,
    PostgresSpec,
    RedisSpec,
    SesMailSpec,
    SmtpMailSpec,
    StorageSpec,
)
from mastodon_infra.model.tier import LARGEST_MAU, Tier


class OwnerSpec(Closed):
    """The person who owns the instance inside Mastodon; the account is made at the first start."""

    username: Handle = Field(description="The owner's Mastodon user name.", examples=["admin"])
    email: Email = Field(description="The owner's mail address.", examples=["admin@social.example"])


class AdministratorSpec(Closed):
    """A person who may log in to the machines."""

    name: UserName = Field(description="The person's login on the machines.", examples=["alice"])
    ssh_keys: tuple[SshPublicKey, ...] = Field(min_length=1, description="Their SSH public keys, one line each.")


class InstanceSpec(Closed):
    """What an operator asks for. Holds no secret, so it may be printed, compared and logged."""

    domain: Domain = Field(description="The part behind the @ in people's handles. It can never change.")
    web_domain: Domain | None = Field(
        default=None,
        description="Where the web site lives, if not on the domain itself. It can never change.",
        examples=["social.example.org"],
    )
    region: RegionName = Field(description="The Linode region that holds the machines.", examples=["ap-southeast"])
    size: Tier | None = Field(default=None, description="A size promise: solo, small, medium, large or xlarge.")
    expected_monthly_active_users: Annotated[int, Field(strict=True, ge=1, le=LARGEST_MAU)] | None = Field(
        default=None,
        description="Instead of a size: how many people use the instance in a month.",
        examples=[2500],
    )
    owner: OwnerSpec = Field(description="The owner's account.")
    administrators: tuple[AdministratorSpec, ...] = Field(min_length=1, description="Who may log in to the machines.")
    allowed_networks: tuple[Network, ...] = Field(
        default=("0.0.0.0/0", "::/0"),
        min_length=1,
        description="Networks from which SSH is accepted (keys are always needed).",
    )
    mail: MailSpec = Field(description="Who sends mail: a provider, or the word none.")
    nodes: dict[Slug, NodeGroupSpec] = Field(
        default_factory=dict,
        description="Node groups: adjustments of the tier's, or with roles a placement of your own.",
    )
    web: WebSpec = Field(default_factory=WebSpec, description="Puma's shape.")
    streaming: StreamingSpec = Field(default_factory=StreamingSpec, description="The streaming server's shape.")
    sidekiq: SidekiqSpec = Field(default_factory=SidekiqSpec, description="How the queues are worked.")
    postgres: PostgresSpec = Field(default_factory=PostgresSpec, description="The database.")
    redis: RedisSpec = Field(default_factory=RedisSpec, description="The queue and cache stores.")
    storage: StorageSpec = Field(default_factory=StorageSpec, description="The media bucket.")
    edge: EdgeSpec = Field(default_factory=EdgeSpec, description="DNS, the proxy in front, and the media host.")
    network: NetworkSpec = Field(default_factory=NetworkSpec, description="The private network.")
    backups: BackupSpec = Field(default_factory=BackupSpec, description="Backups of the database.")
    alerts: AlertSpec = Field(default_factory=AlertSpec, description="Where alerts go.")
    mastodon: MastodonSpec = Field(default_factory=MastodonSpec, description="Mastodon's own settings.")
    funding: FundingSpec | None = Field(default=None, description="Who pays for it.")
    search: Switch = Field(default=False, description="Full-text search. Not rendered yet: only false is accepted.")
    disposable: Switch = Field(
        default=False,
        description="True for trials: nothing is protected, and destroying the stack destroys its data.",
    )
    private_network: Literal["10.64.0.0/16", "10.80.0.0/16", "10.96.0.0/16"] = Field(
        default="10.64.0.0/16",
        description="The nodes' private addresses; choose another if your VPN uses this one.",
    )

    @property
    def monthly_active_users(self) -> int:
        """The number of people that the plan must carry."""
        if self.expected_monthly_active_users is not None:
            return self.expected_monthly_active_users
        return (self.size or Tier.SOLO).monthly_active_users

    @property
    def website(self) -> str:
        """The host that serves the web site and the API."""
        return self.web_domain or self.domain

    @property
    def smtp(self) -> SesMailSpec | SmtpMailSpec | None:
        """The mail provider, or None when no mail is sent."""
        return None if self.mail == "none" else self.mail
