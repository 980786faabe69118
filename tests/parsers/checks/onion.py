"""Tor: its settings, and the address of the service, which follows from the instance's life-long secret."""

from __future__ import annotations

import re
import time

from tests.parsers.checks.system import Files
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

FOLDER = "/var/lib/tor/mastodon"
KEY = "/usr/local/lib/mastodon-infra/onion-key"
PACKAGE = "/usr/share/tor/tor-service-defaults-torrc"
SECONDS = 30
PAUSE = 0.1


def torrc(tree: Tree, files: Files) -> None:
    """Tor takes its file without a warning, and has the same address on a machine that replaces this one."""
    for file in files:
        said = tree.machine.must(["tor", "--defaults-torrc", PACKAGE, "-f", file.path, "--verify-config"])
        if warnings := re.findall(r".*\[(?:warn|err)\].*", said):
            raise Refused("\n".join(warnings))
        first, second = (_address(tree, file.path) for _ in range(2))
        if first != second or not re.fullmatch(r"[a-z2-7]{56}\.onion", first):
            raise Refused(f"{file.path}: the address was {first}, and is {second} on the next machine")


def _address(tree: Tree, path: str) -> str:
    """Make the key on a machine that has none, start Tor off the network, and read what it calls itself."""
    machine = tree.machine
    machine.must(["rm", "-rf", FOLDER])
    machine.must(["install", "-d", "-o", "debian-tor", "-g", "debian-tor", "-m", "02700", "/var/lib/tor", "/run/tor"])
    machine.must([KEY])
    command = f"tor --defaults-torrc {PACKAGE} -f {path} --RunAsDaemon 0 --DisableNetwork 1"
    process = machine.must(["bash", "-c", f"{command} > /tmp/tor.log 2>&1 < /dev/null & echo $!"]).strip()
    try:
        limit = time.monotonic() + SECONDS
        while not machine.run(["test", "-s", f"{FOLDER}/hostname"]):
            if time.monotonic() > limit or not machine.run(["kill", "-0", process]):
                raise Refused(f"Tor names no address:\n{machine.run(['cat', '/tmp/tor.log']).said}")
            time.sleep(PAUSE)
        return machine.must(["cat", f"{FOLDER}/hostname"]).strip()
    finally:
        machine.run(
            ["bash", "-c", f"kill {process}; for n in {{1..100}}; do kill -0 {process} || exit 0; sleep 0.05; done"]
        )
