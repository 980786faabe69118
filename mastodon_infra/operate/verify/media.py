"""Media: a picture goes into the bucket as Mastodon puts it, comes out by the media host, and is taken away again."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from mastodon_infra.operate.api import Answer, send
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.signing import Signer
from mastodon_infra.operate.verify.questions import FromOutside, Question, Subject
from mastodon_infra.plan.types import MediaPlan

MEDIA = Group("media")
PATIENCE_SECONDS = 15.0
PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000002000001e221bc33"
    "0000000049454e44ae426082"
)
"""The smallest picture there is, a PNG of one point."""

FOLDER = "media_attachments/files/verify"
WANTED_HEADERS = {
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
}
"""On what people upload: a header, and what stands in it."""

REFUSALS = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})


@dataclass(frozen=True, slots=True)
class Round:
    """The answers, step by step; what was not come to is None."""

    put: Answer
    got: Answer | None = None
    listed: Answer | None = None
    listed_by_bucket: Answer | None = None
    deleted: Answer | None = None
    after: Answer | None = None


def media_questions(subject: Subject) -> Iterator[Question]:
    """One round trip."""
    yield Question(
        "media", "round trip", FromOutside(partial(go_round, subject)), partial(judge_round, subject.plan.media)
    )


def go_round(subject: Subject) -> Round:
    """Put, get, try to list, delete. The key's random part keeps it out of everybody's cache."""
    media, wiring = subject.plan.media, subject.wiring
    signer = Signer(wiring.media_access_key_id, wiring.media_secret_access_key, media.region, "s3")
    key = f"{FOLDER}/{secrets.token_hex(12)}.png"
    bucket = f"https://{media.endpoint}/{media.bucket}"
    more = {"content-type": "image/png", "cache-control": "public, max-age=60"}
    if permission := subject.plan.mastodon.uploads.permission.value:
        more["x-amz-acl"] = permission
    put = _signed(signer, "PUT", f"{bucket}/{key}", PICTURE, more)
    if not put.is_fine:
        return Round(put)
    try:
        got = _plain(f"https://{media.host}/{key}")
        listed, by_bucket = _plain(f"https://{media.host}/"), _plain(f"{bucket}?list-type=2")
    finally:
        deleted = _signed(signer, "DELETE", f"{bucket}/{key}", b"", {})
    return Round(put, got, listed, by_bucket, deleted, _plain(f"{bucket}/{key}"))


def _signed(signer: Signer, method: str, url: str, body: bytes, more: dict[str, str]) -> Answer:
    headers = signer.headers(method, url, now=datetime.now(UTC), body=body, more=more)
    return send(method, url, headers=headers, body=body or None, patience_seconds=PATIENCE_SECONDS)


def _plain(url: str) -> Answer:
    return send("GET", url, headers={"Origin": "https://example.org"}, patience_seconds=PATIENCE_SECONDS)


def judge_round(media: MediaPlan, seen: Round) -> Iterator[Check]:
    """Each step has its own check; those after a failed upload were not come to."""
    if not seen.put.is_fine:
        told = f"the app's key cannot put a picture: {_said(seen.put)}"
        yield MEDIA.failed(
            "upload", told, "are the bucket and its key those of the stack? mastodon-infra preflight STACK"
        )
        return
    yield MEDIA.ok("upload", f"a picture went into {media.bucket} with the app's key")
    assert seen.got is not None
    assert seen.listed is not None
    assert seen.listed_by_bucket is not None
    assert seen.deleted is not None
    assert seen.after is not None
    yield from _shown(media, seen.got)
    yield from _unlisted(seen.listed, seen.listed_by_bucket)
    if seen.deleted.is_fine and seen.after.status in REFUSALS:
        yield MEDIA.ok("deletion", "it is gone again")
    else:
        told = f"the picture is still there: {_said(seen.deleted)}, then {seen.after.status}"
        yield MEDIA.failed("deletion", told, "look at the key's rights (s3:DeleteObject)")


def _shown(media: MediaPlan, got: Answer) -> Iterator[Check]:
    if got.status != HTTPStatus.OK or got.body != PICTURE:
        told = f"{media.host} answers {got.status} with {len(got.body)} bytes"
        yield MEDIA.failed(
            "download", told, "is the bucket public for reading, and does the media host ask the right one?"
        )
        return
    yield MEDIA.ok("download", f"{media.host} shows it, as {got.headers.get('content-type', 'nothing')}")
    missing = [name for name, part in WANTED_HEADERS.items() if part not in got.headers.get(name, "")]
    if missing:
        yield MEDIA.failed(
            "headers", f"not as they should be: {', '.join(missing)}", "look at what stands before the bucket"
        )
    else:
        yield MEDIA.ok("headers", "other pages may show it, and it cannot run anything")


def _unlisted(listed: Answer, by_bucket: Answer) -> Iterator[Check]:
    """Both refuse. An answer of another kind shows no list, and does not show either that there is none."""
    asked = (("media host", listed), ("bucket", by_bucket))
    open_doors = [where for where, answer in asked if _is_listing(answer)]
    unclear = [f"the {where} answers {_said(answer)}" for where, answer in asked if answer.status not in REFUSALS]
    if open_doors:
        yield MEDIA.failed(
            "listing", f"everybody may list the {' and the '.join(open_doors)}", "look at the bucket's access"
        )
    elif unclear:
        yield MEDIA.unproven("listing", f"no refusal was seen: {', '.join(unclear)}")
    else:
        yield MEDIA.ok("listing", "nobody may list what there is")


def _is_listing(answer: Answer) -> bool:
    return answer.is_fine and b"ListBucketResult" in answer.body


def _said(answer: Answer) -> str:
    text = answer.body[:2000].decode(errors="replace")
    return f"{answer.status} {text.partition('<Code>')[2].partition('</Code>')[0]}".strip()
