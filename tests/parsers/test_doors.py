"""The first door for real: cloud-init reads the user data, the installer does the rest, and the tree is right."""

import hashlib

import pytest

from mastodon_infra.render.bundle_types import BundleDirectory, BundleFile
from mastodon_infra.render.installer import record_text
from mastodon_infra.render.payload import Payload
from mastodon_infra.render.user_data import user_data
from tests.parsers.cases import Place, node_of, plan_of
from tests.parsers.machine import Machine
from tests.parsers.places import bundle_of, wiring_of
from tests.parsers.wiring import Authority

PLACES = [Place("solo", "web-1"), Place("proxied", "web-1"), Place("large", "postgres-1"), Place("large", "sidekiq-1")]
INSTALLER = "/usr/local/lib/mastodon-infra/install"
SEED = "/var/lib/cloud/seed/nocloud"
EVERYTHING = 1_000_000
STAGES = (["init", "--local"], ["init"], ["modules", "--mode=config"], ["modules", "--mode=final"])

# Nothing has booted, and no mirror is there: units are enabled but not started, and the lists are those that are known.
STAND_INS = {
    "systemctl": '#!/bin/bash\nexec /usr/bin/systemctl "${@/#--now/--quiet}"\n',
    "apt-get": '#!/bin/sh\n[ "$1" = update ] || exec /usr/bin/apt-get "$@"\n',
}
# The bucket: it gives its one object to whoever signs for it.
BUCKET = """
import http.server, os, ssl, sys
key, object, certificate = sys.argv[1:]
class Bucket(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        signed = self.headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 Credential=")
        self.send_response(200 if signed and self.path == "/" + key else 403)
        content = open(object, "rb").read() if signed else b""
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
server = http.server.HTTPServer(("127.0.0.1", 443), Bucket)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate)
server.socket = context.wrap_socket(server.socket, server_side=True)
if os.fork() == 0:
    server.serve_forever()
"""


@pytest.fixture
def fresh(root_folder):
    """A machine as the cloud gives it: nothing of ours on it."""
    with Machine(root_folder) as machine:
        machine.put("/etc/resolv.conf", "nameserver 192.0.2.53\n")
        machine.put("/etc/cloud/cloud.cfg.d/99-tests.cfg", "datasource_list: [NoCloud]\nnetwork: {config: disabled}\n")
        machine.put(f"{SEED}/meta-data", "instance-id: one\n")
        for name, script in STAND_INS.items():
            machine.put(f"/usr/local/sbin/{name}", script, 0o755)
        yield machine


@pytest.mark.parametrize("route", ["inline", "payload"])
@pytest.mark.parametrize("place", PLACES, ids=str)
def test_both_routes_leave_the_tree_of_the_bundle(place, route, fresh):
    plan, node, wiring = plan_of(place.case), node_of(place), wiring_of(place.case)
    data = user_data(plan, node, wiring, ceiling=EVERYTHING)
    if route == "payload":
        data = user_data(plan, node, wiring, ceiling=len(data.gzipped) - 1)
    assert (data.payload is None) == (route == "inline")

    boot(fresh, data.text)
    environment = {}
    if data.payload:
        environment = open_bucket(fresh, data.payload, plan.backups.endpoint)
    for _ in range(2):
        fresh.must([INSTALLER], environment=environment, seconds=60)

    assert difference(fresh, place) == []
    assert fresh.must("ls /var/lib/mastodon-infra") == "applied\ninstalled"
    assert fresh.must("cat /var/lib/mastodon-infra/installed") == bundle_of(place).digest
    assert record(fresh.must("cat /var/lib/mastodon-infra/applied")) == record(record_text(bundle_of(place)))
    assert fresh.must("stat --format='%a %U' /var/lib/mastodon-infra/applied") == "600 root"
    assert fresh.must(["hostname", "--fqdn"]) == node.hostname


def record(text):
    """What was written down, but for the sum of /etc/hosts, where the tests have put the bucket."""
    return [line for line in text.splitlines() if not (line.startswith("sum ") and line.endswith(" /etc/hosts"))]


def boot(machine, text):
    """What cloud-init does at a first boot, stage by stage, without a complaint."""
    machine.put(f"{SEED}/user-data", text, 0o600)
    for stage in STAGES:
        machine.must(["cloud-init", *stage], seconds=60)
    said = machine.must("cloud-init status --long")
    assert "status: done" in said
    assert "errors: []" in said
    assert "recoverable_errors: {}" in said


def open_bucket(machine, payload, endpoint):
    """Serve the payload where curl looks for it; gives the environment in which curl trusts the server."""
    host = f"{payload.bucket}.{endpoint}"
    authority = Authority("bucket")
    machine.put("/tmp/bucket.pem", "".join(authority.issue(host)))
    machine.put("/tmp/authority.pem", authority.certificate)
    machine.must(["tee", "/tmp/object"], stdin=payload.content)
    machine.must(f"echo 127.0.0.1 {host} >> /etc/hosts")
    machine.must(f"python3 -c '{BUCKET}' {payload.key} /tmp/object /tmp/bucket.pem > /tmp/bucket.log 2>&1")
    return {"CURL_CA_BUNDLE": "/tmp/authority.pem"}


def difference(machine, place):
    """What is not as the bundle says: content, owner, group or mode of a file, owner, group or mode of a directory."""
    wanted = bundle_of(place)
    files = {file.path: file for file in wanted.files if file.path != "/etc/hosts"}
    everything: list[BundleFile | BundleDirectory] = [*files.values(), *wanted.directories]
    modes = {one.path: f"{one.mode:o} {one.owner} {one.group}" for one in everything}
    shown = lines_by_path(machine.must(["stat", "--format=%a %U %G %n", *modes]))
    sums = lines_by_path(machine.must(["sha256sum", "--zero", *files]).replace("\0", "\n").replace("  ", " "))
    contents = {path: hashlib.sha256(file.content.encode()).hexdigest() for path, file in files.items()}
    return [
        f"{path}: {found.get(path)} instead of {expected}"
        for expectations, found in ((modes, shown), (contents, sums))
        for path, expected in expectations.items()
        if found.get(path) != expected
    ]


def lines_by_path(said):
    """Lines that end in a path, by that path."""
    return {path: rest for rest, _, path in (line.rpartition(" ") for line in said.splitlines())}


def test_a_payload_that_was_tampered_with_is_refused(fresh):
    place = PLACES[0]
    plan, node, wiring = plan_of(place.case), node_of(place), wiring_of(place.case)
    data = user_data(plan, node, wiring, ceiling=len(user_data(plan, node, wiring, ceiling=EVERYTHING).gzipped) - 1)
    assert data.payload
    tampered = Payload(data.payload.bucket, data.payload.key, data.payload.sha256, data.payload.content + b"\0")
    boot(fresh, data.text)

    run = fresh.run([INSTALLER], environment=open_bucket(fresh, tampered, plan.backups.endpoint), seconds=60)

    assert not run
    assert "did NOT match" in run.said
    assert not fresh.run(["test", "-e", "/var/lib/mastodon-infra/installed"])
