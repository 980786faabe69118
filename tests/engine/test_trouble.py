"""When something goes wrong: nothing that holds data is lost, and the next run completes what is missing."""

from mastodon_infra.rehearsal.world import Fault
from tests.engine.rehearsed import Rehearsed, waited

VOLUME = "linode:index/volume:Volume"
MACHINE = "linode:index/instance:Instance"


def test_destroy_is_refused_while_there_is_protected_data(copy_of):
    stack = copy_of("solo")
    files = stack.files()

    done = stack.run("destroy", "--yes", "--suppress-progress")

    assert done.status != 0
    assert "protected" in done.text
    assert stack.files() == files


def test_run_after_a_failed_creation_completes_it(tmp_path, up_once):
    stack = Rehearsed.new(tmp_path / "rehearsal", {"size": "solo"})
    stack.world.plan_faults(Fault(VOLUME, nth=2, status=500))

    first = stack.run("up", "--yes", "--skip-preview", "--suppress-progress")
    made = stack.files()
    stack.up()

    assert first.status != 0
    assert "[500] a fault was planned" in first.text
    assert len(stack.world.all(VOLUME)) == 2
    assert made < stack.files(), "what existed already was not made again"
    assert stack.names() == up_once("solo").names()
    assert stack.preview() == {}


def test_second_of_two_runs_at_once_is_refused(copy_of):
    stack = copy_of("medium")
    stack.ask({"size": "medium", "nodes": {"sidekiq": {"count": 2}}})
    stack.world.plan_faults(Fault(MACHINE, status=0, seconds=6))

    first = stack.start("up", "--yes", "--skip-preview", "--suppress-progress")
    locks = stack.cloud.folder / "state" / ".pulumi" / "locks"
    is_locked = waited(lambda: locks.is_dir() and any(path.is_file() for path in locks.rglob("*")))
    second = stack.run("up", "--yes", "--skip-preview", "--suppress-progress")
    said, _ = first.communicate(timeout=60)

    assert is_locked
    assert second.status != 0
    assert "locked" in second.text
    assert first.returncode == 0, said


def test_replaced_machine_leaves_first_and_takes_its_private_address_again(copy_of):
    stack = copy_of("medium")
    before = {thing.inputs["label"]: thing for thing in stack.world.all(MACHINE)}
    urn = next(
        line.split()[-1] for line in stack.say("stack", "--show-urns").splitlines() if line.endswith("::sidekiq-1")
    )
    target = urn.rpartition("URN:")[2].strip()

    stack.say("up", "--yes", "--skip-preview", "--replace", target, "--suppress-progress")

    after = {thing.inputs["label"]: thing for thing in stack.world.all(MACHINE)}
    (changed,) = {label for label in before if after[label].id != before[label].id}
    assert "sidekiq-1" in changed
    assert after[changed].inputs["linodeInterfaces"] == before[changed].inputs["linodeInterfaces"]
    assert stack.preview() == {}
