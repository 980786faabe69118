"""Secrets that live as long as the instance: generated once, kept in the state, or given by the operator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pulumi
import pulumi_random as random
import pulumi_tls as tls

from mastodon_infra.resources import vapid

PASSWORD_LENGTH = 40
ENCRYPTION_KEY_LENGTH = 32
KEY_BASE_BYTES = 64
PASSPHRASE_BYTES = 48


@dataclass(frozen=True, slots=True)
class GivenSecrets:
    """Secrets that the stack's config gives. None: generate it, or there is no use for it.

    The first six last for life; an instance that moves in brings its own. ``vapid_private_key`` is url-safe base64,
    as Mastodon's settings have it; its public half is computed. The others belong to somebody else's service.
    """

    secret_key_base: pulumi.Output[str] | None = None
    encryption_primary_key: pulumi.Output[str] | None = None
    encryption_deterministic_key: pulumi.Output[str] | None = None
    encryption_key_derivation_salt: pulumi.Output[str] | None = None
    vapid_private_key: pulumi.Output[str] | None = None
    backup_cipher_passphrase: pulumi.Output[str] | None = None
    smtp_password: pulumi.Output[str] | None = None
    alert_webhook_url: pulumi.Output[str] | None = None
    alert_heartbeat_url: pulumi.Output[str] | None = None


class Secrets(pulumi.ComponentResource):
    """Keys and passwords of the instance, named by what they open.

    Pulumi type: ``mastodon:secrets:Secrets``

    A generated secret that is later given in the config would have to be deleted here, which its protection refuses:
    changing over is an act of its own.

    Creates: secret-key-base, backup-cipher-passphrase - random.RandomBytes; encryption-*, postgres-*-password,
        redis-password, redis-exporter-password - random.RandomPassword; vapid - tls.PrivateKey. None where the config
        gives the secret.
    Needs: the given secrets.
    Gives: one attribute per secret.
    Replaced when: never; replacing one loses what it protects.
    """

    def __init__(
        self, name: str, *, given: GivenSecrets, is_protected: bool, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mastodon:secrets:Secrets", name, None, opts)
        self._own = pulumi.ResourceOptions(parent=self, protect=is_protected)
        # In state under these logical names: a renamed secret is a lost secret.
        self.secret_key_base = _chosen(
            given.secret_key_base, lambda: self._bytes("secret-key-base", KEY_BASE_BYTES).hex
        )
        self.encryption_primary_key = _chosen(given.encryption_primary_key, lambda: self._key("encryption-primary-key"))
        self.encryption_deterministic_key = _chosen(
            given.encryption_deterministic_key, lambda: self._key("encryption-deterministic-key")
        )
        self.encryption_key_derivation_salt = _chosen(
            given.encryption_key_derivation_salt, lambda: self._key("encryption-key-derivation-salt")
        )
        self.vapid_private_key = _chosen(given.vapid_private_key, self._vapid)
        self.vapid_public_key = self.vapid_private_key.apply(vapid.public_from_private)
        self.backup_cipher_passphrase = _chosen(
            given.backup_cipher_passphrase, lambda: self._bytes("backup-cipher-passphrase", PASSPHRASE_BYTES).base64
        )
        self.postgres_app_password = self._password("postgres-app-password")
        self.postgres_admin_password = self._password("postgres-admin-password")
        self.postgres_exporter_password = self._password("postgres-exporter-password")
        self.redis_password = self._password("redis-password")
        self.redis_exporter_password = self._password("redis-exporter-password")
        self.smtp_password = given.smtp_password
        self.alert_webhook_url = given.alert_webhook_url
        self.alert_heartbeat_url = given.alert_heartbeat_url
        self.register_outputs({})

    def _bytes(self, name: str, length: int) -> random.RandomBytes:
        return random.RandomBytes(name, length=length, opts=self._own)

    def _key(self, name: str) -> pulumi.Output[str]:
        return random.RandomPassword(name, length=ENCRYPTION_KEY_LENGTH, special=False, opts=self._own).result

    def _password(self, name: str) -> pulumi.Output[str]:
        return random.RandomPassword(name, length=PASSWORD_LENGTH, special=False, opts=self._own).result

    def _vapid(self) -> pulumi.Output[str]:
        key = tls.PrivateKey("vapid", algorithm="ECDSA", ecdsa_curve="P256", opts=self._own)
        return key.private_key_pem.apply(vapid.private_from_pem)


def _chosen(given: pulumi.Output[str] | None, generated: Callable[[], pulumi.Output[str]]) -> pulumi.Output[str]:
    return generated() if given is None else given
