"""The second door for real: its programs run on a Debian, with its Python, users and packages; no systemd has booted.

A machine that the first door has left is brought to another bundle, and is then what a new one would be.
"""

import inspect
import json
from dataclasses import replace

import pytest

from mastodon_infra.operate.converge.decide import decide
from mastodon_infra.operate.converge.job import whole_job
from mastodon_infra.operate.converge.machine import apply, probe
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
else:
    print(*words, file=open("/tmp/said", "a"))
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
BUSY = ["mastodon-infra-converge.service", "mastodon-infra-undo.timer"]


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
