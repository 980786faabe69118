"""Whether a key may see users at Amazon's and Wasabi's access management, where the stack's own identities are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus

from mastodon_infra.model.services import StorageProvider
from mastodon_infra.operate.accounts import Accounts, KeyPair
from mastodon_infra.operate.api import Answer, UnreachableError, send
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.signing import Signer, canonical_query
from mastodon_infra.plan import naming
from mastodon_infra.plan.types import InstancePlan

IDENTITIES = Group("identities")
IAM_REGION = "us-east-1"
"""Access management is one for the world, and signs for this region."""

IAM_VERSION = "2010-05-08"
LONGEST_USER_NAME = 64
OPENED = ("iam:GetUser", "iam:CreateUser", "iam:PutUserPolicy", "iam:CreateAccessKey")


def identity_checks(
    plan: InstancePlan, accounts: Accounts, *, urls: Mapping[str, str], patience_seconds: float
) -> Iterator[Check]:
    """One user of those that are planned is asked for at each vendor. It need not be there; the answer must not be no.

    ``urls`` are the vendors' addresses. A key that is missing is told by the checks of what it opens.
    """
    keys = {"aws": accounts.amazon, "wasabi": accounts.wasabi}
    for vendor, user in planned_users(plan).items():
        pair = keys[vendor]
        if pair is not None:
            yield _asked(vendor, user, pair, urls[vendor], patience_seconds)


def planned_users(plan: InstancePlan) -> dict[str, str]:
    """The name of one user that ``up`` makes at each vendor that has users, as the components name them."""
    users: dict[str, str] = {}
    stores = [(plan.media.provider, plan.media.bucket)]
    if plan.backups.is_enabled:
        stores.append((plan.backups.provider, plan.backups.bucket))
    for provider, bucket in stores:
        if provider is not StorageProvider.LINODE:
            users.setdefault(provider.value, naming.label(bucket, "writer", LONGEST_USER_NAME))
    if plan.mail.provider == "ses":
        users.setdefault("aws", naming.label(plan.slug, "mail", LONGEST_USER_NAME))
    return users


def _asked(vendor: str, user: str, pair: KeyPair, url: str, patience_seconds: float) -> Check:
    query = {"Action": "GetUser", "Version": IAM_VERSION, "UserName": user}
    signer = Signer(pair.access, pair.secret, IAM_REGION, "iam")
    headers = signer.headers("GET", f"{url}/", now=datetime.now(UTC), query=query)
    name = f"users at {vendor}"
    try:
        answer = send("GET", f"{url}/?{canonical_query(query)}", headers=headers, patience_seconds=patience_seconds)
    except UnreachableError as error:
        return IDENTITIES.failed(name, f"{url} does not answer: {error}", "look at the network")
    if answer.is_fine or answer.status == HTTPStatus.NOT_FOUND:
        return IDENTITIES.ok(name, f"the key may look for {user}")
    if answer.status == HTTPStatus.FORBIDDEN:
        remedy = f"it needs {', '.join(OPENED)} and more: docs/how-to/tokens-with-least-rights.md"
        return IDENTITIES.failed(name, f"the key may not ask for {user}: {_told(answer)}", remedy)
    return IDENTITIES.warn(name, f"{user} could not be asked for: {_told(answer)}", "run it again later")


def _told(answer: Answer) -> str:
    text = answer.body[:2000].decode(errors="replace")
    code = text.partition("<Code>")[2].partition("</Code>")[0]
    return f"{answer.status} {code}".strip()[:100]
