"""An instance on three machines: they come up in whatever order, together, and so they do after all have rebooted."""

import json
from email.parser import BytesParser

import pytest

from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.looking import START_SECONDS, check_units, down, page, rehearsed, sql
from tests.parsers.cases import RELAY

NODES = {
    "front": {"roles": ["web", "streaming", "sidekiq"], "machine_type": "g6-standard-4"},
    "data": {"roles": ["postgres", "redis"], "machine_type": "g6-standard-4"},
    "watch": {"roles": ["monitoring"], "machine_type": "g6-standard-1"},
}
OWNER, MAIL_SECONDS = "admin@social.example", 60
WELCOME, VERIFIED = (OWNER, "Welcome to Mastodon"), (OWNER, "Mail leaves social.example")


@pytest.fixture(scope="module")
def split(asked, tmp_path_factory):
    asked_for = {"size": "small", "nodes": NODES, "mail": RELAY}
    with rehearsed("split", asked_for, tmp_path_factory.mktemp("split")) as instance:
        yield instance


def mails(split):
    """What the relay has taken, oldest first: to whom, and about what."""
    kept = sorted((split.rehearsal.folder / "relay/kept").glob("*.eml"))
    messages = [BytesParser().parsebytes(path.read_bytes()) for path in kept]
    return [(message["To"], message["Subject"]) for message in messages]


def check_everything(split):
    for name in split.machines:
        check_units(split, name)
    assert page(split, "/health") == "OK"
    assert json.loads(page(split, "/api/v2/instance"))["users"] == 1
    assert page(split, "/api/v1/streaming/health") == "OK"
    assert sql(split.machine("data-1"), "SELECT username FROM accounts") == ["admin"]


def test_pages_and_units(split):
    check_everything(split)


def test_the_owners_welcome_and_the_mail_of_verify_went_through_the_relay(split):
    assert wait_until(lambda: WELCOME in mails(split), seconds=MAIL_SECONDS), mails(split)
    assert VERIFIED in mails(split)


def test_monitoring_reaches_every_target(split):
    assert down(split.machine("watch-1")) == []


def test_after_all_have_rebooted_at_once(split):
    split.reboot(*split.machines)
    check_everything(split)
    before = mails(split).count(VERIFIED)
    split.verb("--", "verify", "--patience", str(START_SECONDS), "--send-mail")
    assert mails(split).count(VERIFIED) > before
    assert mails(split).count(WELCOME) == 1, "the owner is welcomed once"
