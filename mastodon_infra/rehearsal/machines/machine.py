"""One machine of a rehearsal: Debian 13 under systemd-nspawn with its bundle's user data, volumes and addresses."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mastodon_infra.rehearsal.machines.place import GATEWAY, Place

BOOT_SECONDS = 90
NESTED = 3
"""A machine's process has a number in this namespace, in the place's and in the machine's own."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A bundle's container engine needs three calls that nspawn forbids by default; swap, clock and modules stay forbidden.
MORE_CALLS = "add_key keyctl bpf"
LAUNCH = r"""
set -u
root=$1 upper=$2 lower=$3 work=$4 name=$5
shift 5
mkdir -p "$root"
mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$name" "$root" || exit 1
group=$(mktemp -d "/sys/fs/cgroup/mastodon-rehearsal-$name-XXXXXX") && echo $$ > "$group/cgroup.procs" || exit 1
# nspawn's status 133 means that the machine wants to be started again.
while :; do
    "$@" -D "$root"
    status=$?
    [ "$status" = 133 ] || exit "$status"
done
"""


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume: a file of this computer at a path of the machine."""

    file: Path
    device: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and what it said."""

    status: int
    said: str

    def __bool__(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, slots=True)
class Seed:
    """What a machine is given at its first boot."""

    name: str
    user_data: bytes
    addresses: tuple[str, ...]
    disks: tuple[Disk, ...] = ()


class Machine:
    """A machine that was started. It keeps its disk over reboots, and loses it with its folder."""

    def __init__(self, place: Place, folder: Path, lower: Sequence[Path], seed: Seed, bindings: Sequence[str]) -> None:
        """Boot it; ``lower`` are the folders below its own files, the topmost first."""
        self.seed = seed
        self._place = place
        self._folder = folder
        for part in ("upper", "work", "containers", "nocloud"):
            (folder / part).mkdir(parents=True)
        _write_seed(folder / "nocloud", seed)
        nspawn = [
            *("env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network", "systemd-nspawn", "--quiet", "--boot"),
            *("--register=no", "--keep-unit", f"--machine={seed.name}", "--link-journal=no", "--network-bridge=br0"),
            *("--resolv-conf=off", "--timezone=off", "--console=pipe", f"--system-call-filter={MORE_CALLS}"),
            f"--bind-ro={folder / 'nocloud'}:/var/lib/cloud/seed/nocloud",
            f"--bind={folder / 'containers'}:/var/lib/containers",
            *bindings,
        ]
        layers = ":".join(str(path) for path in lower)
        words = [str(folder / "root"), str(folder / "upper"), layers, str(folder / "work"), seed.name, *nspawn]
        self._process = place.start("sh", "-c", LAUNCH, "launch", *words, log=folder / "console.log")
        self.pid = 0
        self.boots = 0
        self.wait_for_boot()

    def wait_for_boot(self) -> None:
        """Wait until its first process is another than before, and attach its volumes, as a cloud does after boot."""
        end = time.monotonic() + BOOT_SECONDS
        before = self.pid
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            found = _first_process(self._process.pid, self.seed.name)
            if found and found != before and Path(f"/proc/{found}/root/run/systemd/private").exists():
                self.pid = found
                self.boots += 1
                for disk in self.seed.disks:
                    self._attach(disk)
                return
            time.sleep(0.1)
        log = (self._folder / "console.log").read_text(errors="replace")[-2000:]
        message = f"{self.seed.name} did not boot: {log}"
        raise OSError(message)

    def run(self, *words: str, seconds: int = 60) -> Outcome:
        """Run a program in it."""
        enter = ["nsenter", "--target", str(self.pid), *("--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup")]
        environment = ["env", "-i", "LC_ALL=C.UTF-8", "HOME=/root", f"PATH={PATH}"]
        done = subprocess.run(  # noqa: S603  # words of ours
            [*enter, "--root", "--wd", "--", *environment, "timeout", str(seconds), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
            timeout=seconds + 30,
        )
        return Outcome(done.returncode, done.stdout.strip())

    def must(self, *words: str, seconds: int = 60) -> str:
        """Run a program in it; raises ``OSError`` with what it said unless its status is 0."""
        done = self.run(*words, seconds=seconds)
        if not done:
            message = f"{self.seed.name}: {shlex.join(words)}: status {done.status}: {done.said[-3000:]}"
            raise OSError(message)
        return done.said

    def reboot(self) -> None:
        """An orderly reboot."""
        self.ask_to_reboot()
        self.wait_for_boot()

    def ask_to_reboot(self) -> None:
        """Begin a reboot; ``wait_for_boot`` waits for its end."""
        self.run("systemctl", "reboot")

    def push(self, path: str, content: str) -> None:
        """Put a file into its tree."""
        Path(f"/proc/{self.pid}/root{path}").write_text(content, encoding="utf-8")

    def _attach(self, disk: Disk) -> None:
        device = self._place.loop_device(disk.file)
        minor = device.removeprefix("/dev/loop")
        inside = f"/dev/sd{minor}"
        self.must("mknod", "-m", "0660", inside, "b", "7", minor)
        self.must("mkdir", "-p", str(Path(disk.device).parent))
        self.must("ln", "-sf", inside, disk.device)


def _write_seed(folder: Path, seed: Seed) -> None:
    network = {
        "version": 2,
        "ethernets": {
            "host0": {
                "match": {"name": "host0"},
                "addresses": list(seed.addresses),
                "routes": [{"to": "0.0.0.0/0", "via": GATEWAY}],
                "nameservers": {"addresses": [GATEWAY]},
            }
        },
    }
    (folder / "user-data").write_bytes(seed.user_data)
    (folder / "meta-data").write_text(json.dumps({"instance-id": f"rehearsal-{seed.name}"}), encoding="utf-8")
    (folder / "network-config").write_text(json.dumps(network), encoding="utf-8")


def _first_process(pid: int, name: str) -> int | None:
    """The machine's own PID 1 among a process' descendants, in this namespace's numbers."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return None
    for child in map(int, children):
        try:
            status = Path(f"/proc/{child}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        spaces = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
        if len(spaces) >= NESTED and spaces[-1] == "1" and status.startswith("Name:\tsystemd\n"):
            return child
        found = _first_process(child, name)
        if found:
            return found
    return None
