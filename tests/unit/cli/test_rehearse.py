import os
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from mastodon_infra.cli import rehearse
from mastodon_infra.cli.stacks import load
from mastodon_infra.rehearsal.machines import rehearsal as rehearsals
from mastodon_infra.rehearsal.machines.bed import NOT_PROVEN, STAND_IN_NOT_PROVEN
from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal

GUIDE = Path(__file__).parents[3] / "docs/how-to/rehearse.md"


@pytest.fixture
def able(monkeypatch):
    """Root, on a computer that has every program. Nothing is made there."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(rehearse, "_parts", lambda: pytest.fail("something is made"))


def test_without_root_it_says_so(cli, stack, monkeypatch):
    stack("social")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    outcome = cli("rehearse", "social")
    assert outcome.code == 3
    assert "machines need root" in outcome.err


def test_all_that_is_missing_is_said_at_once(cli, stack, able, monkeypatch):
    stack("social")
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"losetup", "systemd-nspawn"} else name)
    outcome = cli("rehearse", "social")
    assert outcome.code == 3
    assert "apt-get install systemd-container mount" in outcome.err


def test_too_few_watches_of_the_kernel_are_said_before_anything_boots(cli, stack, able, monkeypatch, tmp_path):
    stack("social")
    few = tmp_path / "max_user_instances"
    few.write_text("4\n")
    monkeypatch.setattr(rehearse, "WATCHES", few)
    outcome = cli("rehearse", "social")
    assert outcome.code == 3
    assert "the kernel watches files for 4 programs at most" in outcome.err
    assert "sysctl fs.inotify.max_user_instances=" in outcome.err


def test_go_is_asked_for_at_once_where_nothing_was_made_yet(cli, stack, able, monkeypatch, tmp_path):
    stack("social")
    monkeypatch.setattr(shutil, "which", lambda name: None if name in {"go", "mmdebstrap"} else name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert "apt-get install mmdebstrap golang-go" in cli("rehearse", "social").err
    assert "golang" not in cli("rehearse", "social", "--down").err
    (tmp_path / "cache/mastodon-infra/machines-0123").mkdir(parents=True)
    assert "golang" not in cli("rehearse", "social").err


def test_a_missing_engine_is_said_before_anything_is_made(cli, stack, able, monkeypatch, tmp_path):
    stack("social")
    monkeypatch.setattr(rehearse, "_needs_watches", lambda _: None)
    monkeypatch.setattr(Rehearsal.__init__, "__kwdefaults__", {"engine": tmp_path / "none"})
    outcome = cli("rehearse", "social")
    assert outcome.code == 3
    assert "make engine" in outcome.err


def test_what_a_dead_keeper_left_is_taken_away_before_another_start(cli, stack, able, folder, monkeypatch):
    stack("social")
    monkeypatch.setattr(Rehearsal, "remove", lambda rehearsal: shutil.rmtree(rehearsal.folder))
    left = folder / "build/rehearsal/social"
    left.mkdir(parents=True)
    (left / "given.json").write_text("{}")
    (left / "keeper.pid").write_text("4194305 4194306\n")
    outcome = cli("rehearse", "social", "--keep")
    assert outcome.code == 1
    assert "mastodon-infra rehearse social --down" in outcome.err
    assert cli("rehearse", "social", "--down").code == 0
    assert not left.exists()


def test_a_start_that_broke_off_can_be_taken_away(cli, stack, able, folder, monkeypatch):
    stack("social")
    monkeypatch.setattr(Rehearsal, "remove", lambda rehearsal: shutil.rmtree(rehearsal.folder))
    rehearsal = Rehearsal(folder / "build/rehearsal/social", "social")

    def break_off(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(rehearsals, "local_cloud", break_off)
    with pytest.raises(OSError, match="no space left"):
        rehearsal.prepare("", load("social", None).plan, {})
    assert cli("rehearse", "social", "--down").code == 0
    assert not rehearsal.folder.exists()


def test_a_folder_of_somebody_elses_is_no_place_for_a_rehearsal(cli, stack, able, folder):
    stack("social")
    (folder / "mine").mkdir()
    (folder / "mine/letter").write_text("dear")
    outcome = cli("rehearse", "social", "--folder", "mine")
    assert outcome.code == 1
    assert "holds something else" in outcome.err
    assert [path.name for path in (folder / "mine").iterdir()] == ["letter"]


def test_what_is_not_proven_is_what_the_guide_says():
    listed = GUIDE.read_text(encoding="utf-8").partition("## What only a real account can prove")[2]
    told = [line.removeprefix("- ").casefold() for line in listed.splitlines() if line.startswith("- ")]
    heads = [what.partition(":")[0].casefold() for what in (*NOT_PROVEN, STAND_IN_NOT_PROVEN)]
    assert len(told) == len(heads)
    assert all(line.startswith(head) for line, head in zip(told, heads, strict=True))


def test_what_is_not_proven_is_told(capsys):
    rehearse._say_not_proven(real_image=True)
    said = capsys.readouterr().err
    assert "not proven here" in said
    assert all(what.partition(":")[0] in said for what in NOT_PROVEN)
    assert STAND_IN_NOT_PROVEN not in said


@pytest.mark.parametrize(
    ("seconds", "said"), [(71.26, "serving after 71.3 s, from the start of up"), (None, "nobody was served")]
)
def test_the_last_line_says_when_it_served(capsys, seconds, said):
    rehearse._say_times({"up": 10.0}, 100.0, seconds)
    assert said in capsys.readouterr().err.splitlines()[-1]


def test_a_verb_needs_a_rehearsal_that_runs(cli, stack, able):
    stack("social")
    outcome = cli("rehearse", "social", "--", "status")
    assert outcome.code == 1
    assert "no rehearsal of social is running" in outcome.err


def test_down_takes_away_nothing_but_a_rehearsal(cli, stack, able, folder):
    stack("social")
    (folder / "mine").mkdir()
    outcome = cli("rehearse", "social", "--down", "--folder", "mine")
    assert outcome.code == 1
    assert (folder / "mine").is_dir()
    assert cli("rehearse", "social", "--down").code == 0, "there is none to take away"


def test_the_copy_of_the_stacks_file_opens_for_the_rehearsals_own_key_alone(stack, folder, tmp_path):
    file = stack("social")
    text = f"encryptionsalt: v1:real\n{file.read_text()}  mastodon-infra:smtpPassword:\n    secure: v1:real\n"
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "pulumi").touch()
    rehearsal = Rehearsal(tmp_path / "rehearsal", "social", engine=engine)
    rehearsal.prepare(text, load("social", None).plan, {})

    told = YAML(typ="safe").load(rehearsal.file.read_text())
    assert "encryptionsalt" not in told
    assert set(told["config"]) == {"mastodon-infra:instance"}
    keys = told["config"]["mastodon-infra:instance"]["administrators"][0]["ssh_keys"]
    public = rehearsal.identity.with_suffix(".pub").read_text().strip()
    assert keys[-1] == public
    assert rehearsal.identity.stat().st_mode & 0o777 == 0o600
    assert told["config"]["mastodon-infra:instance"]["disposable"] is True
    rehearsal.prepare(text, load("social", None).plan, {})
    assert rehearsal.identity.with_suffix(".pub").read_text().strip() == public, "a second start keeps the key"
