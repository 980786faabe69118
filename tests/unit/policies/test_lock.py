"""The policy pack's own lock."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def locked(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", (ROOT / path).read_text(), flags=re.MULTILINE))


def test_it_has_the_engines_sdk_as_the_toolkit_has_it():
    assert locked("policies/requirements.txt")["pulumi"] == locked("requirements/runtime.txt")["pulumi"]


def test_every_package_has_hashes_and_no_address():
    text = (ROOT / "policies" / "requirements.txt").read_text()

    assert len(locked("policies/requirements.txt")) > 10
    for entry in re.split(r"\n(?=[a-z])", text)[1:]:
        assert "--hash=sha256:" in entry
    assert "://" not in text
