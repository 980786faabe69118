"""The second door for real: its programs run on a Debian, with its Python, users and packages; no systemd has booted.

A machine that the first door has left is brought to another bundle, and is then what a new one would be.
"""

import inspect
import json
from dataclasses import replace

import pytest

from mastodon_infra.operate.converge.decide import decide
from mastodon_infra.operate.converge.job import access_job, whole_job
from mastodon_infra.operate.converge.machine import apply, launch, probe
from mastodon_infra.operate.converge.observed import question, read_observed
from mastodon_infra.render.bundle_types import BundleUser
from mastodon_infra.render.installer import INSTALLED_PATH, RECORD_PATH, record_text
from tests.parsers.cases import Place
from tests.parsers.machine import Machine
from tests.parsers.tree import lay_out

PLACE = Place("solo", "web-1")
EVERY_UNIT_IS_WELL = """#!/usr/bin/python3
import sys
words = sys.argv[1:]
if words[0] == "show":
    for name in words[words.index("--") + 1 :]:
        if "*" not in name:
            state = "inactive" if name in open("/tmp/off").read().split() else "active"
            print(f"Id={name}\\nLoadState=loaded\\nActiveState={state}\\nUnitFileState=static\\nType=simple\\n")
elif words[0] == "is-enabled":
    print("static")
elif words[0] == "is-active":
    sys.exit(print("inactive") or 3)
else:
    print(*words, file=open("/tmp/said", "a"))
"""
# It does at once what has no timer, and what is to be done after that.
SYSTEMD_RUN = r"""#!/usr/bin/python3
import shlex, subprocess, sys
words = sys.argv[1:]
options = [word for word in words if word.startswith("--")]
print("systemd-run", *options, file=open("/tmp/said", "a"))
if not any(word.startswith("--on-active") for word in options):
    subprocess.run(words[len(options):])
    for word in options:
        if word.startswith("--property=ExecStopPost="):
            subprocess.run(shlex.split(word.removeprefix("--property=ExecStopPost=")), check=True)
"""
# A package whose installation can be killed in its middle, and one that is missing.
PACKAGES = r"""
for name in half other; do
    mkdir -p /tmp/$name/DEBIAN
    printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: nobody <n@example.org>\nDescription: one\n' \
        $name > /tmp/$name/DEBIAN/control
done
printf '#!/bin/sh\n[ -e /tmp/go ] || { touch /tmp/here; exec sleep 60; }\n' > /tmp/half/DEBIAN/postinst
chmod 755 /tmp/half/DEBIAN/postinst
mkdir -p /srv/debs
cd /srv/debs
for name in half other; do
    file=${name}_1_all.deb
    dpkg-deb --build /tmp/$name $file
    cat /tmp/$name/DEBIAN/control
    printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' \
        $file $(stat --format=%s $file) $(sha256sum $file | cut -d ' ' -f 1)
done | grep -v ^dpkg-deb > Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/debs ./' > /etc/apt/sources.list
"""
KILLED = r"""
dpkg --install /srv/debs/half_1_all.deb > /tmp/dpkg.log 2>&1 &
while [ ! -e /tmp/here ]; do sleep 0.1; done
kill -KILL $!
pkill -KILL -x sleep
touch /tmp/go
"""
LOCKED = """
import fcntl, time
locks = [open(path, "w") for path in ("/var/lib/apt/lists/lock", "/var/lib/dpkg/lock-frontend")]
for lock in locks:
    fcntl.lockf(lock, fcntl.LOCK_EX)
open("/tmp/is-locked", "w").close()
time.sleep(4)
"""


@pytest.fixture
def tree(root_folder):
    """A machine that was installed, and whose units all run."""
    with Machine(root_folder) as machine:
        made = lay_out(machine, PLACE)
        machine.put("/usr/local/sbin/systemctl", EVERY_UNIT_IS_WELL, 0o755)
        machine.put("/tmp/off", " ".join([unit.name for unit in made.bundle.units if unit.state == "disabled"] + BUSY))
        machine.put("/tmp/said", "")
        machine.put(RECORD_PATH, record_text(made.bundle), 0o600)
        machine.put(INSTALLED_PATH, f"{made.bundle.digest}\n")
        yield made


