"""The stand-in of Mastodon's image and what it reaches beyond its stores: a pooler, an object store, a mail relay."""

import json
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from tests.parsers.cases import Place
from tests.parsers.checks import postgres
from tests.parsers.checks.services import background
from tests.parsers.root import ENVIRONMENT
from tests.parsers.stage import STAND_INS
from tests.parsers.stand_in import HOME, OWNER, WEB, standing
from tests.parsers.wiring import Authority

POOLED = Place("placed", "back-1")
STORE_PORT = 7070


@pytest.fixture
def image(machine_tree):
    with standing(machine_tree(HOME)) as image:
        image.must("tasks", "bundle exec rails db:prepare")
        image.must("tasks", OWNER)
        yield image


def lend_tasks(image):
    """This node is not the leader, whose tasks go straight to the server as another role."""
    postgres.come_as_leader(image.tree, wanted=True)
    login = {"DB_HOST": image.tree.node.address, "DB_PORT": "5432", "DB_USER": "mastodon_admin",
             "DB_PASS": image.tree.wiring.postgres_admin_password, "DB_SSLMODE": "require"}  # fmt: skip
    shared = {name: value for name, value in image.environment("sidekiq").items() if rules.TASKS in readers(name)}
    image.machine.put(
        "/etc/mastodon/tasks.env", "".join(f"{name}={value}\n" for name, value in (shared | login).items())
    )


def readers(name):
    return () if name in rules.BAKED else rules.READERS[name]


def test_behind_a_pooler_nothing_is_prepared_and_no_task_runs(machine_tree):
    tree = machine_tree(POOLED)
    with standing(tree) as image:
        lend_tasks(image)
        image.must("tasks", "bundle exec rails db:prepare")
        with background(tree, ["pgbouncer", "/etc/pgbouncer/pgbouncer.ini"], user="postgres", ports={6432}):
            image.changes = {"MASTODON_PROMETHEUS_EXPORTER_ENABLED": None}
            with image.running("sidekiq", "bundle exec sidekiq -c 3 -q pull") as log:
                job = {"class": "StandIn::Numbered", "queue": "pull", "jid": "1"}
                for number in range(20):
                    image.redis("LPUSH", "queue:pull", json.dumps(job | {"args": [number, 0]}))
                image.soon("all are worked", lambda: image.sql("SELECT count(*) FROM stand_in_jobs") == ["20"])
            assert "prepared statements off" in log()
            image.changes["PREPARED_STATEMENTS"] = None
            refused = image.run("sidekiq", "bundle exec sidekiq -c 3 -q pull")
            assert "PREPARED_STATEMENTS has to be false" in refused.said
            image.changes = {"DB_HOST": "127.0.0.1", "DB_PORT": "6432", "DB_SSLMODE": "disable", "DB_USER": "mastodon",
                             "DB_PASS": tree.wiring.postgres_app_password}  # fmt: skip
            refused = image.run("tasks", "bundle exec rails db:migrate")
            assert "must go straight to PostgreSQL" in refused.said


def test_straight_to_the_server_statements_are_prepared_by_default(image):
    image.changes = {"MASTODON_PROMETHEUS_EXPORTER_ENABLED": None}
    with image.running("sidekiq", "bundle exec sidekiq -c 1 -q mailers") as log:
        image.soon("it works", lambda: "prepared statements on" in log())


