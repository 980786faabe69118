"""The comment below a pull request: what a change of the repository does to stacks, machines and money."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mastodon_infra.cli.snapshot import engine_changes, resource_changes
from mastodon_infra.report.pull_request import (
    LONGEST_COMMENT,
    MARKER,
    MachineChange,
    Operation,
    StackReport,
    pull_request_comment,
)

TWO_WEB = "nodes:\n  web:\n    count: 2"
THREE_WEB = "nodes:\n  web:\n    count: 3"
NGINX = "etc/nginx/nginx.conf"


@pytest.fixture
def before(cli, folder: Path) -> Path:
    """Where the state of before is kept."""
    return folder / "build" / "before"


def kept(cli, before: Path) -> None:
    outcome = cli("snapshot", "--out", str(before))
    assert (outcome.code, outcome.err) == (0, "")


def test_one_web_node_more_reads_as_its_golden(cli, stack, before, golden):
    stack("social", "size: medium", more=TWO_WEB)
    kept(cli, before)
    stack("social", "size: medium", more=THREE_WEB)

    outcome = cli("pull-request", "--before", str(before))

    assert (outcome.code, outcome.err) == (0, "")
    golden("cli/pull-request-web-3.md", outcome.out)
    assert "+ linode Instance web-3" in outcome.out


def test_an_edited_template_reads_as_its_golden(cli, stack, before, golden):
    stack("social", "size: medium", more=TWO_WEB)
    kept(cli, before)
    for conf in before.glob(f"social/machines/*/files/{NGINX}"):
        conf.write_text(conf.read_text().replace("server_tokens off;", "server_tokens on;"))

    outcome = cli("pull-request", "--before", str(before))

    golden("cli/pull-request-template.md", outcome.out)
    assert "web-1, web-2: 1 file would change" in outcome.out
    assert "+    server_tokens off;" in outcome.out


def test_data_that_moves_is_told_first_and_as_diff_tells_it(cli, stack, before):
    stack("social", "size: small")
    kept(cli, before)
    told = cli("diff", "social", "--set", "size=medium", "--json").out
    stack("social", "size: medium")

    said = cli("pull-request", "--before", str(before)).out

    warnings = json.loads(told)["data_warnings"]
    assert "The volume data-postgres moves from web-1 to postgres-1" in " ".join(warnings)
    assert [line for line in said.splitlines() if line.startswith("> **Data**")] == [
        f"> **Data**: {text}" for text in warnings
    ]
    assert said.index("> **Data**") < said.index("```diff")


def test_volume_that_moves_for_another_reason_is_told_too(cli, stack, before, folder):
    """As the engine finds it: the state, and not the stack's file, has the volume at another machine."""
    stack("social")
    kept(cli, before)
    volume = {"type": "linode:index/volume:Volume", "custom": True, "protect": True}
    step = {"op": "update", "urn": "u::data-redis", "newState": volume, "diffReasons": ["linodeId"]}
    (folder / "engine").mkdir()
    (folder / "engine" / "social.json").write_text(json.dumps({"steps": [step]}))

    said = cli("pull-request", "--before", str(before), "--engine", "engine").out

    assert "> **Data**: The volume data-redis is taken off its machine" in said


def test_a_change_of_nothing_is_said_in_one_line(cli, stack, before):
    stack("social")
    kept(cli, before)

    outcome = cli("pull-request", "--before", str(before))

    assert outcome.out.splitlines() == [
        MARKER,
        "**No stack changes.** Cloud, machines and price stay as they are.",
    ]


def test_new_gone_and_broken_stacks_are_told(cli, stack, before):
    gone = stack("old")
    broken = stack("broken")
    kept(cli, before)
    gone.unlink()
    stack("fresh")
    broken.write_text(broken.read_text().replace("au-mel", "atlantis"))

    said = cli("pull-request", "--before", str(before)).out

    assert "### fresh: new, $" in said
    assert "### old: gone, -$" in said
    assert "holds data, and would be **deleted**" in said.partition("### old")[2]
    assert "### broken: cannot be planned" in said
    assert "atlantis" in said


def test_the_base_may_be_older_than_the_command(cli, stack, before):
    stack("social")
    kept(cli, before)
    shutil.rmtree(before / "social" / "machines")
    (before / "social" / "preview.json").unlink()

    assert "### social: new, $" in cli("pull-request", "--before", str(before)).out


def test_no_snapshot_no_comment(cli, stack):
    stack("social")

    outcome = cli("pull-request", "--before", "nowhere")

    assert outcome.code == 1
    assert "nowhere" in outcome.err
    assert "mastodon-infra snapshot --out DIR" in outcome.err


def test_folder_of_something_else_is_no_snapshot_and_an_empty_one_is_a_base_that_knew_none(cli, stack, before):
    stack("social")

    outcome = cli("pull-request", "--before", "stacks")
    before.mkdir(parents=True)

    assert outcome.code == 1
    assert outcome.err.splitlines()[:2] == ["stacks", "  this folder is no snapshot"]
    assert "### social: new, $" in cli("pull-request", "--before", str(before)).out


