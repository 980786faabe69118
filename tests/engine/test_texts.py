"""Texts reach running machines over SSH: editing one replaces no machine. And no secret lies about in plain."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.engine.rehearsed import ROOT, Rehearsed
from tests.engine.searched import files_of, found, places_of, secrets_of, text_of, told_openly
from tests.engine.test_other_vendors import CLOUDFLARE

STATE = "state/.pulumi/stacks/mastodon-infra/trial.json"
MACHINES = "cloud/linode/instance"
"""User data is where machines get their secrets from."""

SMTP = {"provider": "smtp", "host": "mail.relay.example", "port": 2525, "username": "social"}


def test_edited_template_replaces_no_machine(up_once, tmp_path, edited):
    stack = up_once("solo").copy(tmp_path / "rehearsal", package=edited)

    changes = stack.preview()

    assert not {key for key in changes if key[0] not in {"ObjectStorageObject", "Stack"}}
    assert changes, "the payload in the bucket is another one"


@dataclass(frozen=True)
class Case:
    """What is asked for, the secrets that are given, the accounts' credentials, and whose the secrets are."""

    parts: dict[str, Any]
    owners: set[str]
    given: dict[str, str] = field(default_factory=dict)
    credentials: dict[str, str] = field(default_factory=dict)


CASES = {
    "linode-alone": Case(
        {"size": "solo"},
        {"cloud/linode/objectStorageKey"},
        {"linode:token": "3f9c1d7be0a24586b7d81c02f5e4a96d3f9c1d7be0a24586b7d81c02f5e4a96d"},
    ),
    "cloudflare-and-ses": Case(
        {
            "size": "solo",
            "edge": CLOUDFLARE,
            "mail": {"provider": "ses", "region": "ap-southeast-2"},
            "storage": {"provider": "aws"},
        },
        {"cloud/aws/iam-accessKey"},
        credentials={
            "LINODE_TOKEN": "8b21f6c4d90e7a35c1d4e82f60b7a9538b21f6c4d90e7a35c1d4e82f60b7a953",
            "CLOUDFLARE_API_TOKEN": "vT3xQm8Lr2Kd0ZbYw5Hn7PcJs9GfAeUi4RoXkV1t",
            "AWS_ACCESS_KEY_ID": "AKIAQ7ZT4PNX2MLWVB3K",
            "AWS_SECRET_ACCESS_KEY": "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",
        },
    ),
    "vlan-and-wasabi": Case(
        {"size": "solo", "region": "ap-southeast", "storage": {"provider": "wasabi"}, "mail": SMTP},
        {"cloud/aws/iam-accessKey"},
        {
            "wasabiAccessKey": "9XN4KQ7W2MZTB5RVJ8LP",
            "wasabiSecretKey": "mWq4Zt8Yb1Xc6Vn3Lk9Jh5Gf2Ds7Pa0OuIeRwTyM",
            "secretKeyBase": "5d0c7e91ab34f628" * 8,
            "encryptionPrimaryKey": "Hq3vT9bXw1Zr6LmYc8NkJd2Sf5GpAe7U",
            "backupCipherPassphrase": "Jt5wR2kVz8Qm4Xb7Ln1Pc9Yd3Hs6Fg0A",
            "smtpPassword": "c8!Wz@2q&Lm=7Rt",
        },
    ),
}


def made(case: Case, folder: Path, monkeypatch: pytest.MonkeyPatch, *, package: Path = ROOT) -> Rehearsed:
    """A stack of that case which is up, was changed and previewed, with credentials like real ones."""
    stack = Rehearsed.new(folder, case.parts, package=package)
    for name, value in case.given.items():
        assert stack._done("config", "set", "--secret", name, value).returncode == 0
    with monkeypatch.context() as known:
        known.setattr(Rehearsed, "_environment", _with(case.credentials))
        stack.up()
        stack.say("preview", "--diff")
        stack.say("preview", "--json")
        stack.say("refresh", "--yes", "--suppress-progress")
        stack.say("stack", "export")
    return stack


def _with(credentials: dict[str, str]) -> Any:
    plain = Rehearsed._environment
    return lambda stack: {**plain(stack), **credentials}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_secret_is_found_in_plain_but_at_its_owner(case, tmp_path, monkeypatch):
    """Neither in the state with its history and backups, nor in what commands print, nor at others in the cloud."""
    stack = made(case, tmp_path / "rehearsal", monkeypatch)
    own = secrets_of(stack)
    credentials = {*case.credentials.values(), *(value for name, value in case.given.items())}

    assert len(own) > 10
    assert own.issuperset(value for name, value in case.given.items() if name in {"secretKeyBase", "smtpPassword"})
    assert found(own, json.dumps(told_openly(stack))), "the search finds what is in plain"
    assert {STATE, "output.txt"} <= set(files_of(stack))
    assert any("/history/" in name for name in files_of(stack))
    assert places_of(own, stack) == {MACHINES, *case.owners}
    assert places_of(credentials - own, stack) == set(), "an account's credential stays with the operator"


def test_search_finds_user_data_that_is_no_secret_to_the_engine(tmp_path, monkeypatch):
    """The search's own control: a program that forgets the mark leaves user data, packed, in the state."""
    package = tmp_path / "checkout"
    for part in ("mastodon_infra", "templates"):
        shutil.copytree(ROOT / part, package / part)
    module = package / "mastodon_infra" / "resources" / "nodes.py"
    text = module.read_text(encoding="utf-8")
    assert text.count("pulumi.Output.secret(") == 1
    module.write_text(text.replace("pulumi.Output.secret(", "pulumi.Output.unsecret("), encoding="utf-8")

    stack = made(CASES["linode-alone"], tmp_path / "rehearsal", monkeypatch, package=package)

    own = secrets_of(stack)
    assert found(own, text_of(files_of(stack)[STATE]))
    assert any("/history/" in place for place in places_of(own, stack))


def test_search_looks_into_what_is_packed():
    packed = base64.b64encode(gzip.compress(b"#cloud-config\npassword: hunter2-hunter2\n" * 9)).decode()

    assert found({"hunter2-hunter2"}, json.dumps({"userData": packed}))
    assert found({"hunter2-hunter2"}, json.dumps({"contentBase64": packed})) == "hunter2-hunter2"
    assert found({"hunter3-hunter3"}, packed) is None
