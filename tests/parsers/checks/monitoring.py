"""Prometheus, Alertmanager and pgBackRest, by the tools that come with them."""

from __future__ import annotations

import re

from tests.parsers.checks.system import Files
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree


def prometheus(tree: Tree, files: Files) -> None:
    """``promtool check config``, which follows the file to its rules and targets."""
    for file in files:
        tree.machine.must(["promtool", "check", "config", file.path])


def rules(tree: Tree, files: Files) -> None:
    """``promtool check rules``: every expression, label and template."""
    for file in files:
        said = tree.machine.must(["promtool", "check", "rules", file.path])
        if not re.search(r"SUCCESS: [1-9]\d* rules found", said):
            raise Refused(said)


def alertmanager(tree: Tree, files: Files) -> None:
    """``amtool check-config``, with the templates that the file names; its user, and no other, reads its secrets."""
    for file in files:
        if file.path.endswith(".yml"):
            tree.machine.must(["amtool", "check-config", file.path])
            for named in re.findall(r"_file: (\S+)", file.content):
                if len(tree.machine.must(["cat", named], user="prometheus").split()) != 1:
                    raise Refused(f"{named} does not hold one word")
        if file.is_secret and tree.machine.run(["cat", file.path], user="nobody"):
            raise Refused(f"anybody may read {file.path}")


def prober(tree: Tree, files: Files) -> None:
    """The prober reads its modules and ends."""
    for file in files:
        tree.machine.must(["prometheus-blackbox-exporter", f"--config.file={file.path}", "--config.check"])


def pgbackrest(tree: Tree, files: Files) -> None:
    """PgBackRest reads it whole, knows every option, and goes as far as asking the bucket, which is not there."""
    for file in files:
        command = ["pgbackrest", f"--config={file.path}", "--io-timeout=100ms", "info"]
        said = tree.machine.must(command)
        if re.search(r"WARN|ERROR", said) or "HostConnectError" not in said:
            raise Refused(said)
