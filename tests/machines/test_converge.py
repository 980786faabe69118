"""The second door on a machine that runs: it leaves what the first door leaves, also when it is killed on its way."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from mastodon_infra.operate.engine import find_engine
from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.both_doors import GONE_PACKAGE, GONE_SETTING, GONE_UNIT, left_on, release_before
from tests.machines.looking import INSTALL_SECONDS, deployed, page

NODE = "web-1"
SSH_REFUSED = 255
NOTHING = "Nothing to change on 1 machine."
KILLED_TIMES = 10
APPLIED = "/var/lib/mastodon-infra/applied"
INSTALLED = "/var/lib/mastodon-infra/installed"


@pytest.fixture(scope="module")
def solo(asked, parts, tmp_path_factory):
    """One machine, from nothing, by the release before this one."""
    folder = tmp_path_factory.mktemp("converging")
    release = release_before(folder / "release")
    with deployed("converging", {"size": "solo"}, folder / "stack", parts, release=release) as instance:
        instance.settle(INSTALL_SECONDS)
        yield instance


@pytest.fixture
def machine(solo):
    return solo.machine(NODE)


@pytest.fixture(scope="module")
def key(asked, tmp_path_factory):
    """The path of Bob's key."""
    path = tmp_path_factory.mktemp("bob") / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", path], check=True)
    return path


@pytest.fixture
def bob(solo, key):
    """The words with which Bob runs something on the machine."""
    told = solo.rehearsal.environment()
    engine = find_engine(stack="converging", file=solo.rehearsal.file, environment=told)
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", f"IdentityFile={key}")
    words = ["ssh", *(f"-o{one}" for one in options), f"bob@{engine.outputs()['jumpAddress']}"]
    return lambda command: [*solo.rehearsal.command(*words), command]


def converge(solo, *words, status=0):
    return solo.verb("--", "converge", *words, status=status)


def add(solo, key):
    """Let Bob be an administrator; gives what ``up`` said."""
    public = key.with_suffix(".pub").read_text(encoding="utf-8").strip()
    return solo.change(lambda told: told["administrators"].append({"name": "bob", "ssh_keys": [public]}))


def test_a_machine_of_the_release_before_becomes_one_of_this_release(solo, machine):
    """First: every file changes, and with them everything that runs."""
    assert machine.must("systemctl", "is-active", GONE_UNIT) == "active"
    assert machine.must("sysctl", "--values", GONE_SETTING) == "61"
    assert "deploy it first" in converge(solo, "--yes", status=1)
    assert "1 machine awaits converge" in solo.verb("--", "up", "--yes")

    shown = converge(solo, "--yes")

    assert "waits for --allow-restart" in shown
    assert f"{GONE_PACKAGE} will stay installed" in shown
    assert machine.must("sysctl", "--values", GONE_SETTING) == "61"
    assert "1 machine awaits converge" in solo.verb("--", "up", "--yes"), "what waits is not there yet"

    converge(solo, "--yes", "--allow-restart")

    assert machine.must("sysctl", "--values", GONE_SETTING) == "64"
    assert not machine.run("systemctl", "cat", GONE_UNIT)
    assert page(solo, "/health") == "OK"
    assert NOTHING in converge(solo, "--yes")
    assert "awaits converge" not in solo.verb("--", "up", "--yes")
    machine.must("apt-get", "autoremove", "--yes", "--purge", seconds=300)


def test_what_was_edited_by_hand_is_shown_kept_and_mended(solo, machine):
    before = machine.must("cat", "/etc/nginx/nginx.conf")
    machine.must("bash", "-c", "echo '# mine' >> /etc/nginx/nginx.conf; rm /etc/nginx/mastodon/locations.conf")
    machine.must("systemctl", "stop", "prometheus-node-exporter.service")

    shown = converge(solo, "--dry-run")
    assert "edited by hand" in shown
    assert "# mine" in machine.must("cat", "/etc/nginx/nginx.conf")

    converge(solo, "--yes")

    assert machine.must("cat", "/etc/nginx/nginx.conf") == before
    assert "# mine" in machine.must("bash", "-c", "cat /var/lib/mastodon-infra/aside/*/etc/nginx/nginx.conf")
    assert machine.must("systemctl", "is-active", "prometheus-node-exporter.service") == "active"
    assert page(solo, "/health") == "OK"
    assert NOTHING in converge(solo, "--yes")


