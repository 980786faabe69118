"""Whose accounts a stack is built in: credentials out of its config and the environment, and who is asked with them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from mastodon_infra.operate.api import Api
from mastodon_infra.operate.signing import Signer
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.wiring import Wiring

LINODE_URL = "https://api.linode.com"
LINODE_VERSION = "v4"
CLOUDFLARE_URL = "https://api.cloudflare.com/client/v4"
NAMESPACE = "mastodon-infra"
IAM_URLS = {"aws": "https://iam.amazonaws.com", "wasabi": "https://iam.wasabisys.com"}
"""Access management, by vendor."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key and its secret half."""

    access: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Accounts:
    """Credentials, as the providers would find them: the stack's config first, then their own variables.

    None: there is none. Amazon's tools know more places (profiles, roles), which only the provider looks into.
    """

    linode_token: str | None = field(default=None, repr=False)
    linode_url: str = LINODE_URL
    cloudflare_token: str | None = field(default=None, repr=False)
    cloudflare_url: str = CLOUDFLARE_URL
    wasabi: KeyPair | None = None
    amazon: KeyPair | None = None


def accounts_from(config: Mapping[str, str], environment: Mapping[str, str]) -> Accounts:
    """The accounts that a stack's decrypted config and the environment name."""

    def first(key: str, *variables: str) -> str | None:
        return config.get(key) or next((environment[name] for name in variables if environment.get(name)), None)

    return Accounts(
        linode_token=first("linode:token", "LINODE_TOKEN"),
        linode_url=(first("linode:url", "LINODE_URL") or LINODE_URL).rstrip("/"),
        cloudflare_token=first("cloudflare:apiToken", "CLOUDFLARE_API_TOKEN"),
        cloudflare_url=(first("cloudflare:baseUrl", "CLOUDFLARE_BASE_URL") or CLOUDFLARE_URL).rstrip("/"),
        wasabi=_pair(config.get(f"{NAMESPACE}:wasabiAccessKey"), config.get(f"{NAMESPACE}:wasabiSecretKey")),
        amazon=_pair(first("aws:accessKey", "AWS_ACCESS_KEY_ID"), first("aws:secretKey", "AWS_SECRET_ACCESS_KEY")),
    )


def _pair(access: str | None, secret: str | None) -> KeyPair | None:
    return KeyPair(access, secret) if access and secret else None


@dataclass(frozen=True, slots=True)
class Clients:
    """Who is asked. A test puts servers of its own here.

    Attributes:
        linode, cloudflare: Their APIs; without a token they are asked for what everybody may know.
        store_url: Before every S3 path, where it is not ``https://`` and the plan's endpoint.
        ses_url: Of Amazon's mail API, where it is not the region's own.
        iam_urls: Of the vendors' access management.
        mail_trust: Whose certificates a mail relay may show; None: the machine's own list.
        patience_seconds: How long any one answer may take.
    """

    linode: Api
    cloudflare: Api
    store_url: str = ""
    ses_url: str = ""
    iam_urls: Mapping[str, str] = field(default_factory=lambda: IAM_URLS)
    mail_trust: ssl.SSLContext | None = None
    patience_seconds: float = 15.0


def clients_of(accounts: Accounts) -> Clients:
    """The real ones."""
    return Clients(
        linode=Api(f"{accounts.linode_url}/{LINODE_VERSION}", accounts.linode_token),
        cloudflare=Api(accounts.cloudflare_url, accounts.cloudflare_token),
    )


def store_keys(plan: InstancePlan, accounts: Accounts, wiring: Wiring | None = None) -> Signer | None:
    """Who signs at the keeper of the media bucket; None where there is no key before ``up`` makes one.

    ``wiring`` is that of the deployed stack: at Linode there is no other key than the stack's own.
    """
    own = KeyPair(wiring.media_access_key_id, wiring.media_secret_access_key) if wiring else None
    pair = {"wasabi": accounts.wasabi, "aws": accounts.amazon, "linode": own}.get(plan.media.provider.value)
    return Signer(pair.access, pair.secret, plan.media.region, "s3") if pair else None


def backup_keys(plan: InstancePlan, accounts: Accounts, wiring: Wiring | None = None) -> Signer | None:
    """Who signs at the keeper of the backups, which may be another than that of the media."""
    own = KeyPair(wiring.backup_access_key_id, wiring.backup_secret_access_key) if wiring else None
    pair = {"wasabi": accounts.wasabi, "aws": accounts.amazon, "linode": own}.get(plan.backups.provider.value)
    return Signer(pair.access, pair.secret, plan.backups.region, "s3") if pair and pair.access else None


def mail_keys(plan: InstancePlan, accounts: Accounts) -> Signer | None:
    """Who signs at SES."""
    pair = accounts.amazon
    return Signer(pair.access, pair.secret, plan.mail.ses_region, "ses") if pair else None
