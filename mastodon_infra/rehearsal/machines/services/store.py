"""S3 stores under their vendors' names: versitygw with the world's keys, buckets, policies and objects."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services import buckets
from mastodon_infra.rehearsal.machines.services.buckets import Bucket, Key, Statement
from mastodon_infra.rehearsal.world import World

ROOT = "rehearsal-root"
CORS_WORDS = {
    "allowedOrigins": "AllowedOrigin",
    "allowedMethods": "AllowedMethod",
    "allowedHeaders": "AllowedHeader",
    "exposeHeaders": "ExposeHeader",
}


class Store:
    """All stores that hold any bucket, each at its own endpoint.

    Buckets are folders of ``store/<endpoint>/buckets``; they and what is in them go with the bucket's row in the world.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._endpoints: dict[str, Endpoint] = {}

    def follow(self, world: World) -> None:
        """Know the keys, and have the buckets with their policies and objects."""
        wanted, keys = buckets.buckets(world), buckets.keys(world)
        for bucket in wanted:
            if bucket.endpoint not in self._endpoints:
                self._endpoints[bucket.endpoint] = Endpoint(self._ground, bucket.endpoint, bucket.region)
        for name, endpoint in self._endpoints.items():
            endpoint.know([key for key in keys if key.endpoint == name])
            endpoint.hold([bucket for bucket in wanted if bucket.endpoint == name])
        where = {bucket.name: self._endpoints[bucket.endpoint] for bucket in wanted}
        for upload in buckets.uploads(world):
            path = where[upload.bucket].buckets / upload.bucket / upload.key
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(upload.content)


@dataclass(slots=True)
class Held:
    """What a bucket was told so far."""

    policy: str = ""
    cors: tuple[Statement, ...] = ()


class Endpoint:
    """One store, in one region."""

    def __init__(self, ground: Ground, host: str, region: str) -> None:
        """Start it with what it held before."""
        self._place, self._host, self._region = ground.place, host, region
        self._address = buckets.address_of(host)
        self._folder = ground.folder / "store" / host
        self.buckets = self._folder / "buckets"
        for part in (self.buckets, self._folder / "keys"):
            part.mkdir(parents=True, exist_ok=True)
        self._trusted = self._folder / "authority.pem"
        self._trusted.write_text(ground.authority.certificate, encoding="utf-8")
        self._secret = secrets.token_hex(20)
        self._keys: Sequence[Key] | None = None
        self._held: dict[str, Held] = {}
        self._place.run("ip", "address", "replace", f"{self._address}/32", "dev", "lo")
        # A bucket may stand before the endpoint, or behind it in the path.
        certificate, key = ground.authority.issue(self._folder, host, f"*.{host}")
        options = {
            "--port": f"{self._address}:443",
            "--cert": str(certificate),
            "--key": str(key),
            "--region": region,
            "--virtual-domain": host,
            "--iam-dir": str(self._folder / "keys"),
        }
        self.know([])
        self._place.start(
            *(str(ground.parts.store), *(word for option in options.items() for word in option)),
            *("--iam-cache-disable", "posix", str(self.buckets)),
            log=self._folder / "store.log",
            environment={
                "PATH": os.environ["PATH"],
                "ROOT_ACCESS_KEY_ID": ROOT,
                "ROOT_SECRET_ACCESS_KEY": self._secret,
            },
        )

    def know(self, keys: Sequence[Key]) -> None:
        """Take these keys, and no others."""
        if keys == self._keys:
            return
        numbers = dict.fromkeys(("userID", "groupID", "projectID"), 0)
        accounts = {key.access: {"access": key.access, "secret": key.secret, "role": "user", **numbers} for key in keys}
        path = self._folder / "keys/users.json"
        making = path.with_suffix(".making")
        making.touch(mode=0o600)
        making.write_text(json.dumps({"accessAccounts": accounts}), encoding="utf-8")
        making.replace(path)
        self._keys = keys

    def hold(self, wanted: Sequence[Bucket]) -> None:
        """Have these buckets, and no others."""
        for bucket in wanted:
            held = self._held.get(bucket.name)
            if held is None:
                if not (self.buckets / bucket.name).exists():
                    self._ask("PUT", bucket.name)
                held = self._held[bucket.name] = Held()
            if bucket.policy != held.policy:
                self._ask("PUT" if bucket.policy else "DELETE", f"{bucket.name}?policy=", bucket.policy)
                held.policy = bucket.policy
            if bucket.cors != held.cors:
                self._ask("PUT" if bucket.cors else "DELETE", f"{bucket.name}?cors=", _cors(bucket.cors))
                held.cors = bucket.cors
        for name in self._held.keys() - {bucket.name for bucket in wanted}:
            shutil.rmtree(self.buckets / name)
            del self._held[name]

    def _ask(self, method: str, path: str, body: str = "") -> None:
        """One request as the store's owner; curl signs it, and is told the secret in a file."""
        config = self._folder / "curl.conf"
        config.touch(mode=0o600)
        config.write_text(
            f'user = "{ROOT}:{self._secret}"\naws-sigv4 = "aws:amz:{self._region}:s3"\n', encoding="utf-8"
        )
        content = self._folder / "curl.body"
        content.write_text(body, encoding="utf-8")
        digest = hashlib.sha256(body.encode()).hexdigest()
        self._place.run(
            *("curl", "--config", str(config), "--request", method, "--silent", "--show-error", "--fail-with-body"),
            *("--retry", "20", "--retry-delay", "1", "--retry-connrefused", "--max-time", "20"),
            *("--resolve", f"{self._host}:443:{self._address}", "--cacert", str(self._trusted)),
            *("--header", f"x-amz-content-sha256: {digest}", "--data-binary", f"@{content}"),
            *("--header", f"Content-MD5: {base64.b64encode(hashlib.md5(body.encode()).digest()).decode()}"),  # noqa: S324  # what the protocol asks for
            f"https://{self._host}/{path}",
        )


def _cors(rules: Sequence[Statement]) -> str:
    """Rules in the words of S3's own interface."""
    if not rules:
        return ""
    return (
        "<CORSConfiguration>"
        + "".join(f"<CORSRule>{_rule(rule)}</CORSRule>" for rule in rules)
        + "</CORSConfiguration>"
    )


def _rule(rule: Statement) -> str:
    lists = "".join(
        f"<{word}>{escape(value)}</{word}>" for name, word in CORS_WORDS.items() for value in rule.get(name) or ()
    )
    seconds = rule.get("maxAgeSeconds")
    return lists if seconds is None else f"{lists}<MaxAgeSeconds>{int(seconds)}</MaxAgeSeconds>"
