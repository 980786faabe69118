"""Makes a machine what a job says, and records that only at the end. Sent as text and run there, as root.

It may be killed at any point: what is there is then a mix of old and new whole files, and the next run completes it.
What units still have to do lies in /run until it is done; a reboot, which does all of it, takes that note away.
What a changed access had replaced lies beside the record until it is proven, so that the next boot may bring it back.
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
import time
from pathlib import Path
from typing import Any

STATE = "var/lib/mastodon-infra"
SPARE = f"{STATE}/spare"
UNPROVEN = f"{STATE}/unproven"
NOTES = "run/mastodon-infra-converge"
STOPS_PACKAGES = f"{NOTES}/adds-packages"
BOOT_UNIT = "etc/systemd/system/mastodon-infra-undo-at-boot.service"
BOOT_LINK = "etc/systemd/system/sysinit.target.wants/mastodon-infra-undo-at-boot.service"
ACT_SECONDS = 300
PACKAGE_SECONDS = 1800
LOCK_SECONDS, LOCK_PAUSE_SECONDS = 600, 2
GENERATED = ("generated", "transient")
WORDS = {"start": "start", "restart": "restart", "reload": "reload-or-restart"}

UNDO_TIMER = "mastodon-infra-undo.timer"
GOES_DOWN = "mastodon-infra-goes-down"

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
        at.remove_directories(_directories(at.record()) - _directories(job["record"]))
        at.write(f"{STATE}/applied", job["record"].encode())
        _tell_digest(at, job)
    at.clear()


def _directories(record: str) -> set[str]:
    """The directories of a record, each of whose lines has a mode and two owners before the path."""
    return {line.split(" ", 4)[4] for line in record.splitlines() if line.startswith("directory ")}


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
        at.write(file["path"], file["content"].encode(errors="surrogateescape"), mode=file["mode"])
    _add_packages(at, job["packages"])
    _mark_packages(job)
    for user in job["users"]:
        _add_user(user["name"], user["groups"])
    for name in job["retired"]:
        _retire(name)
    for one in (*job["directories"], *job["files"]):
        at.give(one)


def _tell_digest(at: _Place, job: Job) -> None:
    """Say which bundle the machine holds, once nothing waits. Where a reboot is to come, it is said on the way down."""
    path, following = f"{STATE}/installed", f"{STATE}/installed.next"
    at.of(following).unlink(missing_ok=True)
    if job["waiting"]:
        return
    is_rebooting = any(act["verb"] == "reboot" for act in job["acts"])
    chosen = following if is_rebooting else path
    at.write(chosen, f"{job['digest']}\n".encode())
    at.of(chosen).chmod(0o644)
    if is_rebooting:
        # One that an earlier run has left does as well: as it is stopped, it puts the file into its place.
        words = ("systemd-run", "--quiet", "--collect", f"--unit={GOES_DOWN}", "--remain-after-exit")
        stop = f"--property=ExecStop=/usr/bin/mv --force /{following} /{path}"
        _run(*words, "--property=Type=oneshot", stop, "/usr/bin/true", may_fail=True)


class _Place:
    """A tree of files: the machine's own, or one below a folder where it is tried out."""

    def __init__(self, top: Path) -> None:
        self.top = top

    def of(self, path: str) -> Path:
        return self.top / path.lstrip("/")

    def write(self, path: str, content: bytes, *, mode: int = 0o7777) -> None:
        """Whole or not at all; root's alone, until it is given away. ``mode`` is what it will have then."""
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
            # Whoever reads it now, and may later, goes on reading it until it gets its new access below.
            os.chown(spare, kept.st_uid, kept.st_gid)
            spare.chmod(kept.st_mode & mode)
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
        """Take away what was never put in its place, and what keeps packages from starting their services."""
        shutil.rmtree(self.of(SPARE), ignore_errors=True)
        self.of(STOPS_PACKAGES).unlink(missing_ok=True)

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

    def remove_directories(self, paths: set[str]) -> None:
        """Those that were made by an earlier bundle, unless something is in them or a package has them too."""
        for path in sorted(paths, reverse=True):
            if not _run("dpkg-query", "--search", path, may_fail=True):
                with contextlib.suppress(OSError):
                    self.of(path).rmdir()

    def save_aside(self, path: str, moment: str) -> None:
        """A copy for whoever edited it, where root alone reads; of a link that leads nowhere, the link."""
        source, target = self.of(path), self.of(f"{STATE}/aside/{moment}{path}")
        if not (source.is_file() or source.is_symlink()) or os.path.lexists(target):
            return
        aside = self.of(f"{STATE}/aside")
        aside.mkdir(parents=True, exist_ok=True)
        aside.chmod(0o700)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target, follow_symlinks=source.exists())

    def journal(self, lines: str) -> None:
        """Say beforehand what will be laid down, so that whatever is half-way can be told from other people's."""
        text = self.record()
        if lines and not text.endswith(lines):
            self.write(f"{STATE}/applied", f"{text}{lines}".encode())

    def record(self) -> str:
        """What was last applied."""
        record = self.of(f"{STATE}/applied")
        return record.read_text(encoding="utf-8") if record.exists() else ""

    def note(self, acts: list[dict[str, Any]]) -> None:
        """What is still to be done to units; nothing left is no note."""
        path = self.of(f"{NOTES}/pending.json")
        if acts:
            self.write(f"{NOTES}/pending.json", json.dumps(acts).encode())
        else:
            path.unlink(missing_ok=True)

    def prove(self) -> None:
        """Nothing is to be brought back any more, also not by the next boot."""
        for path in (BOOT_LINK, BOOT_UNIT):
            self.of(path).unlink(missing_ok=True)
        shutil.rmtree(self.of(UNPROVEN), ignore_errors=True)


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
    stop = at.of(STOPS_PACKAGES)
    stop.parent.mkdir(parents=True, exist_ok=True)
    stop.touch()
    try:
        # A run that was killed in the middle leaves packages half done, and then apt refuses everything else.
        _package("dpkg", "--configure", "--pending", may_fail=True)
        _package("apt-get", "update")
        _package("apt-get", "install", "--fix-broken", "--yes")
        _package("apt-get", "install", "--yes", *packages)
    finally:
        stop.unlink(missing_ok=True)


