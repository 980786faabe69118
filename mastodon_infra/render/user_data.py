"""The first door: a node's bundle as user data, whole where it fits, else a boot part that fetches the payload."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

from mastodon_infra.catalog.limits import USER_DATA, USER_DATA_CEILING
from mastodon_infra.errors import TemplateError
from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle, Part
from mastodon_infra.render.cloud_init import TransientFile, cloud_config
from mastodon_infra.render.payload import Payload, fetch_files, pack
from mastodon_infra.render.wiring import Wiring

ROOM_FOR_MORE_HOSTS = 1_000
"""Bytes left free where all is inline: every further machine is a line in each one's list of names, and must not change
the way by which the others get theirs. Some seventy machines, at 14 bytes each after gzip."""

INLINE_CEILING = USER_DATA_CEILING.value - ROOM_FOR_MORE_HOSTS


@dataclass(frozen=True, slots=True, repr=False)
class UserData:
    """What a node's metadata holds. ``gzipped`` is what is sent; equal bundles give equal bytes.

    ``payload`` must be in its bucket before the machine boots; None where everything is inline.
    """

    text: str
    gzipped: bytes
    payload: Payload | None

    def __repr__(self) -> str:
        return f"UserData({len(self.gzipped)} bytes gzipped, payload: {self.payload!r})"


def user_data(plan: InstancePlan, node: NodePlan, wiring: Wiring, *, ceiling: int = INLINE_CEILING) -> UserData:
    """Render a node's user data.

    Raises:
        TemplateError: The boot part alone is too large, or the node has no key with which it could fetch the rest.
    """
    node_bundle = bundle(plan, node, wiring)
    payload = payload_of(plan, node, ceiling=ceiling)
    most = max(ceiling, USER_DATA.value)
    if payload is None:
        return _written(node_bundle, node, wiring, node_bundle.files, None, most=most)
    boot = tuple(file for file in node_bundle.files if file.part is Part.BOOT)
    files: tuple[BundleFile | TransientFile, ...] = (*boot, *fetch_files(plan, node, wiring, payload))
    return _written(node_bundle, node, wiring, files, payload, most=most)


def payload_of(plan: InstancePlan, node: NodePlan, *, ceiling: int = INLINE_CEILING) -> Payload | None:
    """The payload that a node needs; None where everything fits into ``ceiling`` bytes of user data.

    Decided from the plan alone, with made-up secrets of usual length, so that a preview and a deployment agree.
    """
    wiring = Wiring.stand_in(plan)
    node_bundle = bundle(plan, node, wiring)
    text = cloud_config(node_bundle, node, wiring.host_key(node.name), node_bundle.files)
    if len(_gzipped(text)) <= ceiling:
        return None
    return pack(node_bundle, bucket=plan.backups.bucket)


def _written(
    node_bundle: NodeBundle,
    node: NodePlan,
    wiring: Wiring,
    files: Sequence[BundleFile | TransientFile],
    payload: Payload | None,
    *,
    most: int,
) -> UserData:
    text = cloud_config(node_bundle, node, wiring.host_key(node.name), files)
    gzipped = _gzipped(text)
    if len(gzipped) > most:
        raise TemplateError(
            f"{node.name}: its user data has {len(gzipped)} bytes, and {most} are the most",
            hint="fewer or shorter SSH keys of administrators, or shorter secrets of your own",
        )
    return UserData(text, gzipped, payload)


def _gzipped(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)
