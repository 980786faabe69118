"""One machine of a rehearsal: Debian 13 under systemd-nspawn with its user data, volumes and two interfaces."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mastodon_infra.rehearsal.machines.place import Place

SEED, NETWORK = "upper/var/lib/cloud/seed/nocloud", "upper/etc/systemd/network"
NESTED = 3
"""A machine's process has a number in this namespace, in the place's and in the machine's own."""
END_SECONDS = 60
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# A bundle's container engine needs three calls that nspawn forbids by default; swap, clock and modules stay forbidden.
MORE_CALLS = "add_key keyctl bpf"
LAUNCH = r"""
set -u
root=$1 upper=$2 lower=$3 work=$4 name=$5 group=$6
shift 6
mkdir -p "$root"
mount -t overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work" "$name" "$root" || exit 1
group=$(mktemp -d "/sys/fs/cgroup/$group-XXXXXX") && echo $$ > "$group/cgroup.procs" || exit 1
# nspawn's status 133 means that the machine wants to be started again.
while :; do
    "$@" -D "$root"
    status=$?
    [ "$status" = 133 ] || exit "$status"
done
"""

# A machine outlives its nspawn. Its disk must not be in use any more when it is used again.
END = r"""
for group in "/sys/fs/cgroup/$1"-*; do
    [ -d "$group" ] || continue
    echo 1 > "$group/cgroup.kill"
    until grep -q '^populated 0' "$group/cgroup.events"; do sleep 0.1; done
    find "$group" -depth -type d -exec rmdir {} +
done
! mountpoint -q "$2" || umount "$2"
"""


@dataclass(frozen=True, slots=True)
class Disk:
    """A volume: a file of this computer at a path of the machine."""

    file: Path
    device: str


@dataclass(frozen=True, slots=True)
class Interface:
    """One side of a machine, ``eth0`` or ``eth1``: its addresses with the prefix's length.

    ``gateway`` is the way out to the world; empty where this side has none.
    """

    name: str
    addresses: tuple[str, ...]
    gateway: str = ""


