"""The stand-in of Mastodon's image, as the image packs it: what it does with a node's PostgreSQL and Redis.

Machines boot with it in tests/machines; here is what it does, command by command.
"""

import json
import shlex

import pytest

from mastodon_infra.rehearsal.machines.image import migration_stamp
from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from tests.parsers.stage import STAND_INS
from tests.parsers.stand_in import HOME, NEXT, OWNER, STREAMING, VERSION, WEB, standing


@pytest.fixture
def stores(machine_tree):
    with standing(machine_tree(HOME)) as image:
        yield image


@pytest.fixture
def image(stores):
    """The same with schema, seeds and an owner."""
    stores.must("tasks", "bundle exec rails db:prepare")
    assert "New password: " in stores.must("tasks", OWNER)
    return stores


@pytest.fixture
def token(image):
    return image.must("tasks", "bin/tootctl stand-in token alice")


def test_a_first_start_leaves_what_rails_leaves(image):
    assert image.sql("SELECT version FROM schema_migrations ORDER BY 1") == [
        "20170101000000", f"{migration_stamp(VERSION)}00", f"{migration_stamp(VERSION)}01"
    ]  # fmt: skip
    assert image.sql("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'statuses'") == ["mastodon_owner"]
    owner = "SELECT name, confirmed_at IS NOT NULL, approved FROM users u JOIN user_roles r ON r.id = role_id"
    assert image.sql(owner) == ["Owner|t|t"]
    assert image.redis("LLEN", "queue:mailers") == "1", "the owner gets a mail, by a job"


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (OWNER, "account.username\n    taken"),
        (OWNER.replace("alice", "4dm1n"), "account.username\n    reserved"),
        (OWNER.replace("alice ", "bob ").replace("Owner", "owner"), "Cannot find user role with that name"),
        ("bin/tootctl accounts create bob --mail b@social.example", "unknown option --mail"),
        ("bin/tootctl accounts modify nobody --approve", "No user with such username"),
        ("bin/tootctl settings registrations none", "no such mode"),
        ("bundle exec rails db:setup", "knows no rails db:setup"),
    ],
)
def test_tasks_refuse_what_mastodon_would_refuse(image, command, complaint):
    done = image.run("tasks", command)
    assert done.status == 1
    assert complaint in done.said


def test_a_post_becomes_a_row_a_job_and_an_event(image, token):
    with (
        image.running("web", "bundle exec puma -C config/puma.rb", WEB),
        image.running("streaming", "node ./streaming/index.js", STREAMING),
    ):
        image.machine.put("/tmp/listener.py", (STAND_INS / "listener.py").read_text())
        image.machine.must(f"python3 /tmp/listener.py {STREAMING} {token} user > /tmp/heard 2>&1 < /dev/null &")
        image.soon("somebody listens", lambda: image.redis("KEYS", "subscribed:*"))
        posted = json.loads(
            image.ask("/api/v1/statuses", "--data", "status=hello", "-H", "Idempotency-Key: 1", token=token)
        )
        again = json.loads(
            image.ask("/api/v1/statuses", "--data", "status=hello", "-H", "Idempotency-Key: 1", token=token)
        )
        assert posted == again
        assert image.sql("SELECT id, text FROM statuses") == [f"{posted['id']}|hello"]
        assert image.redis("LLEN", "queue:default") == "1"

        with image.running("sidekiq", "bundle exec sidekiq -t 5 -c 2 -q default -q mailers"):
            heard = image.soon("the event is heard", lambda: "hello" in image.machine.must("cat -v /tmp/heard"))
        assert heard
        assert image.sql("SELECT kind, queue FROM stand_in_jobs ORDER BY kind") == [
            "ActionMailer::MailDeliveryJob|mailers", "DistributionWorker|default"
        ]  # fmt: skip
        assert json.loads(image.ask(f"/api/v1/statuses/{posted['id']}"))["content"] == "hello"


