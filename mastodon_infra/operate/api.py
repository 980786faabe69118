"""HTTP as far as checks need it: one request, one answer, a time limit, and no credential sent anywhere else."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any

PATIENCE_SECONDS = 15.0
LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
LONGEST_SAID = 200


class UnreachableError(Exception):
    """No answer came: no route, no name, no TLS, or too late. Its text says which, and holds no credential."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said. Header names are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_fine(self) -> bool:
        """Whether the status says that it worked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    def data(self) -> dict[str, Any]:
        """The body as a JSON object; empty where it is none."""
        try:
            told = json.loads(self.body)
        except ValueError:
            return {}
        return told if isinstance(told, dict) else {}

    def said(self) -> str:
        """The status, and what the server says went wrong, in one short line."""
        reasons = [str(one.get("reason") or one.get("message") or "") for one in self._errors()]
        told = "; ".join(reason for reason in reasons if reason) or str(self.data().get("message", ""))
        return f"{self.status} {told}".strip()[:LONGEST_SAID]

    def _errors(self) -> list[dict[str, Any]]:
        errors = self.data().get("errors")
        return [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []


@dataclass(frozen=True, slots=True)
class Api:
    """An API under one address, asked with one token.

    Attributes:
        url: The address before every path, without a slash at its end.
        token: Sent as bearer; None where there is none, for what everybody may ask.
    """

    url: str
    token: str | None = field(default=None, repr=False)
    patience_seconds: float = PATIENCE_SECONDS

    def get(self, path: str, *, query: Mapping[str, str] | None = None, filtered: Any = None) -> Answer:
        """Ask. ``filtered`` is Linode's filter; raises UnreachableError where no answer comes."""
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if filtered is not None:
            headers["X-Filter"] = json.dumps(filtered)
        tail = f"?{urllib.parse.urlencode(query)}" if query else ""
        return send("GET", f"{self.url}{path}{tail}", headers=headers, patience_seconds=self.patience_seconds)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: following it would hand the credential to whoever it names."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> Answer:
    """Send one request; every status is an answer. Raises UnreachableError where none comes."""
    if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
        message = "the address is no http:// or https:// address"
        raise UnreachableError(message)
    request = urllib.request.Request(url, data=body, headers=dict(headers), method=method)  # noqa: S310  # as above
    try:
        with _OPENER.open(request, timeout=patience_seconds) as response:
            return Answer(response.status, _small(response.headers), response.read(LARGEST_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, _small(error.headers), error.read(LARGEST_ANSWER_BYTES))
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        text = getattr(reason, "strerror", None) or str(reason) or type(error).__name__
        raise UnreachableError(text[:LONGEST_SAID]) from None


def _small(headers: Message) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