def test_what_was_not_deployed_is_refused(solo):
    file = solo.rehearsal.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(" rehearsal", " somebody"), encoding="utf-8")

    assert "deploy it first" in converge(solo, "--yes", status=1)

    file.write_text(text, encoding="utf-8")


def test_a_new_administrator_comes_by_a_proven_session(solo, machine, key, bob):
    assert "1 machine awaits converge" in add(solo, key)

    converge(solo, "--yes")

    assert "AllowUsers" in machine.must("cat", "/etc/ssh/sshd_config.d/10-mastodon-infra.conf")
    assert subprocess.run(bob("sudo id --user"), capture_output=True, text=True, check=True).stdout == "0\n"
    assert machine.must("systemctl", "list-timers", "--all", "--no-legend", "mastodon-infra-undo*") == ""
    assert NOTHING in converge(solo, "--yes")


def test_who_has_left_has_no_way_in_and_nothing_open(solo, machine, bob):
    with subprocess.Popen(bob("nohup sleep 4000 & sudo sleep 4000"), stdin=subprocess.DEVNULL) as session:
        assert wait_until(lambda: machine.run("pgrep", "--full", "[s]udo sleep 4000"), seconds=20)
        solo.change(lambda told: told["administrators"].pop())

        assert "bob loses access" in converge(solo, "--yes")

        assert session.wait(timeout=20) != 0
    assert machine.run("pgrep", "--full", "[s]leep 4000").said == ""
    assert subprocess.run(bob("true"), stdin=subprocess.DEVNULL, check=False).returncode == SSH_REFUSED
    assert machine.must("id", "--name", "--groups", "bob") == "bob"
    assert machine.must("passwd", "--status", "bob").startswith("bob L ")
    assert "Jan 02, 1970" in machine.must("chage", "--list", "bob")
    assert not machine.run("test", "-e", "/etc/ssh/authorized_keys.d/bob")
    assert NOTHING in converge(solo, "--yes")


def test_killed_at_any_moment_the_next_run_completes_it(solo, machine):
    chance = random.Random(7)
    digest, record = machine.must("cat", INSTALLED), machine.must("cat", APPLIED)
    files = "/etc/nginx/nginx.conf /etc/nginx/mastodon/*.conf /etc/mastodon/*.env /usr/local/lib/mastodon-infra/b*"
    damage = f"rm -f {files}; chmod 666 /etc/hosts /etc/default/prometheus; systemctl disable --quiet mastodon.target"
    for _ in range(KILLED_TIMES):
        machine.must("bash", "-c", damage)
        command = solo.rehearsal.command(
            "python3", "-m", "mastodon_infra", "converge", str(solo.rehearsal.file), "--yes"
        )
        # A group of its own: what enters the place is a process, and what runs there its child.
        with subprocess.Popen(
            command, env=solo.rehearsal.environment(), stdout=subprocess.DEVNULL, start_new_session=True
        ) as running:
            time.sleep(chance.uniform(1, 12))
            machine.run("systemctl", "kill", "--signal=KILL", "mastodon-infra-converge.service")
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    machine.run("systemctl", "kill", "--signal=KILL", "mastodon-infra-converge.service")

    converge(solo, "--yes")

    assert (machine.must("cat", INSTALLED), machine.must("cat", APPLIED)) == (digest, record)
    assert NOTHING in converge(solo, "--yes")
    assert page(solo, "/health") == "OK"


def test_both_doors_leave_the_same(solo, key):
    """Last: Bob comes back, and then the machine that was converged is made anew from the same bundle."""
    add(solo, key)
    converge(solo, "--yes")
    units = [unit.name for unit in solo.units(NODE)]
    converged = left_on(solo.machine(NODE), units)
    solo.replace(NODE)
    # The other one has rebooted too: LANG comes from a file that cloud-init writes once the first boot has begun.
    solo.reboot(NODE)
    new = left_on(solo.machine(NODE), units)

    assert (sorted(new - converged), sorted(converged - new)) == ([], [])
    assert NOTHING in converge(solo, "--yes")
