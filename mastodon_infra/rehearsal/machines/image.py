"""The stand-in image of Mastodon, as blobs that a registry gives out."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

LAYER = "application/vnd.oci.image.layer.v1.tar"
USER = "991:991"
FOLDER = "opt/mastodon"
WRITABLE = "opt/mastodon/tmp"
PROGRAM = Path(__file__).parent / "stand_in/mastodon.py"
COMMANDS = ("usr/local/bin/bundle", "usr/local/bin/node", f"{FOLDER}/bin/tootctl", f"{FOLDER}/bin/prometheus_exporter")
MIGRATIONS = ("20170101000000_first.rb", "20260801000000_last.rb")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the registry."""

    digest: str
    size: int


def build_image(system: Path, folder: Path) -> str:
    """Put the image's blobs into the folder; ``system`` is a tar of Debian with Python. Gives the manifest's digest."""
    folder.mkdir(parents=True, exist_ok=True)
    layers = [_keep_file(system, folder), _keep(_own_layer(), folder)]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": "mastodon",
            "WorkingDir": f"/{FOLDER}",
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "MASTODON_SIDEKIQ_READY_FILENAME=sidekiq_process_has_started"],
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _described(_keep(json.dumps(config).encode(), folder), "application/vnd.oci.image.config.v1+json"),
        "layers": [_described(layer, LAYER) for layer in layers],
    }
    return _keep(json.dumps(manifest).encode(), folder).digest


def _own_layer() -> bytes:
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        _add(tar, "usr/local/lib/mastodon.py", PROGRAM.read_text(encoding="utf-8"))
        for path in COMMANDS:
            _add(tar, path, '#!/bin/sh\nexec python3 -u /usr/local/lib/mastodon.py "$0" "$@"\n', mode=0o755)
        _add(tar, f"{FOLDER}/public/packs/js/chunk-1.js", "/* of this image */")
        for name in MIGRATIONS:
            _add(tar, f"{FOLDER}/db/migrate/{name}", "")
        _add(tar, "etc/passwd", "root:x:0:0::/root:/bin/sh\nmastodon:x:991:991::/opt/mastodon:/bin/sh\n")
        _add(tar, "etc/group", "root:x:0:\nmastodon:x:991:\n")
        entry = tarfile.TarInfo(WRITABLE)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, 991, 991
        tar.addfile(entry)
    return layer.getvalue()


def _add(tar: tarfile.TarFile, path: str, text: str, *, mode: int = 0o644) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _keep(content: bytes, folder: Path) -> Blob:
    digest = hashlib.sha256(content).hexdigest()
    (folder / f"sha256-{digest}").write_bytes(content)
    return Blob(f"sha256:{digest}", len(content))


def _keep_file(path: Path, folder: Path) -> Blob:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    kept = folder / f"sha256-{digest}"
    if not kept.exists():
        shutil.copyfile(path, kept)
    return Blob(f"sha256:{digest}", path.stat().st_size)


def _described(blob: Blob, kind: str) -> dict[str, str | int]:
    return {"mediaType": kind, "digest": blob.digest, "size": blob.size}
