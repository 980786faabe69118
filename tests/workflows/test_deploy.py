"""The step that deploys after a merge, in a local cloud."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.local_cloud import ENGINE, local_cloud
from tests.workflows.conftest import Repository

pytestmark = pytest.mark.engine

DEMO = "demo"
INSTANCE = "linode:index/instance:Instance"


@pytest.fixture
def demo(repository: Repository, tmp_path: Path) -> Iterator[Repository]:
    """The shipped stack, for trials, of which nothing exists yet; its file has a salt after this, as in a clone."""
    if not (ENGINE / "pulumi").exists() and not os.environ.get("CI"):
        pytest.skip("the real engine did not run: there is none; make engine")
    made = Repository(repository.folder, local_cloud(tmp_path / "cloud", zones=["social.example"]))
    made.say("git", "switch", "--quiet", "--discard-changes", "main")
    made.say("scripts/bootstrap")
    made.say(str(ENGINE / "pulumi"), "stack", "init", DEMO, "--non-interactive")
    yield made
    made.say("git", "restore", "stacks")


def test_a_merged_stack_is_deployed_and_a_second_time_nothing_is_done(demo: Repository):
    first = demo.run("scripts/deploy", DEMO)

    assert first.returncode == 0, first.stdout + first.stderr
    assert "mastodon-infra@v1.0.0" in first.stdout, "the policies were asked"
    assert demo.cloud
    assert [one.inputs["label"] for one in demo.cloud.world.all(INSTANCE)] == ["social-example-web-1"]
    files = sorted(demo.cloud.world.folder.rglob("*.json"))
    assert demo.run("scripts/deploy", DEMO).returncode == 0
    assert sorted(demo.cloud.world.folder.rglob("*.json")) == files


def test_what_a_policy_refuses_is_not_begun(demo: Repository):
    file = demo.folder / "stacks" / "Pulumi.demo.yaml"
    file.write_text(
        file.read_text().replace("size: small", "size: small\n    nodes: {web: {machine_type: g6-dedicated-56}}")
    )

    done = demo.run("scripts/deploy", DEMO)

    assert done.returncode != 0
    assert "agreed are $500.00" in done.stdout
    assert demo.cloud
    assert not list(demo.cloud.world.all(INSTANCE))
