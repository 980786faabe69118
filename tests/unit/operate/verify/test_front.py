"""The front, media, mail and names: answers as people get them, and what they mean."""

from __future__ import annotations

import json
import ssl
import time
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.api import Answer
from mastodon_infra.operate.verify import front, mail, media
from mastodon_infra.operate.verify.questions import Said
from mastodon_infra.plan.types import InstancePlan

NOON = 1_795_435_200.0
HTML = {"content-type": "text/html; charset=utf-8", "strict-transport-security": "max-age=63072000"}
SAFE = {
    "access-control-allow-origin": "*",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; form-action 'none'",
    "content-type": "image/png",
}
LISTING = Answer(200, {}, b"<ListBucketResult><Name>social</Name></ListBucketResult>")
DENIED, GONE, DONE = Answer(403, {}, b""), Answer(404, {}, b""), Answer(204, {}, b"")


@pytest.fixture(scope="module")
def plan() -> InstancePlan:
    return load("demo", None).plan


def outcome(checks: Any) -> str:
    (check,) = checks
    return str(check.outcome.value)


def outcomes(checks: Any) -> dict[str, str]:
    return {check.name: check.outcome.value for check in checks}


def certificate(days: float) -> dict[str, Any]:
    ends = ssl.cert_time_to_seconds("Nov 23 12:00:00 2026 GMT") + days * 86_400
    return {"notAfter": time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(ends))}


def test_a_certificate_that_ends_within_a_week_fails() -> None:
    judge = partial(front.judge_tls, "social.example", lambda: NOON)
    assert outcome(judge(certificate(60))) == "ok"
    assert outcome(judge(certificate(6))) == "failed"


def test_the_home_page_is_html_and_promises_https() -> None:
    assert outcome(front.judge_home(Answer(200, HTML, b"<html>"))) == "ok"
    assert outcome(front.judge_home(Answer(503, HTML, b""))) == "failed"
    assert outcome(front.judge_home(Answer(200, {"content-type": "text/html"}, b"<html>"))) == "failed"


def test_plain_http_leads_to_https() -> None:
    assert outcome(front.judge_redirect(Answer(301, {"location": "https://social.example/"}, b""))) == "ok"
    assert outcome(front.judge_redirect(Answer(200, {}, b"page"))) == "failed"


def test_the_api_is_of_our_domain_and_version(plan: InstancePlan) -> None:
    version = plan.mastodon.version.value.removeprefix("v")

    def api(domain: str, told: str) -> Answer:
        return Answer(200, {}, json.dumps({"domain": domain, "version": told}).encode())

    assert outcome(front.judge_instance(plan, api("social.example", version))) == "ok"
    assert outcome(front.judge_instance(plan, api("other.example", version))) == "failed"
    assert outcome(front.judge_instance(plan, api("social.example", "4.6.0"))) == "failed"
    assert outcome(front.judge_instance(plan, Answer(401, {}, b"{}"))) == "failed"


def test_a_private_api_may_refuse_strangers(plan: InstancePlan) -> None:
    private = replace(plan, mastodon=replace(plan.mastodon, private_api=True))
    assert outcome(front.judge_instance(private, Answer(401, {}, b"{}"))) == "ok"


def test_scripts_come_and_may_be_kept() -> None:
    kept = {"cache-control": "public, max-age=2419200, must-revalidate"}
    assert outcome(front.judge_asset(("/packs/a.js", Answer(200, kept, b"x")))) == "ok"
    assert outcome(front.judge_asset(("/packs/a.js", Answer(200, {}, b"x")))) == "failed"
    assert outcome(front.judge_asset(("/packs/a.js", Answer(404, kept, b"x")))) == "failed"
    assert outcome(front.judge_asset(None)) == "failed"


def test_servers_get_activitypub_and_people_never(plan: InstancePlan) -> None:
    activity = Answer(200, {"content-type": "application/activity+json; charset=utf-8"}, b"{}")
    page = Answer(200, HTML, b"<html>")
    assert outcome(front.judge_activity(plan, activity)) == "ok"
    assert outcome(front.judge_activity(plan, page)) == "failed"
    assert outcome(front.judge_page(page)) == "ok"
    assert outcome(front.judge_page(activity)) == "failed"


