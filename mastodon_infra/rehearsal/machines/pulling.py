"""Fetching a real image, once, into a file."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from mastodon_infra.errors import ToolError

ASK_SECONDS = 30
PULL_MINUTES = 30
SKOPEO = ("skopeo", "--insecure-policy")


def pull_image(image: str, cache: Path) -> Path:
    """The image of this computer's architecture as a tar in OCI layout, from its registry unless it is there already.

    Raises ToolError where the registry is not reached, or has no such image.
    """
    archive = cache / f"{re.sub('[^A-Za-z0-9.]+', '-', image)}.tar"
    if archive.exists():
        return archive
    cache.mkdir(parents=True, exist_ok=True)
    source, making = _reference(image), archive.with_suffix(".part")
    making.unlink(missing_ok=True)
    # A registry that cannot be reached says so at once; a pull may take its time.
    _run(image, (*SKOPEO, f"--command-timeout={ASK_SECONDS}s", "inspect", "--raw", source))
    _run(image, (*SKOPEO, f"--command-timeout={PULL_MINUTES}m", "copy", "--quiet", source, f"oci-archive:{making}"))
    making.rename(archive)
    return archive


def _reference(image: str) -> str:
    """As skopeo wants it: a digest says more than a tag, and both together are refused."""
    name, _, digest = image.partition("@")
    return f"docker://{re.sub(':[^:/]+$', '', name)}@{digest}" if digest else f"docker://{name}"


def _run(image: str, words: tuple[str, ...]) -> None:
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603  # words of ours
    if done.returncode:
        raise ToolError(
            f"{image} cannot be pulled: {_reason(done.stderr)}",
            hint="without --real-image a strict stand-in takes its place",
        )


def _reason(said: str) -> str:
    """Skopeo's last line, without the time and the name that stand before the cause."""
    lines = said.strip().splitlines() or ["no reason was given"]
    told = re.search(r'msg="((?:\\.|[^"\\])*)"', lines[-1])
    text = told.group(1).replace('\\"', '"') if told else lines[-1]
    return text.partition('": ')[2] or text
