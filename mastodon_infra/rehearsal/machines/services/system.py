"""Debian with the programs that play the world outside, as processes of the place see it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from mastodon_infra.rehearsal.machines.ground import Ground

RUN = "run"
"""Where sockets lie: their paths have to be short."""
READY_SECONDS = 20

# What the programs write beside the rehearsal's folder goes into an upper layer, so that the parts stay as they are.
MOUNT = r"""
set -eu
lower=$1 own=$2 folder=$3
root=$own/root
mkdir -p "$root" "$own/upper" "$own/work"
! mountpoint -q "$root" || exit 0
mount -t overlay -o "lowerdir=$lower,upperdir=$own/upper,workdir=$own/work" overlay "$root"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mkdir -p "$root$folder"
mount --bind "$folder" "$root$folder"
"""


class System:
    """A root file system in which the rehearsal's folder lies at the same path as outside."""

    def __init__(self, ground: Ground) -> None:
        """Mount it in the place, unless another service has."""
        self._place = ground.place
        self._own = ground.folder / "system"
        words = (str(ground.parts.outside), str(self._own), str(ground.folder))
        self._place.run("sh", "-c", MOUNT, "mount", *words)

    @property
    def sockets(self) -> Path:
        """What its programs call /run, as this process reaches it."""
        return Path(f"/proc/{self._place.pid}/root{self._own}/root/{RUN}")

    def run(self, *words: str) -> str:
        """Run a program of it to its end; raises ``OSError`` with what it said unless its status is 0."""
        return self._place.run(*self._words(*words))

    def start(self, *words: str, log: Path) -> subprocess.Popen[str]:
        """Start a program of it that ends with the place."""
        return self._place.start(*self._words(*words), log=log)

    def _words(self, *words: str) -> tuple[str, ...]:
        return ("chroot", str(self._own / "root"), "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *words)


def wait_until(is_so: Callable[[], bool], *, what: str) -> None:
    """Ask until it is so; raises ``OSError`` when that takes too long."""
    end = time.monotonic() + READY_SECONDS
    while not is_so():
        if time.monotonic() > end:
            message = f"after {READY_SECONDS} s still not: {what}"
            raise OSError(message)
        time.sleep(0.1)