def test_an_upload_lies_in_the_bucket_and_anybody_may_read_it(image):
    token = image.must("tasks", "bin/tootctl stand-in token alice")
    image.machine.must("cat > /usr/local/bin/versitygw; chmod 755 /usr/local/bin/versitygw", stdin=versitygw())
    root = {"ROOT_ACCESS_KEY_ID": "upload", "ROOT_SECRET_ACCESS_KEY": "upload-secret"}
    store = f"env {' '.join(f'{name}={value}' for name, value in root.items())} versitygw --port 127.0.0.1:{STORE_PORT}"
    store += " --region au-mel posix /srv/buckets"
    image.machine.must("mkdir -p /srv/buckets; printf picture > /tmp/cat.png")
    image.changes = {"S3_ENDPOINT": f"http://127.0.0.1:{STORE_PORT}", "S3_HOSTNAME": f"127.0.0.1:{STORE_PORT}",
                     "S3_PROTOCOL": "http", "S3_ALIAS_HOST": None, "S3_RETRY_LIMIT": None,
                     "AWS_ACCESS_KEY_ID": "upload", "AWS_SECRET_ACCESS_KEY": "upload-secret"}  # fmt: skip
    bucket = image.environment("web")["S3_BUCKET"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                                      "Resource": f"arn:aws:s3:::{bucket}/*"}]}  # fmt: skip
    asked = "curl --silent --fail --user upload:upload-secret --aws-sigv4 aws:amz:au-mel:s3 --request PUT"
    place = f"http://127.0.0.1:{STORE_PORT}/{bucket}"
    with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
        upload = ("--form", "file=@/tmp/cat.png;type=image/png")
        with background(image.tree, store, ports={STORE_PORT}):
            image.machine.must(f"{asked} {place}")
            image.machine.must(f"{asked} --data-binary @- '{place}?policy='", stdin=json.dumps(policy))
            medium = json.loads(image.ask("/api/v2/media", *upload, token=token))
            assert image.machine.must(["curl", "--silent", "--fail", medium["url"]]) == "picture"
            head = image.machine.must(["curl", "--silent", "--head", medium["url"]])
            assert "public, max-age=315576000, immutable" in head
            posted = image.ask("/api/v1/statuses", "--data", f"status=x&media_ids[]={medium['id']}", token=token)
            assert json.loads(posted)["media_attachments"] == [{"id": medium["id"], "url": medium["url"]}]
        status = image.ask(
            "/api/v2/media", *upload, "--output", "/dev/null", "--write-out", "%{http_code}", token=token
        )
        assert status == "503", "without the store an upload fails cleanly"
        assert image.sql("SELECT count(*) FROM media_attachments") == ["1"]
        assert image.ask("/api/v2/instance").startswith("{"), "and pages are served"


def versitygw():
    """The S3 server of the machines' parts, where they have been made."""
    cache = Path(ENVIRONMENT.get("XDG_CACHE_HOME") or Path(ENVIRONMENT["HOME"]) / ".cache") / "mastodon-infra"
    found = sorted(cache.glob("machines-*/versitygw"))
    if not found:
        pytest.skip("no S3 server: scripts/machine-parts makes one")
    return found[-1].read_bytes()


@pytest.mark.parametrize(("password", "is_kept"), [("relay-secret", True), ("another", False)])
def test_the_owners_mail_goes_through_the_relay_by_tls_and_login(image, password, is_kept):
    authority = Authority("relay")
    certificate, key = authority.issue("localhost")
    image.machine.put("/tmp/relay.pem", certificate + key)
    image.machine.put("/tmp/authority.pem", authority.certificate)
    image.machine.put("/tmp/relay.py", (STAND_INS / "relay.py").read_text())
    image.machine.must("rm -f /tmp/kept")
    image.changes = {"MASTODON_PROMETHEUS_EXPORTER_ENABLED": None, "SMTP_DELIVERY_METHOD": None,
                     "SMTP_SERVER": "localhost", "SMTP_PORT": "2525", "SMTP_LOGIN": "social", "SMTP_PASSWORD": password,
                     "SMTP_FROM_ADDRESS": "notes@social.example", "SMTP_ENABLE_STARTTLS": "always",
                     "SMTP_CA_FILE": "/tmp/authority.pem"}  # fmt: skip
    with (
        background(
            image.tree,
            ["python3", "/tmp/relay.py", "2525", "/tmp/relay.pem", "social:relay-secret", "/tmp/kept"],
            ports={2525},
        ),
        image.running("sidekiq", "bundle exec sidekiq -c 1 -q mailers"),
    ):
        if is_kept:
            image.soon("it is kept", lambda: "To: alice@social.example" in image.machine.must("cat /tmp/kept || true"))
            image.soon("and its job done", lambda: image.sql("SELECT kind FROM stand_in_jobs"))
            assert image.redis("ZCARD", "retry") == "0"
        else:
            image.soon("it will be tried again", lambda: image.redis("ZCARD", "retry") == "1")
            assert "password" not in image.redis("ZRANGE", "retry", "0", "-1").lower()
            assert image.machine.must("cat /tmp/kept || true") == "cat: /tmp/kept: No such file or directory"
