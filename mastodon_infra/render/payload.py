"""The payload: files without secrets that do not fit into the user data, kept in the private bucket."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass

from mastodon_infra.errors import TemplateError
from mastodon_infra.model.role import Role
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle, Part
from mastodon_infra.render.cloud_init import TransientFile
from mastodon_infra.render.scene import STATE
from mastodon_infra.render.wiring import Wiring

FOLDER = "payload"


@dataclass(frozen=True, slots=True, repr=False)
class Payload:
    """An archive. ``key`` is the object's name in ``bucket``; it holds the digest that the machine checks.

    It depends on the plan alone, never on the wiring, so that it is known before anything is deployed.
    """

    bucket: str
    key: str
    sha256: str
    content: bytes

    def __repr__(self) -> str:
        return f"Payload({self.bucket!r}, {self.key!r}, {len(self.content)} bytes)"


def pack(node_bundle: NodeBundle, *, bucket: str) -> Payload:
    """The payload part as an archive: the same bytes for the same files, whoever packs them and when."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for file in node_bundle.files:
            if file.part is Part.PAYLOAD:
                tar.addfile(_tar_entry(file), io.BytesIO(file.content.encode()))
    content = gzip.compress(archive.getvalue(), compresslevel=9, mtime=0)
    digest = hashlib.sha256(content).hexdigest()
    return Payload(bucket, f"{FOLDER}/{digest}.tar.gz", digest, content)


def fetch_files(plan: InstancePlan, node: NodePlan, wiring: Wiring, payload: Payload) -> tuple[TransientFile, ...]:
    """How the installer gets the payload: curl's own settings, so that no key stands on a command line."""
    identifier, secret = _key_of(node, wiring)
    lines = (
        f'url = "https://{payload.bucket}.{plan.backups.endpoint}/{payload.key}"',
        f'aws-sigv4 = "aws:amz:{plan.backups.region}:s3"',
        f'user = "{identifier}:{secret}"',
        "fail",
        "silent",
        "show-error",
        "retry = 5",
        "retry-connrefused",
        "connect-timeout = 15",
        "max-time = 300",
    )
    return (
        TransientFile(f"{STATE}/payload.curl", "".join(f"{line}\n" for line in lines)),
        TransientFile(f"{STATE}/payload.sha256", f"{payload.sha256}\n"),
    )


def _tar_entry(file: BundleFile) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(file.path.lstrip("/"))
    entry.size = len(file.content.encode())
    entry.mode = file.mode
    entry.mtime = 0
    entry.uname = entry.gname = "root"
    return entry


def _key_of(node: NodePlan, wiring: Wiring) -> tuple[str, str]:
    """A key that may read the bucket: one made for it, else the backup's, which the database node has anyway."""
    if wiring.payload_access_key_id:
        return wiring.payload_access_key_id, wiring.payload_secret_access_key
    if Role.POSTGRES in node.roles and wiring.backup_access_key_id:
        return wiring.backup_access_key_id, wiring.backup_secret_access_key
    raise TemplateError(
        f"{node.name}: its bundle is too large for user data, and there is no key with which it could fetch the rest",
        hint="give the wiring payload_access_key_id and payload_secret_access_key",
    )
