"""Uploads: one signed PUT into the bucket, and the address under which the world finds it."""

import hashlib
import hmac
import http.client
import secrets
import time
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import number, setting, trust

KEPT = "public, max-age=315576000, immutable"
ALGORITHM = "AWS4-HMAC-SHA256"
REFUSED_FOR_NOW = 500


class StoreFailedError(Exception):
    """The object store did not take it."""


def key_of(identity, name):
    """The key of an uploaded file, as Paperclip makes it."""
    digits = f"{identity:018d}"
    folders = "/".join(digits[place : place + 3] for place in range(0, 18, 3))
    ending = name.rpartition(".")[2].lower() if "." in name else "bin"
    key = f"media_attachments/files/{folders}/original/{secrets.token_hex(8)}.{ending}"
    prefix = setting("S3_KEY_PREFIX")
    return f"{prefix}/{key}" if prefix else key


def address_of(key):
    """Where visitors find it."""
    protocol, host = setting("S3_PROTOCOL", "https"), setting("S3_ALIAS_HOST") or setting("S3_CLOUDFRONT_HOST")
    if host:
        return f"{protocol}://{host}/{key}"
    if setting("S3_ENDPOINT"):
        return f"{protocol}://{setting('S3_HOSTNAME')}/{setting('S3_BUCKET')}/{key}"
    return f"{protocol}://{setting('S3_BUCKET')}.{setting('S3_HOSTNAME')}/{key}"


def store(key, content, kind):
    """Put it there. Raises ``StoreFailedError`` when it was not taken after all tries."""
    problem = ""
    for _ in range(1 + number("S3_RETRY_LIMIT", 0)):
        try:
            status, said = _put(key, content, kind)
        except (OSError, http.client.HTTPException) as error:
            problem = f"{type(error).__name__}: {error}"
            continue
        if status < 300:
            return
        problem = f"{status} {said[:300]!r}"
        if status < REFUSED_FOR_NOW:
            break
    raise StoreFailedError(problem)


def _put(key, content, kind):
    is_encrypted, host, port, path = _place(key)
    headers = {
        "host": host if port is None else f"{host}:{port}",
        "cache-control": KEPT,
        "content-type": kind,
        "x-amz-content-sha256": hashlib.sha256(content).hexdigest(),
        "x-amz-date": datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
    }
    # Present but blank: no ACL is sent at all.
    if permission := setting("S3_PERMISSION", "public-read"):
        headers["x-amz-acl"] = permission
    if storage := setting("S3_STORAGE_CLASS"):
        headers["x-amz-storage-class"] = storage
    headers["authorization"] = authorization("PUT", path, headers)
    connection = _connection(host, port, is_encrypted=is_encrypted)
    try:
        connection.connect()
        connection.sock.settimeout(number("S3_READ_TIMEOUT", 5))
        connection.request("PUT", path, content, headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _connection(host, port, *, is_encrypted):
    seconds = number("S3_OPEN_TIMEOUT", 5)
    if is_encrypted:
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=trust())
    return http.client.HTTPConnection(host, port, timeout=seconds)


def _place(key):
    """Whether by TLS, host, port and path: by path where an endpoint is given, else by the bucket's own host."""
    bucket, endpoint = setting("S3_BUCKET"), setting("S3_ENDPOINT")
    parts = urlsplit(endpoint or f"https://{setting('S3_HOSTNAME')}")
    is_path_style = bool(endpoint) and setting("S3_OVERRIDE_PATH_STYLE") != "true"
    host = parts.hostname if is_path_style else f"{bucket}.{parts.hostname}"
    path = quote(f"/{bucket}/{key}" if is_path_style else f"/{key}")
    return parts.scheme == "https", host, parts.port, path


def authorization(method, path, headers):
    """The header that signs a request without a query, all its headers included: signature version 4."""
    moment, region = headers["x-amz-date"], setting("S3_REGION", "us-east-1")
    names = sorted(headers)
    asked = [method, path, "", *(f"{name}:{headers[name].strip()}" for name in names), "", ";".join(names)]
    asked.append(headers["x-amz-content-sha256"])
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    digest = hashlib.sha256("\n".join(asked).encode()).hexdigest()
    key = f"AWS4{setting('AWS_SECRET_ACCESS_KEY')}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, f"{ALGORITHM}\n{moment}\n{scope}\n{digest}".encode(), "sha256").hex()
    credential = f"Credential={setting('AWS_ACCESS_KEY_ID')}/{scope}"
    return f"{ALGORITHM} {credential},SignedHeaders={';'.join(names)},Signature={signature}"


def new_identity():
    """A number that grows with time, as Mastodon's do."""
    return (int(time.time() * 1000) << 16) | secrets.randbelow(1 << 16)
