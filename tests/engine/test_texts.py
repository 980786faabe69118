"""Texts reach running machines over SSH: editing one replaces no machine. And no secret lies about in plain."""

import json


def test_edited_template_replaces_no_machine(up_once, tmp_path, edited):
    stack = up_once("solo").copy(tmp_path / "rehearsal", package=edited)

    changes = stack.preview()

    assert not {key for key in changes if key[0] not in {"ObjectStorageObject", "Stack"}}
    assert changes, "the payload in the bucket is another one"


PUBLIC = {"ca_certificate", "origin_certificate", "site_certificate_request", "smtp_username", "vapid_public_key"}
"""Parts of the wiring that everybody may know; the ids of access keys are too."""


def test_no_secret_is_found_in_plain(up_once):
    """Neither in the state with its backups, nor in what commands print, nor at anybody but its owner in the cloud."""
    stack = up_once("solo")
    stack.say("preview", "--diff")
    secrets = _secrets(json.loads(json.loads(_told_openly(stack))["wiring"]))

    files = {str(path.relative_to(stack.cloud.folder)): _text_of(path) for path in _files(stack)}
    found = {name for name, text in files.items() if _found(secrets, text)}

    assert len(secrets) > 10
    assert _found(secrets, _told_openly(stack)), "the search finds what is in plain"
    assert {"state/.pulumi/stacks/mastodon-infra/trial.json", "output.txt"} <= set(files)
    assert {name.rpartition("/")[0] for name in found} == {"cloud/linode/objectStorageKey"}


def _told_openly(stack):
    """The outputs with their secrets, kept out of the file that holds all other output."""
    kept = (stack.cloud.folder / "output.txt").read_text()
    told = stack.say("stack", "output", "--json", "--show-secrets")
    (stack.cloud.folder / "output.txt").write_text(kept)
    return told


def _secrets(wiring):
    texts = {name: value for name, value in wiring.items() if isinstance(value, str)}
    own = {value for name, value in texts.items() if value and name not in PUBLIC and not name.endswith("_key_id")}
    return own | {pair["private_key"] for part in ("host_keys", "server_certificates") for pair in wiring[part]}


def _files(stack):
    return [path for path in stack.cloud.folder.rglob("*") if path.is_file()]


def _text_of(path):
    return path.read_text(encoding="utf-8", errors="ignore")


def _found(secrets, text):
    """A secret that stands in a text, as it is or as JSON writes it, once or twice over."""
    for secret in secrets:
        once = json.dumps(secret)[1:-1]
        if any(form in text for form in (secret, once, json.dumps(once)[1:-1])):
            return secret
    return None
