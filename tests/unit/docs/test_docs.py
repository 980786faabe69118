"""What the pages show is what the program says: commands, stack files, links and pictures."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from mastodon_infra.cli import app
from mastodon_infra.cost.estimate import estimate
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.report.architecture import architecture_svg
from mastodon_infra.stackfile.read import read_stack
from tests.unit.cost.made import WASABI, plan_of
from tests.unit.docs.pages import (
    ROOT,
    Block,
    Command,
    anchors,
    blocks,
    commands,
    disagreement,
    links,
    name_of,
    pages,
)

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPyZ4eY2PDXlZMg02s8Xn1X9BqIWaUXySPKOhSvL/gFX alice@laptop\n"
SAME_AS = {"make demo": "mastodon-infra demo --out build/demo"}
STACK_TITLE = re.compile(r"# (stacks/Pulumi\.[\w-]+\.yaml)")
CASE_TITLE = re.compile(r"# from (tests/cases/valid/[\w-]+\.yaml)")

WRITTEN = [page for page in pages() if name_of(page).split("/")[0] in {"README.md", "docs"}]
SHOWING = [page for page in WRITTEN if {one.language for one in blocks(page.read_text())} & {"console", "yaml"}]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the shipped stacks and the test cases, an SSH key at home, and a terminal of 80 columns."""
    shutil.copytree(ROOT / "stacks", tmp_path / "stacks")
    shutil.copytree(ROOT / "tests" / "cases", tmp_path / "tests" / "cases")
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519.pub").write_text(PUBLIC_KEY)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(checkout: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str]]:
    """Run a command as the shell would: its exit code, and what the terminal shows."""

    def run(text: str) -> tuple[int, str]:
        words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in shlex.split(text)]
        if words[0] == "cat":
            return 0, "".join((checkout / name).read_text() for name in words[1:])
        assert words[0] == "mastodon-infra", f"{text!r} is not run by this test: show it in a block of language sh"
        capsys.readouterr()
        code = app.run(words[1:])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


@pytest.mark.parametrize("page", SHOWING, ids=name_of)
def test_a_page_shows_what_the_program_says(page: Path, say, checkout):
    wrong: list[str] = []
    for block in blocks(page.read_text()):
        if block.language == "yaml":
            wrong += (f"{name_of(page)}:{block.line}: {one}" for one in faults_of_yaml(block, say, checkout))
        elif block.language == "console":
            wrong += (
                f"{name_of(page)}:{command.line}: $ {command.text}\n{fault}"
                for command in commands(block)
                if (fault := fault_of_command(command, say))
            )

    assert not wrong, "\n\n".join(wrong)


def fault_of_command(command: Command, say: Callable[[str], tuple[int, str]]) -> str:
    """What is wrong with a command's shown output; a command that shows none only has to succeed."""
    code, real = say(SAME_AS.get(command.text, command.text))
    if any(line.strip() for line in command.shown):
        return disagreement(command.shown, real)
    return f"it fails, and the page does not show how:\n{real}" if code else ""


def faults_of_yaml(block: Block, say: Callable[[str], tuple[int, str]], checkout: Path) -> list[str]:
    """What is wrong with an example: a whole stack file, lines of a test case, or some keys of an instance."""
    case = CASE_TITLE.fullmatch(block.lines[0])
    if case:
        shown = "".join(f"{line}\n" for line in block.lines[1:])
        whole = (checkout / case[1]).read_text()
        return [] if shown in whole else [f"these are not lines of {case[1]}"]
    title = STACK_TITLE.fullmatch(block.lines[0])
    path = Path(title[1] if title else "stacks/Pulumi.example.yaml")
    path.write_text(block.text if "mastodon-infra:instance" in block.text else with_keys(block.text))
    code, real = say(f"mastodon-infra check {path}")
    return [f"check refuses this example:\n{real}"] if code else []


def with_keys(text: str) -> str:
    """The shipped demo with some keys of its instance replaced."""
    yaml = YAML(typ="safe", pure=True)
    keys: dict[str, Any] = yaml.load(text)
    stack: dict[str, Any] = yaml.load(ROOT / "stacks" / "Pulumi.demo.yaml")
    instance = stack["config"]["mastodon-infra:instance"]
    if "expected_monthly_active_users" in keys:
        del instance["size"]
    instance.update(keys)
    path = Path("merged.yaml")
    with path.open("w") as stream:
        yaml.dump(stack, stream)
    return path.read_text()


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_links_lead_somewhere(page: Path):
    lost = []
    for target in links(page.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        place = (page.parent / file).resolve() if file else page
        if not place.exists():
            lost.append(f"{target}: no such file")
        elif anchor and anchor not in anchors(place.read_text()):
            lost.append(f"{target}: no such heading")

    assert not lost


def test_the_index_leads_to_every_page():
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / target.partition("#")[0]).resolve() for target in links(index.read_text())}
    here = {page for page in pages() if page.is_relative_to(index.parent) and page != index}
    listed = {page for page in here if page.parent.name in {"adr", "runbooks"} and page.name != "README.md"}

    assert not sorted(map(name_of, here - listed - linked))


def test_the_picture_of_the_demo(golden):
    plan = plan_instance(read_stack(ROOT / "stacks" / "Pulumi.demo.yaml").spec)

    golden("../../docs/images/one-box.svg", architecture_svg(plan, estimate(plan)))


def test_the_picture_of_ten_thousand_people(golden):
    plan = plan_of(expected_monthly_active_users=10_000, region="ap-southeast", storage=WASABI)

    golden("../../docs/images/ten-thousand-people.svg", architecture_svg(plan, estimate(plan)))


# --- The comparison itself --------------------------------------------------------------------------------------------

REAL = "one\n  two\n\nthree $3\nfour\n"


@pytest.mark.parametrize(
    "shown",
    [
        ["one", "  two", "", "three $3", "four"],
        ["one", "…"],
        ["…", "four"],
        ["…", "  two", "", "three $3", "…"],
        ["…", "  two", "…", "four", ""],
        ["one", "…", "three $…", "…"],
    ],
    ids=["all", "begin", "end", "middle", "two places", "within a line"],
)
def test_what_is_shown_may_leave_lines_out_where_it_says_so(shown):
    assert not disagreement(tuple(shown), REAL)


@pytest.mark.parametrize(
    "shown",
    [
        ["one"],
        ["four"],
        ["…", "two", "…"],
        ["…", "  two", "three $3", "…"],
        ["…", "four", "…", "  two", "…"],
        ["one", "…", "three $4", "…"],
        ["one", "…", "  two"],
    ],
    ids=["cut at the end", "cut before", "other indent", "gap", "order", "other number", "cut behind the last"],
)
def test_what_is_shown_must_be_so(shown):
    assert disagreement(tuple(shown), REAL)


def test_a_command_may_go_on_in_the_next_line():
    block = Block("console", 7, ("$ mastodon-infra new aus \\", "    --mail none", "wrote it", "$ cat it"))

    assert list(commands(block)) == [
        Command(7, "mastodon-infra new aus --mail none", ("wrote it",)),
        Command(10, "cat it", ()),
    ]
