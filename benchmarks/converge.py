"""How long converge takes where there is nothing to do, against ansible with the same files on the same machines.

Boots an instance on this computer, as `rehearse` does, and takes it away again. Prints medians of wall time; judges
nothing. Ansible looks at the files and folders alone; converge also looks at packages, logins and units. Both log in
as an administrator, through the jump machine, and become root. ``--size`` boots another one, ``--runs N`` changes how
often each is run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.run import COMMAND, ROOT, row, wall_seconds
from mastodon_infra.cli.rehearse import PROGRAMS
from mastodon_infra.cli.stacks import Loaded, load
from mastodon_infra.operate.engine import find_engine
from mastodon_infra.program.outputs import StackOutputs, read_outputs
from mastodon_infra.rehearsal.local_cloud import ENGINE
from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import NodeBundle

ANSIBLE = ROOT / "build/benchmark-ansible"
REQUIREMENTS = ROOT / "benchmarks/ansible.txt"
FEWEST_MIB = {"large": 9_000, "medium": 5_000}
"""Memory that has to be free for the machines of a size: about 900 MiB each, with what they share."""
PLAYBOOK = [
    {
        "hosts": "all",
        "gather_facts": False,
        "become": True,
        "tasks": [
            {
                "name": "folders",
                "ansible.builtin.file": {
                    "path": "{{ item.path }}",
                    "state": "directory",
                    **{name: f"{{{{ item.{name} }}}}" for name in ("owner", "group", "mode")},
                },
                "loop": "{{ folders }}",
                "loop_control": {"label": "{{ item.path }}"},
            },
            {
                "name": "files",
                "ansible.builtin.copy": {
                    "src": "{{ item.source }}",
                    "dest": "{{ item.path }}",
                    **{name: f"{{{{ item.{name} }}}}" for name in ("owner", "group", "mode")},
                },
                "loop": "{{ files }}",
                "loop_control": {"label": "{{ item.path }}"},
            },
        ],
    }
]


def main() -> None:
    """Boot, measure converge and ansible in turn, and take everything away."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--size", default="large", choices=sorted(FEWEST_MIB))
    asked = parser.parse_args()
    if missing := what_is_missing(asked.size):
        print(f"converge was not measured: {missing}")
        return
    with tempfile.TemporaryDirectory() as folder, rehearsed(Path(folder) / "rehearsal", asked.size) as rehearsal:
        loaded, outputs = deployed(rehearsal)
        command = rehearsal.command(COMMAND, "converge", str(rehearsal.file), "--yes")
        ours = wall_seconds(command, runs=asked.runs, environment=rehearsal.environment())
        bundles = bundles_of(loaded, outputs)
        count = sum(len(one.files) for one in bundles.values())
        row(f"converge, {asked.size}: {len(bundles)} machines, {count:,} files", ours)
        play = ansible(rehearsal, loaded, outputs, bundles, Path(folder) / "ansible")
        environment = rehearsal.environment() | settings(Path(folder) / "ansible")
        theirs = wall_seconds(play, runs=max(1, asked.runs // 3), environment=environment)
        row(f"ansible, {asked.size}: the files alone", theirs, ("converge", ours))


def what_is_missing(size: str) -> str:
    """What this computer lacks for it; empty where it has everything."""
    lacks = [program for program in PROGRAMS if not any(Path(at, program).exists() for at in os.get_exec_path())]
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text(encoding="utf-8").splitlines())
    free = int(memory["MemAvailable"].split()[0]) // 1024
    if os.geteuid() != 0:
        return "machines need root"
    if lacks:
        return f"there is no {', no '.join(lacks)}"
    if not (ENGINE / "pulumi").exists():
        return "there is no engine; make engine"
    if free < FEWEST_MIB[size]:
        return f"{FEWEST_MIB[size]:,} MiB of memory have to be free for {size}, and {free:,} are"
    return ""


@contextmanager
def rehearsed(folder: Path, size: str) -> Iterator[Rehearsal]:
    """The demonstration in that size, up and verified; taken away at the end."""
    words = [COMMAND, "rehearse", size, "--folder", str(folder)]
    try:
        if subprocess.run([*words, "--keep"], cwd=ROOT, check=False, stdout=subprocess.DEVNULL).returncode:
            sys.exit("converge was not measured: the machines did not come up")
        yield Rehearsal(folder, size)
    finally:
        subprocess.run([*words, "--down"], cwd=ROOT, check=False)


def deployed(rehearsal: Rehearsal) -> tuple[Loaded, StackOutputs]:
    """The rehearsed stack and what its deployment told, secrets among it."""
    loaded = load(str(rehearsal.file), None)
    engine = find_engine(stack=loaded.name, file=rehearsal.file, environment=rehearsal.environment())
    return loaded, read_outputs(engine.outputs())


def bundles_of(loaded: Loaded, outputs: StackOutputs) -> dict[str, NodeBundle]:
    """What each machine holds."""
    wiring = outputs.wiring
    assert wiring is not None
    return {node.name: bundle(loaded.plan, node, wiring) for node in loaded.plan.nodes}


def ansible(
    rehearsal: Rehearsal, loaded: Loaded, outputs: StackOutputs, bundles: Mapping[str, NodeBundle], folder: Path
) -> list[str]:
    """The command that has ansible look at the same files; it is installed apart from the project, the first time."""
    program = ANSIBLE / "bin/ansible-playbook"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ANSIBLE)], check=True)
        install = [str(ANSIBLE / "bin/pip"), "install", "--quiet", "--require-hashes", "--requirement"]
        subprocess.run([*install, str(REQUIREMENTS)], check=True)
    folder.mkdir(mode=0o700)
    (folder / "known_hosts").write_text(outputs.known_hosts, encoding="utf-8")
    (folder / "play.json").write_text(json.dumps(PLAYBOOK), encoding="utf-8")
    plan = loaded.plan
    through = " ".join(f"-o {word}" for word in _ssh(rehearsal, folder))
    jump = f"ssh {through} -W %h:%p {plan.spec.administrators[0].name}@{outputs.jump_address}"
    hosts = {}
    for node in plan.nodes:
        is_jump = node.name == plan.jump
        hosts[node.name] = {
            "ansible_host": outputs.jump_address if is_jump else node.address,
            "ansible_ssh_common_args": "" if is_jump else f'-o ProxyCommand="{jump}"',
            **_wanted(bundles[node.name], folder / node.name),
        }
    common = {"ansible_user": plan.spec.administrators[0].name, "ansible_python_interpreter": "/usr/bin/python3"}
    (folder / "hosts.json").write_text(json.dumps({"all": {"hosts": hosts, "vars": common}}), encoding="utf-8")
    return rehearsal.command(str(program), "--inventory", str(folder / "hosts.json"), str(folder / "play.json"))


