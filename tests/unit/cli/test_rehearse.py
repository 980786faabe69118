import os
import shutil

import pytest
from ruamel.yaml import YAML

from mastodon_infra.cli import rehearse
from mastodon_infra.cli.stacks import load
from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal


@pytest.fixture
def able(monkeypatch):
    """Root, on a computer that has every program."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")


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