def test_a_post_has_two_forms_and_says_so(image, token):
    with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
        posted = json.loads(image.ask("/api/v1/statuses", "--data", "status=<b>", token=token))
        path = f"/@alice/{posted['id']}"
        page = image.ask(path, "--include", "-H", "Accept: text/html")
        activity = image.ask(path, "--include", "-H", "Accept: application/activity+json")
    assert "text/html" in page
    assert "&lt;b&gt;" in page
    assert "application/activity+json" in activity
    assert '"type": "Note"' in activity
    for one in (page, activity):
        assert "Vary: Accept" in one
        assert "Cache-Control: max-age=180, public" in one


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/health", ("-H", "Host: 10.0.0.1", "-H", "X-Forwarded-Proto: http"), "200"),
        ("/api/v2/instance", (), "200"),
        ("/api/v2/instance", ("-H", "Host: 10.0.0.1"), "403"),
        ("/api/v2/instance", ("-H", "X-Forwarded-Proto: http"), "301"),
        ("/api/v1/statuses", ("--data", "status=x"), "401"),
        ("/api/v1/statuses", ("--request", "DELETE"), "405"),
        ("/@nobody", (), "404"),
        ("/packs/js/application-v4.7.3.js", (), "200"),
        ("/packs/../../etc/passwd", ("--path-as-is",), "404"),
        ("/.well-known/webfinger?resource=acct:alice@social.example", (), "200"),
        ("/.well-known/webfinger?resource=acct:alice@elsewhere.example", (), "404"),
    ],
)  # fmt: skip
def test_answers(served, path, options, status):
    # Later options of curl do not replace earlier headers: a Host that is given is asked for alone.
    given = {option.partition(":")[0] for option in options}
    usual = {"Host": "social.example", "X-Forwarded-Proto": "https"}
    headers = [word for name, value in usual.items() if name not in given for word in ("-H", f"{name}: {value}")]
    words = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *headers, *options]
    assert served.machine.must([*words, f"http://127.0.0.1:{WEB}{path}"]) == status


@pytest.fixture
def served(image):
    with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
        yield image


def test_streaming_wants_a_token(image):
    with image.running("streaming", "node ./streaming/index.js", STREAMING):
        words = ["curl", "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}"]
        upgrade = ["-H", "Upgrade: websocket", "-H", "Connection: Upgrade", "-H", "Sec-WebSocket-Key: a"]
        address = f"http://127.0.0.1:{STREAMING}/api/v1/streaming"
        assert image.machine.must([*words, *upgrade, address]) == "401"
        marked = [*words[:-1], "%{http_code} %header{x-error-message}"]
        assert image.machine.must([*marked, *upgrade, address]) == "401 Missing access token"
        assert image.machine.must([*marked, f"{address}/public"]).strip() == "401"
        assert image.machine.must([*words, f"{address}/health"]) == "200"


def test_numbers_for_prometheus_have_mastodons_names(image):
    def names(port):
        said = image.machine.must(["curl", "--silent", f"http://127.0.0.1:{port}/metrics"])
        return {line.split()[0].partition("{")[0] for line in said.splitlines()}

    collector = "prometheus_exporter -p 9394 -b 127.0.0.1 --prefix mastodon_"
    image.changes = {"PROMETHEUS_EXPORTER_HOST": "127.0.0.1", "MASTODON_PROMETHEUS_EXPORTER_ENABLED": "true"}
    with (
        image.running("web", f"/opt/mastodon/bin/{collector}", 9394),
        image.running("web", "bundle exec puma -C config/puma.rb", WEB),
    ):
        wanted = {f"mastodon_{name}" for name in rules.PUMA_METRICS}
        image.soon("Puma has sent its numbers", lambda: wanted <= names(9394))
    image.changes = {"MASTODON_PROMETHEUS_EXPORTER_PORT": "9400", "MASTODON_PROMETHEUS_EXPORTER_HOST": "127.0.0.1"}
    with image.running("sidekiq", "bundle exec sidekiq -c 1", 9400):
        assert names(9400) >= rules.SIDEKIQ_METRICS
    image.changes = {}
    with image.running("streaming", "node ./streaming/index.js", STREAMING):
        assert names(STREAMING) >= rules.STREAMING_METRICS


def jobs(image, token, **given):
    data = "&".join(f"{name}={value}" for name, value in given.items())
    return json.loads(image.ask("/stand-in/jobs", "--data", data, token=token))