def _wanted(node_bundle: NodeBundle, folder: Path) -> dict[str, list[dict[str, str]]]:
    """The files and folders of a machine as variables of its host, and the files' content beside them."""
    files = []
    for number, file in enumerate(node_bundle.files):
        source = folder / str(number)
        source.parent.mkdir(exist_ok=True)
        source.write_text(file.content, encoding="utf-8")
        access = {"owner": file.owner, "group": file.group, "mode": f"{file.mode:04o}"}
        files.append({"path": file.path, "source": str(source), **access})
    folders = [
        {"path": one.path, "owner": one.owner, "group": one.group, "mode": f"{one.mode:04o}"}
        for one in node_bundle.directories
    ]
    return {"files": files, "folders": folders}


def _ssh(rehearsal: Rehearsal, folder: Path) -> tuple[str, ...]:
    return (f"IdentityFile={rehearsal.identity}", f"UserKnownHostsFile={folder}/known_hosts", "BatchMode=yes")


def settings(folder: Path) -> dict[str, str]:
    """Ansible as its own guide makes it fast: one connection that is kept, no file sent ahead, all machines at once."""
    rehearsal = folder.parent / "rehearsal"
    words = [f"-o {word}" for word in _ssh(Rehearsal(rehearsal, ""), folder)]
    return {
        "ANSIBLE_PIPELINING": "true",
        "ANSIBLE_FORKS": "20",
        "ANSIBLE_SSH_ARGS": " ".join(("-o ControlMaster=auto -o ControlPersist=120s", *words)),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "control"),
        "ANSIBLE_HOME": str(folder / "home"),
        "LC_ALL": "C.UTF-8",
    }


if __name__ == "__main__":
    main()
