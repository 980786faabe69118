"""The step that says what a branch would do: a real repository, its branches, and the real engine."""

from __future__ import annotations

import pytest

from tests.workflows.conftest import ROOT, SECRET, STACK, Repository

pytestmark = pytest.mark.engine

NGINX = "templates/web/etc/nginx/nginx.conf.j2"
FILE = f"stacks/Pulumi.{STACK}.yaml"


def three_web(text: str) -> str:
    return text.replace("count: 2", "count: 3")


def assert_no_secret(repository: Repository, told: str) -> None:
    """Neither what was told nor what was kept beside the comment holds the stack's own secret in clear."""
    kept = [path for path in (repository.folder / "build" / "pull-request").rglob("*") if path.is_file()]
    assert len(kept) > 10
    assert SECRET not in told
    assert not [path.name for path in kept if SECRET.encode() in path.read_bytes()]


def test_a_forks_job_compares_offline_and_tells_of_broken_stacks(repository: Repository):
    """As for a fork: no state, no secret, no engine."""
    repository.branch(
        "edited-template",
        {
            NGINX: lambda text: text.replace("server_tokens off;", "server_tokens build;"),
            "stacks/Pulumi.broken.yaml": lambda _: repository.stack_file.read_text().replace("au-mel", "atlantis"),
        },
    )

    status, comment, said = repository.preview()

    assert status == 0, said
    assert "no state can be read here: compared offline" in said
    assert "### broken: cannot be planned" in comment
    assert "atlantis" in comment
    machines = comment.partition(f"### {STACK}: ")[2]
    assert machines.startswith("the same price")
    assert "replaced" not in machines.splitlines()[0]
    assert "Instance" not in machines, "a text is no change of a machine"
    assert "+    server_tokens build;" in machines
    assert "`/etc/nginx/nginx.conf`" in machines
    assert "nginx" in machines.partition("</details>")[0].rpartition("```")[2], "what follows on the machine is told"


def test_the_engine_is_asked_where_a_state_can_be_read(deployed: Repository):
    deployed.branch("three-web", {FILE: three_web})

    status, comment, said = deployed.preview()

    assert status == 0, said
    assert f"asking the engine about {STACK}" in said
    headline = next(line for line in comment.splitlines() if line.startswith("### "))
    assert headline.startswith(f"### {STACK}: +$")
    assert "created" in headline
    assert "+ linode Instance web-3" in comment
    assert "linode Instance web-1" not in comment
    assert "Compared with the real state by the engine" in comment
    assert "demo" not in comment, "a stack that does not change is not named"
    assert_no_secret(deployed, comment + said)


def test_a_policy_that_refuses_is_named_and_the_job_fails(deployed: Repository):
    deployed.branch("dear", {FILE: lambda text: text.replace("count: 2", "count: 2, machine_type: g6-dedicated-56")})

    status, comment, said = deployed.preview()

    assert status == 1
    assert f"the engine or a policy refuses: {STACK}" in said
    assert "> A policy refuses this: " in comment
    assert "agreed are $500.00" in comment
    assert "linode Instance web-1" in comment, "what would change is told as well"
    assert_no_secret(deployed, comment + said)


def test_a_commit_that_is_not_there_is_said_with_what_to_do(repository: Repository):
    done = repository.run("scripts/pr-preview", "nowhere")

    assert done.returncode == 1
    assert "hint: fetch it: git fetch origin nowhere" in done.stderr


def test_the_workflow_runs_this_step():
    assert "- run: scripts/pr-preview HEAD^1" in (ROOT / ".github" / "workflows" / "preview.yml").read_text()