def test_what_is_at_work_at_the_end_goes_back_and_is_worked_once(image, token):
    with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
        jobs(image, token, queue="push", count=1, seconds=60)
        image.changes = {"MASTODON_PROMETHEUS_EXPORTER_ENABLED": None}
        with image.running("sidekiq", "bundle exec sidekiq -t 1 -c 2 -q push") as log:
            image.soon("it is at work", lambda: image.redis("LLEN", "queue:push") == "0")
        assert "given back to queue:push" in log()
        assert image.redis("LLEN", "queue:push") == "1"
        assert image.redis("SCARD", "processes") == "0"
        image.redis("DEL", "queue:push")

        jobs(image, token, queue="push", **{"from": 100, "count": 50})
        with image.running("sidekiq", "bundle exec sidekiq -c 4 -q push,2 -q pull"):
            image.soon(
                "all are worked", lambda: json.loads(image.ask("/stand-in/jobs?from=100&to=149"))["missing"] == []
            )
        assert json.loads(image.ask("/stand-in/jobs?from=100&to=149")) == {"worked": 50, "missing": [], "doubled": []}


def test_a_quiet_sidekiq_takes_no_job_and_says_that_it_stops(image, token):
    with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
        image.changes = {"MASTODON_PROMETHEUS_EXPORTER_ENABLED": None}
        with image.running("sidekiq", "bundle exec sidekiq -c 2 -q pull"):
            titles = "ps -eo args | grep '^sidekiq' || true"
            image.soon("it says that it is there", lambda: "[0 of 2 busy]" in image.machine.must(titles))
            image.machine.must("pkill -TSTP -f 'sidekiq -c 2 -q [p]ull'")
            image.soon("it stops", lambda: "[0 of 2 busy] stopping" in image.machine.must(titles))
            image.soon(
                "its fetches are over",
                lambda: not int(image.redis("INFO", "clients").partition("blocked_clients:")[2].split()[0]),
            )
            jobs(image, token, queue="pull")
            assert image.redis("LLEN", "queue:pull") == "1"


def test_what_fails_is_tried_again_later(image):
    image.redis(
        "LPUSH", "queue:pull", json.dumps({"class": "StandIn::Numbered", "args": [1], "queue": "pull", "jid": "1"})
    )
    image.redis("LPUSH", "queue:pull", "no JSON")
    image.changes = {"MASTODON_PROMETHEUS_EXPORTER_ENABLED": None}
    with image.running("sidekiq", "bundle exec sidekiq -c 1 -q pull"):
        image.soon("one is to be tried again", lambda: image.redis("ZCARD", "retry") == "1")
        image.soon("nobody can read the other", lambda: image.redis("ZCARD", "dead") == "1")


def test_an_upgrade_goes_in_two_steps_and_old_code_ends_with_the_second(image, token):
    def posted():
        with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
            return "content" in image.ask("/api/v1/statuses", "--data", "status=x", token=token)

    image.install(NEXT)
    assert "the schema has no migration" in image.run("web", "bundle exec puma").said
    image.changes = {"SKIP_POST_DEPLOYMENT_MIGRATIONS": "false"}
    said = image.must("tasks", "bundle exec rails db:migrate")
    image.changes = {}
    assert f"{migration_stamp(NEXT)}00: migrated" in said
    assert f"{migration_stamp(NEXT)}01" not in said, "its presence counts, not what it says"
    assert posted()
    image.install(VERSION)
    assert posted(), "between the steps both releases work"
    image.install(NEXT)
    assert f"{migration_stamp(NEXT)}01: migrated" in image.must("tasks", "bundle exec rails db:migrate")
    assert posted()
    image.install(VERSION)
    assert not posted()


def test_of_two_migrations_at_once_one_is_refused(image):
    image.install(NEXT)
    hold = "BEGIN; LOCK TABLE statuses; SELECT pg_sleep(60)"
    psql = ["psql", "--no-psqlrc", "--dbname=mastodon_production", f"--command={hold}"]
    with image.started(shlex.join(psql), user="postgres"):
        held = (
            "SELECT 1 FROM pg_locks WHERE granted AND mode = 'AccessExclusiveLock' AND relation = 'statuses'::regclass"
        )
        image.soon("the table is locked", lambda: image.sql(held))
        with image.running("tasks", "bundle exec rails db:migrate"):
            image.soon(
                "the first has Rails' lock", lambda: image.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'")
            )
            second = image.run("tasks", "bundle exec rails db:migrate")
    assert second.status == 1
    assert "ConcurrentMigrationError" in second.said
