"""What becomes of machines and volumes when the world changes; the machines themselves are played."""

import base64
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from mastodon_infra.rehearsal.clouds.linode_rules import INSTANCE, SUBNET, VOLUME
from mastodon_infra.rehearsal.machines import compute
from mastodon_infra.rehearsal.machines.bed import Parts
from mastodon_infra.rehearsal.machines.compute import GIB, Compute
from mastodon_infra.rehearsal.machines.machine import Disk, Interface, Machine, Seed
from mastodon_infra.rehearsal.world import Thing, World


class Played:
    """A machine that remembers what was done with it."""

    def __init__(self, _place, folder, _lower, seed, _bindings):
        self.seed, self.folder, self.done, self.disks = seed, folder, ["on"], None
        folder.mkdir(parents=True, exist_ok=True)

    def power_on(self):
        self.done.append("on")

    def power_off(self):
        self.done.append("off")

    def rewire(self, interfaces):
        self.seed = replace(self.seed, interfaces=interfaces)
        self.done.append("wired")

    def tend(self, disks):
        self.disks = disks


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "cloud")


@pytest.fixture
def centre(tmp_path, monkeypatch):
    monkeypatch.setattr(compute, "Machine", Played)
    place = SimpleNamespace(resize_loop_device=lambda _: None)
    ground: Any = SimpleNamespace(folder=tmp_path, parts=Parts(tmp_path / "parts"), place=place)
    return Compute(ground)


def instance(world, identity="5", kind="g6-standard-2", private="", **inputs):
    told = {"label": f"web-{identity}", "type": kind, "metadatas": [{"userData": base64.b64encode(b"#!").decode()}]}
    outputs = {"ipv4s": ["198.18.0.9"]} | ({"privateIpAddress": private} if private else {})
    world.put(Thing(INSTANCE, identity, told | inputs, outputs))


def volume(world, size=10, on=5.0):
    told = {"label": "data", "size": size, "linodeId": on}
    world.put(Thing(VOLUME, "8", told, {"filesystemPath": "/dev/disk/by-id/data"}))


def test_an_instance_boots_with_its_user_data(centre, world):
    instance(world)
    centre.follow(world)
    seed = centre.machines["web-5"].seed
    assert (seed.key, seed.user_data) == ("5", b"#!")
    assert seed.interfaces == (Interface("eth0", ("198.18.0.9/24",), "198.18.0.1"),)


def test_the_second_interface_is_in_the_vpc_or_on_the_vlan(centre, world):
    world.put(Thing(SUBNET, "7", {"ipv4": "10.1.0.0/24"}, {}))
    vpc = {"subnetId": 7.0, "ipv4": {"addresses": [{"address": "10.1.0.5"}]}}
    instance(world, "1", linodeInterfaces=[{"public": {}}, {"vpc": vpc}])
    instance(world, "2", interfaces=[{"purpose": "public"}, {"purpose": "vlan", "ipamAddress": "10.2.0.5/16"}])
    centre.follow(world)
    seconds = {name: machine.seed.interfaces[1] for name, machine in centre.machines.items()}
    assert seconds == {"web-1": Interface("eth1", ("10.1.0.5/24",)), "web-2": Interface("eth1", ("10.2.0.5/16",))}


def test_nothing_happens_while_nothing_changes(centre, world):
    instance(world)
    for _ in range(3):
        centre.follow(world)
    assert centre.machines["web-5"].done == ["on"]


def test_another_type_is_a_boot_from_the_same_disk(centre, world):
    instance(world)
    centre.follow(world)
    instance(world, kind="g6-standard-4")
    centre.follow(world)
    assert centre.machines["web-5"].done == ["on", "off", "on"]


def test_another_address_is_a_boot_with_other_cables(centre, world):
    instance(world)
    centre.follow(world)
    instance(world, private="192.168.130.7")
    for _ in range(2):
        centre.follow(world)
    machine = centre.machines["web-5"]
    assert machine.done == ["on", "off", "wired", "on"]
    assert machine.seed.interfaces == (Interface("eth0", ("198.18.0.9/24", "192.168.130.7/17"), "198.18.0.1"),)


def test_a_network_that_goes_before_its_machine_is_no_other_address(centre, world):
    world.put(Thing(SUBNET, "7", {"ipv4": "10.1.0.0/24"}, {}))
    vpc = {"subnetId": 7.0, "ipv4": {"addresses": [{"address": "10.1.0.5"}]}}
    instance(world, linodeInterfaces=[{"public": {}}, {"vpc": vpc}])
    centre.follow(world)
    world.remove(SUBNET, "7")
    centre.follow(world)
    assert centre.machines["web-5"].done == ["on"]


def test_other_cables_are_known_to_the_seed_and_to_the_machines_own_network(tmp_path):
    place: Any = SimpleNamespace(start=lambda *_, **__: None)
    before = Seed("5", "web-5", b"#!", (Interface("eth0", ("198.18.0.9/24",), "198.18.0.1"),))
    (tmp_path / "machines/5").mkdir(parents=True)
    machine = Machine(place, tmp_path / "machines/5", (), before, ())
    machine.rewire((*before.interfaces, Interface("eth1", ("10.1.0.5/24",))))

    upper = tmp_path / "machines/5/upper"
    seed = json.loads((upper / "var/lib/cloud/seed/nocloud/network-config").read_text())
    assert seed["ethernets"]["eth1"]["addresses"] == ["10.1.0.5/24"]
    networks = {path.name: path.read_text() for path in (upper / "etc/systemd/network").iterdir()}
    assert networks == {
        "05-eth0.network": "[Match]\nName=eth0\n\n[Network]\nAddress=198.18.0.9/24\nGateway=198.18.0.1\n",
        "05-eth1.network": "[Match]\nName=eth1\n\n[Network]\nAddress=10.1.0.5/24\n",
    }


def test_a_machine_that_is_gone_takes_its_disk_with_it(centre, world):
    instance(world)
    centre.follow(world)
    machine = centre.machines["web-5"]
    world.remove(INSTANCE, "5")
    centre.follow(world)
    assert centre.machines == {}
    assert (machine.done, machine.folder.exists()) == (["on", "off"], False)


def test_a_volume_outlives_its_machine_and_grows(centre, world, tmp_path):
    instance(world)
    volume(world)
    centre.follow(world)
    file = tmp_path / "volumes/8.img"
    assert centre.machines["web-5"].disks == [Disk(file, "/dev/disk/by-id/data")]
    assert (file.stat().st_size, file.stat().st_blocks) == (10 * GIB, 0)

    with file.open("r+b") as opened:
        opened.write(b"kept")
    world.remove(INSTANCE, "5")
    instance(world, "6")
    volume(world, size=20, on=6.0)
    centre.follow(world)
    assert centre.machines["web-6"].disks == [Disk(file, "/dev/disk/by-id/data")]
    assert file.stat().st_size == 20 * GIB
    with file.open("rb") as opened:
        assert opened.read(4) == b"kept"

    world.remove(VOLUME, "8")
    centre.follow(world)
    assert (centre.machines["web-6"].disks, file.exists()) == ([], False)


def test_what_is_held_back_comes_when_it_is_let_go(centre, world):
    centre.hold_back("web-5")
    centre.hold_back("data")
    instance(world)
    volume(world)
    centre.follow(world)
    assert centre.machines == {}
    centre.let_go("web-5")
    centre.follow(world)
    assert centre.machines["web-5"].disks == []
    centre.let_go("data")
    centre.follow(world)
    assert len(centre.machines["web-5"].disks) == 1
