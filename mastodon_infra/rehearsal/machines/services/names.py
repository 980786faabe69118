"""Names as the world answers them: dnsmasq with every record of the zones, and the names of vendors."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator

from mastodon_infra.rehearsal.machines.addresses import ACME, EDGE, GATEWAY, LINODE_API, REGISTRY, RELAY
from mastodon_infra.rehearsal.machines.ground import Ground
from mastodon_infra.rehearsal.machines.services.buckets import address_of, buckets
from mastodon_infra.rehearsal.machines.services.linode_api import HOST as LINODE_HOST
from mastodon_infra.rehearsal.machines.services.system import System
from mastodon_infra.rehearsal.world import World

DOMAIN, DOMAIN_RECORD = "linode:index/domain:Domain", "linode:index/domainRecord:DomainRecord"
CLOUDFLARE_RECORD = "cloudflare:index/dnsRecord:DnsRecord"
ACME_HOST = "acme-v02.api.letsencrypt.org"


class Names:
    """The resolver of the rehearsal. Whoever asks for a name that nobody made is told that there is none."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._system = System(ground)
        self._file = ground.folder / "names.conf"
        self._said = ""
        self._process: subprocess.Popen[str] | None = None

    def follow(self, world: World) -> None:
        """Answer what the zones hold by now."""
        said = "\n".join([*_settings(), *self._vendors(world), *_records(world), ""])
        if said == self._said:
            return
        self._file.write_text(said, encoding="utf-8")
        if self._process is not None:
            self._ground.place.end(self._process)
        log = self._file.with_suffix(".log")
        self._process = self._system.start("dnsmasq", "--keep-in-foreground", f"--conf-file={self._file}", log=log)
        self._said = said

    def _vendors(self, world: World) -> Iterator[str]:
        given = self._ground.given
        fixed = {image.partition("/")[0]: REGISTRY for image in given.images}
        fixed |= {ACME_HOST: ACME, LINODE_HOST: LINODE_API}
        if given.mail_host:
            fixed[given.mail_host] = RELAY
        for name, address in sorted(fixed.items()):
            yield f"host-record={name},{address}"
        # A bucket may stand before the endpoint, or behind it in the path. No wildcards: dnsmasq would say of a name
        # with an address that it does not exist, to whoever asks for its IPv6 address.
        hosts = {(name, bucket.endpoint) for bucket in buckets(world) for name in bucket.hosts}
        for name, endpoint in sorted(hosts):
            yield f"host-record={name},{address_of(endpoint)}"


def _settings() -> Iterable[str]:
    return (
        *("no-resolv", "no-hosts", "bind-interfaces", "log-facility=-", "user=root"),
        *(f"listen-address={GATEWAY}", "local=/#/", "local-ttl=5"),
    )


def _records(world: World) -> Iterator[str]:
    zones = {domain.id: domain.inputs["domain"] for domain in world.all(DOMAIN)}
    for record in world.all(DOMAIN_RECORD):
        told = record.inputs
        zone = zones[str(int(told["domainId"]))]
        name = f"{told['name']}.{zone}" if told.get("name") else zone
        caa = (0, told.get("tag", ""), told["target"])
        yield _line(told["recordType"], name, told["target"], priority=told.get("priority"), caa=caa)
    for record in world.all(CLOUDFLARE_RECORD):
        told = record.inputs
        kind, content = told["type"], told.get("content", "")
        if told.get("proxied"):
            # Cloudflare answers with addresses of its own.
            if kind in {"A", "AAAA", "CNAME"}:
                yield _line("A", told["name"], EDGE)
            continue
        data = told.get("data") or {}
        caa = (int(data.get("flags") or 0), data.get("tag", ""), data.get("value", ""))
        yield _line(kind, told["name"], content, priority=told.get("priority"), caa=caa)


def _line(
    kind: str, name: str, content: str, *, priority: object = None, caa: tuple[int, str, str] = (0, "", "")
) -> str:
    """A record in dnsmasq's words."""
    name, content = name.rstrip("."), content.rstrip(".")
    match kind:
        case "A" | "AAAA":
            return f"host-record={name},{content}"
        case "CNAME":
            return f"cname={name},{content}"
        case "MX":
            return f"mx-host={name},{content},{int(str(priority or 10).partition('.')[0])}"
        case "TXT":
            parts = [content[start : start + 250] for start in range(0, len(content), 250)]
            return f"txt-record={name}," + ",".join(f'"{part}"' for part in parts)
        case "CAA":
            flags, tag, value = caa
            return f"caa-record={name},{flags},{tag},{value}"
        case _:
            return f"# {kind} {name}: dnsmasq has no such record"
