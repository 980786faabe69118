"""The stand-in of Mastodon's image and what it reaches beyond its stores: a pooler, a mail relay.

Its uploads are in tests/machines/services: the S3 server is among what machines are made from.
"""

import json

import pytest

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from tests.parsers.cases import Place
from tests.parsers.checks import postgres
from tests.parsers.checks.services import background
from tests.parsers.stage import STAND_INS
from tests.parsers.stand_in import HOME, OWNER, standing
from tests.parsers.wiring import Authority

POOLED = Place("placed", "back-1")


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
