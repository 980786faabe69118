"""The record of an escrow in a stack's file: read back as written, and nothing else touched."""

import pytest

from mastodon_infra.errors import StackFileError
from mastodon_infra.stackfile.document import parse
from mastodon_infra.stackfile.escrow import EscrowRecord, record, recorded_in
from mastodon_infra.stackfile.read import parse_stack, read_stack
from mastodon_infra.stackfile.specimens import specimen
from mastodon_infra.stackfile.write import replace_beside, stack_text

KEY = specimen("ssh_keys", None)[0]
DATA = {
    "mail": "none",
    "domain": "social.example",
    "region": "au-mel",
    "size": "small",
    "owner": {"username": "admin", "email": "admin@social.example"},
    "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
}
OURS = "mastodon-infra:escrow"
RECORD = EscrowRecord(
    "2026-11-22", {"secret_key_base": "61e86b9c91800aca07596398f0eeb051", "vapid_private_key": "0" * 32}
)
COMMENTED = """\
# Ours, since 2022.
config:
  linode:apiVersion: v4beta # the newest
  mastodon-infra:instance: {domain: social.example}  # in one line
  mastodon-infra:smtpPassword:
    secure: v1:abc= # behind the last value
  # behind the last line
# the end
encryptionsalt:   v1:c2FsdA==
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "Pulumi.social.yaml"
    path.write_text(
        stack_text(DATA, secrets={"mastodon-infra:smtpPassword": "v1:abc="}) + "encryptionsalt: v1:c2FsdA==\n"
    )
    return path


def test_record_is_read_back_as_it_was_written(file):
    before = file.read_text()

    record(file, RECORD)

    assert recorded_in(read_stack(file).document) == RECORD
    assert all(line in file.read_text().splitlines() for line in before.splitlines())


def test_file_without_a_record_has_none(file):
    assert recorded_in(read_stack(file).document) is None


def test_newer_record_takes_the_olders_place(file):
    record(file, RECORD)
    once = file.read_text()
    newer = EscrowRecord("2027-01-01", {**RECORD.fingerprints, "secret_key_base": "f" * 32})

    record(file, newer)
    assert recorded_in(read_stack(file).document) == newer
    record(file, RECORD)
    assert file.read_text() == once


@pytest.mark.parametrize(
    "text",
    [
        COMMENTED,
        COMMENTED.replace("\n", "\r\n"),
        COMMENTED.replace("  # behind the last line\n", ""),
        'config: {"mastodon-infra:instance": {"domain": "social.example"}}\nencryptionsalt: v1:c2FsdA==\n',
        "config:\n  mastodon-infra:instance:\n    domain: social.example",
    ],
)
def test_every_other_byte_stays(text):
    value = {"date": RECORD.date, "fingerprints": dict(RECORD.fingerprints)}

    once = replace_beside(text, OURS, value)
    again = replace_beside(once, OURS, {**value, "date": "2027-01-01"})

    head = next(length for length in range(len(once)) if length >= len(text) or once[length] != text[length])
    assert once.startswith(text[:head])
    assert once.endswith(text[head:].lstrip("\r\n"))
    assert parse(again, name="x").data["config"][OURS]["date"] == "2027-01-01"
    assert len(again) == len(once)


@pytest.mark.parametrize("text", ["", "config:\n", "- a list\n", "config: [1]\n", "config:\n  a: 1\n  a: 2\n"])
def test_file_with_problems_of_its_own_is_left_alone(text):
    with pytest.raises(StackFileError, match="problems of its own"):
        replace_beside(text, OURS, {"date": "2026-11-22", "fingerprints": {}})


@pytest.mark.parametrize("written", ["yes", "{date: 2026-11-22}", "{date: x, fingerprints: {a: 1}}", "[]"])
def test_record_that_is_none_is_a_problem_with_its_line(written):
    text = stack_text(DATA) + f"  {OURS}: {written}\n"

    with pytest.raises(StackFileError, match="this is no record of an escrow"):
        parse_stack(text, name="Pulumi.social.yaml")
