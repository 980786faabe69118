"""The resolver: every record of both vendors' zones, names of vendors, and nothing for names that nobody made."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mastodon_infra.rehearsal.clouds import amazon
from mastodon_infra.rehearsal.clouds.linode import BUCKET, DOMAIN
from mastodon_infra.rehearsal.machines.addresses import ACME, EDGE, GATEWAY, REGISTRY, RELAY
from mastodon_infra.rehearsal.machines.ground import Given
from mastodon_infra.rehearsal.machines.services.buckets import address_of
from mastodon_infra.rehearsal.machines.services.names import ACME_HOST, CLOUDFLARE_RECORD, DOMAIN_RECORD, Names
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import put, standing, wait_until

RESOLVING = str(Path(__file__).with_name("resolving.py"))
GIVEN = Given(images=("registry.example/mastodon/mastodon:v1",), mail_host="smtp.relay.example", mail_ports=(2525,))
ENDPOINT = "au-mel-1.linodeobjects.com"
WEB = "198.18.7.11"
DKIM = "v=DKIM1; k=rsa; p=" + "A" * 392
UNKNOWN: tuple[str, list[str]] = ("unknown", [])

AT_LINODE: tuple[dict[str, Any], ...] = (
    {"recordType": "A", "target": WEB},
    {"recordType": "AAAA", "target": "2001:db8::7"},
    {"recordType": "A", "name": "files", "target": WEB},
    {"recordType": "A", "name": "files", "target": "198.18.7.12"},
    {"recordType": "CAA", "tag": "issue", "target": "letsencrypt.org"},
    {"recordType": "MX", "target": "mx.relay.example", "priority": 10.0},
    {"recordType": "TXT", "target": "v=spf1 include:relay.example -all"},
    {"recordType": "TXT", "name": "_dmarc", "target": "v=DMARC1; p=quarantine, or not"},
    {"recordType": "TXT", "name": "sel._domainkey", "target": DKIM},
    {"recordType": "CNAME", "name": "www", "target": "social.example"},
    {"recordType": "CNAME", "name": "far._domainkey", "target": "far.dkim.amazonses.example"},
)
AT_CLOUDFLARE: tuple[dict[str, Any], ...] = (
    {"name": "cloud.example", "type": "A", "content": WEB, "proxied": True},
    {"name": "cloud.example", "type": "AAAA", "content": "2001:db8::7", "proxied": True},
    {"name": "web.cloud.example", "type": "CNAME", "content": "cloud.example", "proxied": True},
    {"name": "bare.cloud.example", "type": "A", "content": WEB, "proxied": False},
    {"name": "cloud.example", "type": "CAA", "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org"}},
    {"name": "cloud.example", "type": "TXT", "content": '"v=spf1 -all"'},
)


class Bench:
    """A zone at each vendor, buckets, and a stack with a relay."""

    def __init__(self, ground):
        self.ground, self.world = ground, World(ground.folder / "cloud")
        put(self.world, DOMAIN, 1, {"domain": "social.example"})
        for number, record in enumerate(AT_LINODE):
            put(self.world, DOMAIN_RECORD, number, {"domainId": 1.0, **record})
        for number, record in enumerate(AT_CLOUDFLARE):
            put(self.world, CLOUDFLARE_RECORD, number, record)
        put(self.world, BUCKET, "b", {"label": "b", "region": "au-mel"}, s3Endpoint=ENDPOINT)
        names = ("s3.eu-central-1.amazonaws.com", "eu-central-1")
        put(self.world, amazon.BUCKET, "a", {"bucket": "a"}, endpoint=names[0], region=names[1])
        self.names = Names(ground)
        self.names.follow(self.world)
        wait_until(self._answers, what="the resolver answers")

    def _answers(self):
        try:
            return self.ask(ACME_HOST)
        except OSError:
            return False

    def ask(self, name, kind="A"):
        """Status, and the contents of records of all types in the order of the alphabet."""
        said = self.ground.place.run(sys.executable, RESOLVING, GATEWAY, name, kind)
        status, records = json.loads(said)
        return status, sorted(content for _, content in records)


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    with standing(parts, tmp_path_factory.mktemp("names"), GIVEN) as ground:
        yield Bench(ground)


@pytest.mark.parametrize(
    ("name", "kind", "contents"),
    [
        ("social.example", "A", [WEB]),
        ("social.example", "AAAA", ["2001:db8::7"]),
        ("files.social.example", "A", [WEB, "198.18.7.12"]),
        ("social.example", "CAA", ["0 issue letsencrypt.org"]),
        ("social.example", "MX", ["10 mx.relay.example"]),
        ("social.example", "TXT", ["v=spf1 include:relay.example -all"]),
        ("_dmarc.social.example", "TXT", ["v=DMARC1; p=quarantine, or not"]),
        ("sel._domainkey.social.example", "TXT", [DKIM]),
        ("www.social.example", "A", [WEB, "social.example"]),
        ("far._domainkey.social.example", "CNAME", ["far.dkim.amazonses.example"]),
        ("bare.cloud.example", "A", [WEB]),
        ("cloud.example", "CAA", ["0 issue letsencrypt.org"]),
        ("cloud.example", "TXT", ["v=spf1 -all"]),
    ],
)
def test_zones_are_answered_as_they_were_written(bench, name, kind, contents):
    assert bench.ask(name, kind) == ("found", contents)


@pytest.mark.parametrize("name", ["cloud.example", "web.cloud.example"])
def test_what_cloudflare_proxies_leads_to_cloudflare_alone(bench, name):
    assert bench.ask(name) == ("found", [EDGE])
    assert bench.ask(name, "AAAA") == ("found", [])


@pytest.mark.parametrize(
    ("name", "address"),
    [
        (ACME_HOST, ACME),
        ("registry.example", REGISTRY),
        ("smtp.relay.example", RELAY),
        (ENDPOINT, address_of(ENDPOINT)),
        (f"b.{ENDPOINT}", address_of(ENDPOINT)),
        ("a.s3.eu-central-1.amazonaws.com", address_of("s3.eu-central-1.amazonaws.com")),
    ],
)
def test_vendors_are_found(bench, name, address):
    assert bench.ask(name) == ("found", [address])
    assert bench.ask(name, "AAAA") == ("found", [])


@pytest.mark.parametrize("name", ["nobody.example", "nobody.social.example", "s3.amazonaws.com", "localhost.test"])
def test_what_nobody_made_is_unknown(bench, name):
    assert bench.ask(name) == UNKNOWN


def test_a_record_comes_and_goes_with_the_world(bench):
    number = len(AT_LINODE)
    put(bench.world, DOMAIN_RECORD, number, {"domainId": 1, "recordType": "A", "name": "later", "target": WEB})
    bench.names.follow(bench.world)
    wait_until(lambda: bench._answers() and bench.ask("later.social.example") == ("found", [WEB]), what="the new name")
    bench.world.remove(DOMAIN_RECORD, str(number))
    bench.names.follow(bench.world)
    wait_until(lambda: bench._answers() and bench.ask("later.social.example") == UNKNOWN, what="the name is gone")
