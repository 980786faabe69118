"""Signatures of Amazon's kind (version 4), which S3 at every vendor and SES ask for: the headers of one request.

By hand and not by a library: nothing in the lock signs, and it is the HMAC chain below. The vendor's published
examples are its test.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote, urlsplit

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class Signer:
    """One access key for one service in one region."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    region: str
    service: str

    def headers(
        self,
        method: str,
        url: str,
        *,
        now: datetime,
        body: bytes = b"",
        query: Mapping[str, str] | None = None,
        more: Mapping[str, str] | None = None,
    ) -> dict[str, str]:
        """The request's headers with its signature; ``url`` has no query, and a path that needs no escaping."""
        parts, moment = urlsplit(url), now.strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        sent = {**(more or {}), "host": parts.netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
        signed = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
        names = ";".join(sorted(signed))
        canonical = "\n".join(
            (
                method,
                quote(parts.path or "/", safe="/-._~"),
                canonical_query(query or {}),
                *(f"{name}:{signed[name]}" for name in sorted(signed)),
                "",
                names,
                digest,
            )
        )
        scope = f"{moment[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signature = hmac.new(self._key(moment[:8]), text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self.access_key}/{scope}"
        return {**sent, "Authorization": f"{ALGORITHM} {credential},SignedHeaders={names},Signature={signature}"}

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_key}".encode()
        for part in (day, self.region, self.service, "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def canonical_query(query: Mapping[str, str]) -> str:
    """A query in the one form that is signed, which is sent so too."""
    pairs = sorted((quote(name, safe="-._~"), quote(value, safe="-._~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in pairs)
