"""Linode's machines, and the volumes that hang on them: what the provider checks and what the API refuses."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from ipaddress import ip_address, ip_interface, ip_network
from typing import Any

from mastodon_infra.catalog.limits import PLACEMENT_GROUP_MEMBERS, USER_DATA
from mastodon_infra.catalog.machine_types import machine_type
from mastodon_infra.catalog.rows import Capability
from mastodon_infra.catalog.versions import IMAGE
from mastodon_infra.rehearsal.clouds.linode_rules import (
    FIREWALL,
    GROUP,
    INSTANCE,
    RESERVED,
    SUBNET,
    VOLUME,
    documented_ipv4,
    in_region,
    labelled,
    naming_an,
    vpc_addresses,
)
from mastodon_infra.rehearsal.kinds import ApiError, Call, Kind, any_of, between, known, length, one_of
from mastodon_infra.rehearsal.world import Values

IMAGES = frozenset({IMAGE.version, "linode/debian12", "linode/ubuntu24.04"})
MOST_INTERFACES = 3
LEAST_ROOT_PASS, MOST_ROOT_PASS = 11, 128
LEAST_VOLUME_GB, MOST_VOLUME_GB = 10, 16384

# --- Instances ------------------------------------------------------------------------------------------------------


def _has_login(inputs: Values) -> str | None:
    logins = ("rootPass", "authorizedKeys", "authorizedUsers")
    if inputs.get("image") and not any(inputs.get(name) for name in logins):
        return f"image: one of {', '.join(logins)} is required with it"
    return None


def _root_pass(value: Any) -> str | None:
    """Never quotes it."""
    is_fine = LEAST_ROOT_PASS <= len(value) <= MOST_ROOT_PASS
    return None if is_fine else f"must have {LEAST_ROOT_PASS} to {MOST_ROOT_PASS} characters"


def _interfaces_fit_generation(inputs: Values) -> str | None:
    new, old = inputs.get("linodeInterfaces"), inputs.get("interfaces")
    if new and old:
        return "linodeInterfaces and interfaces exclude each other"
    if new and inputs.get("interfaceGeneration") != "linode":
        return "linodeInterfaces: interfaceGeneration must be linode"
    if old and inputs.get("interfaceGeneration") == "linode":
        return "interfaces: interfaceGeneration must be legacy_config"
    return None


def _interface(interface: Values) -> str | None:
    sorts = [sort for sort in ("public", "vlan", "vpc", "rdmaVpc") if interface.get(sort) is not None]
    if len(sorts) != 1:
        return f"an interface is one of public, vlan and vpc; this one has {sorts or 'none of them'}"
    if sorts == ["vlan"] and interface.get("firewallId") is not None:
        return "firewallId is not allowed on a VLAN interface"
    return None


def _interfaces(inputs: Values) -> str | None:
    interfaces = inputs.get("linodeInterfaces") or []
    said = next((said for one in interfaces if (said := _interface(one))), None)
    return f"linodeInterfaces: {said}" if said else None


def _legacy_interfaces(inputs: Values) -> str | None:
    for one in inputs.get("interfaces") or []:
        purpose = one.get("purpose")
        if purpose not in {"public", "vlan", "vpc"}:
            return f"interfaces: expected purpose public, vlan or vpc, got {purpose!r}"
        if purpose == "vlan" and not one.get("label"):
            return "interfaces: a VLAN interface needs a label"
        if purpose == "vpc" and one.get("subnetId") is None:
            return "interfaces: a VPC interface needs a subnetId"
    return None


def _type_is_known(call: Call) -> None:
    if call.get("type") is not None and machine_type(call.inputs["type"]) is None:
        raise ApiError(f"[type] {call.inputs['type']} is not a valid type")


def _image_is_known(call: Call) -> None:
    image = call.get("image")
    if image is not None and image not in IMAGES and not str(image).startswith("private/"):
        raise ApiError(f"[image] {image} is not a valid image")


def _user_data_fits(call: Call) -> None:
    for part in call.get("metadatas") or ():
        try:
            size = len(base64.b64decode(part.get("userData") or "", validate=True))
        except binascii.Error as error:
            raise ApiError("[metadata.user_data] must be base64") from error
        if size > USER_DATA.value:
            raise ApiError(f"[metadata.user_data] decoded user data must not be longer than {USER_DATA.value} bytes")


def _interfaces_are_connected(call: Call) -> None:
    interfaces = [*(call.get("linodeInterfaces") or ()), *(call.get("interfaces") or ())]
    if len(interfaces) > MOST_INTERFACES:
        raise ApiError(f"[interfaces] a Linode has at most {MOST_INTERFACES}, not {len(interfaces)}")
    for one in interfaces:
        if one.get("firewallId") is not None:
            call.needs(FIREWALL, one["firewallId"], "firewall")
        if one.get("purpose") == "vlan" or one.get("vlan"):
            in_region(Capability.VLAN)(call)
            ipam = one.get("ipamAddress") or (one.get("vlan") or {}).get("ipamAddress")
            _parsed(ip_interface, ipam, "ipam_address")
    for subnet, address in vpc_addresses(call.inputs):
        found = call.needs(SUBNET, subnet, "subnet")
        if address and ip_address(address) not in ip_network(found.inputs["ipv4"]):
            raise ApiError(f"[interfaces] {address} is not in the subnet {found.inputs['ipv4']}")


def _addresses_are_free(call: Call) -> None:
    taken = {pair: thing.inputs["label"] for thing in call.others() for pair in vpc_addresses(thing.inputs) if pair[1]}
    for pair in vpc_addresses(call.inputs):
        if pair in taken:
            raise ApiError(f"[interfaces] {pair[1]} is taken by {taken[pair]}")


def _parsed(parse: Any, text: Any, name: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        raise ApiError(f"[{name}] {text!r}: {error}") from error


def _group_is_in_region(call: Call) -> None:
    group = call.get("placementGroup")
    if group and call.needs(GROUP, group["id"], "placement group").inputs["region"] != call.inputs["region"]:
        raise ApiError("[placement_group] is in another region")


def _group_has_room(call: Call) -> None:
    group = call.get("placementGroup")
    if group:
        members = sum((other.inputs.get("placementGroup") or {}).get("id") == group["id"] for other in call.others())
        if members >= PLACEMENT_GROUP_MEMBERS.value:
            raise ApiError(f"[placement_group] {group['id']} has {members} Linodes, and that is how many it can have")


def _asked_addresses(inputs: Values) -> Iterator[str]:
    """Public addresses that an instance names, instead of taking the one that it is given."""
    yield from inputs.get("ipv4s") or ()
    for one in inputs.get("linodeInterfaces") or ():
        addresses = ((one.get("public") or {}).get("ipv4") or {}).get("addresses") or ()
        yield from (address["address"] for address in addresses if address.get("address", "auto") != "auto")


def _reserved(call: Call) -> str | None:
    """The reserved address that a machine is made with; ApiError where it is not ours, or somebody has it."""
    wanted = next(_asked_addresses(call.inputs), None)
    if wanted is None:
        return None
    if all(thing.outputs["address"] != wanted for thing in call.world.all(RESERVED)):
        raise ApiError(f"[ipv4] {wanted} is not reserved")
    if any(wanted in thing.outputs["ipv4s"] for thing in call.others()):
        raise ApiError(f"[ipv4] {wanted} is assigned to another Linode")
    return str(wanted)


def _address_is_ours(call: Call) -> None:
    if call.old is None:
        _reserved(call)


def _private_ip_stays(call: Call) -> None:
    if call.old and call.old.get("privateIp") and not call.get("privateIp"):
        raise ApiError("[private_ip] a private address cannot be removed again")


def _instance(call: Call) -> Values:
    number = call.number
    private = str(ip_address("192.168.128.1") + number % 30_000)
    public = _reserved(call) or documented_ipv4(number)
    has_private = bool(call.get("privateIp"))
    return {
        "ipv4s": [public, private] if has_private else [public],
        "ipv6": f"2001:db8::{number >> 16:x}:{number & 0xFFFF:x}/128",
        "privateIpAddress": private if has_private else "",
        "status": "running",
        "hasUserData": bool(call.get("metadatas")),
    }


def _instance_again(call: Call) -> Values:
    """A private address may be added later; the public one stays."""
    found = call.needs(INSTANCE, call.id, "Linode").outputs
    if not call.get("privateIp") or found["privateIpAddress"]:
        return {}
    private = str(ip_address("192.168.128.1") + int(call.id) % 30_000)
    return {"privateIpAddress": private, "ipv4s": [*found["ipv4s"], private]}


# --- Volumes ----------------------------------------------------------------------------------------------------------


def _volume_is_reachable(call: Call) -> None:
    if call.get("linodeId") is None:
        return
    machine = call.needs(INSTANCE, call.inputs["linodeId"], "Linode")
    if call.get("region") not in {None, machine.inputs["region"]}:
        raise ApiError("[linode_id] the Linode is in another region than the volume")


def _volume_only_grows(call: Call) -> None:
    if call.old and (call.get("size") or 0) < (call.old.get("size") or 0):
        raise ApiError("[size] a volume cannot be made smaller")


MACHINES = (
    Kind(
        token=INSTANCE,
        required=("region",),
        checks=(
            labelled(3, 50),
            one_of("interfaceGeneration", "linode", "legacy_config"),
            one_of("diskEncryption", "enabled", "disabled"),
            known(_root_pass, "rootPass"),
            length("metadatas", 1, 1),
            _has_login,
            _interfaces_fit_generation,
            _interfaces,
            _legacy_interfaces,
        ),
        rules=(
            in_region(Capability.METADATA),
            _type_is_known,
            _image_is_known,
            _user_data_fits,
            naming_an(FIREWALL, "firewallId"),
            _interfaces_are_connected,
            _addresses_are_free,
            _group_is_in_region,
            _group_has_room,
            _address_is_ours,
            _private_ip_stays,
        ),
        unique=(("label",),),
        replace_on=frozenset(
            {
                "authorizedKeys",
                "authorizedUsers",
                "backupId",
                "diskEncryption",
                "firewallId",
                "image",
                "interfaceGeneration",
                "ipv4s",
                "metadatas",
                "networkHelper",
                "stackscriptData",
                "stackscriptId",
            }
        ),
        computed=_instance,
        recomputed=_instance_again,
        write_only=frozenset({"rootPass"}),
    ),
    Kind(
        token=VOLUME,
        required=("label",),
        checks=(
            labelled(1, 32),
            between("size", LEAST_VOLUME_GB, MOST_VOLUME_GB),
            one_of("encryption", "enabled", "disabled"),
            any_of("region", "linodeId", "sourceVolumeId"),
        ),
        rules=(in_region(Capability.BLOCK_STORAGE), _volume_is_reachable, _volume_only_grows),
        unique=(("label",),),
        replace_on=frozenset({"region", "encryption", "sourceVolumeId"}),
        computed=lambda call: {"filesystemPath": f"/dev/disk/by-id/scsi-0Linode_Volume_{call.get('label')}"},
        recomputed=lambda call: {"filesystemPath": f"/dev/disk/by-id/scsi-0Linode_Volume_{call.get('label')}"},
    ),
)
