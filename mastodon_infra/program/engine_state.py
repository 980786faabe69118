"""A deployment as the engine exports it: its machines, the data in it, and letting go of that data."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

MACHINE = "linode:index/instance:Instance"
VOLUME = "linode:index/volume:Volume"
KEYS = "keys"
"""The piece of data that all generated keys and passwords are together."""

KINDS_OF_DATA = {
    VOLUME: "volume",
    "linode:index/objectStorageBucket:ObjectStorageBucket": "bucket",
    "aws:s3/bucket:Bucket": "bucket",
    "linode:index/domain:Domain": "zone",
}
"""Types that hold data by themselves, and what people call them."""

VENDORS = {"linode": "Linode", "cloudflare": "Cloudflare", "aws": "Amazon, or Wasabi"}
"""Who would have made something, by the type's package; what random and tls make lives in the state alone."""

_NAMED_BY = ("label", "bucket", "domain")
_S3_BUCKET = "aws:s3/bucket:Bucket"
_STAYS = "retainOnDelete"
_EMPTIES = ("forceDestroy", "objBucketForceDelete")
"""Settings by which deleting a bucket deletes the objects in it: the bucket's at Amazon, the provider's at Linode."""


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of protected data.

    Attributes:
        name: What it is called when it is named for destruction.
        kind: volume, bucket, zone or keys.
        called: Its name at the vendor's, or how many keys there are.
        urns: The resources that it is made of.
    """

    name: str
    kind: str
    called: str
    urns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """A creation that was cut off: type token, logical name, URN, and where to look for what it may have made."""

    type: str
    name: str
    urn: str
    vendor: str


def machine_urns(deployment: Mapping[str, Any]) -> dict[str, str]:
    """The machines by node."""
    return {_name(one): one["urn"] for one in _resources(deployment) if one["type"] == MACHINE}


def volume_places(deployment: Mapping[str, Any]) -> dict[str, str]:
    """The node that each volume is attached to, by the volume's name; without those at no machine of this state."""
    nodes = {str(one.get("id")): _name(one) for one in _resources(deployment) if one["type"] == MACHINE}
    at = {_name(one): _number(one, "linodeId") for one in _resources(deployment) if one["type"] == VOLUME}
    return {volume: nodes[machine] for volume, machine in at.items() if machine in nodes}


def protected_data(deployment: Mapping[str, Any]) -> tuple[Data, ...]:
    """Every piece of data that is protected, by name; what has no name of its own belongs to the keys."""
    found: dict[str, Data] = {}
    keys: list[str] = []
    for one in _resources(deployment):
        if not one.get("protect"):
            continue
        kind = KINDS_OF_DATA.get(one["type"])
        if kind is None:
            keys.append(one["urn"])
            continue
        inputs = one.get("inputs") or {}
        called = next((str(inputs[key]) for key in _NAMED_BY if inputs.get(key)), "")
        found[_name(one)] = Data(_name(one), kind, called, (one["urn"],))
    pieces = [found[name] for name in sorted(found)]
    return (*pieces, Data(KEYS, KEYS, f"{len(keys)} keys and passwords", tuple(keys))) if keys else tuple(pieces)


def is_holding(deployment: Mapping[str, Any]) -> bool:
    """Whether anything would refuse to be deleted, or stay at its vendor's."""
    return any(one.get("protect") or one.get(_STAYS) for one in _resources(deployment))


def things(deployment: Mapping[str, Any]) -> int:
    """How many resources there are that a provider made."""
    return sum(bool(one.get("custom")) and "pulumi:" not in one["type"] for one in _resources(deployment))


def released(deployment: Mapping[str, Any], urns: Collection[str]) -> dict[str, Any]:
    """The deployment with these resources no longer protected, and with buckets that are emptied when they are deleted.

    A vendor deletes no bucket that holds something, and its provider empties one only where the state says so. What
    would stay at the vendor's when it leaves the stack, an address, goes too.
    """
    changed = deepcopy(dict(deployment))
    resources = {one["urn"]: one for one in _resources(changed)}
    for one in resources.values():
        one.pop(_STAYS, None)
    for urn in urns:
        one = resources[urn]
        one["protect"] = False
        if one["type"] == _S3_BUCKET:
            _set(one, "forceDestroy", value=True)
        elif KINDS_OF_DATA.get(one["type"]) == "bucket":
            # At Linode the provider itself is told; a reference to it is its URN and its id.
            _set(resources[one["provider"].rpartition("::")[0]], "objBucketForceDelete", value="true")
    return changed


def held_again(deployment: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The deployment with everything protected that was so before, and with buckets that are emptied by nobody."""
    changed = deepcopy(dict(deployment))
    were = {one["urn"]: one for one in _resources(before)}
    for one in _resources(changed):
        was = were.get(one["urn"])
        if was is None:
            continue
        for mark in ("protect", _STAYS):
            if was.get(mark):
                one[mark] = True
        for part in ("inputs", "outputs"):
            for key in _EMPTIES:
                if key in (one.get(part) or {}):
                    one[part] = {**one[part], key: (was.get(part) or {}).get(key)}
                    if one[part][key] is None:
                        del one[part][key]
    return changed


def begun(deployment: Mapping[str, Any]) -> tuple[Begun, ...]:
    """What was being made at a vendor's when a run was cut off, and may exist there without the state's knowing."""
    found = []
    for one in deployment.get("pending_operations") or ():
        kind = str(one["resource"]["type"])
        vendor = VENDORS.get(kind.partition(":")[0])
        if one.get("type") == "creating" and vendor:
            found.append(Begun(kind, _name(one["resource"]), str(one["resource"]["urn"]), vendor))
    return tuple(found)


def _set(resource: dict[str, Any], key: str, *, value: object) -> None:
    for part in ("inputs", "outputs"):
        resource.setdefault(part, {})[key] = value


def _number(resource: Mapping[str, Any], key: str) -> str:
    """A number in the state as text; the engine writes large ones as ``1.0000001e+07``."""
    value = (resource.get("outputs") or {}).get(key)
    return "" if value is None else str(int(value))


def _resources(deployment: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from deployment.get("resources") or ()


def _name(resource: Mapping[str, Any]) -> str:
    return str(resource["urn"]).rpartition("::")[2]
