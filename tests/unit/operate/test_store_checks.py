"""The trial of a public bucket: real requests, and nothing left behind."""

from __future__ import annotations

import pytest

from mastodon_infra.operate.accounts import Accounts, KeyPair, backup_keys, store_keys
from mastodon_infra.operate.signing import Signer
from mastodon_infra.operate.store_checks import backup_checks, scratch_name, store_checks
from mastodon_infra.render.wiring import Wiring
from tests.unit.cost.made import AWS, WASABI, plan_of
from tests.unit.operate.made import by_name, outcomes
from tests.unit.operate.servers import FakeStore, serving

ON_WASABI = plan_of(size="small", storage=WASABI)
ON_AWS = plan_of(size="small", storage=AWS)
AT_LINODE = plan_of(size="small")
SIGNER = Signer("an-access-key", "a-secret-key", "ap-southeast-2", "s3")


def checked(store: FakeStore, plan=ON_WASABI, signer: Signer | None = SIGNER):
    with serving(store) as url:
        return list(store_checks(plan, signer, url=url, patience_seconds=5))


@pytest.mark.parametrize("plan", [ON_WASABI, ON_AWS])
def test_what_is_published_is_read_by_everybody_and_taken_away_again(plan):
    store = FakeStore(SIGNER)

    assert outcomes(checked(store, plan)) == {"bucket": "ok", "public bucket": "ok"}
    assert store.made == [scratch_name(plan, SIGNER)]
    assert store.buckets == {}


def test_account_that_may_not_publish_is_told_whom_to_ask_and_leaves_nothing():
    store = FakeStore(SIGNER, allows_public=False)

    check = by_name(checked(store))["public bucket"]

    assert (check.outcome, check.seen) == ("failed", "no bucket may be public: 403 AccessDenied")
    assert "support@wasabi.com" in check.remedy
    assert store.made
    assert store.buckets == {}


def test_bucket_that_everybody_may_list_fails():
    assert outcomes(checked(FakeStore(SIGNER, lists_to_all=True)))["listing"] == "failed"


def test_wrong_key_fails_before_anything_is_made():
    store = FakeStore(SIGNER)

    told = by_name(checked(store, signer=Signer("an-access-key", "other", "ap-southeast-2", "s3")))

    assert told["bucket"].seen == "no bucket can be made: 403 SignatureDoesNotMatch"
    assert store.made == []


def test_bucket_that_a_cut_short_trial_left_is_used_and_taken_away():
    store = FakeStore(SIGNER, buckets={scratch_name(ON_WASABI, SIGNER): {}})

    assert outcomes(checked(store))["public bucket"] == "ok"
    assert store.buckets == {}


@pytest.mark.parametrize("plan", [ON_WASABI, AT_LINODE])
def test_without_a_key_nothing_is_tried(plan):
    store = FakeStore(SIGNER)

    assert outcomes(checked(store, plan, signer=None)) == {"public bucket": "skipped"}
    assert store.made == []


def test_linodes_bucket_is_tried_itself_once_it_is_there_and_keeps_what_it_held():
    bucket = AT_LINODE.media.bucket
    store = FakeStore(SIGNER, buckets={bucket: {"accounts/a.png": b"a face"}})

    assert outcomes(checked(store, AT_LINODE)) == {"public bucket": "ok"}
    assert store.buckets == {bucket: {"accounts/a.png": b"a face"}}
    assert store.made == []


@pytest.mark.parametrize(
    ("fault", "name", "seen"),
    [
        ({"heeds_objects": False}, "public bucket", "people cannot read what is published"),
        ({"lists_to_all": True}, "listing", "everybody may list"),
    ],
)
def test_what_is_wrong_with_linodes_bucket_warns_and_keeps_no_up_away(fault, name, seen):
    store = FakeStore(SIGNER, buckets={AT_LINODE.media.bucket: {}}, **fault)

    told = by_name(checked(store, AT_LINODE))[name]

    assert told.outcome == "warn"
    assert seen in told.seen
    assert store.buckets == {AT_LINODE.media.bucket: {}}


def test_deployed_stack_at_linode_signs_with_its_own_key():
    wiring = Wiring.placeholder(AT_LINODE)

    signer = store_keys(AT_LINODE, Accounts(), wiring)

    assert signer
    assert signer.access_key == wiring.media_access_key_id
    assert store_keys(AT_LINODE, Accounts()) is None


def test_name_of_the_trials_bucket_fits_and_is_the_accounts_own():
    other = Signer("another-key", "a-secret-key", "ap-southeast-2", "s3")
    long = plan_of(size="small", storage=WASABI, domain=f"{'a' * 60}.{'b' * 60}.example")

    assert scratch_name(ON_WASABI, SIGNER) != scratch_name(ON_WASABI, other)
    assert len(scratch_name(long, SIGNER)) <= 63
    assert SIGNER.access_key not in scratch_name(ON_WASABI, SIGNER)


def test_store_that_does_not_answer_is_told():
    told = by_name(store_checks(ON_WASABI, SIGNER, url="http://127.0.0.1:1", patience_seconds=2))

    assert told["API"].outcome == "failed"


def backed_up(store: FakeStore, plan=ON_WASABI, signer: Signer | None = SIGNER):
    with serving(store) as url:
        return list(backup_checks(plan, signer, url=url, patience_seconds=5))


@pytest.mark.parametrize("plan", [ON_WASABI, ON_AWS])
def test_backups_are_written_read_and_deleted_by_their_key_and_by_nobody_else(plan):
    store = FakeStore(SIGNER)

    assert outcomes(backed_up(store, plan)) == {"backup bucket": "ok", "private bucket": "ok"}
    assert store.made == [scratch_name(plan, SIGNER, "preflight-private")]
    assert store.buckets == {}
    assert store.made[0] != scratch_name(plan, SIGNER), "a bucket's name is not free at once after it went"


def test_private_bucket_that_everybody_may_read_fails():
    check = by_name(backed_up(FakeStore(SIGNER, reads_to_all=True)))["private bucket"]

    assert (check.outcome, check.seen) == ("failed", "everybody may read what is private")


def test_linodes_backup_bucket_is_tried_itself_and_only_warned_of():
    bucket = AT_LINODE.backups.bucket

    fine = FakeStore(SIGNER, buckets={bucket: {"pgbackrest/backup.info": b"kept"}})
    assert outcomes(backed_up(fine, AT_LINODE)) == {"private bucket": "ok"}
    assert fine.buckets == {bucket: {"pgbackrest/backup.info": b"kept"}}
    readable = FakeStore(SIGNER, buckets={bucket: {}}, reads_to_all=True)
    assert outcomes(backed_up(readable, AT_LINODE)) == {"private bucket": "warn"}
    assert outcomes(backed_up(FakeStore(SIGNER), AT_LINODE, signer=None)) == {"private bucket": "skipped"}


def test_backups_are_signed_for_with_the_key_of_their_own_keeper():
    accounts = Accounts(amazon=KeyPair("amazon", "a"), wasabi=KeyPair("wasabi", "w"))
    wiring = Wiring.placeholder(AT_LINODE)

    signers = [backup_keys(plan, accounts, wiring) for plan in (ON_AWS, ON_WASABI, AT_LINODE)]

    assert [one.access_key for one in signers if one] == ["amazon", "wasabi", wiring.backup_access_key_id]
    assert backup_keys(AT_LINODE, accounts) is None
