"""What providers would answer, as far as the program reads it: plain, and the same in every run.

Ids and addresses are made from names. In records they are turned back into words, see ``offline.py``.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

Properties = dict[str, object]


@dataclass(frozen=True, slots=True)
class Answer:
    """An id and output properties. ``told`` maps values that stand for something to come to words for it."""

    id: str
    outputs: Properties
    told: Mapping[str, str]


def answer(token: str, name: str, inputs: Mapping[str, object]) -> Answer:
    """Answer a registration of a resource of a type (``package:module/file:Class``), by its logical name."""
    package, kind = token.partition(":")[0], token.rpartition(":")[2]
    if package == "linode":
        return _linode(kind, name)
    if package == "aws":
        return Answer(str(inputs.get("bucket") or inputs.get("name") or f"<<id-of-{name}>>"), _aws(kind, name), {})
    return Answer(f"<<id of {name}>>", {"random": _random, "tls": _tls}.get(package, _other)(kind, name, inputs), {})


def invoked(token: str) -> Properties:
    """Answer a question that the program asks a provider."""
    if token == "cloudflare:index/getZone:getZone":  # noqa: S105  # a function's name
        return {"zoneId": "<<id of the zone>>", "id": "<<id of the zone>>"}
    message = f"the offline preview has no answer to {token}"
    raise NotImplementedError(message)


def _linode(kind: str, name: str) -> Answer:
    number = 1_000_000 + zlib.crc32(f"{kind} {name}".encode())
    told = {str(number): f"<<id of {name}>>"}
    outputs: Properties = {}
    if kind in {"Instance", "NodeBalancer"}:
        ipv4, ipv6 = _documented_ipv4(number), f"2001:db8::{number & 0xFFFF:x}:{number >> 16 & 0xFFFF:x}"
        private = f"192.168.{128 + number % 127}.{number // 127 % 250 + 1}"
        told |= {ipv4: f"<<IPv4 of {name}>>", ipv6: f"<<IPv6 of {name}>>", private: f"<<private IPv4 of {name}>>"}
        outputs = {"ipv4": ipv4, "ipv6": ipv6}
        if kind == "Instance":
            outputs = {"ipv4s": [ipv4, private], "ipv6": f"{ipv6}/128", "privateIpAddress": private}
    if kind == "ReservedIp":
        ipv4 = _documented_ipv4(number)
        told, outputs = told | {ipv4: f"<<{name}>>"}, {"address": ipv4}
    if kind == "ObjectStorageKey":
        outputs = {"accessKey": f"<<access-key-of-{name}>>", "secretKey": f"<<secret-key-of-{name}>>"}
    return Answer(str(number), outputs, told)


def _documented_ipv4(number: int) -> str:
    """An address from 198.18.0.0/15, which is set aside for trials and has room enough for every name."""
    offset = number % (1 << 17)
    return f"198.{18 + (offset >> 16)}.{offset >> 8 & 255}.{offset & 255}"


def _aws(kind: str, name: str) -> Properties:
    if kind == "AccessKey":
        return {"secret": f"<<secret-key-of-{name}>>", "sesSmtpPasswordV4": f"<<smtp-password-of-{name}>>"}
    if kind == "EmailIdentity":
        return {"dkimSigningAttributes": {"tokens": [f"<<token {number} of {name}>>" for number in (1, 2, 3)]}}
    return {}


def _random(_kind: str, name: str, _inputs: Mapping[str, object]) -> Properties:
    return dict.fromkeys(("result", "hex", "base64"), f"<<{name}>>")


def _tls(kind: str, name: str, inputs: Mapping[str, object]) -> Properties:
    if kind != "PrivateKey":
        return {"certPem": f"<<{name} certificate>>", "certRequestPem": f"<<{name} request>>"}
    is_curve = inputs.get("algorithm") == "ECDSA"
    return {
        "privateKeyPem": _a_curve_key() if is_curve else f"<<{name} private key>>",
        "privateKeyOpenssh": f"<<{name} private key>>",
        "publicKeyOpenssh": f"<<{name} public key>>",
    }


def _other(_kind: str, name: str, _inputs: Mapping[str, object]) -> Properties:
    return {"certificate": f"<<{name} certificate>>"}


@cache
def _a_curve_key() -> str:
    """A P-256 key that everybody knows (its scalar is 1), for what the program computes from a key's parts."""
    key = ec.derive_private_key(1, ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
