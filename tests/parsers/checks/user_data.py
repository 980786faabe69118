"""The user data: cloud-init's own schema."""

from __future__ import annotations

from tests.parsers.checks.system import Files
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree


def schema(tree: Tree, files: Files) -> None:
    """``cloud-init schema`` takes it, without a warning."""
    for file in files:
        tree.machine.put(file.path, file.content, 0o600)
        said = tree.machine.must(["cloud-init", "schema", "--config-file", file.path])
        if "Valid schema" not in said or "deprecat" in said.lower():
            raise Refused(said)
