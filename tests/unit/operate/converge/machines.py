"""Machines for tests: a folder as file system, the real probe and the real apply, and a systemd that only remembers."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mastodon_infra.operate.converge.decide import Steps, decide
from mastodon_infra.operate.converge.job import whole_job
from mastodon_infra.operate.converge.machine import apply, launch, probe
from mastodon_infra.operate.converge.observed import Observed, question, read_observed
from mastodon_infra.render.bundle_types import (
    Action,
    BundleDirectory,
    BundleFile,
    BundleUnit,
    Need,
    NodeBundle,
    Part,
    UnitState,
)
from mastodon_infra.render.difference import started
from mastodon_infra.render.installer import INSTALLED_PATH, RECORD_PATH, installer_files, record_text

OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name


class Killed(BaseException):
    """The machine's program was killed."""


def a_file(path: str, content: str = "one\n", *, need: str = "nothing", mode: int = 0o644) -> BundleFile:
    """A file; ``need`` as a manifest writes it: ``reload nginx.service``."""
    action, _, unit = need.partition(" ")
    return BundleFile(path, content, OWNER, GROUP, mode, Need(Action(action), unit), mode == 0o600, Part.PAYLOAD)


def a_bundle(
    *files: BundleFile,
    units: tuple[str, ...] = (),
    disabled: tuple[str, ...] = (),
    directories: tuple[str, ...] = (),
    packages: tuple[str, ...] = (),
) -> NodeBundle:
    """A bundle with the lists that every bundle has, all owned by whoever runs the tests."""
    every = (
        *(BundleUnit(name, UnitState.STARTED) for name in units),
        *(BundleUnit(name, UnitState.DISABLED) for name in disabled),
    )
    folders = tuple(BundleDirectory(path, OWNER, GROUP, 0o755) for path in directories)
    lists = installer_files(packages=packages, units=every, directories=folders, files=files)
    own = tuple(a_file(one.path, one.content) for one in lists)
    return NodeBundle("web-1", packages, (), folders, tuple(sorted((*files, *own), key=lambda one: one.path)), every)


