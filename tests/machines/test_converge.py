"""The second door on a machine that runs: it leaves what the first door leaves, also when it is killed on its way."""

import inspect
import json
import os
import random
import signal
import subprocess
import time
from contextlib import suppress

import pytest

from mastodon_infra.operate.converge.machine import apply, launch
from mastodon_infra.operate.engine import find_engine
from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.both_doors import GONE_DIRECTORY, GONE_PACKAGE, GONE_SETTING, GONE_UNIT, left_on, release_before
from tests.machines.looking import INSTALL_SECONDS, deployed, page

NODE = "web-1"
SSH_REFUSED = 255
NOTHING = "Nothing to change on 1 machine."
KILLED_TIMES, COMPLETED_SHARE = 10, 0.5
WORK = "mastodon-infra-converge.service"
EMPTY = (
    *("aside", "removed", "directories", "packages", "named", "unneeded", "users", "retired"),
    *("stopped", "enabled", "disabled", "waiting"),
)
"""What a job may hold and one that changes a file alone does not."""
DAMAGE = r"""
sed -i "s/^MAX_SESSION_ACTIVATIONS=.*/MAX_SESSION_ACTIVATIONS=$1/" /etc/mastodon/web.env
systemctl restart mastodon-web.service
rm -f /etc/nginx/nginx.conf /etc/nginx/mastodon/*.conf /etc/mastodon/streaming.env /usr/local/lib/mastodon-infra/b*
chmod 666 /etc/hosts /etc/default/prometheus
systemctl disable --quiet mastodon.target
"""
RUNS_WITH = r"""
pid=$(pgrep --parent "$(systemctl show --property=MainPID --value mastodon-web.service)" | head -n 1)
tr '\0' '\n' < "/proc/$pid/environ" | sed -n 's/^MAX_SESSION_ACTIVATIONS=//p'
"""
APPLIED = "/var/lib/mastodon-infra/applied"
INSTALLED = "/var/lib/mastodon-infra/installed"
UNPROVEN = "/var/lib/mastodon-infra/unproven"
SSHD = "/etc/ssh/sshd_config.d/10-mastodon-infra.conf"


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
    assert not machine.run("test", "-e", GONE_DIRECTORY)
    # What converge leaves to people, as its page says: a package that nobody asks for any more, and what it brought.
    assert machine.must("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", GONE_PACKAGE) == "ii"
    machine.must("apt-get", "autoremove", "--yes", "--purge", seconds=300)
    assert not machine.run("dpkg-query", "--show", GONE_PACKAGE)


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

    assert "AllowUsers" in machine.must("cat", SSHD)
    assert subprocess.run(bob("sudo id --user"), capture_output=True, text=True, check=True).stdout == "0\n"
    assert machine.must("systemctl", "list-timers", "--all", "--no-legend", "mastodon-infra-undo*") == ""
    assert not machine.run("test", "-e", UNPROVEN)
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


def test_a_machine_that_loses_power_before_new_access_is_proven_boots_with_the_old(solo, machine):
    before = machine.must("cat", SSHD)
    job = {name: list[str]() for name in EMPTY} | {
        "moment": "now",
        "journal": "",
        "files": [{"path": SSHD, "content": f"{before}\n# new\n", "owner": "root", "group": "root", "mode": 0o644}],
        "acts": [{"verb": "reload", "unit": "ssh.service", "because": [SSHD]}],
        "is_last": False,
    }
    asked = {"program": inspect.getsource(apply), "job": job, "guarded": [SSHD], "seconds": 600}
    text = f"{inspect.getsource(launch)}\nmain({json.dumps(asked)!r})\n"
    assert json.loads(machine.must("/usr/bin/python3", "-IS", "-c", text)) == {"trouble": ""}
    assert "# new" in machine.must("cat", SSHD)

    solo.reboot(NODE)

    assert machine.must("cat", SSHD) == before
    assert not machine.run("test", "-e", UNPROVEN)
    assert machine.must("find", "/etc/systemd/system", "-name", "mastodon-infra-undo*") == ""
    assert NOTHING in converge(solo, "--yes")


def test_killed_at_any_moment_the_next_run_completes_it(solo, machine):
    """Whatever was edited had been taken in too: a restart that gets lost shows in what Puma was started with."""
    chance = random.Random(7)
    digest, record = machine.must("cat", INSTALLED), machine.must("cat", APPLIED)
    planned = runs_with(machine)
    for number in range(KILLED_TIMES):
        machine.must("bash", "-c", DAMAGE, "damage", str(number + 1))
        assert runs_with(machine) == str(number + 1)
        kill_converge(solo, machine, after_seconds=chance.uniform(1, 12))
        if chance.random() < COMPLETED_SHARE:
            converge(solo, "--yes")
            assert runs_with(machine) == planned

    converge(solo, "--yes")

    assert runs_with(machine) == planned
    assert (machine.must("cat", INSTALLED), machine.must("cat", APPLIED)) == (digest, record)
    assert NOTHING in converge(solo, "--yes")
    assert page(solo, "/health") == "OK"


def kill_converge(solo, machine, *, after_seconds):
    """Let it run for a while; then kill it here, with all that it started, and what it set to work on the machine."""
    command = solo.rehearsal.command("python3", "-m", "mastodon_infra", "converge", str(solo.rehearsal.file), "--yes")
    # A group of its own: what enters the place is a process, and what runs there its child.
    with subprocess.Popen(
        command, env=solo.rehearsal.environment(), stdout=subprocess.DEVNULL, start_new_session=True
    ) as running:
        time.sleep(after_seconds)
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    machine.run("systemctl", "kill", "--signal=KILL", WORK)
    assert wait_until(lambda: not machine.run("systemctl", "is-active", WORK), seconds=120)
    # Whoever launches holds the lock; nobody has, where it was killed before.
    free = 'test ! -e "$1" || flock --timeout 120 "$1" true'
    machine.must("bash", "-c", free, "free", "/run/mastodon-infra-converge/lock", seconds=150)


def runs_with(machine):
    """How many sessions Puma, as it runs, leaves to a person."""
    return machine.must("bash", "-c", RUNS_WITH)


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
