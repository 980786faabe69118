"""Starts a job in a unit of its own, so that it goes on when the SSH session ends, and prints its result as JSON.

Where a job may lock people out, a timer is set first that brings back what was there. Whoever gets in by a new session
stops it. Sent as text and run there, as root. Jobs hold secrets: they lie in memory, where root alone reads.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

FOLDER = Path("/run/mastodon-infra-converge/job")
UNIT = "mastodon-infra-converge"
UNDO = "mastodon-infra-undo"
PYTHON = "/usr/bin/python3"


def launch(asked: dict[str, Any], folder: Path = FOLDER) -> dict[str, Any]:
    """Do a job by the program that comes with it. ``guarded`` are its paths that may lock people out."""
    if _is_active(f"{UNIT}.service") or _is_active(f"{UNDO}.timer"):
        return {"trouble": "another converge is at work here"}
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, mode=0o700)
    _keep(folder / "apply.py", asked["program"])
    _keep(folder / "job.json", json.dumps(asked["job"]))
    words = ("systemd-run", "--quiet", "--collect")
    program = (PYTHON, str(folder / "apply.py"), str(folder))
    if asked["guarded"]:
        _keep(folder / "undo.json", json.dumps(undo_of(asked["job"], asked["guarded"])))
        said = _run(*words, f"--unit={UNDO}", f"--on-active={asked['seconds']}", *program, "undo")
        if said:
            return {"trouble": f"nothing was done, since nothing would bring the old access back: {said}"}
    said = _run(*words, f"--unit={UNIT}", "--wait", *program, "run")
    (folder / "job.json").unlink(missing_ok=True)
    try:
        result: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {"trouble": f"the work ended half-way: {said or f'journalctl --unit={UNIT} tells more'}"}
    return result


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


def _keep(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def _is_active(unit: str) -> bool:
    return subprocess.run(["systemctl", "is-active", "--quiet", unit], check=False).returncode == 0  # noqa: S603, S607


def _run(*words: str) -> str:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stderr.strip() if done.returncode else ""


def main(asked: str) -> None:
    """Launch, and print how it ended."""
    print(json.dumps(launch(json.loads(asked))))  # noqa: T201  # this is its answer
