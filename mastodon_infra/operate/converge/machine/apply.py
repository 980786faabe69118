"""Makes a machine what a job says, and records that only at the end. Sent as text and run there, as root.

It may be killed at any point: what is there is then a mix of old and new whole files, and the next run completes it.
What units still have to do lies in /run until it is done; a reboot, which does all of it, takes that note away.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

STATE = "var/lib/mastodon-infra"
SPARE = f"{STATE}/spare"
NOTES = "run/mastodon-infra-converge"
ACT_SECONDS = 300
PACKAGE_SECONDS = 1800
WORDS = {"start": "start", "restart": "restart", "reload": "reload-or-restart"}

UNDO_TIMER = "mastodon-infra-undo.timer"

Job = dict[str, Any]


class Trouble(Exception):  # noqa: N818  # it is told, and ends the run
    """What could not be done, in words for people."""


def apply(job: Job, root: str = "/") -> None:
    """Do the whole job; raises Trouble, and the same job may be run again."""
    at = _Place(Path(root))
    at.clear()
    at.note(job["acts"] + job["waiting"])
    at.journal(job["journal"])
    _take_away(at, job)
    _put(at, job)
    _settle_units(job)
    _act(at, job)
    if job["is_last"]:
        at.write(f"{STATE}/applied", job["record"].encode())
        if not job["waiting"]:
            at.write(f"{STATE}/installed", f"{job['digest']}\n".encode())
            at.of(f"{STATE}/installed").chmod(0o644)
    at.clear()


def _take_away(at: _Place, job: Job) -> None:
    """Save what somebody edited, stop what the machine no longer has, and remove its files."""
    for path in job["aside"]:
        at.save_aside(path, job["moment"])
    for unit in job["stopped"]:
        _run("systemctl", "disable", "--now", "--quiet", unit, seconds=ACT_SECONDS, may_fail=True)
        _run("systemctl", "stop", unit, seconds=ACT_SECONDS, may_fail=True)
    for path in job["removed"]:
        at.remove(path)


def _put(at: _Place, job: Job) -> None:
    """Lay everything down as root's, and give it away once packages have brought their users."""
    for folder in job["directories"]:
        at.make_directory(folder["path"])
    for file in job["files"]:
        at.write(file["path"], file["content"].encode(errors="surrogateescape"))
    _add_packages(at, job["packages"])
    _mark_packages(job)
    for user in job["users"]:
        _add_user(user["name"], user["groups"])
    for name in job["retired"]:
        _retire(name)
    for one in (*job["directories"], *job["files"]):
        at.give(one)


