"""The command line in this process: what it prints, where, and what it exits with."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from mastodon_infra.cli import app

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPyZ4eY2PDXlZMg02s8Xn1X9BqIWaUXySPKOhSvL/gFX alice@laptop"

INSTANCE = """\
    domain: social.example
    region: {region}
    {size}
    owner:
      username: admin
      email: admin@social.example
    administrators:
      - name: alice
        ssh_keys:
          - {key}
    mail: none
"""


@dataclass(frozen=True)
class Outcome:
    """What one run of the command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capsys, monkeypatch):
    """Run the command line: ``cli("plan", "demo", columns=60)``."""

    def run(*words: str, columns: int = 80) -> Outcome:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = app.run(list(words))
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """An empty project folder, which is the current one."""
    (tmp_path / "stacks").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stack(folder: Path):
    """Write a stack file: ``stack("aus", "size: small", region="ap-southeast", more="disposable: true")``."""

    def write(name: str, size: str = "size: small", *, region: str = "au-mel", more: str = "") -> Path:
        text = "config:\n  mastodon-infra:instance:\n" + INSTANCE.format(region=region, size=size, key=PUBLIC_KEY)
        text += "".join(f"    {line}\n" for line in more.splitlines())
        path = folder / "stacks" / f"Pulumi.{name}.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def key_file(folder: Path) -> Path:
    """A file with one SSH public key."""
    path = folder / "id.pub"
    path.write_text(f"{PUBLIC_KEY}{os.linesep}", encoding="utf-8")
    return path
