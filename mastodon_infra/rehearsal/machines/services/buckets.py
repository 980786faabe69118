"""Buckets, keys and their rights as the world holds them, whichever vendor they are at, in S3's own words."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from mastodon_infra.rehearsal.clouds.amazon import (
    ACCESS_KEY,
    BUCKET_CORS,
    BUCKET_POLICY,
    USER_POLICY,
)
from mastodon_infra.rehearsal.clouds.amazon import BUCKET as AMAZON_BUCKET
from mastodon_infra.rehearsal.clouds.amazon import OBJECT as AMAZON_OBJECT
from mastodon_infra.rehearsal.clouds.linode import BUCKET as LINODE_BUCKET
from mastodon_infra.rehearsal.clouds.linode import OBJECT as LINODE_OBJECT
from mastodon_infra.rehearsal.world import Thing, World

LINODE_KEY = "linode:index/objectStorageKey:ObjectStorageKey"
READING = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation")
MEDIA_WRITER = "media-writer"
ARN = "arn:aws:s3:::"
FIRST_ADDRESS = IPv4Address("100.65.0.1")
ANY_SITE = {
    "allowedMethods": ["GET", "HEAD", "PUT", "POST", "DELETE"],
    "allowedOrigins": ["*"],
    "allowedHeaders": ["*"],
}
"""What Linode answers to scripts of other sites unless a bucket says ``corsEnabled: false``."""

Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket: at which endpoint, and who may do what in it. ``cors`` holds rules in the words of the aws provider."""

    name: str
    endpoint: str
    region: str
    policy: str
    cors: tuple[Statement, ...]

    @property
    def hosts(self) -> tuple[str, str]:
        """Where it is asked for: the name of all buckets there, and its own."""
        return self.endpoint, f"{self.name}.{self.endpoint}"


@dataclass(frozen=True, slots=True, repr=False)
class Key:
    """A key at an endpoint."""

    endpoint: str
    access: str
    secret: str


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that the program itself puts into a bucket."""

    bucket: str
    key: str
    thing: Thing

    @property
    def content(self) -> bytes:
        """What it holds."""
        return base64.b64decode(self.thing.inputs["contentBase64"])


def address_of(endpoint: str) -> str:
    """Where an endpoint is found: each has an address of its own, and always the same."""
    return str(FIRST_ADDRESS + zlib.crc32(endpoint.encode()) % 0xFFF0)


def buckets(world: World) -> tuple[Bucket, ...]:
    """All buckets with what holds for each."""
    rights = list(_rights(world))
    return tuple(
        Bucket(name, endpoint, region, _policy(name, [*own, *_of_keys(name, rights)]), cors)
        for name, endpoint, region, own, cors in (*_at_linode(world), *_at_amazon(world))
    )


def keys(world: World) -> tuple[Key, ...]:
    """Every key that opens something, at the endpoint where it does."""
    where = {name: endpoint for name, endpoint, *_ in (*_at_linode(world), *_at_amazon(world))}
    found = {
        Key(where[name], access, secret)
        for access, secret, statement in _rights(world)
        for name in _named(statement)
        if name in where
    }
    return tuple(sorted(found, key=lambda key: (key.endpoint, key.access)))


def uploads(world: World) -> Iterator[Upload]:
    """What the program put into buckets."""
    for token in (LINODE_OBJECT, AMAZON_OBJECT):
        for thing in world.all(token):
            yield Upload(thing.inputs["bucket"], thing.inputs["key"], thing)


# --- Vendors --------------------------------------------------------------------------------------------------------

Found = tuple[str, str, str, list[Statement], tuple[Statement, ...]]
"""Name, endpoint, region, what its own policy says, and the rules for scripts."""


def _at_linode(world: World) -> Iterator[Found]:
    """Linode lets Mastodon open objects one by one. The store here knows no such marks: all of that bucket is open."""
    opened = {
        access["bucketName"]
        for thing in world.all(LINODE_KEY)
        if thing.inputs["label"].endswith(MEDIA_WRITER)
        for access in thing.inputs["bucketAccesses"]
    }
    for thing in world.all(LINODE_BUCKET):
        name = thing.inputs["label"]
        own = [_allow(["s3:GetObject"], [f"{ARN}{name}/*"], "*")] if name in opened else []
        cors = () if thing.inputs.get("corsEnabled") is False else (ANY_SITE,)
        yield name, thing.outputs["s3Endpoint"], thing.inputs["region"], own, cors


def _at_amazon(world: World) -> Iterator[Found]:
    """At Amazon and at those who speak its language."""
    policies = {thing.id: json.loads(thing.inputs["policy"])["Statement"] for thing in world.all(BUCKET_POLICY)}
    rules = {thing.id: tuple(thing.inputs["corsRules"]) for thing in world.all(BUCKET_CORS)}
    for thing in world.all(AMAZON_BUCKET):
        told = thing.outputs
        yield thing.id, told["endpoint"], told["region"], policies.get(thing.id, []), rules.get(thing.id, ())


def _rights(world: World) -> Iterator[tuple[str, str, Statement]]:
    """A key, its secret, and a statement that holds for it."""
    for thing in world.all(LINODE_KEY):
        for access in thing.inputs.get("bucketAccesses") or ():
            actions = READING if access["permissions"] == "read_only" else ("s3:*",)
            whole = [f"{ARN}{access['bucketName']}", f"{ARN}{access['bucketName']}/*"]
            told = thing.outputs
            yield told["accessKey"], told["secretKey"], _allow(list(actions), whole, {"AWS": [told["accessKey"]]})
    policies = world.all(USER_POLICY)
    for thing in world.all(ACCESS_KEY):
        if thing.inputs.get("status", "Active") != "Active":
            continue
        for policy in policies:
            if policy.inputs["user"] == thing.inputs["user"]:
                for statement in json.loads(policy.inputs["policy"])["Statement"]:
                    yield thing.id, thing.outputs["secret"], {**statement, "Principal": {"AWS": [thing.id]}}


def _of_keys(bucket: str, rights: list[tuple[str, str, Statement]]) -> list[Statement]:
    return [statement for _, _, statement in rights if bucket in _named(statement)]


def _named(statement: Statement) -> set[str]:
    """The buckets that a statement is about."""
    listed = _listed(statement["Resource"])
    return {one.removeprefix(ARN).partition("/")[0] for one in listed if one.startswith(ARN)}


def _policy(bucket: str, statements: list[Statement]) -> str:
    """As JSON; empty where nobody may do anything."""
    own = [
        {**statement, "Resource": [one for one in _listed(statement["Resource"]) if _is_in(bucket, one)]}
        for statement in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": own}) if own else ""


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def _is_in(bucket: str, resource: str) -> bool:
    return resource == f"{ARN}{bucket}" or resource.startswith(f"{ARN}{bucket}/")


def _allow(actions: list[str], resources: list[str], principal: object) -> Statement:
    return {"Effect": "Allow", "Action": actions, "Resource": resources, "Principal": principal}
