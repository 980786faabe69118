"""``make demo-up``: a whole deployment by a stranger who has nothing but the checkout."""

import os
import subprocess

from tests.engine.rehearsed import ROOT

LIMIT_SECONDS = 300


def test_demo_is_deployed_and_its_second_preview_is_empty(tmp_path):
    folder = tmp_path / "demo-up"
    cache = (ROOT / ".tools" / "engine").resolve().parents[1]

    done = subprocess.run(
        [ROOT / "scripts" / "demo-up", folder],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    up, _, preview = done.stdout.partition("preview: nothing is left to do")
    assert "Done: " in up
    assert "unchanged" in preview
    assert not [word for word in ("create", "update", "delete", "replace") if f" to {word}" in preview]
    assert list((folder / "cloud" / "linode" / "instance").glob("*.json"))