UNNEEDED = "unattended-upgrades"
BUSY = ["mastodon-infra-converge.service", "mastodon-infra-undo.timer", "mastodon-infra-undo.service"]


def run(machine, program, call, asked):
    """A program of ours as it is sent: by its input."""
    text = f"{inspect.getsource(program).partition('if __name__')[0]}\n{call.format(repr(json.dumps(asked)))}\n"
    return machine.must(["python3", "-"], stdin=text, seconds=120)


def steps_on(tree, wanted):
    seen = read_observed(json.loads(run(tree.machine, probe, "main({})", question(wanted, ()))))
    return decide(wanted, seen, allow_restart=True)


def converge(tree, wanted):
    steps = steps_on(tree, wanted)
    run(tree.machine, apply, "apply(json.loads({}))", whole_job(steps, moment="now"))
    return steps


def with_another(bundle):
    """The bundle with a person more, a setting that is different, a file less and a package less."""
    nginx = bundle.file("/etc/nginx/nginx.conf")
    env = bundle.file("/etc/mastodon/web.env")
    listed = bundle.file("/etc/mastodon-infra/packages")
    gone = "/usr/share/mastodon-infra/unavailable.html"
    changed = {
        nginx.path: replace(nginx, content=f"{nginx.content}# more\n"),
        env.path: replace(env, content=f"{env.content}MORE=secret\n"),
        listed.path: replace(listed, content=listed.content.replace(f"{UNNEEDED}\n", "")),
    }
    files = tuple(changed.get(file.path, file) for file in bundle.files if file.path != gone)
    packages = tuple(name for name in bundle.packages if name != UNNEEDED)
    people = (*bundle.users, BundleUser("bob", ("adm", "sudo", "systemd-journal")))
    return replace(bundle, files=files, users=people, packages=packages)


def test_a_machine_from_the_first_door_needs_nothing(tree):
    assert not steps_on(tree, tree.bundle)


