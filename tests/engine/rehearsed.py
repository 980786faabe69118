"""A stack in a local cloud, driven by the engine's own command line as an operator would."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastodon_infra.rehearsal.local_cloud import LocalCloud, local_cloud
from mastodon_infra.rehearsal.world import World

ROOT = Path(__file__).parents[2]
STACK = "trial"
LIMIT_SECONDS = 300
VENDORS = {"linode", "cloudflare", "aws"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSbTDNIB+p5uzx7MH9xS9e1o6wCRvLxvgJxBZrzCzh/ alice@laptop"
ASKED = {
    "domain": "social.example",
    "region": "au-mel",
    "owner": {"username": "admin", "email": "admin@social.example"},
    "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
    "mail": "none",
}


@dataclass(frozen=True, slots=True)
class Run:
    """What one command of the engine did."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """A local cloud and the project of one stack in it."""

    cloud: LocalCloud
    package: Path

    @classmethod
    def new(cls, folder: Path, parts: Mapping[str, Any], *, package: Path = ROOT) -> Rehearsed:
        """A stack that nothing has been made of yet. ``package`` is the checkout whose program runs."""
        stack = cls(local_cloud(folder, zones=["social.example"]), package)
        stack.project.joinpath("stacks").mkdir(parents=True)
        (stack.project / "Pulumi.yaml").write_text(
            (ROOT / "Pulumi.yaml")
            .read_text(encoding="utf-8")
            .replace("main: ", f"main: {package}/")
            .replace("virtualenv: ", f"virtualenv: {ROOT}/"),
            encoding="utf-8",
        )
        stack.say("stack", "init", STACK)  # which writes a salt into the stack's file
        stack.ask(parts)
        return stack

    def copy(self, folder: Path, *, package: Path | None = None) -> Rehearsed:
        """The same stack as it is now, in a folder of its own."""
        shutil.copytree(self.cloud.folder, folder)
        twin = Rehearsed(local_cloud(folder), package or self.package)
        if package:
            file = twin.project / "Pulumi.yaml"
            file.write_text(file.read_text(encoding="utf-8").replace(f"main: {self.package}/", f"main: {package}/"))
        return twin

    @property
    def project(self) -> Path:
        """Where Pulumi.yaml and the stack's file are."""
        return self.cloud.folder / "project"

    @property
    def world(self) -> World:
        """What exists in the cloud."""
        return self.cloud.world

    def ask(self, parts: Mapping[str, Any], *, beside: Mapping[str, str] | None = None) -> None:
        """Write the stack's file, with keys ``beside`` the instance; the engine's own salt in it stays."""
        file = self.project / "stacks" / f"Pulumi.{STACK}.yaml"
        salt = [line for line in file.read_text(encoding="utf-8").splitlines() if line.startswith("encryptionsalt")]
        config = {**(beside or {}), "mastodon-infra:instance": {**ASKED, **parts}}
        file.write_text("\n".join([*salt, f"config: {json.dumps(config)}"]) + "\n", encoding="utf-8")

    # --- Commands ---------------------------------------------------------------------------------------------------

    def run(self, *words: str) -> Run:
        """Run the engine; its whole output is kept, for what must not stand in it."""
        done = self._done(*words)
        text = done.stdout + done.stderr
        with (self.cloud.folder / "output.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ pulumi {' '.join(words)}\n{text}\n")
        return Run(done.returncode, text)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Run the engine beside the test."""
        return subprocess.Popen(
            self._command(*words),
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def say(self, *words: str) -> str:
        """Run the engine, which has to succeed."""
        done = self.run(*words)
        assert done.status == 0, done.text
        return done.text

    def up(self) -> None:
        """Deploy."""
        self.say("up", "--yes", "--skip-preview", "--suppress-progress", "--suppress-outputs")

    def preview(self, *options: str) -> dict[tuple[str, str], str]:
        """What ``up`` would do, by kind and name; what would stay as it is, is left out."""
        done = self._done("preview", "--json", *options)
        assert done.returncode == 0, done.stdout + done.stderr
        digest = json.loads(done.stdout)
        steps = ((step["op"], step["urn"]) for step in digest["steps"])
        return {_kind_and_name(urn): op for op, urn in steps if op != "same"}

    def urn(self, name: str) -> str:
        """How the engine names a machine."""
        told = self.say("stack", "--show-urns").split()
        return next(word for word in told if word.startswith("urn:") and word.endswith(f"Instance::{name}"))

    def names(self) -> set[tuple[str, str]]:
        """Kind and name of everything in the state that a provider made."""
        state = json.loads(self.say("stack", "export"))
        resources = state["deployment"].get("resources", ())
        return {_kind_and_name(one["urn"]) for one in resources if one["custom"] and "pulumi:" not in one["type"]}

    def known(self) -> set[tuple[str, str]]:
        """Type and id of everything in the state that exists at a vendor."""
        state = json.loads(self.say("stack", "export"))
        resources = [one for one in state["deployment"].get("resources", ()) if one["custom"]]
        return {(one["type"], one["id"]) for one in resources if one["type"].partition(":")[0] in VENDORS}

    def existing(self) -> set[tuple[str, str]]:
        """Type and id of everything that exists, but for zones that were there before."""
        things = (json.loads(path.read_text(encoding="utf-8")) for path in self.world.folder.glob("*/*/*.json"))
        return {(one["type"], one["id"]) for one in things if not one["type"].endswith(":Zone")}

    def machines(self) -> dict[str, str]:
        """Labels and ids of the machines that exist."""
        return {thing.inputs["label"]: thing.id for thing in self.world.all("linode:index/instance:Instance")}

    def files(self) -> set[str]:
        """The files that stand for what exists, without their ids."""
        return {str(path.relative_to(self.world.folder)) for path in self.world.folder.glob("*/*/*.json")}

    def _done(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*words),
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    def _command(self, *words: str) -> list[str]:
        stack = () if words[:2] == ("stack", "init") else ("--stack", STACK)
        pulumi = str(self.cloud.engine / "pulumi")
        return [pulumi, *words, *stack, "--cwd", str(self.project), "--non-interactive", "--color", "never"]

    def _environment(self) -> dict[str, str]:
        return {**self.cloud.environment(), "PYTHONPATH": str(self.package)}


def waited(condition: Any, seconds: float = 30) -> bool:
    """Look again and again until something is so."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def process_of(run: subprocess.Popen[str], words: str) -> int:
    """The process below a run of the engine whose command line holds these words."""
    for child in _children(run.pid):
        if words in Path(f"/proc/{child}/cmdline").read_text(encoding="utf-8").replace("\0", " "):
            return child
    raise AssertionError(f"no process with {words!r} is below the engine")


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="utf-8").split()]


def _kind_and_name(urn: str) -> tuple[str, str]:
    kind, name = urn.split("::", 3)[2:]
    return kind.rpartition(":")[2], name
