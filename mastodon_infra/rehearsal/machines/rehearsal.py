"""A rehearsal as whoever runs it sees it: a folder with a project of its own, a keeper, and machines to wait for."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ruamel.yaml import YAML

from mastodon_infra.errors import ToolError
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.rehearsal.local_cloud import ENGINE, PROJECT_ROOT, local_cloud
from mastodon_infra.rehearsal.machines.bed import Parts
from mastodon_infra.rehearsal.machines.ground import Given
from mastodon_infra.rehearsal.machines.keeper import CONTROL, GIVEN, PID, RUNNING, TRUST
from mastodon_infra.rehearsal.machines.machine import Outcome, control_groups, run_inside

IDENTITY_VARIABLE = "MASTODON_INFRA_IDENTITY"
KEEPER_SECONDS = 60
LOOK_SECONDS = 0.5
STOP_SECONDS = 30
OURS = ".mastodon-infra-rehearsal"
"""The file that tells a rehearsal's folder from any other: it is there before anything else is."""


@dataclass(frozen=True, slots=True)
class Running:
    """A machine as the keeper tells of it; ``pid`` is its first process, 0 while it has none.

    ``trouble`` is what the keeper could not do with it, and tries again.
    """

    pid: int
    boots: int
    is_on: bool
    trouble: str = ""