def test_a_template_edit_changes_no_resource():
    """User data is ignored on existing machines, so the machine is no change, whatever it holds."""
    inputs = {"type": "g6-standard-2", "metadatas": [{"userData": "a"}], "image": "linode/debian13"}
    record: dict[str, Any] = {
        "type": "linode:index/instance:Instance",
        "name": "web-1",
        "is_custom": True,
        "protect": False,
        "ignore_changes": ["metadatas[0].userData", "image"],
        "inputs": inputs,
    }
    other = record | {"inputs": inputs | {"metadatas": [{"userData": "b"}], "image": "linode/debian14"}}
    resized = record | {"inputs": inputs | {"type": "g6-standard-4"}}

    assert resource_changes([record], [other]) == ()
    assert [one.properties for one in resource_changes([record], [resized])] == [("type",)]


def test_the_engines_words_are_told_and_lost_data_first():
    volume = {"type": "linode:index/volume:Volume", "custom": True, "protect": True}
    digest = {
        "steps": [
            {"op": "same", "urn": "u::web-1", "newState": {"type": "linode:index/instance:Instance", "custom": True}},
            {
                "op": "replace",
                "urn": "urn:pulumi:s::p::t::data-postgres",
                "oldState": volume,
                "newState": volume,
                "replaceReasons": ["region"],
            },
            {"op": "create", "urn": "u::x", "newState": {"type": "pulumi:providers:linode", "custom": True}},
        ]
    }

    changes = engine_changes(digest)
    text = pull_request_comment([StackReport("social", resources=changes)])

    assert [(one.operation, one.name) for one in changes] == [(Operation.REPLACE, "data-postgres")]
    assert "> linode Volume `data-postgres` holds data, and would be **replaced**." in text
    assert "-/+ linode Volume data-postgres (region)" in text


def test_what_a_policy_refuses_is_told_first_and_advice_is_not(cli, stack, before, folder):
    stack("social")
    kept(cli, before)
    events = [
        {"policyEvent": {"message": "Budget.\nagreed are $10.00 *\n", "enforcementLevel": "mandatory"}},
        {"policyEvent": {"message": "Budget.\nagreed are $10.00 *\n", "enforcementLevel": "mandatory"}},
        {"policyEvent": {"message": "a hint", "enforcementLevel": "advisory"}},
        {"diagnosticEvent": {"message": "preview failed", "severity": "error"}},
    ]
    (folder / "engine").mkdir()
    (folder / "engine" / "social.events").write_text("\n".join(map(json.dumps, events)))

    said = cli("pull-request", "--before", str(before), "--engine", str(folder / "engine")).out

    assert said.splitlines()[1].startswith("### social: the same price")
    assert said.count("> A policy refuses this: Budget. agreed are $10.00 \\*") == 1
    assert "a hint" not in said


@pytest.mark.parametrize("text", ["```", "@everyone", "<img src=x>", "</details>", "[x](http://e)", "a\n# b"])
def test_text_of_the_repository_is_never_markup(text):
    report = StackReport(
        "social",
        notes=(("warning", text),),
        machines=(
            MachineChange(("web-1",), (("/etc/x", tuple(f"+{line}" for line in text.splitlines())),), ("reloads",)),
        ),
    )

    said = pull_request_comment([report])

    note = next(line for line in said.splitlines() if line.startswith("- **warning**"))
    assert "\n# b" not in said
    assert "<img" not in note.replace("\\<", "")
    assert "@everyone" not in note
    assert "](http" not in note.replace("\\]", "")
    fence = next(line for line in said.splitlines() if line.endswith("`diff")).removesuffix("diff")
    assert said.count(f"\n{fence}\n") == 1


def test_a_comment_that_is_too_long_loses_the_lines_of_files_first():
    files = tuple((f"/etc/{number}", (f"+{'x' * 400}",) * 20) for number in range(20))
    report = StackReport("social", machines=(MachineChange(("web-1",), files, ("nginx reloads",)),))

    said = pull_request_comment([report])

    assert len(said) <= LONGEST_COMMENT
    assert "`/etc/19`" in said
    assert "xxxx" not in said
    assert "nginx reloads" in said


def test_a_snapshot_holds_no_secret(cli, stack, before):
    stack("social", "size: medium")
    kept(cli, before)

    for path in before.rglob("*"):
        if path.is_file() and path.suffix in {".json", ".txt"}:
            assert "PRIVATE KEY-----" not in path.read_text()
    assert json.loads((before / "social" / "preview.json").read_text())["resources"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}"])
def test_an_engine_file_that_was_cut_off_is_named(cli, stack, before, folder, text):
    stack("social")
    kept(cli, before)
    (folder / "engine").mkdir()
    (folder / "engine" / "social.json").write_text(text)

    outcome = cli("pull-request", "--before", str(before), "--engine", "engine")

    assert outcome.code == 1
    assert "engine/social.json" in outcome.err
    assert "pulumi preview --json" in outcome.err
