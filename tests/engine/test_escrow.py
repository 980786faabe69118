"""The life-long keys under the real engine: kept in an escrow, adopted into the stack's file, never changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mastodon_infra.cli import app
from mastodon_infra.render.fingerprints import LIFE_LONG
from tests.engine.rehearsed import STACK, Rehearsed

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def stack(copy_of, monkeypatch) -> Rehearsed:
    """A deployed stack with data to lose, and the command line in its environment."""
    copied: Rehearsed = copy_of("solo")
    for name, value in copied.cloud.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTODON_INFRA_ESCROW_PASSPHRASE", PASSPHRASE)
    return copied


@pytest.fixture
def say(stack, capsys):
    """Run our command line on the stack: exit code, and what it said."""

    def run(verb: str, *words: str) -> tuple[int, str]:
        capsys.readouterr()
        parts = verb.split()
        code = app.run([*parts, str(file_of(stack)), *words])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return run


def file_of(stack: Rehearsed) -> Path:
    return stack.project / "stacks" / f"Pulumi.{STACK}.yaml"


def wiring_of(stack: Rehearsed) -> dict[str, Any]:
    outputs = json.loads(stack._done("stack", "output", "--json", "--show-secrets").stdout)
    wiring: dict[str, Any] = json.loads(outputs["wiring"])
    return wiring


def escrow_check(told: str) -> dict[str, str]:
    (check,) = (one for one in json.loads(told)["checks"] if one["group"] == "escrow")
    return dict(check)


def test_preflight_refuses_until_the_keys_are_in_an_escrow(stack, say, tmp_path):
    file = file_of(stack)
    before = file.read_text()

    code, told = say("preflight", "--json")
    assert (code, escrow_check(told)["outcome"]) == (3, "failed")

    assert say("escrow", "--out", str(tmp_path / "keys.escrow"))[0] == 0

    code, told = say("preflight", "--json")
    assert escrow_check(told)["outcome"] == "ok"
    assert code == 0, told
    assert before.rstrip().rstrip("}") in file.read_text(), "the rest of the stack's file stays"
    assert stack.preview() == {}, "the record changes nothing in the cloud"


def test_escrow_opens_to_the_keys_in_use_and_shows_none(stack, say, tmp_path):
    escrow, keys = tmp_path / "keys.escrow", wiring_of(stack)

    code, told = say("escrow", "--out", str(escrow))

    assert code == 0, told
    assert say("escrow", "--check", str(escrow))[0] == 0
    assert escrow.stat().st_mode & 0o777 == 0o600
    for name in ("secret_key_base", "encryption_primary_key", "vapid_private_key", "backup_cipher_passphrase"):
        assert keys[name] not in escrow.read_text() + told + file_of(stack).read_text()


def test_keys_out_of_an_escrow_make_a_new_stack_the_same_instance(stack, say, tmp_path, monkeypatch, capsys):
    say("escrow", "--out", str(tmp_path / "keys.escrow"))
    before = wiring_of(stack)
    new = Rehearsed.new(tmp_path / "new", {"size": "solo"})
    for name, value in new.cloud.environment().items():
        monkeypatch.setenv(name, value)

    code = app.run(["escrow", str(file_of(new)), "--give", str(tmp_path / "keys.escrow")])
    new.up()

    after = wiring_of(new)
    assert code == 0, capsys.readouterr().err
    assert {name: after[name] for name in LIFE_LONG} == {name: before[name] for name in LIFE_LONG}
    assert after["redis_password"] != before["redis_password"], "what can be made anew is"
    assert app.run(["escrow", str(file_of(new)), "--check", str(tmp_path / "keys.escrow")]) == 0
    assert not {"secret-key-base", "vapid"} & {name for _, name in new.names()}


def test_keys_are_given_to_no_stack_that_has_others(stack, say, tmp_path):
    say("escrow", "--out", str(tmp_path / "keys.escrow"))
    stack.say("config", "set", "--secret", "mastodon-infra:secretKeyBase", "0" * 128)
    before = file_of(stack).read_text()

    code, told = say("escrow", "--give", str(tmp_path / "keys.escrow"))

    assert code == 1
    assert "has another mastodon-infra:secretKeyBase already" in told
    assert file_of(stack).read_text() == before


def test_adopted_key_keeps_its_value_and_leaves_the_state(stack, say):
    before = wiring_of(stack)

    code, told = say("secrets adopt", "secretKeyBase")

    assert code == 0, told
    assert before["secret_key_base"] not in told + file_of(stack).read_text()
    assert stack.preview() == {("RandomBytes", "secret-key-base"): "delete"}
    code, told = say("preview")
    assert code == 0
    assert "The key secret-key-base is given by the stack's file from now on" in " ".join(told.split())
    assert "needs the old one" not in told
    stack.up()
    assert wiring_of(stack) == before
    assert stack.preview() == {}
    assert "nothing to do" in say("secrets adopt", "secretKeyBase")[1]


def test_adopted_web_push_key_makes_the_same_pair(stack, say):
    before = wiring_of(stack)

    assert say("secrets adopt", "vapidPrivateKey")[0] == 0
    stack.up()

    assert wiring_of(stack) == before
    assert ("PrivateKey", "vapid") not in stack.names()


def test_another_value_is_neither_adopted_nor_deployed(stack, say):
    stack.say("config", "set", "--secret", "mastodon-infra:secretKeyBase", "0" * 128)

    code, told = say("secrets adopt", "secretKeyBase")
    assert code == 1
    assert "another mastodon-infra:secretKeyBase than the one in use" in told

    code, told = say("preflight", "--json")
    assert code == 3
    assert {"name": "secret_key_base", "outcome": "failed"}.items() <= next(
        one for one in json.loads(told)["checks"] if one["group"] == "secrets" and one["outcome"] == "failed"
    ).items()
    assert stack.run("up", "--yes", "--skip-preview").status != 0, "its protection refuses it too"


def test_keys_that_are_generated_and_given_too_are_refused_in_three_lines_that_name_the_way_out(stack, say, tmp_path):
    assert say("escrow", "--out", str(tmp_path / "keys.escrow"))[0] == 0
    keys = wiring_of(stack)
    stack.say("config", "set", "--secret", "mastodon-infra:secretKeyBase", keys["secret_key_base"])
    stack.say("config", "set", "--secret", "mastodon-infra:backupCipherPassphrase", keys["backup_cipher_passphrase"])

    for verb in ("preview", "up", "preflight"):
        code, told = say(verb, *(["--yes"] if verb == "up" else []))
        assert code == 3, told
        assert "generated keys" in told
        assert f"mastodon-infra secrets adopt {STACK} secretKeyBase" in " ".join(told.split())
        assert verb == "preflight" or len(told.splitlines()) == 3, told

    for key in ("secretKeyBase", "backupCipherPassphrase"):
        assert say("secrets adopt", key)[0] == 0
    assert say("up", "--yes")[0] == 0
    assert wiring_of(stack) == keys


def test_another_version_of_mastodon_is_told_with_what_keeps_the_old_one(stack, say):
    stack.ask({"size": "solo", "mastodon": {"version": "v4.7.3"}})

    code, told = say("preview")

    assert code == 0, told
    assert "Another version of Mastodon" in told
    assert "mastodon.version: v4." in " ".join(told.split())


def test_secrets_are_listed_without_values(stack, say):
    say("secrets adopt", "backupCipherPassphrase")

    code, told = say("secrets list", "--json")

    assert code == 0
    sources = {one["key"].partition(":")[2]: one["source"] for one in json.loads(told)["secrets"]}
    assert sources["backupCipherPassphrase"] == "given"
    assert sources["secretKeyBase"] == "generated"
    assert sources["smtpPassword"] == "absent"
    assert not any(value in told for value in wiring_of(stack).values() if isinstance(value, str) and len(value) > 8)


def test_wrong_passphrase_of_the_stack_is_said_plainly(stack, say, monkeypatch):
    say("secrets adopt", "secretKeyBase")
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE_FILE")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "another")

    code, told = say("secrets list")

    assert code == 3
    assert "the passphrase is not this stack's" in told