class Rehearsal:
    """One stack's rehearsal in its folder, whether its machines run or not."""

    def __init__(self, folder: Path, stack: str, *, engine: Path = ENGINE) -> None:
        self.folder = folder.resolve()
        self.stack = stack
        self.engine = engine

    # --- What it consists of ----------------------------------------------------------------------------------------

    @property
    def file(self) -> Path:
        """The stack's file of the rehearsal's own project."""
        return self.folder / "project/stacks" / f"Pulumi.{self.stack}.yaml"

    @property
    def identity(self) -> Path:
        """The private key that opens its machines."""
        return self.folder / "ssh/id_ed25519"

    @property
    def is_there(self) -> bool:
        """Whether the folder holds a rehearsal."""
        return (self.folder / OURS).is_file() or (self.folder / GIVEN).is_file()

    @property
    def is_free(self) -> bool:
        """Whether nothing lies where the folder is to be."""
        return not self.folder.exists() or (self.folder.is_dir() and not any(self.folder.iterdir()))

    def prepare(
        self,
        text: str,
        plan: InstancePlan,
        secrets: Mapping[str, str],
        *,
        zones: tuple[str, ...] = (),
        archives: Mapping[str, str] | None = None,
    ) -> None:
        """Lay the folder out: a cloud, a project with a copy of the stack's file, and a key that opens the machines.

        ``archives`` are the files of real images, by the images' names.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / OURS).write_text(f"{self.stack}\n", encoding="utf-8")
        local_cloud(self.folder, zones=zones, engine=self.engine)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        public = _make_key(self.identity)
        with self.file.open("w", encoding="utf-8") as file:
            YAML().dump(_as_rehearsed(text, plan, public), file)
        project = YAML().load((PROJECT_ROOT / "Pulumi.yaml").read_text(encoding="utf-8"))
        project["main"] = str(PROJECT_ROOT / "mastodon_infra/program")
        project["runtime"]["options"]["virtualenv"] = sys.prefix
        with (self.folder / "project/Pulumi.yaml").open("w", encoding="utf-8") as file:
            YAML().dump(project, file)
        _write_secret(self.folder / GIVEN, json.dumps(asdict(_given(plan, secrets, archives or {}))))

    def environment(self) -> dict[str, str]:
        """Variables with which every verb works on the rehearsal, and on nothing else."""
        cloud = local_cloud(self.folder, engine=self.engine)
        trusted = str(self.folder / TRUST)
        own = {IDENTITY_VARIABLE: str(self.identity), "SSL_CERT_FILE": trusted, "SSH_AUTH_SOCK": ""}
        return cloud.environment() | own

    # --- The keeper -------------------------------------------------------------------------------------------------

    @property
    def keeper(self) -> int:
        """The keeper's process id; 0 where none runs."""
        with suppress(OSError, ValueError):
            pid = int((self.folder / PID).read_text(encoding="ascii").split()[0])
            if str(self.folder) in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0"):
                return pid
        return 0

    @property
    def _place(self) -> int:
        """The first process of the keeper's place; 0 where there is none."""
        with suppress(OSError, ValueError, IndexError):
            pid = int((self.folder / PID).read_text(encoding="ascii").split()[1])
            namespace = Path(f"/proc/{pid}/ns/pid").readlink()
            if namespace != Path("/proc/self/ns/pid").readlink():
                return pid
        return 0

    def begin(self, parts: Parts) -> None:
        """Start the keeper, and wait until it takes orders."""
        if self.keeper:
            return
        words = [sys.executable, "-m", "mastodon_infra.rehearsal", "keep", str(self.folder), str(parts.folder)]
        detached = ["setsid", "--fork", *words]
        log = self.folder / "keeper.log"
        for name in (PID, RUNNING, CONTROL):
            (self.folder / name).unlink(missing_ok=True)
        with log.open("ab") as file:
            subprocess.run(detached, stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd="/", check=True)  # noqa: S603  # words of ours
        end = time.monotonic() + KEEPER_SECONDS
        while not (self.folder / RUNNING).exists():
            has_ended = (self.folder / PID).exists() and not self.keeper
            if has_ended or time.monotonic() > end:
                said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
                raise ToolError(f"the rehearsal's keeper did not start: {' '.join(said)}", hint=f"read {log}")
            time.sleep(LOOK_SECONDS)

    def end(self) -> None:
        """End the keeper and with it all machines. What is on disk stays."""
        if pid := self.keeper:
            os.kill(pid, signal.SIGTERM)
            if not wait_until(lambda: not self.keeper, seconds=STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)
        # A keeper that was killed takes its place with it, but does not wait for that.
        if not wait_until(lambda: not self._place, seconds=STOP_SECONDS):
            raise ToolError(f"process {self._place} of the rehearsal does not end", hint="kill it, and try again")

    def remove(self) -> None:
        """Remove the folder, and the control groups that the machines were in."""
        groups = f"/mnt/{control_groups(self.folder)}*"
        clear = (
            f'mount -t cgroup2 none /mnt && find /mnt -mindepth 1 -depth -type d -path "{groups}" -exec rmdir {{}} +'
        )
        subprocess.run(["unshare", "--mount", "--propagation", "private", "sh", "-c", clear], check=True)  # noqa: S603, S607
        shutil.rmtree(self.folder)

    def order(self, what: str, **more: str) -> None:
        """Have the keeper do something; raises ToolError with its refusal."""
        with socket.socket(socket.AF_UNIX) as connection:
            # A socket's path has to be short; the folder's may not be.
            folder = os.open(self.folder, os.O_PATH)
            try:
                connection.connect(f"/proc/self/fd/{folder}/{CONTROL}")
            finally:
                os.close(folder)
            with connection.makefile("rw", encoding="utf-8") as stream:
                stream.write(json.dumps({"do": what, **more}) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
        if "refused" in answer:
            raise ToolError(f"the keeper refuses to {what}: {answer['refused']}")

    # --- Machines ---------------------------------------------------------------------------------------------------

    def running(self) -> dict[str, Running]:
        """Every machine by its label at the vendor."""
        return {name: Running(**one) for name, one in self._told().get("machines", {}).items()}

    def run(self, label: str, *words: str, seconds: int = 60) -> Outcome:
        """Run a program in a machine, as its root, past all doors."""
        return run_inside(self.running()[label].pid, *words, seconds=seconds)

    def command(self, *words: str) -> list[str]:
        """The words that run a program where the instance's visitors are: beside its machines, outside of them."""
        place = str(self._told()["place"])
        return ["nsenter", "--target", place, "--mount", "--net", "--pid", "--", *words]

    def trouble(self) -> str:
        """What the keeper died of; empty while it runs."""
        if self.keeper:
            return ""
        lines = (self.folder / "keeper.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return lines[-1] if lines else "it was ended"

    def _told(self) -> Mapping[str, Any]:
        told: Mapping[str, Any] = json.loads((self.folder / RUNNING).read_text(encoding="utf-8"))
        return told


def wait_until(is_so: Callable[[], object], *, seconds: float) -> bool:
    """Ask until it is so, for so long; whether it was."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _as_rehearsed(text: str, plan: InstancePlan, public_key: str) -> Any:
    """The stack's file as the rehearsal has it: with our key, without anything encrypted for somebody else."""
    data = YAML().load(text)
    for key in ("encryptionsalt", "encryptedkey", "secretsprovider"):
        data.pop(key, None)
    config = data["config"]
    for key in [key for key, value in config.items() if isinstance(value, dict) and "secure" in value]:
        del config[key]
    instance = config["mastodon-infra:instance"]
    if plan.spec.size is not None:
        instance["size"] = plan.spec.size.value
    instance["administrators"][0]["ssh_keys"].append(public_key)
    # Its data is made up, and goes with its folder.
    instance["disposable"] = True
    return data


def images_of(plan: InstancePlan) -> tuple[str, ...]:
    """The images that the plan's machines pull."""
    return tuple(dict.fromkeys((plan.mastodon.web_image, plan.mastodon.streaming_image)))


def _given(plan: InstancePlan, secrets: Mapping[str, str], archives: Mapping[str, str]) -> Given:
    mail = plan.mail
    has_relay = mail.provider != "none" and mail.port is not None
    return Given(
        images=images_of(plan),
        archives=dict(archives),
        mail_host=mail.host if has_relay else "",
        mail_ports=(mail.port.value,) if has_relay and mail.port else (),
        mail_username=mail.username,
        mail_password=secrets.get("smtpPassword", ""),
        mail_domain=mail.sender_domain if has_relay else "",
    )


def _make_key(path: Path) -> str:
    """Make a key pair unless there is one; gives the public line."""
    public = path.with_suffix(".pub")
    if not public.exists():
        key = Ed25519PrivateKey.generate()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        _write_secret(path, text.decode())
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public.write_text(f"{line.decode()} rehearsal\n", encoding="utf-8")
    return public.read_text(encoding="utf-8").strip()


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
