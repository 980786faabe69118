"""A whole instance on this computer: its machines, and the parts of the internet that they ask for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from mastodon_infra.plan.types import InstancePlan, NodePlan
from mastodon_infra.rehearsal.machines.authority import Authority
from mastodon_infra.rehearsal.machines.bed import PACKAGES, Parts, write_layer
from mastodon_infra.rehearsal.machines.image import build_image
from mastodon_infra.rehearsal.machines.machine import Disk, Machine, Seed
from mastodon_infra.rehearsal.machines.place import GATEWAY, PUBLIC, Place
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import BundleUnit
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring

STORE, REGISTRY = f"{PUBLIC}.2", f"{PUBLIC}.3"
FIRST_PUBLIC = 11
REGISTRY_NAME = "ghcr.io"
INTERNET = Path(__file__).parent / "stand_in/internet.py"
VOLUME_BYTES = 3 << 30
PUBLISHED_CHAIN = "/var/lib/mastodon-infra/published/chain.pem"
CERTIFICATE_UNIT = "mastodon-certificate.service"


class Rehearsal:
    """An instance whose machines run. Leaving the context ends them; what they wrote stays in the folder."""

    def __init__(self, plan: InstancePlan, wiring: Wiring, *, parts: Parts, folder: Path) -> None:
        """Boot every machine of the plan at once."""
        self.plan = plan
        self._wiring = wiring
        self._parts = parts
        self._folder = folder
        self._authority = Authority()
        self._ending = ExitStack()
        self.machines: dict[str, Machine] = {}
        try:
            self._begin()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it."""
        self._ending.close()

    @property
    def store(self) -> Path:
        """The folder whose folders are the buckets."""
        return self._folder / "buckets"

    def public_address(self, node: str) -> str:
        """The address of a node on the rehearsal's public network."""
        return f"{PUBLIC}.{FIRST_PUBLIC + [one.name for one in self.plan.nodes].index(node)}"

    def planned_units(self, node: str) -> tuple[BundleUnit, ...]:
        """What the node's bundle says about units."""
        return bundle(self.plan, self.plan.node(node), self._wiring).units

    def certify(self, node: str) -> None:
        """Be the public authority: sign the node's request, and let its own unit take the chain."""
        machine = self.machines[node]
        machine.push(PUBLISHED_CHAIN, self._authority.sign(self._wiring.site_certificate_request))
        machine.must("systemctl", "restart", CERTIFICATE_UNIT)

    def reboot_all(self) -> None:
        """Every machine at once."""
        for machine in self.machines.values():
            machine.ask_to_reboot()
        for machine in self.machines.values():
            machine.wait_for_boot()

    def _begin(self) -> None:
        write_layer(self._folder / "layer", self._parts, self._authority.certificate)
        private_prefix = self.plan.network.cidr.partition("/")[2]
        addresses = (f"{GATEWAY}/24", f"{STORE}/32", f"{REGISTRY}/32")
        self._place = self._ending.enter_context(Place(*addresses))
        self._start_store()
        self._start_internet()
        for node in self.plan.nodes:
            self.machines[node.name] = self._machine(node, private_prefix)

    def _start_store(self) -> None:
        endpoint = self.plan.backups.endpoint
        certificate, key = self._authority.issue(self._folder, endpoint, f"*.{endpoint}")
        for bucket in {self.plan.backups.bucket, self.plan.media.bucket}:
            (self.store / bucket).mkdir(parents=True)
        secrets = {
            "ROOT_ACCESS_KEY_ID": self._wiring.backup_access_key_id,
            "ROOT_SECRET_ACCESS_KEY": self._wiring.backup_secret_access_key,
        }
        options = {
            "--port": f"{STORE}:443",
            "--cert": str(certificate),
            "--key": str(key),
            "--region": self.plan.backups.region,
            "--virtual-domain": endpoint,
        }
        words = [word for option in options.items() for word in option]
        environment = {"PATH": os.environ["PATH"], **secrets}
        log = self._folder / "store.log"
        self._place.start(str(self._parts.store), *words, "posix", str(self.store), log=log, environment=environment)

    def _start_internet(self) -> None:
        certificate, key = self._authority.issue(self._folder, REGISTRY_NAME)
        blobs = self._folder / "blobs"
        manifest = build_image(self._parts.image_system, blobs)
        mastodon, endpoint, site = self.plan.mastodon, self.plan.backups.endpoint, self.plan.spec.domain
        front = self.public_address(next(node.name for node in self.plan.nodes if node.web is not None))
        settings = {
            "address": GATEWAY,
            "names": {
                REGISTRY_NAME: REGISTRY,
                endpoint: STORE,
                f".{endpoint}": STORE,
                site: front,
                f".{site}": front,
            },
            "registry": {
                "address": REGISTRY,
                "certificate": str(certificate),
                "key": str(key),
                "folder": str(blobs),
            },
            "images": {
                image.removeprefix(f"{REGISTRY_NAME}/"): manifest
                for image in (mastodon.web_image, mastodon.streaming_image)
            },
        }
        log = self._folder / "internet.log"
        process = self._place.start(sys.executable, str(INTERNET), log=log, stdin=subprocess.PIPE)
        assert process.stdin is not None
        json.dump(settings, process.stdin)
        process.stdin.close()
        wait_until(lambda: "ready" in log.read_text(encoding="utf-8"), seconds=20, what="names and the registry")

    def _machine(self, node: NodePlan, private_prefix: str) -> Machine:
        given = user_data(self.plan, node, self._wiring)
        if given.payload is not None:
            path = self.store / given.payload.bucket / given.payload.key
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(given.payload.content)
        addresses = (f"{self.public_address(node.name)}/24", f"{node.address}/{private_prefix}")
        seed = Seed(node.name, given.gzipped, addresses, tuple(self._disks(node)))
        lower = (self._folder / "layer", self._parts.base)
        bindings = (f"--bind-ro={self._parts.packages}:{PACKAGES}",)
        return Machine(self._place, self._folder / node.name, lower, seed, bindings)

    def _disks(self, node: NodePlan) -> list[Disk]:
        disks = []
        for volume in self.plan.volumes:
            if volume.node == node.name:
                file = self._folder / f"{volume.label}.img"
                with file.open("wb") as sparse:
                    sparse.truncate(VOLUME_BYTES)
                disks.append(Disk(file, volume.device))
        return disks


def wait_until(is_so: Callable[[], object], *, seconds: int, what: str) -> None:
    """Ask until it is so; raises ``TimeoutError`` when the time is over."""
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            message = f"after {seconds} s still not: {what}"
            raise TimeoutError(message)
        time.sleep(0.5)
