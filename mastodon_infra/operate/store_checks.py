"""Whether the buckets can be what Mastodon and pgBackRest need: trials in buckets of their own, which go again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mastodon_infra.model.services import StorageProvider
from mastodon_infra.operate.api import Answer, UnreachableError, send
from mastodon_infra.operate.checks import Check, Group, Outcome
from mastodon_infra.operate.signing import Signer, canonical_query
from mastodon_infra.plan.naming import label
from mastodon_infra.plan.types import InstancePlan

STORAGE = Group("storage")
LONGEST_BUCKET = 63
TRIAL_KEY = "accounts/preflight.txt"
PRIVATE_KEY = "preflight.txt"
PRIVATE = "private bucket"
TRIAL = b"mastodon-infra preflight: this may be deleted\n"
REGION_WITHOUT_NAME = "us-east-1"
"""The one region that must not be named when a bucket is made in it."""

LEFT_OVER = "BucketAlreadyOwnedByYou"
"""A trial that was cut short left its bucket: this one goes on with it, and takes it away."""

PAID_ONLY = "public buckets are for paying accounts: ask support@wasabi.com to allow them, or choose another storage"
KEYS = {
    StorageProvider.WASABI: "mastodon-infra:wasabiAccessKey and mastodon-infra:wasabiSecretKey",
    StorageProvider.AWS: "aws:accessKey and aws:secretKey, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
}
"""Where a key that makes buckets is looked for, by who keeps them."""

OPENED = (
    b'<PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>"
    b"<BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets>"
    b"</PublicAccessBlockConfiguration>"
)


def store_checks(
    plan: InstancePlan, signer: Signer | None, *, url: str = "", patience_seconds: float
) -> Iterator[Check]:
    """A real put and an anonymous get at the keeper of the media bucket.

    In a bucket of the trial's own, where the config has a key that may make one. Linode's keys are made by ``up``, and
    the first one starts a monthly charge, so there it is the real bucket that is tried, as soon as there is one.
    """
    if plan.media.provider is StorageProvider.LINODE:
        yield from _linode(plan, signer, url=url, patience_seconds=patience_seconds)
        return
    if signer is None:
        wanted = KEYS[plan.media.provider]
        yield STORAGE.skipped(
            "public bucket", f"there is no key for {plan.media.provider.value} here", f"give {wanted}"
        )
        return
    scratch = _Scratch(signer, url or f"https://{plan.media.endpoint}", scratch_name(plan, signer), patience_seconds)
    try:
        yield from _tried_in(scratch, lambda: _published(plan, scratch), made="bucket")
    except UnreachableError as error:
        yield STORAGE.failed("API", f"{scratch.url} does not answer: {error}", "look at the network and storage.region")


def _linode(plan: InstancePlan, signer: Signer | None, *, url: str, patience_seconds: float) -> Iterator[Check]:
    if signer is None:
        yield STORAGE.skipped(
            "public bucket",
            "Linode's keys do not exist before up, and the first one is charged for: up tries it when it is made",
        )
        return
    real = _Scratch(signer, url or f"https://{plan.media.endpoint}", plan.media.bucket, patience_seconds)
    try:
        yield _tried_as_mastodon_does(real)
    except UnreachableError as error:
        yield STORAGE.warn("API", f"{real.url} does not answer: {error}", "look at the network and storage.region")


def _tried_as_mastodon_does(real: _Scratch) -> Check:
    """An object in the media bucket that is marked as public itself, and taken away again.

    What is wrong with a bucket that exists is a warning: it must not keep the ``up`` away that may mend it.
    """
    name, remedy = "public bucket", "mastodon-infra refresh, then up; new keys may take a minute: run preflight again"
    put = real.ask("PUT", TRIAL_KEY, body=TRIAL, more={"x-amz-acl": "public-read"})
    if not put.is_fine:
        return STORAGE.warn(name, f"nothing can be put into {real.bucket}: {_told(put)}", remedy)
    got, listed = real.ask("GET", TRIAL_KEY, signed=False), real.ask("GET", query={"list-type": "2"}, signed=False)
    gone = real.ask("DELETE", TRIAL_KEY)
    if not got.is_fine or got.body != TRIAL:
        return STORAGE.warn(name, f"people cannot read what is published in {real.bucket}: {_told(got)}", remedy)
    if listed.is_fine:
        return STORAGE.warn("listing", f"everybody may list {real.bucket}", "make it private: mastodon-infra up")
    if not gone.is_fine:
        left = f"delete {TRIAL_KEY} in {real.bucket} by hand"
        return STORAGE.warn("clean-up", f"the trial's object could not be deleted: {_told(gone)}", left)
    return STORAGE.ok(name, f"what {real.bucket} publishes can be read by everybody, and the rest not be listed")


def backup_checks(
    plan: InstancePlan, signer: Signer | None, *, url: str = "", patience_seconds: float
) -> Iterator[Check]:
    """A real put, get and delete at the keeper of the backups, and an anonymous get, which must be refused.

    As above: in a bucket of the trial's own, and at Linode in the real one, once it is there.
    """
    if not plan.backups.is_enabled:
        return
    is_linode = plan.backups.provider is StorageProvider.LINODE
    if signer is None:
        seen = "Linode's keys do not exist before up" if is_linode else f"no key for {plan.backups.provider.value} here"
        yield STORAGE.skipped(PRIVATE, seen, "" if is_linode else f"give {KEYS[plan.backups.provider]}")
        return
    bucket = plan.backups.bucket if is_linode else scratch_name(plan, signer, "preflight-private")
    scratch = _Scratch(signer, url or f"https://{plan.backups.endpoint}", bucket, patience_seconds)
    try:
        if is_linode:
            found = _private(scratch)
            # As above: a bucket that exists and is wrong must not keep the up away that may mend it.
            yield found if found.outcome is Outcome.OK else STORAGE.warn(PRIVATE, found.seen, found.remedy)
        else:
            yield from _tried_in(scratch, lambda: iter([_private(scratch)]), made="backup bucket")
    except UnreachableError as error:
        tell = STORAGE.warn if is_linode else STORAGE.failed
        yield tell("backup API", f"{scratch.url} does not answer: {error}", "look at the network and storage.region")


def _private(scratch: _Scratch) -> Check:
    """An object that its key can write, read and delete, and nobody else can read."""
    remedy = "look at the key's rights (s3:PutObject, s3:GetObject, s3:DeleteObject)"
    put = scratch.ask("PUT", PRIVATE_KEY, body=TRIAL)
    if not put.is_fine:
        return STORAGE.failed(PRIVATE, f"nothing can be put: {_told(put)}", remedy)
    got, strange = scratch.ask("GET", PRIVATE_KEY), scratch.ask("GET", PRIVATE_KEY, signed=False)
    gone = scratch.ask("DELETE", PRIVATE_KEY)
    if not got.is_fine or got.body != TRIAL:
        return STORAGE.failed(PRIVATE, f"what was put cannot be read: {_told(got)}", remedy)
    if strange.is_fine:
        return STORAGE.failed(PRIVATE, "everybody may read what is private", "look at the account's access settings")
    if not gone.is_fine:
        return STORAGE.failed(PRIVATE, f"{PRIVATE_KEY} in {scratch.bucket} cannot be deleted: {_told(gone)}", remedy)
    return STORAGE.ok(PRIVATE, "its key writes, reads and deletes, and nobody else reads")


def scratch_name(plan: InstancePlan, signer: Signer, what: str = "preflight") -> str:
    """The trial's bucket. Names are the world's, so the key's fingerprint is in it: two accounts never meet."""
    mark = hashlib.sha256(signer.access_key.encode()).hexdigest()[:8]
    return label(plan.slug, f"{what}-{mark}", LONGEST_BUCKET)


