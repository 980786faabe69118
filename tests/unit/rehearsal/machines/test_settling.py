"""When a machine has come to rest, by what its own programs answer."""

import json

from mastodon_infra.rehearsal.machines.machine import Outcome
from mastodon_infra.rehearsal.machines.settling import CLOUD_INIT_RESULT, INSTALLED, TARGET, State, look

NONE, NO, YES = Outcome(0, ""), Outcome(1, ""), Outcome(0, "")
FIRST_TRY = "('scripts_user', RuntimeError('Runparts: 1 failures (runcmd) in 1 attempted commands'))"
CLOUD_INIT, DONE = ("cat", CLOUD_INIT_RESULT), ("test", "-e", INSTALLED)
JOBS, FAILED = ("systemctl", "list-jobs"), ("systemctl", "list-units")
CERTIFICATE = ("openssl",)
ENABLED, ACTIVE = ("systemctl", "is-enabled", TARGET), ("systemctl", "is-active", TARGET)
TRIES, RESTART = ("systemctl", "show", "--property=NRestarts"), ("systemctl", "show", "--property=Restart")


def result(*errors):
    return Outcome(0, json.dumps({"v1": {"datasource": "NoCloud", "errors": errors}}))


def at_rest():
    """What a machine answers on which all is done."""
    return {
        CLOUD_INIT: result(),
        DONE: YES,
        JOBS: NONE,
        FAILED: NONE,
        ENABLED: YES,
        ("systemctl", "show", "--property=Wants"): Outcome(0, "mastodon-web.service"),
        ACTIVE: Outcome(0, "active\nactive"),
        TRIES: Outcome(0, "0"),
        RESTART: Outcome(0, "no"),
        CERTIFICATE: Outcome(0, "issuer=CN = Authority\nsubject=CN = social.example"),
        ("journalctl",): Outcome(0, "what it said last"),
    }


def looked(changed=()):
    """How far a machine is that answers some of it otherwise."""
    answers = at_rest() | dict(changed)
    return look(lambda *words: next(answer for known, answer in answers.items() if words[: len(known)] == known))


def test_all_is_done():
    assert looked() == State(is_settled=True)


def test_a_machine_without_mastodon_needs_no_target():
    assert looked({ENABLED: NO, ACTIVE: NO}).is_settled


def test_cloud_init_is_not_done():
    assert looked({CLOUD_INIT: NO, DONE: NO}).waits_for == "installing"
    assert looked({CLOUD_INIT: NO}).waits_for == "cloud-init"


def test_something_is_being_started():
    jobs = {JOBS: Outcome(0, "214 mastodon-web.service start waiting")}
    assert looked(jobs).waits_for == "starting mastodon-web.service"


def test_a_container_is_not_ready():
    assert looked({ACTIVE: Outcome(3, "active\nactivating")}).waits_for == "waiting for mastodon-web.service"


def test_the_certificate_is_its_own():
    own = Outcome(0, "issuer=CN = social.example\nsubject=CN = social.example")
    assert looked({CERTIFICATE: own}).waits_for == "waiting for a certificate"


def test_a_machine_may_have_no_certificate():
    assert looked({CERTIFICATE: NO}).is_settled


def test_a_first_try_to_install_may_fail():
    assert looked({CLOUD_INIT: result(FIRST_TRY), DONE: NO}) == State(waits_for="installing")
    assert looked({CLOUD_INIT: result(FIRST_TRY)}).is_settled


def test_an_installer_that_fails_again_and_again_is_not_waited_for():
    state = looked({CLOUD_INIT: result(FIRST_TRY), DONE: NO, TRIES: Outcome(0, "5")})
    assert state.failed == f"{FIRST_TRY}\nwhat it said last"


def test_what_else_cloud_init_complains_of_is_final():
    assert looked({CLOUD_INIT: result("('write_files', OSError(28))")}).failed == "('write_files', OSError(28))"


def test_a_unit_that_has_failed_is_final_unless_it_is_tried_again():
    failed = Outcome(0, "mastodon-web.service loaded failed failed Mastodon")
    assert looked({FAILED: failed}).failed == "what it said last"
    state = looked({FAILED: failed, RESTART: Outcome(0, "on-failure")})
    assert state == State(waits_for="mastodon-web.service has failed")
