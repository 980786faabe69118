"""When a rehearsed machine has come to rest: it has installed itself, and all that is to run runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mastodon_infra.rehearsal.machines.machine import Outcome

CLOUD_INIT_RESULT = "/var/lib/cloud/data/result.json"
INSTALLED = "/var/lib/mastodon-infra/installed"
INSTALLER, INSTALLING = "mastodon-infra-install.service", "scripts_user"
MOST_TRIES = 5
CERTIFICATE = "/var/lib/mastodon-infra/tls/site.crt"
TARGET = "mastodon.target"

Run = Callable[..., Outcome]
"""Runs a program in the machine."""


@dataclass(frozen=True, slots=True)
class State:
    """How far a machine is. ``failed`` says what went wrong for good; ``waits_for`` what it is busy with."""

    is_settled: bool = False
    waits_for: str = ""
    failed: str = ""


def look(run: Run) -> State:
    """Ask a machine that has booted how far it is."""
    result = run("cat", CLOUD_INIT_RESULT)
    errors = [str(error) for error in json.loads(result.said)["v1"]["errors"]] if result else []
    if not run("test", "-e", INSTALLED):
        return _installer(run, errors)
    # The first try to install may fail and the next succeed; cloud-init sees the first one alone.
    others = [error for error in errors if INSTALLING not in error]
    if others:
        return State(failed="; ".join(others))
    if not result:
        return State(waits_for="cloud-init")
    jobs = run("systemctl", "list-jobs", "--no-legend", "--plain").said.splitlines()
    if jobs:
        return State(waits_for=f"starting {jobs[0].split()[1]}" if len(jobs[0].split()) > 1 else "starting")
    failed = run("systemctl", "list-units", "--failed", "--no-legend", "--plain").said.splitlines()
    if failed:
        unit = failed[0].split()[0]
        journal = run("journalctl", "--quiet", "--no-pager", "--lines=10", f"--unit={unit}")
        return State(waits_for=f"{unit} has failed", failed="" if _is_tried_again(run, unit) else journal.said)
    return _target(run)


def _installer(run: Run, errors: Sequence[str]) -> State:
    """It tries again for ever; whoever waits does not."""
    tries = run("systemctl", "show", "--property=NRestarts", "--value", INSTALLER).said
    if not tries.isdigit() or int(tries) < MOST_TRIES:
        return State(waits_for="installing")
    journal = run("journalctl", "--quiet", "--no-pager", "--lines=15", f"--unit={INSTALLER}")
    return State(failed="\n".join([*errors, journal.said]))


def _is_tried_again(run: Run, unit: str) -> bool:
    """A unit that a timer or systemd itself starts again may yet succeed."""
    return run("systemctl", "show", "--property=Restart", "--value", unit).said not in {"", "no"}


def _target(run: Run) -> State:
    """Containers that the target wants are asked for one by one: it is active before they are ready."""
    if not run("systemctl", "is-enabled", TARGET):
        return State(is_settled=True)
    wants = run("systemctl", "show", "--property=Wants", "--value", TARGET).said.split()
    active = run("systemctl", "is-active", TARGET, *wants)
    if active:
        return _certificate(run)
    waiting = [unit for unit, said in zip((TARGET, *wants), active.said.splitlines(), strict=False) if said != "active"]
    return State(waits_for=f"waiting for {', '.join(waiting)}")


def _certificate(run: Run) -> State:
    """Until there is a real one, nginx shows one that it has signed itself."""
    names = run("openssl", "x509", "-noout", "-issuer", "-subject", "-in", CERTIFICATE)
    if names and len({line.partition("=")[2] for line in names.said.splitlines()}) == 1:
        return State(waits_for="waiting for a certificate")
    return State(is_settled=True)