def test_it_becomes_what_the_bundle_says_and_a_second_run_does_nothing(tree):
    wanted = with_another(tree.bundle)

    converge(tree, wanted)

    assert not steps_on(tree, wanted)
    shown = tree.machine.must(["stat", "--format=%a %U %G", "/etc/mastodon/web.env", "/etc/nginx/nginx.conf"])
    env, nginx = wanted.file("/etc/mastodon/web.env"), wanted.file("/etc/nginx/nginx.conf")
    assert shown.splitlines() == [f"{one.mode:o} {one.owner} {one.group}" for one in (env, nginx)]
    assert not tree.machine.run("test -e /usr/share/mastodon-infra/unavailable.html")
    assert {"adm", "sudo"} <= set(tree.machine.must("id -nG bob").split())
    assert tree.machine.must(["apt-mark", "showmanual", UNNEEDED]) == ""
    assert set(tree.machine.must(["apt-mark", "showmanual", *wanted.packages]).split()) == set(wanted.packages)
    assert tree.machine.must(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", UNNEEDED]) == "ii"
    assert tree.machine.must("ls -A /var/lib/mastodon-infra").split() == ["applied", "installed"]
    first, *others = tree.machine.must("cat /tmp/said").splitlines()
    assert first == "daemon-reload"
    assert sorted(others) == ["reload-or-restart nginx.service", "restart mastodon-web.service"]


def test_who_has_left_has_no_way_in_any_more(tree):
    wanted = with_another(tree.bundle)
    key = tree.bundle.file("/etc/ssh/authorized_keys.d/alice")
    with_key = replace(wanted, files=(*wanted.files, replace(key, path="/etc/ssh/authorized_keys.d/bob")))
    converge(tree, with_key)
    tree.machine.put(RECORD_PATH, record_text(with_key), 0o600)

    converge(tree, tree.bundle)

    assert tree.machine.must("id -nG bob") == "bob"
    assert "Jan 02, 1970" in tree.machine.must("chage --list bob")
    assert not tree.machine.run("test -e /etc/ssh/authorized_keys.d/bob")
    assert not steps_on(tree, tree.bundle)


def test_what_nobody_may_read_is_not_sent_back(tree):
    wanted = with_another(tree.bundle)

    said = run(tree.machine, probe, "main({})", question(wanted, ()))

    assert "SECRET_KEY_BASE" not in said
    assert sorted(json.loads(said)["texts"]) == [
        "/etc/mastodon-infra/packages",
        "/etc/nginx/nginx.conf",
        "/usr/share/mastodon-infra/unavailable.html",
    ]


def installing(tree, *packages):
    """A job that adds these packages to the machine, and is else nothing new."""
    job = whole_job(steps_on(tree, tree.bundle), moment="now")
    return {**job, "packages": list(packages), "named": list(packages)}


def state_of(tree, package):
    return tree.machine.must(["dpkg-query", "--show", "--showformat=${db:Status-Abbrev}", package])


def test_packages_that_a_killed_run_left_half_done_are_mended_first(tree):
    tree.machine.must(PACKAGES)
    tree.machine.must(KILLED)
    assert state_of(tree, "half") == "iF"
    refused = tree.machine.run("apt-get update && apt-get install --yes other")
    assert "dpkg was interrupted" in refused.said

    run(tree.machine, apply, "apply(json.loads({}))", installing(tree, "other"))

    assert (state_of(tree, "half"), state_of(tree, "other")) == ("ii", "ii")


def test_it_waits_for_whoever_holds_the_locks_of_packages(tree):
    tree.machine.must(PACKAGES)
    tree.machine.put("/tmp/locked.py", LOCKED)
    tree.machine.must("python3 /tmp/locked.py > /dev/null 2>&1 & while [ ! -e /tmp/is-locked ]; do sleep 0.1; done")
    assert "Could not get lock" in tree.machine.run("apt-get update").said

    run(tree.machine, apply, "apply(json.loads({}))", installing(tree, "other"))

    assert state_of(tree, "other") == "ii"


def launched(tree, job, *guarded):
    asked = {"program": inspect.getsource(apply), "job": job, "guarded": list(guarded), "seconds": 90}
    tree.machine.put("/usr/local/sbin/systemd-run", SYSTEMD_RUN, 0o755)
    return json.loads(run(tree.machine, launch, "main({})", asked))


def test_a_job_is_launched_in_a_unit_that_leaves_no_secrets(tree):
    said = launched(tree, whole_job(steps_on(tree, with_another(tree.bundle)), moment="now"))

    assert said == {"trouble": ""}
    assert "MORE=secret" in tree.machine.must("cat /etc/mastodon/web.env")
    assert tree.machine.must("ls /run/mastodon-infra-converge /run/mastodon-infra-converge/job").split() == [
        *("/run/mastodon-infra-converge:", "job", "lock"),
        *("/run/mastodon-infra-converge/job:", "apply.py", "result.json"),
    ]


def test_access_that_nobody_proves_is_undone_by_the_next_boot(tree):
    """The unit that does it is read by systemd's own checker; what it runs is run here by hand."""
    sshd = tree.bundle.file("/etc/ssh/sshd_config.d/10-mastodon-infra.conf")
    others = tuple(file for file in tree.bundle.files if file.path != sshd.path)
    wanted = replace(tree.bundle, files=(*others, replace(sshd, content=f"{sshd.content}# new\n")))
    before = tree.machine.must("cat /etc/ssh/sshd_config.d/10-mastodon-infra.conf")

    assert launched(tree, access_job(steps_on(tree, wanted), moment="now"), sshd.path) == {"trouble": ""}
    assert "# new" in tree.machine.must(["cat", sshd.path])
    unit = "/etc/systemd/system/mastodon-infra-undo-at-boot.service"
    assert "mastodon-infra-undo-at-boot" not in tree.machine.run(["systemd-analyze", "verify", unit]).said
    assert unit.rpartition("/")[2] in tree.machine.must("ls /etc/systemd/system/sysinit.target.wants")

    tree.machine.must("$(sed -n 's/^ExecStart=//p' /etc/systemd/system/sysinit.target.wants/mastodon-infra-undo-*)")

    assert tree.machine.must(["cat", sshd.path]) == before
    assert tree.machine.must("ls -A /var/lib/mastodon-infra").split() == ["applied", "installed"]
    assert "mastodon-infra-undo" not in tree.machine.must("find /etc/systemd/system")
