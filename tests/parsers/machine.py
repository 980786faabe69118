"""A throw-away Debian 13 that looks like one node: a root file system of its own, and namespaces of its own.

Everything that writes lies in memory below mounts that only the machine's own namespaces know. Its first process reads
from a pipe that the tests hold, so when they end, in whatever way, the kernel takes processes, mounts and files away.
"""

from __future__ import annotations

import io
import shlex
import subprocess
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict, Unpack

from tests.parsers.root import privilege

MEMORY = "2g"
"""How much all files of a machine may take in memory."""

ENVIRONMENT = {
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "SYSTEMD_OFFLINE": "1",  # systemctl works on files: nothing has booted here
    "TERM": "dumb",
    "TZ": "UTC",
}

# The first process. The overlay's upper layer is in memory; /proc/sys is the host's and read-only but for the part that
# belongs to the network namespace. After pivot_root nothing of the host can be reached.
FIRST = r"""
set -eu
base=$1 memory=$2
mount -t tmpfs -o "mode=0755,size=$memory" machine "$base/mnt"
cd "$base/mnt"
mkdir upper work tree
mount -t overlay -o lowerdir=..,upperdir=upper,workdir=work machine tree
cd tree
mount -t proc proc proc
mount --bind -o ro proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,rw proc/sys/net
[ ! -e proc/sysrq-trigger ] || mount --bind -o ro /dev/null proc/sysrq-trigger
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 -o ro cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 dev dev
mknod -m 0666 dev/null c 1 3
mknod -m 0666 dev/zero c 1 5
mknod -m 0666 dev/full c 1 7
mknod -m 0666 dev/random c 1 8
mknod -m 0666 dev/urandom c 1 9
mknod -m 0666 dev/tty c 5 0
mkdir dev/shm dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp
for folder in $BINDINGS; do
    mkdir -p "./srv/${folder%%=*}"
    mount --bind -o ro "${folder#*=}" "./srv/${folder%%=*}"
done
pivot_root . mnt
exec chroot . /bin/sh -c '
    set -eu
    umount -l /mnt
    mkdir -p /run/lock /run/sshd /run/user
    ip link set lo up
    echo ready
    exec env --ignore-signal=CHLD cat > /dev/null  # so that the kernel itself buries whatever ends in here
' 2>&1
"""

UNSHARE = (
    *("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child"),
    *("--net", "--ipc", "--uts", "--cgroup"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a program said: its exit status, and its output and errors as one text."""

    command: str
    status: int
    said: str

    def __bool__(self) -> bool:
        return self.status == 0


class How(TypedDict, total=False):
    """How a program is run: what it reads, for how long at most, as whom, and with which variables beyond the usual."""

    stdin: str | bytes
    seconds: int
    user: str
    environment: Mapping[str, str]


class Refused(AssertionError):  # noqa: N818 - it is what a parser did
    """A parser did not take an artefact. The text is the parser's own."""


class Machine:
    """One throw-away Debian 13. Leaving the context takes it away."""

    def __init__(self, root: Path, *, bindings: Mapping[str, Path] | None = None) -> None:
        """Stand one up over the root file system; ``bindings`` appear read-only under ``/srv``."""
        self._privilege = privilege() or ()
        folders = " ".join(f"{name}={folder}" for name, folder in (bindings or {}).items())
        script = f"BINDINGS={shlex.quote(folders)}\n{FIRST}"
        inner = shlex.join([*UNSHARE, "sh", "-c", script, "first", str(root), MEMORY])
        self._first = subprocess.Popen(
            [*self._privilege, "sh", "-c", f"echo $$; exec {inner}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._first.stdout is not None
        self.pid = int(self._first.stdout.readline())
        said = self._first.stdout.readline()
        if said != "ready\n":
            said += self._first.stdout.read()
            self.close()
            message = f"no machine could be stood up over {root}: {said.strip()}"
            raise OSError(message)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take it away with all that runs and lies in it."""
        assert self._first.stdin is not None
        assert self._first.stdout is not None
        with suppress(OSError):
            self._first.stdin.close()
        self._first.wait(timeout=30)
        self._first.stdout.close()

    def run(self, command: Sequence[str] | str, **how: Unpack[How]) -> Outcome:
        """Run a program, or a shell script given as text, inside; after ``seconds`` it is ended, with status 124."""
        program = ["bash", "-euo", "pipefail", "-c", command] if isinstance(command, str) else list(command)
        seconds, user, stdin = how.get("seconds", 30), how.get("user", ""), how.get("stdin", "")
        spoken = {**ENVIRONMENT, **how.get("environment", {})}
        words = ["env", "-i", *(f"{name}={value}" for name, value in spoken.items())]
        words += ["timeout", "--kill-after=5", str(seconds)]
        if user:
            words += ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"]
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--ipc", "--uts", "--cgroup"]
        enter.append(f"--pid=/proc/{self.pid}/ns/pid_for_children")
        done = subprocess.run(
            [*self._privilege, *enter, "--", *words, *program],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=seconds + 30,
        )
        shown = command if isinstance(command, str) else shlex.join(command)
        return Outcome(shown, done.returncode, done.stdout.decode(errors="replace").strip())

    def must(self, command: Sequence[str] | str, **how: Unpack[How]) -> str:
        """Run it and give what it says; raises ``Refused`` unless its status is 0."""
        outcome = self.run(command, **how)
        if not outcome:
            raise Refused(f"{_short(outcome.command)}: status {outcome.status}\n{outcome.said}")
        return outcome.said

    def write(self, files: Iterable[Written]) -> None:
        """Put files into the tree, with owner and mode; folders that are missing belong to root."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for file in files:
                content = file.content.encode()
                entry = tarfile.TarInfo(file.path.lstrip("/"))
                entry.size, entry.mode = len(content), file.mode
                entry.uname, entry.gname = file.owner, file.group
                tar.addfile(entry, io.BytesIO(content))
        extract = ["tar", "--extract", "--file=-", "--directory=/", "--same-owner", "--preserve-permissions"]
        self.must(extract, stdin=archive.getvalue())

    def put(self, path: str, content: str, mode: int = 0o644, owner: str = "root") -> None:
        """Put one file into the tree."""
        self.write([Written(path, content, owner, owner, mode)])


@dataclass(frozen=True, slots=True, repr=False)
class Written:
    """A file to put into a machine."""

    path: str
    content: str
    owner: str = "root"
    group: str = "root"
    mode: int = 0o644


def _short(command: str) -> str:
    return command if len(command) <= 200 else f"{command[:200]}…"
