"""A node's bundle laid out over a machine: what every check is given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import Place, node_of, plan_of
from tests.parsers.machine import Machine, Written
from tests.parsers.places import bundle_of, wiring_of

HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
RESOLVER = "nameserver 192.0.2.53\n"
"""Nobody answers there: a machine of the tests reaches nothing."""


@dataclass(frozen=True, slots=True, repr=False)
class Tree:
    """A machine that looks like a node once its bundle has been installed and before anything was started."""

    machine: Machine
    plan: InstancePlan
    node: NodePlan
    wiring: Wiring
    bundle: NodeBundle

    def has(self, path: str) -> bool:
        """Whether the bundle has a file at that path."""
        return any(file.path == path for file in self.bundle.files)

    def changed(self, file: BundleFile) -> Tree:
        """The same machine with one file of another content, also on its disk."""
        self.write([file])
        files = (*(one for one in self.bundle.files if one.path != file.path), file)
        return replace(self, bundle=replace(self.bundle, files=files))

    def write(self, files: Iterable[BundleFile]) -> None:
        """Put files of a bundle onto the disk."""
        self.machine.write(Written(file.path, file.content, file.owner, file.group, file.mode) for file in files)


def lay_out(machine: Machine, place: Place) -> Tree:
    """Make a machine look like a node: the bundle's files, directories and logins, and what the cloud's image has."""
    plan, node, wiring = plan_of(place.case), node_of(place), wiring_of(place.case)
    tree = Tree(machine, plan, node, wiring, bundle_of(place))
    tree.write(tree.bundle.files)
    key = wiring.host_key(node.name)
    machine.put("/etc/resolv.conf", RESOLVER)
    machine.put(HOST_KEY, key.private_key, 0o600)
    machine.put(f"{HOST_KEY}.pub", key.public_key)
    machine.must("\n".join(_commands(tree)))
    return tree


def _commands(tree: Tree) -> Iterable[str]:
    """A shell line for everything that is no file."""
    yield f"hostname {tree.node.name}"
    yield f"ip address add {tree.node.address}/32 dev lo"
    for user in tree.bundle.users:
        yield f"useradd --create-home --shell /bin/bash --groups {','.join(user.groups)} {user.name}"
    for volume in tree.plan.volumes:
        if volume.node == tree.node.name:
            yield f"mkdir -p {volume.mount_path}"
    for folder in tree.bundle.directories:
        yield f"install -d -o {folder.owner} -g {folder.group} -m {folder.mode:04o} {folder.path}"
