"""The list of packages: each is Debian's, and together they bring every program that the node's own files call."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.parsers.checks.system import Files
from tests.parsers.checks.units import UNIT_FOLDERS, generate
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

ON_THE_IMAGE = ("required", "important", "standard")
"""Priorities of the packages that a cloud's Debian image has; and it has cloud-init."""

CLOSURE = """
image=$(dpkg-query --show --showformat='${Priority} ${Package}\\n' | awk -v kinds="$1" '$1 ~ kinds { print $2 }')
shift
apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \\
    --no-enhances cloud-init $image "$@" | grep '^[a-z0-9]'
"""
FOUND = """
for word; do
    path=$(type -P "$word") || continue
    echo "$word $(realpath "$path")"
done
"""
RUN = re.compile(r"^Exec(?:Start|StartPre|StartPost|Stop|StopPost|Reload|Condition)=[-+!@:|]*(/\S+)", re.MULTILINE)
CALLED = re.compile(
    r"(?:^|[|&;(!]|\b(?:if|then|else|do|until|while|exec|xargs))\s*(?:[A-Za-z_]\w*=\S*\s+)*([a-z][a-z0-9_.-]+)(?=\s|$|[;)])",
    re.MULTILINE,
)


def packages(tree: Tree, files: Files) -> None:
    """Dpkg knows each package by that name; what scripts and units call comes with one of them or with the image."""
    listed = [name for file in files for name in file.content.split()]
    tree.machine.must(["dpkg-query", "--show", "--showformat=${Version}", *listed])
    command = ["bash", "-euc", CLOSURE, "closure", f"^({'|'.join(ON_THE_IMAGE)})$", *listed]
    brought = set(tree.machine.must(command).split())
    missing = [f"{program} {package}" for program, package in _owners(tree) if package not in brought]
    if missing:
        raise Refused(f"{tree.node.name} calls what no package of its list brings (program, package): {missing}")


def _owners(tree: Tree) -> Iterator[tuple[str, str]]:
    """Each program that is called, and the package that it came with. The bundle's own are in no package."""
    said = tree.machine.must(["bash", "-uc", FOUND, "found", *sorted(set(_programs(tree)))])
    paths = dict(line.split(" ", 1) for line in said.splitlines())
    # Some packages still name a path as it was before /bin led to /usr/bin.
    names = {path: {path, path.removeprefix("/usr")} for path in paths.values()}
    owners: dict[str, str] = {}
    for line in tree.machine.run(["dpkg-query", "--search", *sorted(set().union(*names.values()))]).said.splitlines():
        package, separator, path = line.partition(": ")
        if separator and path.startswith("/"):
            owners[path] = package.split(":")[0].split(",")[0]
    for program, path in paths.items():
        yield from ((program, owners[name]) for name in sorted(names[path]) if name in owners)


def _programs(tree: Tree) -> Iterator[str]:
    """Programs that the bundle's scripts and units call, and those of the units that it starts."""
    for file in tree.bundle.files:
        if file.content.startswith("#!") and "sh" in file.content.partition("\n")[0]:
            yield from CALLED.findall(re.sub(r"^\s*#.*$", "", file.content, flags=re.MULTILINE))
        if file.path.startswith("/etc/systemd/system/"):
            yield from RUN.findall(file.content)
    generate(tree)
    for unit in tree.bundle.units:
        name = re.sub(r"@.*\.", "@.", unit.name)
        paths = [f"{folder}/{name}" for folder in UNIT_FOLDERS]
        shown = tree.machine.run(["bash", "-c", 'cat "$@" 2> /dev/null', "cat", *paths]).said
        yield from RUN.findall(shown.replace("\\\n", " "))