def test_a_signature_may_be_asked_for_where_that_is_planned(plan: InstancePlan) -> None:
    asked = Answer(401, {}, b"")
    secure = replace(plan, mastodon=replace(plan.mastodon, secure_mode=True))
    assert outcome(front.judge_activity(secure, asked)) == "ok"
    assert outcome(front.judge_activity(plan, asked)) == "failed"


@pytest.mark.parametrize(
    ("status", "header", "wanted"),
    [
        (101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "ok"),
        (101, "Sec-WebSocket-Accept: of another key", "failed"),
        (101, "Connection: Upgrade", "failed"),
        (401, "Content-Type: text/plain\r\nX-Error-Message: Missing access token", "ok"),
        (401, "Content-Type: application/json", "failed"),
        (401, 'WWW-Authenticate: Basic realm="staging"\r\nX-Error-Message: password', "failed"),
        (400, "Content-Type: application/json", "failed"),
        (404, "", "failed"),
        (426, "", "failed"),
        (502, "", "failed"),
        (0, "", "failed"),
    ],
)
def test_an_upgrade_is_answered_by_streaming_itself(status: int, header: str, wanted: str) -> None:
    """The proof is the one that RFC 6455 computes in section 1.3."""
    head = f"HTTP/1.1 {status} said\r\n{header}\r\n\r\n"
    assert outcome(front.judge_upgrade(front.Upgrade(status, head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))) == wanted


def test_puma_says_ok(plan: InstancePlan) -> None:
    assert outcome(front.judge_health(plan.nodes[0], Said(0, "OK", ""))) == "ok"
    assert outcome(front.judge_health(plan.nodes[0], Said(7, "", "curl: (7) refused"))) == "failed"


def test_a_picture_that_goes_round_passes_every_step(plan: InstancePlan) -> None:
    seen = media.Round(DONE, Answer(200, SAFE, media.PICTURE), GONE, DENIED, DONE, GONE)
    wanted = dict.fromkeys(("upload", "download", "headers", "listing", "deletion"), "ok")
    assert outcomes(media.judge_round(plan.media, seen)) == wanted


@pytest.mark.parametrize(
    ("other", "failed"),
    [
        ({"got": DENIED}, "download"),
        ({"got": Answer(200, SAFE, b"other bytes")}, "download"),
        ({"got": Answer(200, {}, media.PICTURE)}, "headers"),
        ({"listed": LISTING}, "listing"),
        ({"listed_by_bucket": LISTING}, "listing"),
        ({"deleted": DENIED}, "deletion"),
        ({"after": Answer(200, {}, media.PICTURE)}, "deletion"),
        ({"put": DENIED}, "upload"),
    ],
)
def test_each_step_that_goes_wrong_is_named(plan: InstancePlan, other: dict[str, Answer], failed: str) -> None:
    right = media.Round(DONE, Answer(200, SAFE, media.PICTURE), GONE, DENIED, DONE, GONE)
    found = outcomes(media.judge_round(plan.media, replace(right, **other)))
    assert [name for name, how in found.items() if how == "failed"] == [failed]


@pytest.mark.parametrize("other", ["listed", "listed_by_bucket"])
@pytest.mark.parametrize("answer", [Answer(503, {}, b""), Answer(301, {}, b""), Answer(200, HTML, b"<html>")])
def test_a_listing_that_is_not_refused_is_not_proven(plan: InstancePlan, other: str, answer: Answer) -> None:
    right = media.Round(DONE, Answer(200, SAFE, media.PICTURE), GONE, DENIED, DONE, GONE)
    assert outcomes(media.judge_round(plan.media, replace(right, **{other: answer})))["listing"] == "unproven"


def test_mail_stops_at_the_first_step_that_was_not_passed() -> None:
    judge = partial(mail.judge_relay, "relay:587, from web-1", ("connect", "tls", "login", "sender", "recipient"))
    passed = ["connect", "tls", "login", "sender", "recipient"]
    assert outcome(judge(Said(0, json.dumps({"passed": passed, "trouble": ""}), ""))) == "ok"
    (check,) = judge(Said(0, json.dumps({"passed": ["connect", "tls"], "trouble": "535 no"}), ""))
    assert check.seen == "relay:587, from web-1: it refuses the login (535 no)"
    assert outcome(judge(Said(1, "", "python3: not found"))) == "failed"
