"""The escrow: what it holds, who can open it, and when a deployment is refused for want of one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mastodon_infra.errors import SpecError
from mastodon_infra.operate.escrow import (
    SCRYPT,
    Escrow,
    EscrowError,
    differences,
    escrow_of,
    escrow_verdict,
    opened,
    sealed,
)
from mastodon_infra.render.fingerprints import LIFE_LONG, fingerprints
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.escrow import EscrowRecord
from tests.unit.cost.made import plan_of

PASSPHRASE = "correct horse battery staple"
WIRING = Wiring.placeholder(plan_of(size="small"))
KEPT = escrow_of(WIRING, domain="social.example", stack="social", date="2026-11-22")


@pytest.fixture
def quick(monkeypatch):
    """A key that is quickly made."""
    monkeypatch.setitem(SCRYPT, "n", 2**10)


@pytest.fixture
def text(quick) -> str:
    return sealed(KEPT, PASSPHRASE)


def test_what_was_sealed_is_opened_again(text):
    again = opened(text, PASSPHRASE, name="keys.escrow")

    assert again == KEPT
    assert set(again.keys) == set(LIFE_LONG)
    assert differences(again, fingerprints(WIRING)) == ()


def test_header_tells_whose_it_is_and_nothing_secret(text):
    header = json.loads(text)

    assert header["domain"] == "social.example"
    assert header["date"] == "2026-11-22"
    assert header["fingerprints"] == fingerprints(WIRING)
    assert not any(value in text for value in KEPT.keys.values())
    assert not any(value in repr(KEPT) for value in KEPT.keys.values())


def test_two_escrows_of_the_same_keys_share_neither_salt_nor_text(text):
    other, one = json.loads(sealed(KEPT, PASSPHRASE)), json.loads(text)

    assert one["scrypt"]["salt"] != other["scrypt"]["salt"]
    assert one["sealed"] != other["sealed"]


def test_another_passphrase_does_not_open_it(text):
    with pytest.raises(EscrowError, match="passphrase is not the one"):
        opened(text, PASSPHRASE + "!", name="keys.escrow")


@pytest.mark.parametrize("part", ["domain", "date", "stack", "about"])
def test_changed_header_is_noticed(text, part):
    forged = json.dumps(json.loads(text) | {part: "another"})

    with pytest.raises(EscrowError, match="or the file was changed"):
        opened(forged, PASSPHRASE, name="keys.escrow")


def test_file_cannot_ask_for_more_memory(text):
    greedy = json.loads(text)
    greedy["scrypt"]["n"] = 2**40

    with pytest.raises(EscrowError, match="or the file was changed"):
        opened(json.dumps(greedy), PASSPHRASE, name="keys.escrow")


@pytest.mark.parametrize(
    "told", ["", "[]", "{}", '{"sealed": 1}', '{"sealed": "x", "format": "mastodon-infra escrow 1"}']
)
def test_what_is_no_escrow_is_called_so(told):
    with pytest.raises(EscrowError, match="no escrow"):
        opened(told, PASSPHRASE, name="keys.escrow")


def test_newer_format_is_named(text):
    with pytest.raises(EscrowError, match="escrow 2"):
        opened(text.replace("escrow 1", "escrow 2"), PASSPHRASE, name="keys.escrow")


def test_weak_passphrase_is_refused():
    with pytest.raises(SpecError, match="fewer than 12"):
        sealed(KEPT, "short")


IN_USE = {"secret_key_base": "a1", "vapid_private_key": "b2"}


@pytest.mark.parametrize(
    ("in_use", "kept", "is_disposable", "outcome"),
    [
        (None, None, False, "skipped"),
        (IN_USE, None, False, "failed"),
        (IN_USE, IN_USE, False, "ok"),
        (IN_USE, {**IN_USE, "an_old_one": "c3"}, False, "ok"),
        (IN_USE, {**IN_USE, "vapid_private_key": "c3"}, False, "failed"),
        (IN_USE, {"secret_key_base": "a1"}, False, "failed"),
        (IN_USE, None, True, "skipped"),
    ],
)
def test_deployment_waits_for_an_escrow_of_the_keys_in_use(in_use, kept, is_disposable, outcome):
    record = EscrowRecord("2026-11-22", kept) if kept else None

    check = escrow_verdict(in_use, record, is_disposable=is_disposable, stack="social")

    assert check.outcome == outcome
    assert ("mastodon-infra escrow social --out FILE" in check.remedy) == (outcome == "failed" or in_use is None)


def test_keys_that_differ_are_named():
    others = Escrow("social.example", "social", "2026-11-22", {**KEPT.keys, "secret_key_base": "x"})

    assert differences(others, fingerprints(WIRING)) == ("secret_key_base",)


def test_page_shows_how_to_open_it_without_this_program(tmp_path, monkeypatch, capsys):
    page = Path(__file__).parents[3] / "docs" / "how-to" / "keep-the-keys.md"
    program = page.read_text().partition("```python\n")[2].partition("```")[0]
    file = tmp_path / "keys.escrow"
    file.write_text(sealed(KEPT, PASSPHRASE))
    monkeypatch.setattr("sys.argv", ["open.py", str(file)])
    monkeypatch.setattr("getpass.getpass", lambda: PASSPHRASE)

    exec(program, {})

    assert json.loads(capsys.readouterr().out) == dict(KEPT.keys)
