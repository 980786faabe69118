"""Cloudflare's proxies before an origin in a bare namespace: whom the origin sees, and which origins are refused."""

import json

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mastodon_infra.rehearsal.clouds.cloudflare import (
    CLOUDFLARE,
    PULL_CERTIFICATE,
    PULL_SETTINGS,
    RECORD,
    RULESET,
    SETTING,
    ZONE,
)
from mastodon_infra.rehearsal.machines.addresses import EDGE, VISITOR
from mastodon_infra.rehearsal.machines.authority import Authority
from mastodon_infra.rehearsal.machines.services.edge import Edge
from mastodon_infra.rehearsal.provider import StandIn
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import ORIGIN, Node, put, standing, wait_until

NAME, HALF, LAX, OTHER = "social.example", "half.social.example", "lax.social.example", "other.social.example"
GOOD, BAD = "198.18.7.11", "198.18.7.12"
REFUSED = "502"
FEW = 5


class Bench:
    """A zone at Cloudflare. Its names lead to an origin with the right certificate, and to one with a stranger's."""

    def __init__(self, ground):
        self.ground, self.world = ground, World(ground.folder / "cloud")
        self.cloudflare = StandIn(CLOUDFLARE, self.world)
        self.pulling = Authority()
        (ground.folder / "pulling.pem").write_text(self.pulling.certificate, encoding="utf-8")
        (ground.folder / "visitor.pem").write_text(ground.authority.certificate, encoding="utf-8")
        self._make_zone()
        self._answer("good", GOOD, *self._origin_certificate())
        self._answer("bad", BAD, *Authority().issue(ground.folder, LAX, OTHER))
        self.edge = Edge(ground)
        self.show_certificate(is_shown=True)

    def _make_zone(self):
        put(self.world, ZONE, "z", {"name": NAME})
        self._create(SETTING, zoneId="z", settingId="ssl", value="strict")
        for name, origin in ((NAME, GOOD), (HALF, GOOD), (LAX, BAD), (OTHER, BAD)):
            self._create(RECORD, zoneId="z", name=name, type="A", content=origin, ttl=1, proxied=True)
        redirect = {"expression": f'(not ssl and http.host in {{"{HALF}"}})', "action": "redirect"}
        lax = {"expression": f'http.host in {{"{LAX}"}}', "action": "set_config", "actionParameters": {"ssl": "full"}}
        for phase, rule in (("http_request_dynamic_redirect", redirect), ("http_config_settings", lax)):
            self._create(RULESET, zoneId="z", kind="zone", name="r", phase=phase, rules=[rule])
        certificate, key = self.pulling.issue(self.ground.folder, "pull")
        pair = {"certificate": certificate.read_text(), "privateKey": key.read_text()}
        self._create(PULL_CERTIFICATE, zoneId="z", **pair)

    def _answer(self, name, address, certificate, key):
        clients = str(self.ground.folder / "pulling.pem")
        Node(self.ground, name, address).start(ORIGIN, str(certificate), str(key), clients)

    def show_certificate(self, *, is_shown):
        """Have the proxies show the certificate that origins ask for, or none."""
        put(self.world, PULL_SETTINGS, "z", {"zoneId": "z", "enabled": is_shown})
        self.edge.follow(self.world)
        wanted = {"200" if is_shown else REFUSED}
        # Of the old and the new processes, either may answer for a moment.
        wait_until(lambda: {self.status(f"https://{NAME}/") for _ in range(FEW)} == wanted, what=f"only {wanted}")

    def _create(self, token, **inputs):
        return self.cloudflare.create(token, inputs, is_preview=False)

    def _origin_certificate(self):
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        pem, clear = serialization.Encoding.PEM, serialization.NoEncryption()
        _, made, _ = self._create(
            "cloudflare:index/originCaCertificate:OriginCaCertificate",
            csr=request.public_bytes(pem).decode(),
            hostnames=[NAME],
            requestType="origin-ecc",
        )
        paths = [self.ground.folder / f"origin.{end}" for end in ("crt", "key")]
        paths[0].write_text(made["certificate"], encoding="utf-8")
        paths[1].write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, clear))
        return paths

    def curl(self, url, *words):
        """What curl writes for an address, asked as a visitor."""
        name = url.partition("://")[2].partition("/")[0]
        options = ("--silent", "--show-error", "--max-time", "10", "--interface", VISITOR, "--noproxy", "*")
        leads = ("--resolve", f"{name}:443:{EDGE}", "--resolve", f"{name}:80:{EDGE}")
        trust = ("--cacert", str(self.ground.folder / "visitor.pem"))
        return self.ground.place.run("curl", *options, *leads, *trust, *words, url)

    def status(self, url):
        """The status of an answer, or ``none``."""
        try:
            return self.curl(url, "--output", "/dev/null", "--write-out", "%{http_code}")
        except OSError:
            return "none"


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    with standing(parts, tmp_path_factory.mktemp("edge")) as ground:
        yield Bench(ground)


def test_the_origin_sees_the_visitor_whatever_the_visitor_says(bench):
    told = json.loads(bench.curl(f"https://{NAME}/", "--header", "CF-Connecting-IP: 192.0.2.1"))
    assert (told["cf-connecting-ip"], told["x-forwarded-for"], told["seen"]) == (VISITOR, VISITOR, EDGE)
    assert (told["host"], told["x-forwarded-proto"]) == (NAME, "https")


def test_ranges_and_web_sockets_pass(bench):
    assert bench.curl(f"https://{NAME}/range", "--range", "2-4") == "234"
    upgrade = ("--http1.1", "--header", "Connection: Upgrade", "--header", "Upgrade: websocket", "--data", "echo\n")
    assert "echo" in bench.curl(f"https://{NAME}/", "--include", "--request", "GET", *upgrade)


def test_visitors_without_tls_are_led_to_it_where_a_rule_says_so(bench):
    assert bench.status(f"http://{HALF}/path") == "301"
    assert bench.status(f"http://{NAME}/path") == REFUSED


def test_strangers_names_get_no_certificate(bench):
    with pytest.raises(OSError, match="curl: status 35"):
        bench.curl("https://stranger.example/")


def test_an_origin_whose_certificate_is_for_another_name_is_refused(bench):
    assert bench.status(f"https://{HALF}/") == REFUSED


def test_an_origin_with_a_strangers_certificate_is_refused_unless_a_rule_is_lax(bench):
    assert bench.status(f"https://{OTHER}/") == REFUSED
    assert bench.status(f"https://{LAX}/") == "200"


def test_without_the_zones_own_certificate_the_origin_turns_the_proxies_away(bench):
    bench.show_certificate(is_shown=False)
    bench.show_certificate(is_shown=True)
