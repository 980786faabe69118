"""The second door on a machine that runs: it leaves what the first door leaves, also when it is killed on its way."""

import random
import subprocess
import time

import pytest
from ruamel.yaml import YAML

from tests.machines.looking import page, rehearsed

NODE = "web-1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINYuBD02z6n0lyGmSiYfnXK6+8Wskj5SRe/6vBxuwAbn bob"
NOTHING = "Nothing to change on 1 machine."
KILLED_TIMES = 10
APPLIED = "/var/lib/mastodon-infra/applied"
INSTALLED = "/var/lib/mastodon-infra/installed"

# Everything that either door writes, and all of /etc that is not a machine's own or a program's notes.
TREE = r"""
cd /
{
    find etc usr/local -xdev -type f \
        ! -path 'etc/machine-id' ! -path 'etc/*-' ! -path 'etc/.pwd.lock' ! -path 'etc/shadow' \
        ! -path 'etc/ssl/certs/*' ! -path 'etc/ssl/private/*' ! -path 'etc/ld.so.cache' \
        ! -path 'etc/resolv.conf' ! -path 'etc/cloud/*' ! -path 'etc/apt/sources.list.d/*' \
        ! -path 'etc/ssh/ssh_host_*' ! -path 'etc/letsencrypt/*' ! -path 'etc/systemd/network/10-cloud-init*'
    echo var/lib/mastodon-infra/applied
    echo var/lib/mastodon-infra/installed
} | sort | while IFS= read -r path; do
    printf '%s %s\n' "$(stat --format='%a %U %G' "$path")" "$(sha256sum --zero "$path" | tr '\0' ' ')"
done
"""
EFFECTIVE = r"""
systemctl list-unit-files --no-legend --state=enabled,disabled | awk '{ print $1, $2 }' | sort
sshd -T | sort
nginx -T 2> /dev/null
nft list ruleset
runuser -u postgres -- psql -XAtc 'SELECT name, setting FROM pg_settings ORDER BY 1'
sysctl vm.swappiness net.core.somaxconn
id bob
"""


@pytest.fixture(scope="module")
def solo(asked, tmp_path_factory):
    with rehearsed("converging", {"size": "solo"}, tmp_path_factory.mktemp("converging")) as instance:
        yield instance


@pytest.fixture
def machine(solo):
    return solo.machine(NODE)


def converge(solo, *words, status=0):
    return solo.verb("--", "converge", *words, status=status)


def change(solo, changed):
    """Change the rehearsal's stack file, and deploy that."""
    file = solo.rehearsal.file
    document = YAML().load(file)
    changed(document["config"]["mastodon-infra:instance"])
    YAML().dump(document, file)
    return solo.verb("--", "up", "--yes")


def seen(machine):
    return (
        machine.must("bash", "-c", TREE, seconds=300).splitlines(),
        machine.must("bash", "-c", EFFECTIVE, seconds=120).splitlines(),
    )


def test_a_machine_from_the_first_door_has_nothing_to_change(solo):
    assert NOTHING in converge(solo, "--yes")


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


def test_a_new_administrator_comes_by_a_proven_session(solo, machine):
    said = change(solo, lambda told: told["administrators"].append({"name": "bob", "ssh_keys": [KEY]}))
    assert "1 machine awaits converge" in said

    converge(solo, "--yes")

    assert "AllowUsers" in machine.must("cat", "/etc/ssh/sshd_config.d/10-mastodon-infra.conf")
    assert {"sudo", "adm"} <= set(machine.must("id", "--name", "--groups", "bob").split())
    assert machine.must("systemctl", "list-timers", "--all", "--no-legend", "mastodon-infra-undo*") == ""
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
        with subprocess.Popen(command, env=solo.rehearsal.environment(), stdout=subprocess.DEVNULL) as running:
            time.sleep(chance.uniform(1, 12))
            machine.run("systemctl", "kill", "--signal=KILL", "mastodon-infra-converge.service")
            running.kill()
    machine.run("systemctl", "kill", "--signal=KILL", "mastodon-infra-converge.service")

    converge(solo, "--yes")

    assert (machine.must("cat", INSTALLED), machine.must("cat", APPLIED)) == (digest, record)
    assert NOTHING in converge(solo, "--yes")
    assert page(solo, "/health") == "OK"


def test_both_doors_leave_the_same(solo):
    """Last: the machine that was converged is made anew from the same bundle."""
    tree, effective = seen(solo.machine(NODE))
    solo.replace(NODE)
    new_tree, new_effective = seen(solo.machine(NODE))

    assert set(new_tree) ^ set(tree) == set()
    assert set(new_effective) ^ set(effective) == set()
    assert NOTHING in converge(solo, "--yes")
