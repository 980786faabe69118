"""Container images for a rehearsal's registry, as blobs: the stand-in of Mastodon, or a real one from an archive."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from mastodon_infra.errors import SpecError
from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules

LAYER = "application/vnd.oci.image.layer.v1.tar"
USER = "mastodon"
NUMBER = 991
FOLDER = "opt/mastodon"
WRITABLE = "opt/mastodon/tmp"
PACKAGE = "mastodon_infra.rehearsal.machines.stand_in.mastodon"
PROGRAM = Path(__file__).parent / "stand_in/mastodon"
LIBRARY = f"usr/lib/python3/dist-packages/{PACKAGE.replace('.', '/')}"
ENTRY = f'#!/bin/sh\nexec python3 -u -m {PACKAGE} "$0" "$@"\n'
COMMANDS = ("usr/local/bin/bundle", "usr/local/bin/node", f"{FOLDER}/bin/tootctl", f"{FOLDER}/bin/prometheus_exporter")
VERSION = "v4.7.4"
FIRST_MIGRATION = "20170101000000"
TRUSTED = "etc/ssl/certs/ca-certificates.crt"
OPENSSL_TRUSTED = "usr/lib/ssl/cert.pem"
"""Where OpenSSL itself looks, and with it Ruby: Debian leaves it to the folder of single certificates."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the registry."""

    digest: str
    size: int


def build_image(system: Path, folder: Path, *, version: str = VERSION, trusted: str = "") -> str:
    """Put the stand-in's blobs into the folder, and give its manifest's digest.

    Args:
        system: A tar of Debian with Python.
        folder: Where the registry's blobs lie, each under its digest.
        version: The release that it plays, such as ``v4.7.4``: each has migrations and assets of its own.
        trusted: Certificates of the authorities that it trusts, instead of Debian's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    layers = [_keep_file(system, folder), _keep(own_layer(version, trusted), folder)]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **rules.BAKED}
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": USER,
            "WorkingDir": f"/{FOLDER}",
            "Env": [f"{name}={value}" for name, value in environment.items()],
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


def unpack_archive(archive: Path, folder: Path) -> str:
    """Put a real image's blobs into the folder, from a tar in OCI layout, and give its manifest's digest.

    Raises SpecError where the archive holds no image, or more than one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digests: list[str] = []
    with tarfile.open(archive) as tar:
        for entry in tar:
            content = tar.extractfile(entry)
            if content is None:
                continue
            name = entry.name.removeprefix("./")
            if name == "index.json":
                digests = [one["digest"] for one in json.load(content)["manifests"]]
            elif found := re.fullmatch(r"blobs/sha256/([0-9a-f]{64})", name):
                with (folder / f"sha256-{found.group(1)}").open("wb") as kept:
                    shutil.copyfileobj(content, kept)
    if len(digests) != 1:
        raise SpecError(
            f"{archive.name} holds {len(digests)} images, and one is needed",
            hint="skopeo copy docker://IMAGE oci-archive:FILE",
        )
    return digests[0]


def add_trust(digest: str, folder: Path, trusted: str) -> str:
    """Have an image of the folder trust other authorities than Debian's; gives the digest of its new manifest.

    It is a layer more: what the image had stays as it was. Raises SpecError for an index of several architectures.
    """
    manifest = json.loads(_path(digest, folder).read_bytes())
    if "layers" not in manifest:
        raise SpecError("the archive holds images of several architectures", hint="skopeo copy without --all")
    config = json.loads(_path(manifest["config"]["digest"], folder).read_bytes())
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in (TRUSTED, OPENSSL_TRUSTED):
            _add(tar, path, trusted)
    layer = _keep(content.getvalue(), folder)
    config["rootfs"]["diff_ids"].append(layer.digest)
    if "history" in config:
        config["history"].append({"created_by": "rehearsal: whom it trusts"})
    manifest["config"] = _described(_keep(json.dumps(config).encode(), folder), manifest["config"]["mediaType"])
    manifest["layers"].append(_described(layer, LAYER))
    return _keep(json.dumps(manifest).encode(), folder).digest


def own_layer(version: str = VERSION, trusted: str = "") -> bytes:
    """What the stand-in has above Debian: its program under Mastodon's names, and the folders of Mastodon's image."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path in sorted(PROGRAM.glob("*.py")):
            _add(tar, f"{LIBRARY}/{path.name}", path.read_text(encoding="utf-8"))
        for command in COMMANDS:
            _add(tar, command, ENTRY, mode=0o755)
        for name, text in _app(version).items():
            _add(tar, f"{FOLDER}/{name}", text)
        _add(tar, "etc/passwd", f"root:x:0:0::/root:/bin/sh\n{USER}:x:{NUMBER}:{NUMBER}::/{FOLDER}:/bin/sh\n")
        _add(tar, "etc/group", f"root:x:0:\n{USER}:x:{NUMBER}:\n")
        if trusted:
            _add(tar, TRUSTED, trusted)
        entry = tarfile.TarInfo(WRITABLE)
        entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o755, NUMBER, NUMBER
        tar.addfile(entry)
    return layer.getvalue()


APPLICATION = """\
/* Mastodon VERSION, as far as a rehearsal's browser sees it */
const say = (text) => document.body.appendChild(document.createElement("p")).append(text);
say("A rehearsal: this page, its script and the numbers below came through every part of the instance.");
fetch("/api/v2/instance").then((answer) => answer.json()).then((told) => {
  say(`${told.domain} runs the stand-in for Mastodon ${told.version}; its database knows ${told.users} user.`);
});
"""
"""The app: it shows that scripts load, and that the API answers to the page."""


def _app(version: str) -> dict[str, str]:
    """The app's own files: of each release there are others."""
    stamp = migration_stamp(version)
    return {
        "lib/mastodon/version": f"{version}\n",
        "public/packs/js/chunk-1.js": "/* of this image */",
        f"public/packs/js/application-{version}.js": APPLICATION.replace("VERSION", version),
        "public/sw.js": "/* a service worker */",
        "public/robots.txt": "User-agent: *\nDisallow: /media_proxy/\n",
        f"db/migrate/{FIRST_MIGRATION}_first.rb": "",
        f"db/migrate/{stamp}00_before_deployment.rb": "",
        f"db/post_migrate/{stamp}01_after_deployment.rb": "",
    }


def migration_stamp(version: str) -> str:
    """The first 12 digits of a release's migrations: later releases, higher numbers."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    major, minor, patch = (int(part) for part in found.groups()) if found else (5, 0, 0)
    return f"{2022 + major}{minor:02d}{patch:02d}0000"


def _add(tar: tarfile.TarFile, path: str, text: str, *, mode: int = 0o644) -> None:
    content = text.encode()
    entry = tarfile.TarInfo(path)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _path(digest: str, folder: Path) -> Path:
    return folder / digest.replace(":", "-")


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
