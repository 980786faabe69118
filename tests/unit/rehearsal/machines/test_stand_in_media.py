"""Where the stand-in puts an uploaded file, where it says the file is, and how it signs."""

import http.client
from types import SimpleNamespace

import pytest

from mastodon_infra.rehearsal.machines.stand_in.mastodon import environment, media

LINODE = {
    "S3_BUCKET": "media",
    "S3_REGION": "au-mel",
    "S3_PROTOCOL": "https",
    "S3_HOSTNAME": "au-mel-1.linodeobjects.com",
    "S3_ENDPOINT": "https://au-mel-1.linodeobjects.com",
    "S3_ALIAS_HOST": "files.social.example",
    "S3_PERMISSION": "public-read",
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
}


def given(monkeypatch, **changes):
    said = {name: value for name, value in {**LINODE, **changes}.items() if value is not None}
    monkeypatch.setattr(environment, "ENVIRONMENT", said)


class Wire:
    """What a request looked like on its way."""

    def __init__(self, monkeypatch, *answers):
        self.asked = []
        self._answers = list(answers)
        monkeypatch.setattr(http.client, "HTTPSConnection", self._connect)

    def _connect(self, host, _, **__):
        self._host = host
        return self

    class sock:  # noqa: N801 - the library's name
        settimeout = staticmethod(lambda _: None)

    def connect(self):
        pass

    def close(self):
        pass

    def request(self, method, path, _, headers):
        self.asked.append((method, self._host, path, headers))

    def getresponse(self):
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(status=answer, read=lambda: b"<Code>Said</Code>")


def test_the_signature_is_that_of_the_vendors_example(monkeypatch):
    """Amazon's documentation of signature version 4 for S3 signs this upload and prints what must come out."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "S3_REGION": "us-east-1"}
    given(monkeypatch, AWS_SECRET_ACCESS_KEY="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", **keys)
    headers = {
        "date": "Fri, 24 May 2013 00:00:00 GMT",
        "host": "examplebucket.s3.amazonaws.com",
        "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        "x-amz-date": "20130524T000000Z",
        "x-amz-storage-class": "REDUCED_REDUNDANCY",
    }
    signed = media.authorization("PUT", "/test%24file.text", headers)
    assert signed.endswith("Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")


@pytest.mark.parametrize(
    ("changes", "address"),
    [
        ({}, "https://files.social.example/a/b.png"),
        ({"S3_ALIAS_HOST": None}, "https://au-mel-1.linodeobjects.com/media/a/b.png"),
        ({"S3_ALIAS_HOST": None, "S3_ENDPOINT": None}, "https://media.au-mel-1.linodeobjects.com/a/b.png"),
    ],
)
def test_addresses_that_visitors_are_given(monkeypatch, changes, address):
    given(monkeypatch, **changes)
    assert media.address_of("a/b.png") == address


@pytest.mark.parametrize(
    ("changes", "host", "path"),
    [
        ({}, "au-mel-1.linodeobjects.com", "/media/a/b.png"),
        ({"S3_OVERRIDE_PATH_STYLE": "true"}, "media.au-mel-1.linodeobjects.com", "/a/b.png"),
        ({"S3_ENDPOINT": None, "S3_HOSTNAME": "s3.eu-west-1.amazonaws.com"}, "media.s3.eu-west-1.amazonaws.com",
         "/a/b.png"),
    ],
)  # fmt: skip
def test_requests_go_by_path_where_an_endpoint_is_given(monkeypatch, changes, host, path):
    given(monkeypatch, **changes)
    wire = Wire(monkeypatch, 200)
    media.store("a/b.png", b"x", "image/png")
    assert [asked[:3] for asked in wire.asked] == [("PUT", host, path)]


@pytest.mark.parametrize(("permission", "sent"), [("public-read", "public-read"), ("private", "private"),
                                                  (None, "public-read"), ("", None)])  # fmt: skip
def test_a_blank_permission_sends_no_acl(monkeypatch, permission, sent):
    given(monkeypatch, S3_PERMISSION=permission)
    wire = Wire(monkeypatch, 200)
    media.store("a.png", b"x", "image/png")
    assert wire.asked[0][3].get("x-amz-acl") == sent
    assert wire.asked[0][3]["cache-control"] == "public, max-age=315576000, immutable"


@pytest.mark.parametrize(
    ("answers", "asked", "is_stored"),
    [
        ((503, OSError("reset"), 200), 3, True),
        ((503, 503, 503), 3, False),
        ((403,), 1, False),
    ],
)
def test_only_what_may_pass_is_tried_again(monkeypatch, answers, asked, is_stored):
    given(monkeypatch, S3_RETRY_LIMIT="2")
    wire = Wire(monkeypatch, *answers)
    if is_stored:
        media.store("a.png", b"x", "image/png")
    else:
        with pytest.raises(media.StoreFailedError):
            media.store("a.png", b"x", "image/png")
    assert len(wire.asked) == asked


def test_keys_are_as_paperclip_makes_them(monkeypatch):
    given(monkeypatch, S3_KEY_PREFIX="shared")
    key = media.key_of(112233445566778899, "Cat.PNG")
    assert key.startswith("shared/media_attachments/files/112/233/445/566/778/899/original/")
    assert key.endswith(".png")
