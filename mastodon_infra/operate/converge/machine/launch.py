"""Starts a job in a unit of its own, so that it goes on when the SSH session ends, and prints its result as JSON.

Where a job may lock people out, a timer is set first that brings back what was there, and the next boot does so too.
Whoever gets in by a new session stops the timer, and the job that is sent then ends the rest. Sent as text and run
there, as root. Jobs hold secrets: they lie in memory, where root alone reads, and go with the unit that does them.
"""

from __future__ import annotations

import fcntl
import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NOTES = "run/mastodon-infra-converge"
UNPROVEN = "var/lib/mastodon-infra/unproven"
UNIT = "mastodon-infra-converge"
UNDO = "mastodon-infra-undo"
WORKERS = (f"{UNIT}.service", f"{UNDO}.timer", f"{UNDO}.service")
BOOT_UNIT = "etc/systemd/system/mastodon-infra-undo-at-boot.service"
BOOT_LINK = "etc/systemd/system/sysinit.target.wants/mastodon-infra-undo-at-boot.service"
PYTHON = "/usr/bin/python3"
AT_BOOT = f"""[Unit]
Description=Bring back the access that was there before a change that nobody proved
DefaultDependencies=no
RequiresMountsFor=/{UNPROVEN}
After=local-fs.target
Before=nftables.service ssh.service sysinit.target

[Service]
Type=oneshot
ExecStart={PYTHON} /{UNPROVEN}/apply.py /{UNPROVEN} boot
"""


def launch(asked: dict[str, Any], root: str = "/") -> dict[str, Any]:
    """Do a job by the program that comes with it. ``guarded`` are its paths that may lock people out."""
    top = Path(root)
    with _held(top / NOTES) as is_ours:
        if not is_ours or any(map(_is_active, WORKERS)):
            return {"trouble": "another converge is at work here"}
        return _launched(asked, top)


@contextmanager
def _held(notes: Path) -> Iterator[bool]:
    """Whether nobody else launches anything; nobody does until the job has ended, or this program."""
    notes.mkdir(parents=True, exist_ok=True)
    with (notes / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _launched(asked: dict[str, Any], top: Path) -> dict[str, Any]:
    folder = top / NOTES / "job"
    _make_anew(folder)
    _keep(folder / "apply.py", asked["program"])
    _keep(folder / "job.json", json.dumps(asked["job"]))
    if asked["guarded"]:
        said = _set_undo(asked, top)
        if said:
            return {"trouble": f"nothing was done, since nothing would bring the old access back: {said}"}
    # Also where the program is killed: it can no longer clear up by itself.
    left = f"{folder}/job.json {top / NOTES}/adds-packages"
    said = _start(UNIT, "--wait", f"--property=ExecStopPost=/usr/bin/rm --force {left}", folder=folder, word="run")
    try:
        result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"trouble": f"the work ended half-way: {said or f'journalctl --unit={UNIT} tells more'}"}
    return result


def _set_undo(asked: dict[str, Any], top: Path) -> str:
    """See to it that what is there now comes back, by a timer and by the next boot; gives what hinders that."""
    folder, unit, link = top / UNPROVEN, top / BOOT_UNIT, top / BOOT_LINK
    _make_anew(folder)
    _keep(folder / "apply.py", asked["program"])
    _keep(folder / "undo.json", json.dumps(undo_of(asked["job"], asked["guarded"], str(top))))
    link.parent.mkdir(parents=True, exist_ok=True)
    unit.write_text(AT_BOOT, encoding="utf-8")
    link.unlink(missing_ok=True)
    link.symlink_to(f"../{unit.name}")
    os.sync()
    return _start(UNDO, f"--on-active={asked['seconds']}", folder=folder, word="undo")


def undo_of(job: dict[str, Any], guarded: list[str], root: str = "/") -> dict[str, Any]:
    """The job that brings back what lies at the guarded paths now."""
    kept, absent = [], []
    for path in guarded:
        at = Path(root) / path.lstrip("/")
        if not at.is_file():
            absent.append(path)
            continue
        seen = at.stat()
        kept.append(
            {
                "path": path,
                "content": at.read_bytes().decode(errors="surrogateescape"),
                "mode": stat.S_IMODE(seen.st_mode),
                "owner": pwd.getpwuid(seen.st_uid).pw_name,
                "group": grp.getgrgid(seen.st_gid).gr_name,
            }
        )
    nothing: dict[str, Any] = {name: [] for name, value in job.items() if isinstance(value, list)}
    still = {name: job[name] for name in ("acts", "waiting")}
    return {**job, **nothing, **still, "files": kept, "removed": absent, "is_last": False}


def _make_anew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)


def _keep(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _is_active(unit: str) -> bool:
    said = subprocess.run(["systemctl", "is-active", unit], capture_output=True, text=True, check=False).stdout  # noqa: S603, S607
    return said.strip() in {"active", "activating", "deactivating"}


def _start(unit: str, *options: str, folder: Path, word: str) -> str:
    """Have systemd run the program in the folder; gives what hindered that."""
    command = ("systemd-run", "--quiet", "--collect", f"--unit={unit}", *options)
    program = (PYTHON, str(folder / "apply.py"), str(folder), word)
    words = (*command, *program)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stderr.strip() if done.returncode else ""


def main(asked: str) -> None:
    """Launch, and print how it ended."""
    print(json.dumps(launch(json.loads(asked))))  # noqa: T201  # this is its answer
