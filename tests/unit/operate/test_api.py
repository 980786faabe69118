"""HTTP as checks use it."""

from __future__ import annotations

import pytest

from mastodon_infra.operate.api import Api, UnreachableError
from tests.unit.operate.servers import as_json, serving


def test_redirect_is_an_answer_and_takes_the_token_nowhere():
    seen = []

    def other(request):
        seen.append(request)
        return as_json(200, {})

    with serving(other) as elsewhere, serving(lambda _: (302, {"Location": elsewhere}, b"")) as url:
        answer = Api(url, "the-token").get("/profile")

    assert answer.status == 302
    assert seen == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/hostname", "ftp://127.0.0.1"])
def test_no_answer_is_one_kind_of_error_and_names_no_token(url):
    with pytest.raises(UnreachableError) as caught:
        Api(url, "the-token", patience_seconds=2).get("/x")

    assert "the-token" not in str(caught.value)
    assert str(caught.value)


def test_answer_that_is_no_json_is_told_by_its_status():
    with serving(lambda _: (502, {}, b"<html>bad gateway</html>")) as url:
        answer = Api(url).get("/x")

    assert (answer.data(), answer.said()) == ({}, "502")


def test_token_is_not_shown():
    assert "the-token" not in repr(Api("http://127.0.0.1", "the-token"))
