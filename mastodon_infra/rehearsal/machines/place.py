"""A place for machines: namespaces of their own with a network, which the kernel takes away with whoever made them.

It is the router between all machines and the outside world that it plays: each machine's interface is a cable to it.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self

# The first process of the place. It lives for as long as it can read from its maker; when it ends, the kernel ends all
# processes of the place, and with them go mounts, network, machines and loop devices.
FIRST = r"""
set -eu
mount -t proc proc /proc
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 none /sys/fs/cgroup
mount --bind "$RESOLVER" /etc/resolv.conf
ip link set lo up
for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
# Machines hang on cables of their own, and everything between them goes through here.
echo 1 > /proc/sys/net/ipv4/ip_forward
echo ready
exec env --ignore-signal=CHLD cat > /dev/null
"""
UNSHARE = ("unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "--uts")


class Place:
    """Namespaces for machines and what they ask outside. Leaving the context takes all of it away."""

    def __init__(self, addresses: Sequence[str], *, resolver: Path) -> None:
        """Stand one up that has these addresses itself, and resolves names as that file says."""
        script = f"ADDRESSES='{' '.join(addresses)}'\nRESOLVER={shlex.quote(str(resolver))}\n{FIRST}"
        self._first = subprocess.Popen(  # noqa: S603  # words of ours
            [*UNSHARE, "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._started: list[subprocess.Popen[str]] = []
        assert self._first.stdout is not None
        said = self._first.stdout.readline()
        if said != "ready\n":
            said += self._first.stdout.read()
            self.close()
            message = f"no place for machines could be made: {said.strip()}"
            raise OSError(message)
        self.pid = child_of(self._first.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End everything that runs in it."""
        assert self._first.stdin is not None
        assert self._first.stdout is not None
        with suppress(OSError):
            self._first.stdin.close()
        self._first.wait(timeout=60)
        for process in self._started:
            process.wait(timeout=60)
        self._first.stdout.close()

    def command(self, *words: str) -> list[str]:
        """The words that run a program in here."""
        pid = str(self.pid)
        return ["nsenter", "--target", pid, "--mount", "--net", "--pid", "--uts", "--", *words]

    def run(self, *words: str, seconds: int = 60) -> str:
        """Run a program to its end; raises ``OSError`` with what it said unless its status is 0."""
        done = subprocess.run(  # noqa: S603  # words of ours
            self.command(*words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode:
            message = f"{words[0]}: status {done.returncode}: {done.stdout.strip()}"
            raise OSError(message)
        return done.stdout

    def connect(self, cable: str, addresses: Sequence[str], gateway: str) -> None:
        """Lead addresses over the cable to a machine, whose neighbours are all reached through here.

        ``gateway`` is what the machine believes its way out to be; empty where there is none on this side.
        """
        script = (
            'cable=$1 gateway=$2; shift 2; ip link set "$cable" up;'
            ' echo 1 > "/proc/sys/net/ipv4/conf/$cable/proxy_arp";'
            ' for address in "$@"; do ip route replace "$address/32" dev "$cable"; done;'
            ' [ -z "$gateway" ] || ip address replace "$gateway/32" dev lo'
        )
        self.run("sh", "-ec", script, "connect", cable, gateway, *addresses)

    def end(self, process: subprocess.Popen[str]) -> None:
        """End a program that was started here, and all that it started, at once."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
        self._started.remove(process)

    def loop_device(self, file: Path) -> str:
        """A loop device over a file. The kernel frees it when its last holder has ended, so it goes with the place."""
        found = self._loop_device(file)
        if found:
            return found
        device = self.run("losetup", "--find", "--show", str(file)).strip()
        hold = 'exec 9<>"$1"; losetup --detach "$1"; exec sleep infinity'
        self.start("sh", "-c", hold, "hold", device, log=file.with_suffix(".log"))
        return device

    def resize_loop_device(self, file: Path) -> None:
        """Let a device know that its file has grown."""
        if device := self._loop_device(file):
            self.run("losetup", "--set-capacity", device)

    def _loop_device(self, file: Path) -> str:
        return self.run("losetup", "--noheadings", "--output", "NAME", "--associated", str(file)).strip()

    def start(
        self, *words: str, log: Path, environment: dict[str, str] | None = None, stdin: int | IO[str] | None = None
    ) -> subprocess.Popen[str]:
        """Start a program that ends with the place; what it says goes into the log."""
        with log.open("ab") as file:
            process = subprocess.Popen(  # noqa: S603  # words of ours
                self.command(*words),
                stdin=subprocess.DEVNULL if stdin is None else stdin,
                stdout=file,
                stderr=file,
                text=True,
                env=environment,
                start_new_session=True,
            )
        self._started.append(process)
        return process


def child_of(pid: int) -> int:
    """The one child of a process, in this namespace's numbers."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(child)
