"""Units and containers: podman's generator first, and then systemd over all of them together."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.parsers.checks.system import Files, settings_of
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

GENERATOR = "/usr/lib/systemd/system-generators/podman-system-generator"
GENERATED = "/run/systemd/generator"
UNIT_FOLDERS = ("/etc/systemd/system", GENERATED, "/usr/lib/systemd/system")
RELOADS = re.compile(r"^ExecReload=|^Type=notify-reload", re.MULTILINE)
NEEDS = re.compile(r"(?:Wants|Requires|Requisite|BindsTo|PartOf|Upholds|Unit)=(.+)")


def quadlets(tree: Tree, files: Files) -> None:
    """Podman's generator makes a unit of each container file and complains of none."""
    said = tree.machine.must([GENERATOR, "--dryrun"])
    for file in files:
        name = file.path.rpartition("/")[2].rpartition(".")[0]
        if f"---{name}.service---" not in said and not file.path.endswith((".network", ".volume", ".image", ".conf")):
            raise Refused(f"the generator makes no {name}.service\n{said}")
    complaints = [line for line in said.splitlines() if re.search("(?i)warning|unsupported|converting", line)]
    if complaints:
        raise Refused("\n".join(complaints))


def units(tree: Tree, files: Files) -> None:
    """``systemd-analyze verify`` is silent on every unit, and whatever a unit wants is there."""
    generate(tree)
    said = tree.machine.run(
        ["systemd-analyze", "verify", "--man=no", "--generators=no", *sorted(set(_names(tree, files)))],
        environment={"SYSTEMD_LOG_LEVEL": "warning", "SYSTEMD_UNIT_PATH": ":".join(UNIT_FOLDERS)},
    )
    if not said or said.said:
        raise Refused(f"systemd-analyze verify: status {said.status}\n{said.said}")
    wanted = {name for file in files for line in settings_of(file) for name in _needs(line)}
    missing = [name for name in sorted(wanted) if not exists(tree, name)]
    if missing:
        raise Refused(f"no such units: {', '.join(missing)}")


def exists(tree: Tree, name: str) -> bool:
    """Whether a unit of that name, or the template that makes it, is anywhere on the machine."""
    template = re.sub(r"@.*\.", "@.", name)
    paths = [f"{folder}/{one}" for folder in UNIT_FOLDERS for one in dict.fromkeys((name, template))]
    return bool(tree.machine.run(["bash", "-c", 'for path; do [ -e "$path" ] && exit 0; done; exit 1', "any", *paths]))


def generate(tree: Tree) -> None:
    """Make the containers' units, where podman is."""
    line = f"rm -rf {GENERATED}; mkdir -p {GENERATED}"
    if any(file.path.startswith("/etc/containers/systemd/") for file in tree.bundle.files):
        line += f"; {GENERATOR} --no-kmsg-log {GENERATED} {GENERATED} {GENERATED}"
    tree.machine.must(line)


def _names(tree: Tree, files: Files) -> Iterator[str]:
    """The units that the files are about: themselves, those that drop-ins change, and those made by the generator."""
    for file in files:
        parent, name = file.path.split("/")[-2:]
        name = parent.removesuffix(".d") if parent.endswith(".d") else name
        yield name.replace("@.", "@one.") if "postgresql@" not in name else "postgresql@17-main.service"
    for name in tree.machine.must(["ls", GENERATED]).split():
        yield name.replace("@.", "@4000.")
    for unit in tree.bundle.units:
        yield unit.name


def _needs(line: str) -> Iterator[str]:
    match = NEEDS.fullmatch(line)
    if match:
        yield from (name for name in match.group(1).split() if "%" not in name)


def unit_list(tree: Tree, files: Files) -> None:
    """Each unit that the installer enables is there, and systemctl can enable or disable it."""
    generate(tree)
    for file in files:
        for line in file.content.splitlines():
            verdict, _, name = line.partition(" ")
            if not exists(tree, name):
                raise Refused(f"{file.path}: there is no unit {name}")
            if verdict == "disabled":
                tree.machine.must(["systemctl", "--root=/", "disable", name])
                continue
            state = tree.machine.run(["systemctl", "--root=/", "is-enabled", name]).said
            if state.splitlines()[-1] not in {"static", "generated", "alias", "enabled", "indirect"}:
                tree.machine.must(["systemctl", "--root=/", "enable", name])


def tree_list(tree: Tree, files: Files) -> None:
    """Owners and modes of the list are those on the disk, and the list has every file of the bundle."""
    for file in files:
        listed = {}
        for line in file.content.splitlines():
            _, mode, owner, group, path = line.split(" ")
            listed[path] = f"{int(mode, 8):o} {owner} {group}"
        said = tree.machine.must(["stat", "--format=%a %U %G %n", *listed])
        found = {line.split(" ")[3]: line.rpartition(" ")[0] for line in said.splitlines()}
        wrong = [path for path, shown in listed.items() if found[path] != shown]
        left_out = [one.path for one in tree.bundle.files if one.path not in listed]
        if wrong or left_out:
            raise Refused(f"{file.path}: wrong: {wrong}; left out: {left_out}")


def need_list(tree: Tree, files: Files) -> None:
    """Each unit that a change of a file would reload or restart is there, can be reloaded, and the file is there."""
    generate(tree)
    for file in files:
        for line in file.content.splitlines():
            action, unit, path = line.split(" ")
            told = _text(tree, unit)
            if not told:
                raise Refused(f"{file.path}: there is no unit {unit}")
            if action == "reload" and not RELOADS.search(told):
                raise Refused(f"{file.path}: {unit} cannot be reloaded")
            tree.machine.must(["test", "-f", path])


def _text(tree: Tree, name: str) -> str:
    """The files of a unit, or of those that a pattern stands for; empty where there is none."""
    template = re.sub(r"@.*\.", "@.", name)
    # The shell fills in patterns; a backslash belongs to the name of a mount.
    names = [one.replace("\\", "\\\\") for one in dict.fromkeys((name, template))]
    paths = (f"{folder}/{one}" for folder in UNIT_FOLDERS for one in names)
    return tree.machine.run(f"cat {' '.join(paths)} 2>/dev/null || :").said
