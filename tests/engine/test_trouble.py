"""When something goes wrong: nothing that holds data is lost, and the next run completes what is missing."""

import os
import signal

import pytest

from mastodon_infra.rehearsal.world import Fault
from tests.engine.rehearsed import Rehearsed, process_of, waited

VOLUME = "linode:index/volume:Volume"
BUCKET = "linode:index/objectStorageBucket:ObjectStorageBucket"
MACHINE = "linode:index/instance:Instance"
RECORD = "linode:index/domainRecord:DomainRecord"
FIREWALL = "linode:index/firewall:Firewall"
DEPLOY = ("up", "--yes", "--skip-preview", "--suppress-progress")


def test_destroy_is_refused_while_there_is_protected_data(copy_of):
    stack = copy_of("solo")
    files = stack.files()

    done = stack.run("destroy", "--yes", "--suppress-progress")

    assert done.status != 0
    assert "protected" in done.text
    assert stack.files() == files


def test_run_after_a_failed_creation_completes_it(tmp_path, up_once):
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo"})
    stack.world.plan_faults(Fault(VOLUME, nth=2, status=500), Fault(FIREWALL, status=429))

    first = stack.run(*DEPLOY)
    second = stack.run(*DEPLOY)
    made = stack.files()
    stack.up()

    assert 0 not in {first.status, second.status}
    assert "[429] a fault was planned" in first.text, "without a firewall there is no machine, and so no volume"
    assert "[500] a fault was planned" in second.text
    assert "Traceback" not in first.text + second.text
    assert len(stack.world.all(VOLUME)) == 2
    assert made < stack.files(), "what existed already was not made again"
    assert stack.names() == up_once("solo").names()
    assert stack.preview() == {}


def test_second_of_two_runs_at_once_is_refused(copy_of):
    stack = copy_of("medium")
    stack.ask({"size": "medium", "nodes": {"sidekiq": {"count": 2}}})
    stack.world.plan_faults(Fault(MACHINE, status=0, seconds=6))

    first = stack.start(*DEPLOY)
    locks = stack.cloud.folder / "state" / ".pulumi" / "locks"
    is_locked = waited(lambda: locks.is_dir() and any(path.is_file() for path in locks.rglob("*")))
    second = stack.run(*DEPLOY)
    said, _ = first.communicate(timeout=60)

    assert is_locked
    assert second.status != 0
    assert "locked" in second.text
    assert first.returncode == 0, said


def test_run_that_is_broken_off_is_completed_by_the_next(half_up, up_once):
    """Ctrl-C: the engine lets what it began come to its end, and writes down what it has."""
    stack, run = half_up

    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    made = stack.files()
    stack.up()

    assert run.returncode != 0, said
    assert made < stack.files()
    assert stack.names() == up_once("solo").names()
    assert stack.preview() == {}


def test_run_whose_provider_is_killed_is_completed_by_the_next(half_up, up_once):
    stack, run = half_up

    os.kill(process_of(run, "provider linode"), signal.SIGKILL)
    said, _ = run.communicate(timeout=60)
    made = stack.files()
    stack.up()

    assert run.returncode != 0, said
    assert made < stack.files()
    assert stack.names() == up_once("solo").names()
    assert stack.preview() == {}


@pytest.fixture
def half_up(tmp_path):
    """A stack whose first run is about to make its machine, and that run."""
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo"})
    stack.world.plan_faults(Fault(MACHINE, status=0, seconds=3))
    run = stack.start(*DEPLOY)
    assert waited(lambda: not (stack.world.faults() or stack.world.all(MACHINE)))
    return stack, run


def test_what_was_made_while_the_answer_was_lost_is_not_made_twice(tmp_path):
    """The vendor has a machine that the state does not know: its label keeps the next run from making another."""
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo"})
    stack.world.plan_faults(Fault(MACHINE, status=504, is_late=True))

    first, second = stack.run(*DEPLOY), stack.run(*DEPLOY)
    (lost,) = stack.world.all(MACHINE)
    stack.world.remove(MACHINE, lost.id)  # as the operator does at the vendor's
    stack.up()

    assert "[504] a fault was planned" in first.text
    assert "[label] must be unique" in second.text
    assert stack.preview() == {}


def test_refused_token_is_told_before_anything_is_made(copy_of):
    stack = copy_of("solo")
    files = stack.files()
    stack.ask({"size": "medium"})
    stack.world.plan_faults(Fault("linode", "configure", status=401))

    done = stack.run(*DEPLOY)

    assert done.status != 0
    assert "[401] a fault was planned: configure of linode" in done.text
    assert "Traceback" not in done.text
    assert stack.files() == files


def test_wrong_passphrase_changes_nothing(copy_of):
    stack = copy_of("solo")
    files, names = stack.files(), stack.names()
    passphrase = stack.cloud.folder / "passphrase"
    right = passphrase.read_text()
    stack.ask({"size": "medium"})

    passphrase.write_text("another")
    done = stack.run(*DEPLOY)
    passphrase.write_text(right)

    assert done.status != 0
    assert "incorrect passphrase" in done.text
    assert (stack.files(), stack.names()) == (files, names)


def test_whatever_creation_fails_the_state_knows_all_that_exists(tmp_path):
    """One failure after the other, and every run goes on from where the last one ended."""
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "medium"})
    failed = 0
    for nth in (3, 2, 1):
        stack.world.plan_faults(*(Fault(kind, nth=nth) for kind in (FIREWALL, BUCKET, MACHINE, VOLUME, RECORD)))
        failed += stack.run(*DEPLOY).status != 0
        assert stack.known() == stack.existing() != set(), f"after failure {failed}"

    stack.world.plan_faults()
    stack.up()
    assert failed == 3
    assert stack.known() == stack.existing()
    assert stack.preview() == {}
