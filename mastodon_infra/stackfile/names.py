"""The names that a stack file knows around the instance: the engine's own keys and the sibling secrets."""

from __future__ import annotations

import re
from difflib import get_close_matches

NAMESPACE = "mastodon-infra"
INSTANCE_KEY = f"{NAMESPACE}:instance"
INSTANCE_PATH = ("config", INSTANCE_KEY)
ESCROW_KEY = f"{NAMESPACE}:escrow"
"""What the last escrow held, in clear: a day and fingerprints. Written by ``escrow``, and by nobody's hand."""

ENGINE_KEYS = ("config", "encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""The top-level keys of a stack file that the engine knows."""

SECRETS = {
    f"{NAMESPACE}:smtpPassword": "The mail relay's password.",
    f"{NAMESPACE}:alertWebhook": "The full address of the webhook that gets alerts.",
    f"{NAMESPACE}:alertHeartbeat": "The full address that is called while monitoring is alive.",
    f"{NAMESPACE}:wasabiAccessKey": "The access key that makes buckets and identities at Wasabi.",
    f"{NAMESPACE}:wasabiSecretKey": "The secret half of that access key.",
    f"{NAMESPACE}:secretKeyBase": "For an instance that moves in: its SECRET_KEY_BASE.",
    f"{NAMESPACE}:encryptionPrimaryKey": "For an instance that moves in: its ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY.",
    f"{NAMESPACE}:encryptionDeterministicKey": "For an instance that moves in: its deterministic encryption key.",
    f"{NAMESPACE}:encryptionKeyDerivationSalt": "For an instance that moves in: its key derivation salt.",
    f"{NAMESPACE}:vapidPrivateKey": "For an instance that moves in: its VAPID_PRIVATE_KEY (the public half follows).",
    f"{NAMESPACE}:backupCipherPassphrase": "For an instance that moves in: the passphrase of its pgBackRest backups.",
}
"""Secrets that an instance may need, by their key beside the instance."""

_SIBLINGS = {
    "hook": f"{NAMESPACE}:alertWebhook",
    "linode": "linode:token",
    "cloudflare": "cloudflare:apiToken",
    "pas": f"{NAMESPACE}:smtpPassword",
}

_SECRET_WORD = re.compile(
    r"pas+(wor|wd|phr)|(^|[_-])pass($|[_-])|secret|token|credential|(api|private|access|encryption)[_-]?key|webhook_?url",
    re.IGNORECASE,
)

OTHER_WORDS = {
    "tier": "size",
    "mau": "expected_monthly_active_users",
    "users": "expected_monthly_active_users",
    "activeusers": "expected_monthly_active_users",
    "localdomain": "domain",
    "hostname": "domain",
    "admin": "administrators",
    "admins": "administrators",
    "sshkey": "ssh_keys",
    "key": "ssh_keys",
    "keys": "ssh_keys",
    "groups": "nodes",
    "nodegroups": "nodes",
    "machines": "nodes",
    "type": "machine_type",
    "instancetype": "machine_type",
    "plan": "machine_type",
    "user": "username",
    "login": "username",
    "mailaddress": "email",
    "s3": "storage",
    "smtp": "mail",
    "database": "postgres",
    "postgresql": "postgres",
    "db": "postgres",
    "cdn": "edge",
    "dns": "edge",
    "locale": "default_locale",
    "language": "default_locale",
}
"""Words from other tools, as compared, and the key that says the same here where it is known."""

VARIABLES = {
    "LOCAL_DOMAIN": "write domain at the top of the instance",
    "WEB_DOMAIN": "write web_domain at the top of the instance",
    "ALTERNATE_DOMAINS": "write alternate_domains under mastodon",
    "DEFAULT_LOCALE": "write default_locale under mastodon",
    "SINGLE_USER_MODE": "write single_user under mastodon",
    "LIMITED_FEDERATION_MODE": "write limited_federation under mastodon",
    "AUTHORIZED_FETCH": "write secure_mode under mastodon",
    "WEB_CONCURRENCY": "write workers under web",
    "MAX_THREADS": "write threads under web",
    "SMTP_SERVER": "write host under mail",
    "SMTP_PORT": "write port under mail",
    "SMTP_LOGIN": "write username under mail",
    "SMTP_FROM_ADDRESS": "write from_address under mail",
    "S3_BUCKET": "write bucket under storage",
    "S3_REGION": "write region under storage",
    "S3_ALIAS_HOST": "write media_domain under edge",
    "REDIS_NAMESPACE": "leave it out: Mastodon does not start with it since 4.4",
}
"""Environment variables of Mastodon that people know, and what says the same here."""


def looks_secret(key: str) -> bool:
    """Whether a key's name says that its value is one that nobody else may read."""
    return bool(_SECRET_WORD.search(key))


def sibling_for(key: str) -> str:
    """The sibling secret that a key inside the instance most likely means."""
    bare = plain(key)
    for part, sibling in _SIBLINGS.items():
        if part in bare:
            return sibling
    first, *rest = re.split(r"[^A-Za-z0-9]+", key)
    return f"{NAMESPACE}:{first}{''.join(part[:1].upper() + part[1:] for part in rest)}"


def plain(word: str) -> str:
    """A word as it is compared: small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", word.lower())


def nearest(word: str, known: list[str] | tuple[str, ...], *, closeness: float = 0.6) -> str | None:
    """The known word that was most likely meant, if any comes close."""
    by_plain = {plain(name): name for name in reversed(known)}
    found = get_close_matches(plain(word), list(by_plain), n=1, cutoff=closeness)
    return by_plain[found[0]] if found else None
