"""What was deployed needs nothing more: previews and refreshes after it are empty."""

import json
import shutil

import pytest

from tests.engine.rehearsed import STACK
from tests.engine.searched import told_openly

SIZES = ("solo", "medium", "large")


@pytest.mark.parametrize("size", SIZES)
def test_second_preview_is_empty(size, up_once):
    assert up_once(size).preview() == {}


@pytest.mark.parametrize("size", SIZES)
def test_refresh_finds_nothing_changed(size, copy_of):
    copy_of(size).say("refresh", "--yes", "--expect-no-changes", "--suppress-progress")


@pytest.mark.parametrize("size", SIZES)
def test_everything_in_the_state_exists_once(size, up_once):
    stack = up_once(size)
    machines = [name for kind, name in stack.names() if kind == "Instance"]

    labels = [thing.inputs["label"] for thing in stack.world.all("linode:index/instance:Instance")]

    assert len(labels) == len(set(labels)) == len(machines) > 0


@pytest.mark.parametrize("size", SIZES)
def test_state_can_be_moved_to_another_place(size, copy_of, tmp_path):
    """As docs/how-to/keep-the-state.md says: nothing is left to do there, and no key is another one."""
    stack = copy_of(size)
    before, keys = stack.names(), told_openly(stack)["keyFingerprints"]

    stack.say("stack", "export", "--file", str(tmp_path / "state.json"))
    shutil.rmtree(stack.cloud.folder / "state")
    (stack.cloud.folder / "state").mkdir()
    stack.say("stack", "init", STACK)
    assert stack.names() == set(), "the new place holds nothing yet"
    stack.say("stack", "import", "--file", str(tmp_path / "state.json"))

    assert stack.names() == before
    assert stack.preview() == {}
    assert told_openly(stack)["keyFingerprints"] == keys


def test_outputs_tell_addresses_that_exist(up_once):
    stack = up_once("solo")
    outputs = json.loads(stack.say("stack", "output", "--json"))

    public = {thing.outputs["ipv4s"][0] for thing in stack.world.all("linode:index/instance:Instance")}

    assert set(outputs["nodeAddresses"].values()) == public
    assert outputs["wiring"] == "[secret]"
