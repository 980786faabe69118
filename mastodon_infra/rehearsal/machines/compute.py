"""The vendor's computing centre: for every instance of the world a machine, for every volume a disk."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from mastodon_infra.rehearsal.clouds.linode_rules import INSTANCE, SUBNET, VOLUME
from mastodon_infra.rehearsal.machines.bed import PACKAGES
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.machine import Disk, Interface, Machine, Seed
from mastodon_infra.rehearsal.world import Thing, World

GIB = 1 << 30


class Compute:
    """All machines of a rehearsal, by the name of their host."""

    def __init__(self, ground: Ground) -> None:
        """Take over what an earlier keeper left on disk: volumes stay, machines boot anew from what they had."""
        self._ground = ground
        self._machines: dict[str, Machine] = {}
        self._types: dict[str, str] = {}
        self._held_back: set[str] = set()

    @property
    def machines(self) -> dict[str, Machine]:
        """Each machine by its label at the vendor."""
        return {machine.seed.name: machine for machine in self._machines.values()}

    def follow(self, world: World) -> None:
        """Boot what is new, end what is gone, reboot what was changed, and hang volumes where they belong."""
        instances = {thing.id: thing for thing in world.all(INSTANCE)}
        for identity in sorted(set(self._machines) - set(instances)):
            self._end(identity)
        for identity, thing in instances.items():
            if identity in self._machines:
                self._change(thing, world)
            elif thing.inputs["label"] not in self._held_back:
                self._machines[identity] = self._boot(thing, world)
                self._types[identity] = thing.inputs["type"]
        volumes = world.all(VOLUME)
        files = {thing.id: self._file(thing) for thing in volumes}
        for identity, machine in self._machines.items():
            machine.tend([_disk(thing, files[thing.id]) for thing in volumes if self._is_on(thing, identity)])
        for path in self._folder("volumes").glob("*.img"):
            if path not in files.values():
                path.unlink()

    def hold_back(self, label: str) -> None:
        """From now on the volume of this label is attached to nothing, or the machine does not begin to boot."""
        self._held_back.add(label)

    def let_go(self, label: str) -> None:
        """End that."""
        self._held_back.discard(label)

    def _is_on(self, volume: Thing, identity: str) -> bool:
        return _number(volume.inputs.get("linodeId")) == identity and volume.inputs["label"] not in self._held_back

    def _boot(self, thing: Thing, world: World) -> Machine:
        (metadata,) = thing.inputs.get("metadatas") or [{}]
        seed = Seed(
            key=thing.id,
            name=thing.inputs["label"],
            user_data=base64.b64decode(metadata.get("userData") or ""),
            interfaces=tuple(_interfaces(thing, world)),
        )
        ground = self._ground
        lower = (ground.folder / "layer", ground.parts.base)
        folder = self._folder("machines") / thing.id
        # Not bound read-only: the instance's own alerts would ask why a disk cannot be written.
        (folder / "packages").mkdir(parents=True, exist_ok=True)
        bindings = (f"--overlay={ground.parts.packages}:{folder / 'packages'}:{PACKAGES}",)
        return Machine(ground.place, folder, lower, seed, bindings)

    def _change(self, thing: Thing, world: World) -> None:
        """The vendor shuts a machine down, moves it to its new size or gives it other cables, and starts it."""
        machine, kind = self._machines[thing.id], thing.inputs["type"]
        try:
            interfaces = tuple(_interfaces(thing, world))
        except LookupError:
            # Its network is being taken away, and so will it be.
            interfaces = machine.seed.interfaces
        if (kind, interfaces) == (self._types[thing.id], machine.seed.interfaces):
            return
        machine.power_off()
        if interfaces != machine.seed.interfaces:
            machine.rewire(interfaces)
        machine.power_on()
        self._types[thing.id] = kind

    def _end(self, identity: str) -> None:
        self._machines.pop(identity).power_off()
        del self._types[identity]
        shutil.rmtree(self._folder("machines") / identity)

    def _file(self, volume: Thing) -> Path:
        """The volume's content; it takes only as much of this computer's disk as was ever written to it."""
        path = self._folder("volumes") / f"{volume.id}.img"
        size = int(volume.inputs["size"]) * GIB
        if not path.exists() or path.stat().st_size < size:
            with path.open("ab") as file:
                file.truncate(size)
            self._ground.place.resize_loop_device(path)
        return path

    def _folder(self, name: str) -> Path:
        folder = self._ground.folder / name
        folder.mkdir(exist_ok=True)
        return folder


def _disk(volume: Thing, file: Path) -> Disk:
    return Disk(file, volume.outputs["filesystemPath"])


def _interfaces(thing: Thing, world: World) -> Iterator[Interface]:
    """The public interface comes first, as the program asks for it; raises LookupError without its network."""
    public, private = thing.outputs["ipv4s"][0], thing.outputs.get("privateIpAddress")
    shared = (f"{private}/17",) if private else ()
    yield Interface("eth0", (f"{public}/24", *shared), f"{public.rpartition('.')[0]}.1")
    for one in thing.inputs.get("linodeInterfaces") or ():
        if vpc := one.get("vpc"):
            subnet = world.get(SUBNET, _number(vpc["subnetId"]))
            if subnet is None:
                raise LookupError(vpc["subnetId"])
            length = ip_network(subnet.inputs["ipv4"]).prefixlen
            yield Interface("eth1", (f"{vpc['ipv4']['addresses'][0]['address']}/{length}",))
    for one in thing.inputs.get("interfaces") or ():
        if one["purpose"] == "vlan":
            yield Interface("eth1", (one["ipamAddress"],))


def _number(value: Any) -> str:
    """Ids come as numbers with and without a fraction."""
    return "" if value is None else str(int(value))