class _Place:
    """A tree of files: the machine's own, or one below a folder where it is tried out."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def of(self, path: str) -> Path:
        return self.top / path.lstrip("/")

    def write(self, path: str, content: bytes) -> None:
        """Whole or not at all; root's alone, until it is given away."""
        target = self.of(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() and not target.is_symlink():
            message = f"{path} is a directory, and should be a file"
            raise Trouble(message)
        kept = target.stat() if target.is_file() and not target.is_symlink() else None
        spare = self._spare(target)
        with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if kept is not None:
            # Whoever reads it now goes on reading it, until it gets its new access below.
            os.chown(spare, kept.st_uid, kept.st_gid)
            spare.chmod(kept.st_mode & 0o7777)
        spare.replace(target)
        _sync(target.parent)

    def _spare(self, target: Path) -> Path:
        """Where a file is written before it takes its place: what a killed run leaves there, the next one clears."""
        folder = self.of(SPARE)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if folder.stat().st_dev != target.parent.stat().st_dev:
            folder = target.parent
        spare = folder / f".{target.name}.mastodon-infra"
        spare.unlink(missing_ok=True)
        return spare

    def clear(self) -> None:
        """Take away what was never put in its place."""
        shutil.rmtree(self.of(SPARE), ignore_errors=True)

    def give(self, one: dict[str, Any]) -> None:
        """Owner, group and mode as they should be."""
        target = self.of(one["path"])
        os.chown(target, _user_number(one["owner"]), _group_number(one["group"]))
        target.chmod(one["mode"])

    def make_directory(self, path: str) -> None:
        self.of(path).mkdir(parents=True, exist_ok=True)

    def remove(self, path: str) -> None:
        target = self.of(path)
        target.unlink(missing_ok=True)
        # A drop-in's folder that is empty now would be one that the first door does not make.
        with contextlib.suppress(OSError):
            if target.parent.suffix == ".d":
                target.parent.rmdir()

    def save_aside(self, path: str, moment: str) -> None:
        """A copy for whoever edited it, where root alone reads."""
        source, target = self.of(path), self.of(f"{STATE}/aside/{moment}{path}")
        if not source.is_file() or target.exists():
            return
        aside = self.of(f"{STATE}/aside")
        aside.mkdir(parents=True, exist_ok=True)
        aside.chmod(0o700)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)

    def journal(self, lines: str) -> None:
        """Say beforehand what will be laid down, so that whatever is half-way can be told from other people's."""
        record = self.of(f"{STATE}/applied")
        text = record.read_text(encoding="utf-8") if record.exists() else ""
        if lines and not text.endswith(lines):
            self.write(f"{STATE}/applied", f"{text}{lines}".encode())

    def note(self, acts: list[dict[str, Any]]) -> None:
        """What is still to be done to units; nothing left is no note."""
        path = self.of(f"{NOTES}/pending.json")
        if acts:
            self.write(f"{NOTES}/pending.json", json.dumps(acts).encode())
        else:
            path.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _user_number(name: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return _number(name, "user")


def _group_number(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return _number(name, "group")


def _number(name: str, what: str) -> int:
    if name.isdigit():
        return int(name)
    message = f"there is no {what} {name}"
    raise Trouble(message)


def _add_packages(at: _Place, packages: list[str]) -> None:
    """Install what is missing; no package starts its service, since its owners and units come later."""
    if not packages:
        return
    stop = at.of(f"{NOTES}/adds-packages")
    stop.parent.mkdir(parents=True, exist_ok=True)
    stop.touch()
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        _run("apt-get", "update", seconds=PACKAGE_SECONDS, environment=environment)
        _run(
            *("apt-get", "install", "--yes", "--option=DPkg::Lock::Timeout=600", *packages),
            seconds=PACKAGE_SECONDS,
            environment=environment,
        )
    finally:
        stop.unlink(missing_ok=True)


def _mark_packages(job: Job) -> None:
    """Tell apt which packages are asked for by name, and which no more. To remove those is an administrator's doing."""
    for word, packages in (("manual", job["named"]), ("auto", job["unneeded"])):
        if packages:
            _run("apt-mark", word, *packages)


def _add_user(name: str, groups: list[str]) -> None:
    """A login without a password, as cloud-init makes it; one that had ended begins again."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        _run("useradd", "--create-home", "--shell", "/bin/bash", name)
    _run("usermod", "--lock", "--expiredate", "", "--groups", ",".join(groups), name)


def _retire(name: str) -> None:
    """Take a person's access away, and end what they have open. What they left behind stays theirs."""
    _run("usermod", "--lock", "--expiredate", "1", "--groups", "", name)
    _run("loginctl", "terminate-user", name, may_fail=True)


def _settle_units(job: Job) -> None:
    if job["is_last"]:
        # Also where no unit seems to have changed: a run that was cut off may have laid it down already.
        _run("systemctl", "daemon-reload")
    for unit in job["disabled"]:
        _run("systemctl", "disable", "--now", "--quiet", unit, seconds=ACT_SECONDS)
    for unit in job["enabled"]:
        # Static and generated units cannot be enabled, and need not be.
        _run("systemctl", "enable", "--quiet", unit, may_fail=True)


def _act(at: _Place, job: Job) -> None:
    """Do each act once, in its order, and strike it off the note."""
    left = list(job["acts"])
    for act in job["acts"]:
        if act["verb"] == "reboot":
            continue
        _run("systemctl", WORDS[act["verb"]], act["unit"], seconds=ACT_SECONDS)
        left.remove(act)
        at.note(left + job["waiting"])


def _run(*words: str, seconds: int = 120, environment: dict[str, str] | None = None, may_fail: bool = False) -> None:
    try:
        done = subprocess.run(  # noqa: S603  # words of the bundle
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            env=environment,
        )
    except subprocess.TimeoutExpired:
        message = f"{' '.join(words[:4])} has not ended within {seconds} s"
        raise Trouble(message) from None
    if done.returncode and not may_fail:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        message = f"{' '.join(words[:4])}: {lines[0] if lines else f'exit status {done.returncode}'}"
        raise Trouble(message)


def main(folder: Path, word: str) -> None:
    """``run`` does the job in the folder and leaves its result there; ``undo`` brings back what a job had replaced."""
    os.umask(0o022)
    job, undo = folder / "job.json", folder / "undo.json"
    if word == "undo":
        apply(json.loads(undo.read_text(encoding="utf-8")))
        return
    trouble = ""
    try:
        apply(json.loads(job.read_text(encoding="utf-8")))
    except (Trouble, OSError) as error:
        trouble = str(error)
        if undo.exists():
            _run("systemctl", "stop", UNDO_TIMER, may_fail=True)
            apply(json.loads(undo.read_text(encoding="utf-8")))
    (folder / "result.json").write_text(json.dumps({"trouble": trouble}), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
