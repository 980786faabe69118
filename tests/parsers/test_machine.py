"""The machines of these tests: what they keep inside, and what is left of them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.parsers import root
from tests.parsers.machine import Machine, Refused

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def machine(root_folder):
    with Machine(root_folder) as standing:
        yield standing


def test_what_is_written_stays_inside(machine, root_folder):
    machine.put("/etc/one.conf", "one\n", 0o640, "daemon")

    assert machine.must(["stat", "--format=%a %U %s", "/etc/one.conf"]) == "640 daemon 4"
    assert outside("test", "-e", str(root_folder / "etc/one.conf")).returncode == 1
    assert str(root_folder) not in Path("/proc/mounts").read_text(encoding="utf-8")


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
        "import sys, time; from pathlib import Path; from tests.parsers.machine import Machine\n"
        "machine = Machine(Path(sys.argv[1]))\n"
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
        space = outside("readlink", f"/proc/{pid}/ns/mnt").stdout.strip()
        assert space in namespaces()
        test.send_signal(signal.SIGKILL)

    limit = time.monotonic() + 10
    while space in namespaces() and time.monotonic() < limit:
        time.sleep(0.05)
    assert space not in namespaces()


def namespaces():
    """The mount namespaces in which any process lives."""
    return set(outside("sh", "-c", "readlink /proc/[0-9]*/ns/mnt").stdout.split())


def outside(*command):
    """Run a command on the computer that the tests run on, as root."""
    return subprocess.run([*(root.privilege() or ()), *command], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("variables", "end"), [({}, pytest.skip.Exception), ({"CI": "true"}, pytest.fail.Exception)], ids=["here", "CI"]
)
def test_what_cannot_run_is_skipped_and_on_a_build_server_fails(variables, end, monkeypatch):
    monkeypatch.setattr(root, "ENVIRONMENT", variables)
    monkeypatch.setattr(root, "privilege", lambda: None)

    with pytest.raises(end, match="parser checks not run: they need root"):
        root.made()
