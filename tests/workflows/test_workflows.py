"""What the workflows may never do; that they are well-formed, actionlint says (`make check`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / ".github" / "workflows").glob("*.yml"))
SECRETS = re.compile(r"\$\{\{\s*secrets\.")


def read(path: Path) -> dict[str, Any]:
    data: dict[str, Any] = YAML(typ="safe", pure=True).load(path)
    return data


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job["steps"]]


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request) -> Path:
    path: Path = request.param
    return path


def test_there_are_four():
    assert [path.stem for path in WORKFLOWS] == ["checks", "comment", "deploy", "preview"]


def test_every_action_is_pinned_by_its_commit(workflow):
    for step in steps(workflow):
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])


def test_no_expression_stands_in_a_script(workflow):
    """Titles, branches and other words of strangers would be run as shell."""
    assert not [step["run"] for step in steps(workflow) if "${{" in step.get("run", "")]


def test_no_strangers_code_runs_with_our_rights(workflow):
    assert "pull_request_target" not in read(workflow)["on"]
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout")]
    assert not [step for step in checkouts if "ref" in step.get("with", {})]


def test_only_the_commenting_job_may_write_and_it_has_no_secrets(workflow):
    data = read(workflow)
    may_write = [name for name, job in data["jobs"].items() if "write" in job.get("permissions", {}).values()]

    assert data["permissions"] == {"contents": "read"}
    assert may_write == (["comment"] if workflow.stem == "comment" else [])
    assert not (may_write and SECRETS.search(workflow.read_text()))


def test_secrets_belong_to_an_environment(workflow):
    """So that people can be asked first, and branches shut out."""
    for job in read(workflow)["jobs"].values():
        assert "environment" in job or not SECRETS.search(str(job))