def _package(*words: str, may_fail: bool = False) -> None:
    """What apt or dpkg does; tried again while the daily upgrades, or a person, hold the lock."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            _run(*words, seconds=PACKAGE_SECONDS, environment=environment)
        except Trouble as trouble:
            if " lock " in str(trouble) and time.monotonic() < end:
                time.sleep(LOCK_PAUSE_SECONDS)
                continue
            if not may_fail:
                raise
        return


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
        # Generated units cannot be enabled, and need not be; static ones can, which does nothing.
        if _run("systemctl", "is-enabled", unit, may_fail=True) not in GENERATED:
            _run("systemctl", "enable", "--quiet", unit)


def _act(at: _Place, job: Job) -> None:
    """Do each act once, in its order, and strike it off the note."""
    left = list(job["acts"])
    for act in job["acts"]:
        if act["verb"] == "reboot":
            continue
        _run("systemctl", WORDS[act["verb"]], act["unit"], seconds=ACT_SECONDS)
        left.remove(act)
        at.note(left + job["waiting"])


def _run(*words: str, seconds: int = 120, environment: dict[str, str] | None = None, may_fail: bool = False) -> str:
    """Run a program; gives what it says."""
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
    return done.stdout.strip()


def main(folder: Path, word: str, root: str = "/") -> None:
    """``run`` does the job in the folder and leaves its result there.

    ``undo`` brings back what a job had replaced, and ``boot`` does so before anything has started that reads it.
    """
    os.umask(0o022)
    if word == "run":
        trouble = _try(folder / "job.json", root)
        (folder / "result.json").write_text(json.dumps({"trouble": trouble}), encoding="utf-8")
    else:
        _undo(root, is_booting=word == "boot")


def _try(file: Path, root: str) -> str:
    """Do the job; gives what went wrong, after which changed access is as it was."""
    job: Job = json.loads(file.read_text(encoding="utf-8"))
    at = _Place(Path(root))
    if job["is_last"]:
        # Whoever sends this got in by the access that there is.
        at.prove()
    try:
        apply(job, root)
    except (Trouble, OSError) as error:
        if at.of(UNPROVEN).exists():
            _run("systemctl", "stop", UNDO_TIMER, may_fail=True)
            _undo(root, is_booting=False)
        return str(error)
    return ""


def _undo(root: str, *, is_booting: bool) -> None:
    at = _Place(Path(root))
    job: Job = json.loads(at.of(f"{UNPROVEN}/undo.json").read_text(encoding="utf-8"))
    apply({**job, "acts": [], "waiting": []} if is_booting else job, root)
    at.prove()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
