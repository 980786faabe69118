"""A real repository of this working tree, with a stack of its own on main, for the scripts that workflows run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.local_cloud import ENGINE, LocalCloud, local_cloud

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 300
STACK = "prod"
SECRET = "0a1b2c3d4e5f60718293a4b5c6d7e8f9" * 4
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBSbTDNIB+p5uzx7MH9xS9e1o6wCRvLxvgJxBZrzCzh/ alice@laptop"
ASKED = f"""\
config:
  mastodon-infra:instance:
    domain: social.example
    region: au-mel
    size: medium
    owner: {{username: admin, email: admin@social.example}}
    administrators: [{{name: alice, ssh_keys: ["{KEY}"]}}]
    mail: none
    nodes: {{web: {{count: 2}}}}
"""
FOREIGN = ("AWS_", "CLOUDFLARE_", "GIT_", "LINODE_", "PULUMI_")


@dataclass(frozen=True, slots=True)
class Repository:
    """A clone as a build server has it, and what its environment says besides."""

    folder: Path
    cloud: LocalCloud | None = None

    @property
    def stack_file(self) -> Path:
        return self.folder / "stacks" / f"Pulumi.{STACK}.yaml"

    def environment(self) -> dict[str, str]:
        if self.cloud:
            return self.cloud.environment()
        return {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN)}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    def say(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def commit(self, text: str) -> None:
        self.say("git", "add", "--all")
        self.say("git", "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "-m", text)

    def branch(self, name: str, edits: Mapping[str, Callable[[str], str]]) -> None:
        """A branch from main that edits some files; one that is not there yet is an empty text."""
        self.say("git", "switch", "--quiet", "--force-create", name, "main")
        for path, edit in edits.items():
            file = self.folder / path
            old = file.read_text() if file.exists() else ""
            assert edit(old) != old, f"nothing is edited in {path}"
            file.write_text(edit(old))
        self.commit(name)

    def preview(self) -> tuple[int, str, str]:
        """Run the step of the workflow: status, the comment, and what was said meanwhile."""
        done = self.run("scripts/pr-preview", "main")
        comment = self.folder / "build" / "pull-request" / "comment.md"
        return done.returncode, comment.read_text() if comment.exists() else "", done.stdout + done.stderr


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The working tree as it is, committed on main with a stack of two web nodes."""
    folder = tmp_path_factory.mktemp("repository") / "mastodon-infra"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so there is nothing to branch from")
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    made = Repository(folder)
    made.stack_file.write_text(ASKED)
    made.say("git", "init", "--quiet", "--initial-branch", "main")
    made.commit("main")
    return made


@pytest.fixture(scope="session")
def deployed(repository: Repository, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """The same repository beside a local cloud in which its stack is up, with a secret in the stack's file."""
    if not (ENGINE / "pulumi").exists() and not os.environ.get("CI"):
        pytest.skip("the real engine did not run: there is none; make engine")
    cloud = local_cloud(tmp_path_factory.mktemp("cloud"), zones=["social.example"])
    made = Repository(repository.folder, cloud)
    made.say("git", "switch", "--quiet", "main")
    made.say("scripts/bootstrap")
    pulumi = str(cloud.engine / "pulumi")
    made.say(pulumi, "stack", "init", STACK, "--non-interactive")
    made.say(pulumi, "config", "set", "--secret", "mastodon-infra:secretKeyBase", SECRET, "--stack", STACK)
    made.commit("the stack's secret")
    made.say(pulumi, "up", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive")
    return made
