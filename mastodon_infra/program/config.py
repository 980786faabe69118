"""What the stack's config says: the instance, and the secrets beside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pulumi

from mastodon_infra.errors import MastodonInfraError, Problem, SpecError, ToolError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.services import StorageProvider
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.given import wrong_secrets
from mastodon_infra.resources.clouds import Credentials
from mastodon_infra.resources.secrets import GivenSecrets
from mastodon_infra.stackfile.verdict import spec_from

PROJECT = "mastodon-infra"


@dataclass(frozen=True, slots=True, repr=False)
class StackSecrets:
    """Everything secret that the config gives: values for the instance, and credentials of accounts."""

    given: GivenSecrets = field(default_factory=GivenSecrets)
    credentials: Credentials = field(default_factory=Credentials)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Let the engine show an error that is meant for the operator as it is, without a traceback."""
    try:
        yield
    except MastodonInfraError as error:
        raise pulumi.RunError(str(error)) from error


def read_spec() -> InstanceSpec:
    """The instance that the stack's file asks for; raises SpecError with every problem."""
    return spec_from(pulumi.Config(PROJECT).require_object("instance"))


def read_secrets(plan: InstancePlan) -> StackSecrets:
    """The secrets beside the instance; raises ToolError with every one that this plan cannot do without.

    Raises SpecError for values that machines could not carry; it never shows one.
    """
    own, linode, aws = pulumi.Config(PROJECT), pulumi.Config("linode"), pulumi.Config("aws")
    missing = [key for key in needed_secrets(plan) if own.get(key) is None]
    if missing:
        raise ToolError(
            Problem(("config",), f"the secret {PROJECT}:{key} is missing", f"pulumi config set --secret {key}")
            for key in missing
        )
    wrong = tuple(wrong_secrets(plan, own.get))
    if wrong:
        raise SpecError(wrong)
    return StackSecrets(
        GivenSecrets(
            secret_key_base=own.get_secret("secretKeyBase"),
            encryption_primary_key=own.get_secret("encryptionPrimaryKey"),
            encryption_deterministic_key=own.get_secret("encryptionDeterministicKey"),
            encryption_key_derivation_salt=own.get_secret("encryptionKeyDerivationSalt"),
            vapid_private_key=own.get_secret("vapidPrivateKey"),
            backup_cipher_passphrase=own.get_secret("backupCipherPassphrase"),
            smtp_password=own.get_secret("smtpPassword"),
            alert_webhook_url=own.get_secret("alertWebhook"),
            alert_heartbeat_url=own.get_secret("alertHeartbeat"),
        ),
        Credentials(
            linode_token=linode.get_secret("token"),
            linode_url=linode.get("url"),
            linode_api_version=linode.get("apiVersion"),
            wasabi_access_key=own.get_secret("wasabiAccessKey"),
            wasabi_secret_key=own.get_secret("wasabiSecretKey"),
            aws_access_key=aws.get_secret("accessKey"),
            aws_secret_key=aws.get_secret("secretKey"),
        ),
    )


def needed_secrets(plan: InstancePlan) -> tuple[str, ...]:
    """Keys without which this plan cannot be built; Linode, Amazon and Cloudflare also read their own environment."""
    needed: list[str] = []
    if plan.mail.provider == "smtp":
        needed.append("smtpPassword")
    if plan.monitoring.webhook_host:
        needed.append("alertWebhook")
    if plan.monitoring.heartbeat_host:
        needed.append("alertHeartbeat")
    stores = {plan.media.provider} | ({plan.backups.provider} if plan.backups.is_enabled else set())
    if StorageProvider.WASABI in stores:
        needed += ["wasabiAccessKey", "wasabiSecretKey"]
    return tuple(needed)
