import json

import pytest

from mastodon_infra.operate.escrow import SCRYPT, escrow_of, opened
from mastodon_infra.render.fingerprints import fingerprints
from tests.unit.cli.pulumi_script import WIRING, Pulumi

PASSPHRASE = "correct horse battery staple"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A key that is quickly made: that the real one takes half a second is no matter here."""
    monkeypatch.setitem(SCRYPT, "n", 2**10)


@pytest.fixture
def pulumi(folder) -> Pulumi:
    made = Pulumi(folder)
    made.is_deployed()
    return made


@pytest.fixture
def passphrase(folder):
    path = folder / "passphrase"
    path.write_text(f"{PASSPHRASE}\n")
    return str(path)


def test_escrow_holds_the_keys_and_the_stacks_file_tells_of_it(cli, stack, pulumi, passphrase, folder):
    file = stack("social", more="disposable: false  # real people")
    before = file.read_text()

    outcome = cli("escrow", "social", "--out", "keys.escrow", "--passphrase-file", passphrase)

    assert (outcome.code, outcome.err) == (0, "")
    assert " ".join(outcome.out.split()).startswith(
        "wrote 6 keys of social.example into keys.escrow, and stacks/Pulumi.social.yaml tells of it"
    )
    kept = opened((folder / "keys.escrow").read_text(), PASSPHRASE, name="keys.escrow")
    assert kept == escrow_of(WIRING, domain="social.example", stack="social", date=kept.date)
    after = file.read_text()
    assert after.startswith(before), "what stood there stays, comments too"
    assert all(digits in after for digits in fingerprints(WIRING).values())
    assert cli("check", "social").code == 0


def test_second_escrow_takes_the_firsts_place_in_the_stacks_file(cli, stack, pulumi, passphrase):
    file = stack("social")
    words = ("escrow", "social", "--passphrase-file", passphrase)
    cli(*words, "--out", "one.escrow")
    first = file.read_text()

    assert cli(*words, "--out", "two.escrow").code == 0
    assert file.read_text() == first


def test_file_that_is_there_is_kept_unless_forced(cli, stack, pulumi, passphrase, folder):
    stack("social")
    (folder / "keys.escrow").write_text("somebody else's")
    words = ("escrow", "social", "--out", "keys.escrow", "--passphrase-file", passphrase)

    assert cli(*words).code == 1
    assert (folder / "keys.escrow").read_text() == "somebody else's"
    assert cli(*words, "--force").code == 0


def test_check_tells_whether_a_copy_is_good(cli, stack, pulumi, passphrase, folder):
    stack("social")
    cli("escrow", "social", "--out", "keys.escrow", "--passphrase-file", passphrase)
    words = ("escrow", "social", "--check", "keys.escrow", "--passphrase-file", passphrase)

    assert cli(*words).out.startswith("ok: keys.escrow of ")
    damaged = json.loads((folder / "keys.escrow").read_text()) | {"domain": "other.example"}
    (folder / "keys.escrow").write_text(json.dumps(damaged))
    outcome = cli(*words)

    assert outcome.code == 1
    assert "the passphrase is not the one of this file, or the file was changed" in outcome.err


def test_weak_passphrase_leaves_nothing_behind(cli, stack, pulumi, monkeypatch, folder):
    file = stack("social")
    before = file.read_text()
    monkeypatch.setenv("MASTODON_INFRA_ESCROW_PASSPHRASE", "short")

    outcome = cli("escrow", "social", "--out", "keys.escrow")

    assert outcome.code == 1
    assert "the passphrase has fewer than 12 characters" in outcome.err
    assert not (folder / "keys.escrow").exists()
    assert file.read_text() == before


def test_without_a_terminal_nobody_is_asked(cli, stack, pulumi):
    stack("social")

    outcome = cli("escrow", "social", "--out", "keys.escrow")

    assert outcome.code == 3
    assert "there is nobody to ask for the passphrase" in outcome.err


def test_escrow_before_the_first_deployment_says_so(cli, stack, folder, passphrase):
    stack("social")
    Pulumi(folder)

    outcome = cli("escrow", "social", "--out", "keys.escrow", "--passphrase-file", passphrase)

    assert outcome.code == 3
    assert "it has never been deployed" in outcome.err


@pytest.mark.parametrize("words", [(), ("--out", "a", "--check", "b")])
def test_one_of_both_ways_must_be_said(cli, stack, words):
    stack("social")

    assert cli("escrow", "social", *words).code == 1


def test_copy_that_was_cut_off_is_named_so(cli, stack, pulumi, passphrase, folder):
    stack("social")
    cli("escrow", "social", "--out", "keys.escrow", "--passphrase-file", passphrase)
    whole = (folder / "keys.escrow").read_text()
    (folder / "keys.escrow").write_text(whole[: len(whole) // 2])

    outcome = cli("escrow", "social", "--check", "keys.escrow", "--passphrase-file", passphrase)

    assert outcome.code == 1
    assert "the escrow was cut off" in outcome.err
    assert "take the other copy" in outcome.err


def test_answer_fits_a_narrow_terminal(cli, stack, pulumi, passphrase):
    stack("social")

    outcome = cli("escrow", "social", "--out", "keys.escrow", "--passphrase-file", passphrase, columns=40)

    assert max(map(len, outcome.out.splitlines())) <= 40
