"""What every node gets: access, firewall, names, kernel, package manager, journal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mastodon_infra.render.bundle_types import BundleFile
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

Files = Sequence[BundleFile]


def sshd(tree: Tree, files: Files) -> None:
    """``sshd -t``, and every line is in force: the first value that sshd reads counts, and ``sshd -T`` shows it."""
    tree.machine.must(["sshd", "-t"])
    shown = tree.machine.must(["sshd", "-T"]).lower().splitlines()
    in_force = {line.split(maxsplit=1)[0]: line for line in reversed(shown)}
    for file in files:
        for line in settings_of(file):
            name, _, value = line.lower().partition(" ")
            if name == "hostkey":
                continue
            listed = [one for one in shown if one.startswith(f"{name} ")]
            words = " ".join(one.partition(" ")[2] for one in listed)
            if words.split() != value.split():
                raise Refused(f"{file.path}: {line!r}, but in force is {in_force.get(name)!r}")


def settings_of(file: BundleFile, comment: str = "#") -> list[str]:
    """The lines of a file that are neither blank nor comments."""
    lines = (line.strip() for line in file.content.splitlines())
    return [line for line in lines if line and not line.startswith(comment)]


def authorized_keys(tree: Tree, files: Files) -> None:
    """ssh-keygen knows each key, and there are as many as the stack file has for that login."""
    given = {person.name: len(person.ssh_keys) for person in tree.plan.spec.administrators}
    for file in files:
        listed = tree.machine.must(["ssh-keygen", "-l", "-f", file.path]).splitlines()
        if len(listed) != given[file.path.rpartition("/")[2]]:
            raise Refused(f"{file.path}: ssh-keygen sees {len(listed)} keys")


def sudoers(tree: Tree, files: Files) -> None:
    """Visudo reads it, and sudo lets an administrator in without a password."""
    for file in files:
        tree.machine.must(["visudo", "--check", "--strict", "--file", file.path])
    for user in tree.bundle.users:
        tree.machine.must(["sudo", "--non-interactive", "true"], user=user.name)


def nftables(tree: Tree, files: Files) -> None:
    """``nft -c`` takes it, and so does the kernel, twice; every rule of the plan is in what it then lists."""
    for file in files:
        tree.machine.must(["nft", "--check", "--file", file.path])
        for _ in range(2):
            tree.machine.must(["nft", "--file", file.path])
    listed = tree.machine.must("nft list ruleset; nft flush ruleset")
    for rule in tree.plan.firewall:
        held = rule.group == tree.node.group and "nftables" in rule.enforcers
        if held and not re.search(rf"\b{rule.protocol} dport {rule.ports}\b", listed):
            raise Refused(f"the kernel's rules have nothing for {rule.name}: {rule.protocol} {rule.ports}")


def hosts(tree: Tree, files: Files) -> None:
    """The resolver finds every internal name, and finds it where the plan put it."""
    for host in tree.plan.network.hosts:
        found = tree.machine.must(["getent", "ahostsv4", host.name]).split()[0]
        expected = ("127.0.0.1", host.address) if host.address == tree.node.address else (host.address,)
        if found not in expected:
            raise Refused(f"{host.name} is {found} here, and {host.address} in the plan")


def sysctl(tree: Tree, files: Files) -> None:
    """Sysctl reads each line, and the kernel has every name."""
    for file in files:
        said = tree.machine.must(["sysctl", "--dry-run", f"--load={file.path}"])
        names = [line.partition("=")[0].strip() for line in said.splitlines()]
        if len(names) != len(settings_of(file)):
            raise Refused(f"{file.path}: sysctl reads {len(names)} settings\n{said}")
        for name in names:
            tree.machine.must(["sysctl", "--values", name])


def tmpfiles(tree: Tree, files: Files) -> None:
    """systemd-tmpfiles reads each line."""
    for file in files:
        tree.machine.must(["systemd-tmpfiles", "--dry-run", "--create", file.path])


def sysusers(tree: Tree, files: Files) -> None:
    """systemd-sysusers reads each line."""
    for file in files:
        tree.machine.must(["systemd-sysusers", "--dry-run", file.path])


def journald(tree: Tree, files: Files) -> None:
    """The journal's own service starts with it, knowing every key."""
    said = tree.machine.must(JOURNALD, environment={"SYSTEMD_LOG_TARGET": "console", "SYSTEMD_LOG_LEVEL": "info"})
    for file in files:
        if file.path in said:
            raise Refused(said)


JOURNALD = """
socket=/run/systemd/journal/socket
mkdir -p /run/systemd
rm -f $socket
/usr/lib/systemd/systemd-journald 2>&1 & journal=$!
for n in {1..200}; do if [ -e $socket ]; then break; fi; sleep 0.05; done
sleep 0.05
kill $journal
[ -e $socket ]
"""
"""It has read its settings by the time it has made its socket."""


def apt(tree: Tree, files: Files) -> None:
    """``apt-config`` shows every setting that stands on one line; of itself a machine installs security fixes only."""
    said = tree.machine.must(["apt-config", "dump"])
    asked = tree.machine.run("unattended-upgrade --dry-run --debug 2>&1", seconds=60).said
    origins = re.search("^Allowed origins are: (.*)", asked, re.MULTILINE)
    if not origins or any("label=Debian-Security" not in one for one in origins[1].split(", ")):
        raise Refused(f"unattended-upgrade installs more than security fixes: {origins and origins[1]}")
    for file in files:
        for line in settings_of(file, "//"):
            if line.count('"') == 2 and line not in said:
                raise Refused(f"{file.path}: apt-config does not show {line}")


def chrony(tree: Tree, files: Files) -> None:
    """Chronyd prints the settings that it reads, and asks nobody for the time."""
    tree.machine.must(["chronyd", "-p", "-f", "/etc/chrony/chrony.conf"])


def logrotate(tree: Tree, files: Files) -> None:
    """Logrotate reads it, and rotates nothing."""
    for file in files:
        said = tree.machine.must(["logrotate", "--debug", file.path])
        if re.search("^(error|warning): (?!logrotate in debug mode)", said, re.MULTILINE):
            raise Refused(said)
