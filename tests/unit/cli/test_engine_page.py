"""Words about a run of the engine."""

from decimal import Decimal

import pytest

from mastodon_infra.cli.engine_page import (
    Known,
    add_changes,
    awaiting,
    consequence,
    converge_line,
    money_line,
    version_words,
)
from mastodon_infra.cli.layout import Page
from mastodon_infra.program.engine_events import Step
from mastodon_infra.program.outputs import StackOutputs


def step(operation, kind, name, *keys, is_protected=False):
    return Step(operation, kind, name, f"urn::{name}", is_protected=is_protected, keys=keys)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("56.00", "80.00", "+$24.00 a month: from $56.00 to about $80.00, without taxes"),
        ("80.00", "56.00", "-$24.00 a month: from $80.00 to about $56.00, without taxes"),
        ("80.00", "80.00", "as before: about $80.00 a month, without taxes"),
        ("", "80.00", "about $80.00 a month, without taxes"),
    ],
)
def test_money(before, now, words):
    assert money_line(Decimal(now), before) == words


def test_what_goes_and_holds_something_has_a_plain_word():
    machine = step("replace", "linode:index/instance:Instance", "web-1")
    volume = step("delete", "linode:index/volume:Volume", "data-redis")
    bucket = step("replace", "aws:s3/bucket:Bucket", "media")
    key = step("delete", "random:index/randomPassword:RandomPassword", "redis-password")

    assert consequence(machine).startswith("The machine web-1 goes and comes back")
    assert consequence(volume) == "The volume data-redis is deleted: everything on it is lost."
    assert consequence(bucket) == "The bucket media is deleted and made anew, empty: every object in it is lost."
    assert consequence(key).startswith("The key redis-password is deleted")
    assert consequence(step("update", "linode:index/volume:Volume", "data-redis", "size")) == ""
    moved = step("update", "linode:index/volume:Volume", "data-redis", "linodeId", "size")
    assert consequence(moved).startswith("The volume data-redis is taken off its machine")
    assert consequence(step("delete", "linode:index/domainRecord:DomainRecord", "web-a")) == ""


def test_machine_that_is_replaced_tells_that_its_address_changes_unless_it_is_reserved():
    replaced = step("replace", "linode:index/instance:Instance", "web-1")
    deleted = step("delete", "linode:index/instance:Instance", "web-1")

    assert "Its public address becomes another one" in consequence(replaced)
    assert "address" not in consequence(replaced, Known(reserved={"web-1"}))
    assert "address" not in consequence(deleted)


def test_balancers_and_addresses_that_go_have_a_plain_word():
    balancer = step("replace", "linode:index/nodeBalancer:NodeBalancer", "balancer-1")
    gone = step("delete", "linode:index/nodeBalancer:NodeBalancer", "balancer-1")
    address = step("delete", "linode:index/reservedIp:ReservedIp", "address-web-1")

    assert consequence(balancer).startswith("The NodeBalancer balancer-1 goes and comes back, and everybody")
    assert "Its public address becomes another one" in consequence(balancer)
    assert consequence(gone).startswith("The NodeBalancer balancer-1 goes for good")
    assert "stays reserved at Linode, which charges for it" in consequence(address)
    assert "is given back" in consequence(address, Known(is_disposable=True))


def test_key_that_was_adopted_is_not_lost():
    key = step("delete", "random:index/randomBytes:RandomBytes", "secret-key-base")
    web_push = step("delete", "tls:index/privateKey:PrivateKey", "vapid")
    known = Known(given={"secret-key-base", "vapid"})

    assert "needs the old one" in consequence(key)
    assert consequence(key, known) == (
        "The key secret-key-base is given by the stack's file from now on, with the same value: no key is lost."
    )
    assert "no key is lost" in consequence(web_push, known)


def test_another_version_says_what_keeps_the_old_one():
    assert "mastodon.version: v4.7.3" in version_words("v4.7.3", "v4.7.4")
    assert version_words("v4.7.4", "v4.7.4") == ""
    assert version_words("", "v4.7.4") == "", "an older program told no version"


def test_changes_fit_a_narrow_terminal_and_begin_with_what_goes():
    page = Page(40)
    add_changes(
        page,
        [
            step("create", "linode:index/instance:Instance", "web-3"),
            step("update", "linode:index/domainRecord:DomainRecord", "web-a", "target"),
            step("delete", "linode:index/domainRecord:DomainRecord", "web-aaaa"),
        ],
    )

    assert max(map(len, str(page).splitlines())) <= 40
    assert str(page).index("delete ") < str(page).index("update ") < str(page).index("create ")
    assert "(target)" in str(page)


def test_machines_wait_when_their_files_are_others_and_they_are_not_new():
    before = StackOutputs(
        website="",
        node_addresses={},
        balancer_addresses={},
        jump_address="",
        known_hosts="",
        dns_to_set=(),
        is_disposable=True,
        bundle_digests={"web-1": "a", "web-2": "b", "redis-1": "c"},
        key_fingerprints={},
        next_commands=(),
        wiring=None,
    )
    made = [step("replace", "linode:index/instance:Instance", "web-2")]

    waiting = awaiting(before, {"web-1": "x", "web-2": "y", "redis-1": "c", "web-3": "z"}, made)

    assert waiting == ["web-1"]
    assert converge_line(waiting) == "1\u00a0machine awaits converge: web-1"
    assert awaiting(None, {"web-1": "x"}, []) == []
