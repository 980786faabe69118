"""The machines of these tests: what they keep inside, and what is left of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.parsers.machine import Machine, Refused, privilege

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def machine(root_folder):
    with Machine(root_folder, privilege=privilege() or ()) as standing:
        yield standing


def test_what_is_written_stays_inside(machine, root_folder):
    machine.put("/etc/one.conf", "one\n", 0o640, "daemon")

    assert machine.must(["stat", "--format=%a %U %s", "/etc/one.conf"]) == "640 daemon 4"
    assert not (root_folder / "etc/one.conf").exists()
    assert "/etc/one.conf" not in Path("/proc/mounts").read_text(encoding="utf-8")


def test_nothing_outside_can_be_reached(machine):
    assert machine.must("ip route show") == ""
    assert machine.must("ip -brief link") == machine.must("ip -brief link show lo")
    assert machine.must("ls /mnt") == ""
    assert not machine.run(["sysctl", "--write", "vm.swappiness=60"])
    assert "cat" in machine.must(["ps", "-o", "comm=", "-p", "1"])


def test_a_program_that_hangs_is_ended(machine):
    assert machine.run(["sleep", "60"], seconds=1).status == 124


def test_a_refusal_says_the_command_and_what_it_said(machine):
    with pytest.raises(Refused, match=r"(?s)ls /nowhere: status 2\n.*No such file"):
        machine.must(["ls", "/nowhere"])


def test_nothing_is_left_of_a_machine_whose_test_was_killed(root_folder, tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from tests.parsers.machine import Machine, privilege\n"
        "machine = Machine(Path(sys.argv[1]), privilege=privilege() or ())\n"
        "machine.must('sleep 1000 > /dev/null 2>&1 & echo $!')\n"
        "print(machine.pid, flush=True); time.sleep(1000)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(root_folder)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    ) as test:
        assert test.stdout
        pid = test.stdout.readline().strip()
        space = Path(f"/proc/{pid}/ns/mnt").readlink()
        assert space in namespaces()
        test.send_signal(signal.SIGKILL)

    limit = time.monotonic() + 10
    while space in namespaces() and time.monotonic() < limit:
        time.sleep(0.05)
    assert space not in namespaces()


def namespaces():
    """The mount namespaces in which any process lives."""
    found = set()
    for process in Path("/proc").glob("[0-9]*/ns/mnt"):
        try:
            found.add(process.readlink())
        except OSError:
            continue
    return found