@dataclass(frozen=True, slots=True)
class Seed:
    """What a machine is given at its first boot. ``key`` is unique among all machines of a rehearsal."""

    key: str
    name: str
    user_data: bytes
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ended, and what it said."""

    status: int
    said: str

    def __bool__(self) -> bool:
        return self.status == 0


class Machine:
    """A machine that was started. It keeps its disk until ``remove``."""

    def __init__(self, place: Place, folder: Path, lower: Sequence[Path], seed: Seed, bindings: Sequence[str]) -> None:
        """Begin its boot; ``lower`` are the folders below its own files, the topmost first. ``tend`` goes on."""
        self.seed = seed
        self.pid = 0
        self.boots = 0
        self.trouble = ""
        self._place, self._folder, self._lower, self._bindings = place, folder, lower, bindings
        self._attached: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None
        for part in ("upper", "work", "containers", SEED):
            (folder / part).mkdir(parents=True, exist_ok=True)
        _write_seed(folder / SEED, seed)
        self.power_on()

    # --- Power ------------------------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether it runs, or is about to."""
        return self._process is not None and self._process.poll() is None

    def power_on(self) -> None:
        """Boot it from its disk."""
        if self.is_on:
            return
        self.power_off()
        cables = [f"--network-veth-extra={_cable(self.seed, one)}:{one.name}" for one in self.seed.interfaces]
        nspawn = [
            *("env", "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network", "systemd-nspawn", "--quiet", "--boot"),
            *("--register=no", "--keep-unit", f"--machine={self.seed.name}", "--link-journal=no", *cables),
            *("--resolv-conf=off", "--timezone=off", "--console=pipe", f"--system-call-filter={MORE_CALLS}"),
            f"--bind={self._folder / 'containers'}:/var/lib/containers",
            *self._bindings,
        ]
        layers = ":".join(str(path) for path in self._lower)
        root, upper, work = (str(self._folder / part) for part in ("root", "upper", "work"))
        words = [root, upper, layers, work, self.seed.name, self._group, *nspawn]
        log = self._folder / "console.log"
        self._process = self._place.start("sh", "-c", LAUNCH, "launch", *words, log=log)

    def power_off(self) -> None:
        """Take its power away."""
        if self._process is None:
            return
        self._place.end(self._process)
        self._process = None
        self.pid = 0
        self._place.run("timeout", str(END_SECONDS), "sh", "-ec", END, "end", self._group, str(self._folder / "root"))

    def rewire(self, interfaces: tuple[Interface, ...]) -> None:
        """Give it other interfaces while it is off.

        cloud-init writes a machine's network at its first boot alone. Later it is the vendor who does: its Network
        Helper puts a file before cloud-init's own.
        """
        self.seed = replace(self.seed, interfaces=interfaces)
        _write_seed(self._folder / SEED, self.seed)
        folder = self._folder / NETWORK
        folder.mkdir(parents=True, exist_ok=True)
        for one in interfaces:
            (folder / f"05-{one.name}.network").write_text(_network(one), encoding="utf-8")

    def ask_to_reboot(self) -> None:
        """Begin an orderly reboot."""
        if not self.pid:
            message = f"{self.seed.name} is not up"
            raise OSError(message)
        self.run("systemctl", "reboot")

    def tend(self, disks: Sequence[Disk]) -> None:
        """Once it has booted, lead its addresses to it, and hang on it the volumes that are to be there by now.

        A machine may go down at any moment: what could not be done is the ``trouble``, and tried again the next time.
        """
        try:
            self._tend(disks)
            self.trouble = ""
        except (OSError, subprocess.TimeoutExpired) as error:
            self.trouble = str(error)

    def _tend(self, disks: Sequence[Disk]) -> None:
        found = _first_process(self._process.pid, self.seed.name) if self._process is not None else None
        if found is None or not Path(f"/proc/{found}/root/run/systemd/private").exists():
            self.pid = 0
            return
        if found != self.pid:
            for one in self.seed.interfaces:
                addresses = [address.partition("/")[0] for address in one.addresses]
                self._place.connect(_cable(self.seed, one), addresses, one.gateway)
            self.pid = found
            self.boots += 1
            self._attached = {}
        wanted = {disk.device: disk for disk in disks}
        for device in sorted(set(self._attached) - set(wanted)):
            self.must("rm", "-f", device, self._attached.pop(device))
        for device in sorted(set(wanted) - set(self._attached)):
            self._attached[device] = self._attach(wanted[device])

    @property
    def _group(self) -> str:
        """How its control group's name begins; each start has a group of its own."""
        return control_groups(self._folder.parents[1]) + self.seed.key

    # --- What runs in it --------------------------------------------------------------------------------------------

    def run(self, *words: str, seconds: int = 60) -> Outcome:
        """Run a program in it."""
        return run_inside(self.pid, *words, seconds=seconds)

    def must(self, *words: str, seconds: int = 60) -> str:
        """Run a program in it; raises ``OSError`` with what it said unless its status is 0."""
        done = self.run(*words, seconds=seconds)
        if not done:
            message = f"{self.seed.name}: {shlex.join(words)}: status {done.status}: {done.said[-3000:]}"
            raise OSError(message)
        return done.said

    def _attach(self, disk: Disk) -> str:
        device = self._place.loop_device(disk.file)
        minor = device.removeprefix("/dev/loop")
        inside = f"/dev/sd{minor}"
        folder = str(Path(disk.device).parent)
        script = 'mkdir -p "$1" && rm -f "$2" && mknod -m 0660 "$2" b 7 "$3" && ln -sf "$2" "$4"'
        self.must("sh", "-c", script, "attach", folder, inside, minor, disk.device)
        return inside


def run_inside(pid: int, *words: str, seconds: int = 60) -> Outcome:
    """Run a program in the machine whose first process this is."""
    enter = ["nsenter", "--target", str(pid), *("--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup")]
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


def control_groups(folder: Path) -> str:
    """How the names of the control groups begin that machines of the rehearsal in this folder are in."""
    return f"mastodon-rehearsal-{folder.stat().st_ino}-"


def _cable(seed: Seed, interface: Interface) -> str:
    """The name of the interface's other end, which the place holds."""
    return f"{interface.name}-{seed.key}"


def _write_seed(folder: Path, seed: Seed) -> None:
    ethernets: dict[str, dict[str, object]] = {}
    for one in seed.interfaces:
        ethernets[one.name] = {"match": {"name": one.name}, "addresses": list(one.addresses)}
        if one.gateway:
            ethernets[one.name]["routes"] = [{"to": "0.0.0.0/0", "via": one.gateway}]
    (folder / "user-data").write_bytes(seed.user_data)
    (folder / "meta-data").write_text(json.dumps({"instance-id": f"rehearsal-{seed.key}"}), encoding="utf-8")
    network = {"version": 2, "ethernets": ethernets}
    (folder / "network-config").write_text(json.dumps(network), encoding="utf-8")


def _network(interface: Interface) -> str:
    """What systemd-networkd is told of an interface."""
    lines = [f"[Match]\nName={interface.name}\n\n[Network]", *(f"Address={one}" for one in interface.addresses)]
    if interface.gateway:
        lines.append(f"Gateway={interface.gateway}")
    return "\n".join(lines) + "\n"


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
