"""What a web node tells of itself, and what the prober makes of the answers it gets."""

import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from tests.parsers.cases import Place
from tests.parsers.checks.services import background, service_of
from tests.parsers.machine import Machine
from tests.parsers.stage import STAND_INS, start
from tests.parsers.tree import lay_out
from tests.parsers.wiring import Authority

WEB, WATCHER = Place("large", "web-1"), Place("medium", "monitoring-1")
LIBRARY, NUMBERS = "/usr/local/lib/mastodon-infra", "/var/lib/prometheus/node-exporter"
SHOWN = "/var/lib/mastodon-infra/tls/site.crt"
BLACKBOX = "/etc/prometheus/blackbox.yml"


@pytest.fixture
def node(root_folder):
    with Machine(root_folder, bindings={"stand_ins": STAND_INS}) as machine:
        yield lay_out(machine, WEB)


@pytest.fixture
def watcher(root_folder):
    with Machine(root_folder, bindings={"stand_ins": STAND_INS}) as machine:
        yield lay_out(machine, WATCHER)


def told(tree, name):
    """The values of a metric by what stands in its braces."""
    said = tree.machine.must(f"cat {NUMBERS}/*.prom")
    return dict(re.findall(rf"^mastodon_infra_{name}({{.*}})? (\d+)$", said, re.MULTILINE))


def test_a_web_node_tells_whether_its_own_puma_is_well(node):
    def is_well(seconds):
        node.machine.run(f"rm -f {NUMBERS}/*; timeout {seconds} {LIBRARY}/web-metrics")
        return told(node, "web_answers")[""] == "1"

    assert not is_well(seconds=2)
    hangs = "import socket, time; one = socket.create_server(('127.0.0.1', 3000)); time.sleep(60)"
    with background(node, ["python3", "-c", hangs], ports={3000}):
        assert not is_well(seconds=12), "it takes the connection, and says nothing"
    start(node.machine, "mastodon", "3000")
    assert is_well(seconds=2)


def test_a_web_node_tells_when_the_certificate_ends_that_it_shows(node):
    path = f'{{path="{SHOWN}"}}'
    node.machine.must([f"{LIBRARY}/machine-metrics"])
    assert path not in told(node, "certificate_not_after_timestamp_seconds")
    assert told(node, "certificate_is_placeholder") == {}

    node.machine.must(f"{LIBRARY}/before-nginx; {LIBRARY}/machine-metrics")
    assert told(node, "certificate_is_placeholder") == {"": "1"}

    node.machine.put(SHOWN, Authority("public").issue("social.example")[0])
    node.machine.must([f"{LIBRARY}/machine-metrics"])
    assert told(node, "certificate_is_placeholder") == {"": "0"}
    end = node.machine.must(f'date --date="$(openssl x509 -in {SHOWN} -noout -enddate | cut -d = -f 2)" +%s')
    assert told(node, "certificate_not_after_timestamp_seconds")[path] == end


def test_a_certificate_that_nginx_shows_no_longer_is_nobodys_trouble(node):
    node.machine.must(
        f"{LIBRARY}/before-nginx; sed -i s,{SHOWN},/etc/mastodon-infra/tls/site.crt, /etc/nginx/nginx.conf"
    )
    node.machine.must([f"{LIBRARY}/machine-metrics"])
    assert SHOWN not in "".join(told(node, "certificate_not_after_timestamp_seconds"))
    assert told(node, "certificate_is_placeholder") == {}


@contextmanager
def prober(tree, *, without_tls):
    """The prober with its own settings; ``without_tls`` it takes answers in the clear."""
    file = tree.bundle.file(BLACKBOX)
    if without_tls:
        tree.write([replace(file, content=file.content.replace("fail_if_not_ssl: true", "fail_if_not_ssl: false"))])

    def succeeds(module, path):
        asked = f"module={module}&target=http://127.0.0.1:3000{path}"
        said = tree.machine.must(["curl", "--silent", f"http://127.0.0.1:9115/probe?{asked}"])
        return "probe_success 1" in said.splitlines()

    with service_of(tree, "/etc/default/prometheus-blackbox-exporter"):
        yield succeeds


def test_a_page_in_place_of_activitypub_is_a_failure_with_status_200(watcher):
    start(watcher.machine, "mastodon", "3000")
    with prober(watcher, without_tls=True) as succeeds:
        assert succeeds("actor", "/@admin"), "it asks as another server would"
        assert not succeeds("actor", "/packs/page")
        assert not succeeds("actor", "/api/v2/instance"), "JSON is not ActivityPub"
        assert succeeds("webfinger", "/.well-known/webfinger?resource=acct:admin@social.example")
        assert not succeeds("webfinger", "/packs/page")
    watcher.write([watcher.bundle.file(BLACKBOX)])
    with prober(watcher, without_tls=False) as succeeds:
        assert not succeeds("actor", "/@admin"), "in the clear it counts for nothing"
