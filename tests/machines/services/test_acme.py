"""The certificate authority under Let's Encrypt's name, asked by the certbot that machines have."""

import subprocess
from dataclasses import replace

import pytest
from cryptography import x509

from mastodon_infra.rehearsal.clouds.linode import DOMAIN
from mastodon_infra.rehearsal.machines.addresses import GATEWAY
from mastodon_infra.rehearsal.machines.bed import Parts
from mastodon_infra.rehearsal.machines.services.acme import Acme
from mastodon_infra.rehearsal.machines.services.names import DOMAIN_RECORD, Names
from mastodon_infra.rehearsal.machines.services.system import System
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import Node, put, standing

WEB, NOBODY = "198.18.7.11", "198.18.7.12"
INSTALL_SECONDS = 300
CERTBOT_SECONDS = 120
SERVE = """
import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("", 80), handler)
print("ready", flush=True)
server.serve_forever()
"""
INSTALL = """
set -eu
echo 'deb [trusted=yes] file:/srv/packages ./' > /etc/apt/sources.list
rm -f /etc/resolv.conf
echo "nameserver $1" > /etc/resolv.conf
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o APT::Sandbox::User=root update
apt-get -qq --yes --no-install-recommends install certbot
"""


class Bench:
    """A web server that a name leads to, and a machine's certbot that puts its proofs there."""

    def __init__(self, ground):
        self.ground = ground
        self.folder = ground.folder / "client"
        self.webroot = self.folder / "webroot"
        self.webroot.mkdir(parents=True)
        world = World(ground.folder / "cloud")
        put(world, DOMAIN, 1, {"domain": "social.example"})
        records = [("", "A", WEB), ("", "AAAA", "2001:db8::7"), ("away", "A", NOBODY)]
        for number, (name, kind, target) in enumerate(records):
            put(world, DOMAIN_RECORD, number, {"domainId": 1, "name": name, "recordType": kind, "target": target})
        Names(ground).follow(world)
        self.acme = Acme(ground)
        (self.folder / "authority.pem").write_text(ground.authority.certificate, encoding="utf-8")
        (self.folder / "root.pem").write_text(self.acme.root(), encoding="utf-8")
        Node(ground, "web", WEB).start("-c", SERVE, str(self.webroot))
        self._install()

    def _install(self):
        parts = self.folder / "parts"
        parts.mkdir()
        (parts / "outside").symlink_to(self.ground.parts.base)
        self.system = System(replace(self.ground, folder=self.folder, parts=Parts(parts)))
        packages = self.folder / "system/root/srv/packages"
        self.ground.place.run("mkdir", str(packages))
        self.ground.place.run("mount", "--bind", str(self.ground.parts.packages), str(packages))
        self._run("sh", "-c", INSTALL, "install", GATEWAY, seconds=INSTALL_SECONDS)

    def _run(self, *words, seconds):
        return self.ground.place.run(*self.system._words(*words), seconds=seconds)

    def certbot(self, name):
        """Have a certificate; raises ``OSError`` with what certbot said when there is none."""
        made = self.folder / name
        made.mkdir()
        self._run(
            *("env", f"REQUESTS_CA_BUNDLE={self.folder}/authority.pem", "certbot", "certonly", "--non-interactive"),
            *("--agree-tos", "--email", "admin@social.example", "--domain", name),
            *("--webroot", "--webroot-path", str(self.webroot), "--config-dir", str(made)),
            seconds=CERTBOT_SECONDS,
        )
        return made / "live" / name


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    with standing(parts, tmp_path_factory.mktemp("acme")) as ground:
        yield Bench(ground)


def test_certbot_gets_a_certificate_for_a_name_that_leads_here(bench):
    live = bench.certbot("social.example")
    (leaf, *_) = x509.load_pem_x509_certificates((live / "fullchain.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["social.example"]
    days = (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days
    assert 89 <= days <= 90
    trust = ("-CAfile", bench.folder / "root.pem", "-untrusted", live / "chain.pem")
    subprocess.run(["openssl", "verify", *trust, live / "cert.pem"], check=True, capture_output=True)


@pytest.mark.parametrize("name", ["away.social.example", "nobody.social.example"])
def test_names_that_do_not_lead_here_get_none(bench, name):
    with pytest.raises(OSError, match="Some challenges have failed"):
        bench.certbot(name)