@dataclass(frozen=True, slots=True)
class _Scratch:
    """The bucket of a trial. Paths have the bucket in them, not the host, for the certificate's sake."""

    signer: Signer
    url: str
    bucket: str
    patience_seconds: float = field(repr=False)

    def ask(
        self,
        method: str,
        key: str = "",
        *,
        body: bytes = b"",
        query: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
        signed: bool = True,
    ) -> Answer:
        address = f"{self.url}/{self.bucket}" + (f"/{key}" if key else "")
        headers = {"User-Agent": "mastodon-infra"}
        if signed:
            headers |= self.signer.headers(method, address, now=datetime.now(UTC), body=body, query=query, more=more)
        tail = f"?{canonical_query(query)}" if query else ""
        return send(
            method, f"{address}{tail}", headers=headers, body=body or None, patience_seconds=self.patience_seconds
        )

    def policy(self) -> bytes:
        statement = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": [f"arn:aws:s3:::{self.bucket}/accounts/*"],
        }
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()


def _tried_in(scratch: _Scratch, trial: Callable[[], Iterator[Check]], *, made: str) -> Iterator[Check]:
    """Make the trial's bucket, try, and take it away; ``made`` is what the first check is called."""
    answer = scratch.ask("PUT", body=_place(scratch.signer.region))
    if not answer.is_fine and LEFT_OVER not in _told(answer):
        remedy = "the key must be one that may make buckets and users; give it again with pulumi config set --secret"
        yield STORAGE.failed(made, f"no bucket can be made: {_told(answer)}", remedy)
        return
    yield STORAGE.ok(made, "one could be made")
    try:
        yield from trial()
    finally:
        scratch.ask("DELETE", TRIAL_KEY)
        gone = scratch.ask("DELETE")
    if not gone.is_fine:
        remedy = f"delete the bucket {scratch.bucket} by hand"
        yield STORAGE.warn(f"{made}'s clean-up", f"the trial's bucket could not be deleted: {_told(gone)}", remedy)


def _published(plan: InstancePlan, scratch: _Scratch) -> Iterator[Check]:
    """Each step needs the one before it; the first that fails ends the trial."""
    is_wasabi = plan.media.provider is StorageProvider.WASABI
    if not is_wasabi:
        scratch.ask("PUT", query={"publicAccessBlock": ""}, body=OPENED)
    put = scratch.ask("PUT", TRIAL_KEY, body=TRIAL)
    if not put.is_fine:
        yield STORAGE.failed("upload", f"nothing can be put: {_told(put)}", "look at the key's rights (s3:PutObject)")
        return
    remedy = PAID_ONLY if is_wasabi else "look at the account's Block Public Access settings"
    opened = scratch.ask("PUT", query={"policy": ""}, body=scratch.policy())
    if not opened.is_fine:
        yield STORAGE.failed("public bucket", f"no bucket may be public: {_told(opened)}", remedy)
        return
    got = scratch.ask("GET", TRIAL_KEY, signed=False)
    if not got.is_fine or got.body != TRIAL:
        yield STORAGE.failed("public bucket", f"people cannot read what is published: {_told(got)}", remedy)
        return
    if scratch.ask("GET", query={"list-type": "2"}, signed=False).is_fine:
        yield STORAGE.failed("listing", "everybody may list a bucket", "look at the account's access settings")
        return
    yield STORAGE.ok("public bucket", "what is published can be read by everybody, and the rest not be listed")


def _place(region: str) -> bytes:
    if region == REGION_WITHOUT_NAME:
        return b""
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    place = f"<LocationConstraint>{region}</LocationConstraint>"
    return f'<CreateBucketConfiguration xmlns="{space}">{place}</CreateBucketConfiguration>'.encode()


def _told(answer: Answer) -> str:
    """The status, and the code that S3 gives in its XML."""
    text = answer.body[:2000].decode(errors="replace")
    code = text.partition("<Code>")[2].partition("</Code>")[0]
    return f"{answer.status} {code}".strip()[:100]
