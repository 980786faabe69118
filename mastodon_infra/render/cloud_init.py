"""A bundle in cloud-init's words: the document that a machine reads at its first boot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mastodon_infra.plan.types import NodePlan
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle
from mastodon_infra.render.installer import INSTALLED_PATH
from mastodon_infra.render.scene import STATE
from mastodon_infra.render.wiring import HostKey
from mastodon_infra.render.yaml_text import Yaml, yaml_text

HEADER = "#cloud-config\n# Managed by mastodon-infra. A machine reads this once, at its first boot.\n"
INSTALL_UNIT = "mastodon-infra-install.service"
DIGEST_PATH = f"{STATE}/digest"
"""The bundle's digest, until the installer has done its work."""


@dataclass(frozen=True, slots=True)
class TransientFile:
    """A file that only the first boot needs and the installer removes."""

    path: str
    content: str
    mode: int = 0o600


def cloud_config(
    node_bundle: NodeBundle, node: NodePlan, host_key: HostKey, files: Sequence[BundleFile | TransientFile]
) -> str:
    """Write the document with these of the bundle's files. All arrive as root's; the installer gives them away.

    Nothing is left to the image's defaults: no default user, no generated host key, no disk that is formatted here.
    """
    return HEADER + yaml_text(dict(_document(node_bundle, node, host_key, files)))


def _document(
    node_bundle: NodeBundle, node: NodePlan, host_key: HostKey, files: Sequence[BundleFile | TransientFile]
) -> Iterator[tuple[str, Yaml]]:
    yield "hostname", node.name
    yield "fqdn", node.hostname
    yield "prefer_fqdn_over_hostname", False
    yield "manage_etc_hosts", False
    yield "locale", False
    yield "timezone", "Etc/UTC"
    yield "disable_root", True
    yield "ssh_pwauth", False
    yield "ssh_deletekeys", True
    yield "ssh_keys", {"ed25519_private": host_key.private_key, "ed25519_public": host_key.public_key}
    yield (
        "users",
        [
            {"name": user.name, "groups": list(user.groups), "shell": "/bin/bash", "lock_passwd": True}
            for user in node_bundle.users
        ],
    )
    yield (
        "write_files",
        [
            {"path": file.path, "permissions": f"{file.mode:04o}", "content": file.content}
            for file in (*files, TransientFile(DIGEST_PATH, f"{node_bundle.digest}\n", 0o644))
        ],
    )
    yield (
        "runcmd",
        [
            ["systemctl", "daemon-reload"],
            ["systemctl", "enable", INSTALL_UNIT],
            # A first try may fail, and the unit goes on by itself: that is no failure of cloud-init, and it waits.
            ["sh", "-c", f"systemctl start {INSTALL_UNIT} || until [ -e {INSTALLED_PATH} ]; do sleep 5; done"],
        ],
    )