class FolderMachine:
    """A machine in a folder. Its units are ``active`` or ``inactive``, and it writes down what it was told to do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.active: set[str] = set()
        self.packages: set[str] = set()
        self.said: list[str] = []
        self.trouble = ""
        self.crashing: set[str] = set()
        """Units that are active at each look, and another run of them at each."""
        self.left_going: dict[str, int] = {}
        """Units that a run which was cut off has left going: for how many looks they are still active."""
        self.looks = 0
        self.undo: Path | None = None
        self._left: int | None = None

    def boot(self, bundle: NodeBundle) -> None:
        """What the first door leaves."""
        for folder in bundle.directories:
            self.at(folder.path).mkdir(parents=True, exist_ok=True)
        for file in bundle.files:
            self.put(file.path, file.content, file.mode)
        self.put(RECORD_PATH, record_text(bundle), 0o600)
        self.put(INSTALLED_PATH, f"{bundle.digest}\n")
        self.active = set(started(bundle))
        self.packages = set(bundle.packages)

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def put(self, path: str, content: str, mode: int = 0o644) -> None:
        self.at(path).parent.mkdir(parents=True, exist_ok=True)
        self.at(path).write_text(content)
        self.at(path).chmod(mode)

    def tree(self) -> dict[str, tuple[str, int]]:
        """Every file on disk but what was saved aside, and what a killed run has not put in its place."""
        files = (path for path in self.root.rglob("*") if path.is_file())
        told = {f"/{path.relative_to(self.root)}": (path.read_text(), path.stat().st_mode & 0o7777) for path in files}
        passed = ("/aside/", "/spare/")
        return {
            path: seen
            for path, seen in told.items()
            if not path.startswith("/run/") and not any(one in path for one in passed)
        }

    def look(self, wanted: NodeBundle) -> Observed:
        return read_observed(self.probed(question(wanted, ())))

    def probed(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What the probe says on this machine."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(probe, "_units", self._units)
            patch.setattr(probe, "_packages", lambda names: [name for name in names if name in self.packages])
            patch.setattr(probe, "_health", lambda _: self.trouble)
            self.looks += 1
            return probe.look(asked, str(self.root))

    def launched(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What launching a job does, with the undo that waits for a new session."""
        with self._played(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(launch, "_is_active", lambda _: False)
            patch.setattr(launch, "_start", self._start)
            return launch.launch(asked, str(self.root))

    def _start(self, *_: str, folder: Path, word: str) -> str:
        """systemd-run: the job at once, what a timer does later."""
        if word == "undo":
            self.undo = folder
        else:
            apply.main(folder, word, str(self.root))
        return ""

    def time_is_over(self) -> None:
        """The timer that nobody stopped."""
        if self.undo is not None:
            with self._played():
                apply.main(self.undo, "undo", str(self.root))
            self.undo = None

    def decide(self, wanted: NodeBundle, *, allow_restart: bool = True) -> Steps:
        return decide(wanted, self.look(wanted), allow_restart=allow_restart)

    def converge(self, wanted: NodeBundle, *, allow_restart: bool = True) -> Steps:
        """Once; what was decided."""
        steps = self.decide(wanted, allow_restart=allow_restart)
        if steps:
            with self._played():
                apply.apply(whole_job(steps, moment="now"), str(self.root))
        return steps

    def killed_after(self, effects: int, wanted: NodeBundle) -> bool:
        """Converge, and be killed after so many effects; whether that happened before the end."""
        self._left = effects
        try:
            self.converge(wanted)
        except Killed:
            return True
        finally:
            self._left = None
        return False

    def reboot(self) -> None:
        """Units are stopped on the way down, and memory is empty afterwards."""
        following = self.at(f"{INSTALLED_PATH}.next")
        if following.exists() and any(apply.GOES_DOWN in said for said in self.said):
            following.replace(self.at(INSTALLED_PATH))
        self.lose_power()

    def lose_power(self) -> None:
        """Memory is empty afterwards, and before anything else starts, access that nobody has proven is undone."""
        for path in (self.root / "run").rglob("*"):
            if path.is_file():
                path.unlink()
        if self.at(f"/{apply.BOOT_LINK}").is_symlink():
            with self._played():
                apply.main(self.at(f"/{apply.UNPROVEN}"), "boot", str(self.root))

    def _units(self, names: list[str]) -> dict[str, dict[str, str]]:
        told: dict[str, dict[str, str]] = {}
        for name in names:
            if "*" in name:
                prefix = name.partition("*")[0]
                told |= {one: self._unit(one) for one in self.active if one.startswith(prefix)}
            else:
                told[name] = self._unit(name)
        return told

    def _unit(self, name: str) -> dict[str, str]:
        left = self.left_going.get(name, 0)
        if left:
            self.left_going[name] = left - 1
        state = "active" if left or name in self.active else "inactive"
        told = {"Id": name, "Type": "simple", "LoadState": "loaded", "ActiveState": state, "UnitFileState": "static"}
        return told | {"InvocationID": str(self.looks if name in self.crashing else 0), "NRestarts": "0"}

    @contextmanager
    def _played(self) -> Iterator[None]:
        sync, chown = os.fsync, os.chown

        def counted_sync(number: int) -> None:
            self._effect()
            sync(number)

        def counted_chown(path: Path, user: int, group: int) -> None:
            self._effect()
            chown(path, user, group)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(apply, "_run", self._run)
            patch.setattr(os, "fsync", counted_sync)
            patch.setattr(os, "chown", counted_chown)
            yield

    def _run(self, *words: str, **_: object) -> str:
        self._effect()
        unit = words[-1]
        if words[:2] == ("systemctl", "is-enabled"):
            return "static"
        if words[0] == "dpkg-query":
            return f"theirs: {unit}" if unit == "/etc/theirs" and "theirs" in self.packages else ""
        self.said.append(" ".join(words))
        if {"stop", "disable"} & set(words):
            self.active.discard(unit)
        elif {"start", "restart", "reload-or-restart"} & set(words):
            self.active.add(unit)
        elif words[:2] == ("apt-get", "install"):
            self.packages |= {word for word in words[2:] if not word.startswith("-")}
        return ""

    def _effect(self) -> None:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise Killed
