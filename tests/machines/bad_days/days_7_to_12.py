"""The last six: a store that is away, a full disk, a leak, a machine that is gone, a certificate, a killed converge."""

import os
import random
import signal
import subprocess
import time
from contextlib import suppress

from mastodon_infra.rehearsal.clouds.linode import NODE
from mastodon_infra.rehearsal.machines.addresses import ACME
from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from mastodon_infra.rehearsal.machines.services.buckets import address_of
from mastodon_infra.rehearsal.world import World
from tests.machines.bad_days.day import BadDay, Bounds, at_most
from tests.machines.bad_days.fleet import threads_of
from tests.machines.bad_days.measure import requests
from tests.machines.both_doors import TREE
from tests.machines.looking import sql

AWAY = """
table inet bad_day {{
  chain input {{
    type filter hook input priority -10
    ip daddr {address} tcp dport 443 {how}
  }}
}}
"""
BACK = "delete table inet bad_day"
AWAY_SECONDS, ARCHIVE_SECONDS = 60, 180
ASKED_TIMES = 6

# A file without content of its own takes room on the volume, and none on this computer.
FILL = (
    'fallocate --length "$(($(df --block-size=1 --output="$2" "$3" | tail -1) * $1 / 100 - 1048576))" "$3/bad-day-$1"'
)
EMPTY = 'rm -f "$1"/bad-day-*'
ALARM_PERCENT, SEGMENTS, DATABASE = 92, 100, "postgresql@17-main.service"
SWITCH = "SELECT pg_logical_emit_message(true, 'bad-day', 'x'), pg_switch_wal()"

LEAK_MARK, LEAK_SECONDS = "/opt/mastodon/tmp/bad-day", 60
LEAK = f"""
import os, time, psycopg2
kept = []
while os.path.exists("{LEAK_MARK}"):
    try:
        kept.append(psycopg2.connect(host=os.environ["DB_HOST"], port=5432, dbname=os.environ["DB_NAME"],
                                     user=os.environ["DB_USER"], password=os.environ["DB_PASS"], sslmode="require"))
    except psycopg2.OperationalError:
        time.sleep(0.2)
"""
LEAKING = ("podman", "exec", "mastodon-web")

GONE_JOBS, GONE_NODE = 200, "sidekiq-1"

CERTIFICATE = "/var/lib/mastodon-infra"
OVER = r"""
cd "$(mktemp --directory)"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -subj "/CN=an authority" \
    -keyout key -out ca 2> /dev/null
moment() { date --utc --date "$1" +%Y%m%d%H%M%SZ; }
openssl x509 -req -in /etc/mastodon-infra/tls/site.csr -CA ca -CAkey key -copy_extensions copy \
    -not_before "$(moment '90 days ago')" -not_after "$(moment '1 minute ago')" 2> /dev/null
cat ca
"""
SHOW_OVER = 'printf "%s\n" "$1" > "$2"; systemctl reload nginx.service'
PAUSE_SECONDS, SHOWN_SECONDS, SITE = 300, 30, "https://social.example/"

KILLED_TIMES, KILLED_WITHIN_SECONDS = 10, 45
EDIT = 'for file in $1; do [ ! -e "$file" ] || echo "# edited" >> "$file"; done; chmod 666 /etc/hosts'
EDITED = (
    "/etc/nginx/nginx.conf /etc/mastodon/web.env /etc/mastodon/sidekiq.env /etc/mastodon/streaming.env "
    "/etc/nftables.conf /etc/ssh/sshd_config.d/10-mastodon-infra.conf /etc/default/prometheus-node-exporter"
)
CONVERGE, UNDO = "mastodon-infra-converge.service", "mastodon-infra-undo.timer"
AT_REST_SECONDS = 180
"""An undo comes within 90 s, and takes its time where many machines have one."""


def the_database(stage):
    """Its machine."""
    (node,) = stage.nodes("postgres")
    return stage.machine(node)


# --- 7


def the_store_is_away(stage):
    media, database = stage.instance.plan.media, the_database(stage)
    (key,) = sql(database, "SELECT file_key FROM media_attachments ORDER BY id DESC LIMIT 1")
    picture = f"https://{media.host}/{key}"
    assert wait_until(lambda: is_served(stage, picture) and is_kept(stage, key), seconds=AWAY_SECONDS)
    stage.filter(AWAY.format(address=address_of(media.endpoint), how="drop"))
    try:
        time.sleep(AWAY_SECONDS)
        stage.wait_for_alert("StoreDown")
        assert all(is_served(stage, picture) for _ in range(ASKED_TIMES))
    finally:
        stage.filter(BACK)
    stage.mended()
    refused = [one for one in stage.load.records() if one.kind == "upload" and not one.is_ok]
    assert {one.said for one in refused} == {"ValueError: status 503"}
    stage.note(f"an upload was refused after {max(one.took for one in refused):.0f} s; known pictures were served")
    archived = f"SELECT last_archived_time > to_timestamp({time.time()}) FROM pg_stat_archiver"
    begun = time.time()
    assert wait_until(lambda: sql(database, archived) == ["t"], seconds=ARCHIVE_SECONDS)
    stage.note(f"the database's log was archived again {time.time() - begun:.0f} s after the store was back")


def is_served(stage, address):
    """Whether visitors get it."""
    rehearsal = stage.instance.rehearsal
    words = ("curl", "--silent", "--fail", "--output", "/dev/null", "--max-time", "10", address)
    command = rehearsal.command(*words, "--cacert", rehearsal.environment()["SSL_CERT_FILE"])
    return subprocess.run(command, check=False).returncode == 0


def is_kept(stage, key):
    """Whether each web node has it in its cache."""
    search = ("grep", "--recursive", "--quiet", "--text", key, "/var/cache/nginx/media")
    return all(stage.machine(node).run(*search) for node in stage.nodes("web"))


# --- 8


def the_log_s_disk_is_full(stage):
    database = the_database(stage)
    (volume,) = [one for one in stage.instance.plan.volumes if one.name == "data-postgres"]
    try:
        database.must("bash", "-c", FILL, "fill", str(ALARM_PERCENT), "size", volume.mount_path)
        stage.wait_for_alert("DiskFull")
        stage.calm()
        assert [one.said for one in since(stage, stage.blows[0]) if not one.is_ok] == []
        database.must("bash", "-c", FILL, "fill", "100", "avail", volume.mount_path)
        assert any(not is_written(database) for _ in range(SEGMENTS))
        begun = time.time()
        time.sleep(AWAY_SECONDS)
        written = [one for one in since(stage, begun) if one.kind in {"post", "upload"}]
        assert written
        assert not any(one.is_ok for one in written)
    finally:
        database.must("bash", "-c", EMPTY, "empty", volume.mount_path)
    stage.mended()
    starts = database.must("systemctl", "show", "--property=NRestarts", "--value", DATABASE)
    stage.note(
        f"nothing failed at {ALARM_PERCENT} %; once full for {time.time() - begun:.0f} s, {starts} starts in vain"
    )


def since(stage, moment):
    """The requests that began after a moment, and are over."""
    return [one for one in requests(stage.load.records()) if one.at > moment]


def is_written(database):
    """Whether the database can end a piece of its log and begin the next."""
    command = ("runuser", "-u", "postgres", "--", "psql", "-XAtq", "--dbname=mastodon_production")
    return database.run(*command, f"--command={SWITCH}")


# --- 9


def connections_leak(stage):
    database, web = the_database(stage), stage.machine(stage.nodes("web")[0])
    connections = stage.instance.plan.connections
    held = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'mastodon'"
    web.must(*LEAKING, "touch", LEAK_MARK)
    web.must("podman", "exec", "--detach", "mastodon-web", "python3", "-c", LEAK)
    try:
        most = connections.app_connections.value
        assert wait_until(lambda: sql(database, held) == [str(most)], seconds=AWAY_SECONDS)
        time.sleep(LEAK_SECONDS)
        stage.wait_for_alert("PostgresConnectionsNearlyGone")
        assert sql(database, held) == [str(most)]
        assert "pg_up 1" in database.must("curl", "--silent", "http://127.0.0.1:9187/metrics").splitlines()
        database.must("runuser", "-u", "postgres", "--", "pgbackrest", "--stanza=mastodon", "check", seconds=120)
    finally:
        web.must(*LEAKING, "rm", LEAK_MARK)
    stage.mended()
    kept = connections.max_connections.value - most
    stage.note(f"the leak and the app together got {most} connections; {kept} were left, for exporter and backup too")


# --- 10


def a_sidekiq_node_is_gone(stage):
    stage.load.queue(GONE_JOBS)
    time.sleep(1)
    stage.power(GONE_NODE, "off")
    stage.wait_for_alert("NodeDown")
    begun = time.time()
    stage.instance.replace(GONE_NODE)
    stage.note(f"another machine was at work {time.time() - begun:.0f} s after `up --replace {GONE_NODE}`")


# --- 11


def a_certificate_is_over(stage):
    asking = stage.machine(stage.instance.plan.tls.acme_node)
    pause = f"{CERTIFICATE}/tls/pause"
    stage.filter(AWAY.format(address=ACME, how="reject"))
    try:
        chain = asking.must("bash", "-c", OVER)
        asking.must("bash", "-c", 'printf "%s\n" "$1" > "$2"', "put", chain, f"{CERTIFICATE}/published/chain.pem")
        for node in stage.nodes("web"):
            stage.machine(node).must("bash", "-c", SHOW_OVER, "show", chain, f"{CERTIFICATE}/tls/site.crt")
        stage.blow()
        assert wait_until(lambda: not is_served(stage, SITE), seconds=SHOWN_SECONDS)
        assert wait_until(lambda: asking.run("test", "-e", pause), seconds=PAUSE_SECONDS)
        stage.wait_for_alert("CertificateOver")
    finally:
        stage.filter(BACK)
    minutes = asking.must("cat", pause)
    assert int(minutes) == stage.instance.plan.tls.timing.first_pause_minutes.value
    asking.must("touch", "--date", f"{minutes} minutes ago", pause)
    stage.mended()
    stage.note(f"the authority is asked again {minutes} minutes after it failed, which were passed over here")


# --- 12


def converge_is_killed(stage):
    chance = random.Random(12)
    before = trees(stage)
    for _ in range(KILLED_TIMES):
        # Else the next run would only wait for what this one has left going, and be killed while it does.
        assert wait_until(lambda: is_at_rest(stage), seconds=AT_REST_SECONDS)
        for machine in stage.instance.machines.values():
            machine.must("bash", "-c", EDIT, "edit", EDITED)
        rehearsal = stage.instance.rehearsal
        words = rehearsal.command("python3", "-m", "mastodon_infra", "converge", str(rehearsal.file), "--yes")
        # A group of its own: what enters the place is a process, and what runs there its child.
        with subprocess.Popen(
            words, env=rehearsal.environment(), stdout=subprocess.DEVNULL, start_new_session=True
        ) as running:
            time.sleep(chance.uniform(1, KILLED_WITHIN_SECONDS))
            for machine in stage.instance.machines.values():
                machine.run("systemctl", "kill", "--signal=KILL", CONVERGE)
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    stage.blow()
    begun = time.time()
    stage.instance.verb("--", "converge", "--yes")
    assert modes(stage) == {"accept"}, "the first run puts back whoever was left out"
    stage.note(f"the run after the last kill took {time.time() - begun:.0f} s")
    assert "Nothing to change" in stage.instance.verb("--", "converge", "--yes")
    after = trees(stage)
    assert {node: set(tree) ^ set(before[node]) for node, tree in after.items()} == {node: set() for node in before}


def is_at_rest(stage):
    """Whether no killed run has left anything going on any machine."""
    words = ("systemctl", "is-active", "--quiet", CONVERGE, UNDO)
    return not any(machine.run(*words) for machine in stage.instance.machines.values())


def modes(stage):
    """How the nodes stand behind the balancers."""
    world = World(stage.instance.rehearsal.folder / "cloud")
    return {thing.inputs.get("mode", "accept") for thing in world.all(NODE)}


def trees(stage):
    """What lies on each node, with what content, owner and mode."""
    return {
        name: machine.must("bash", "-c", TREE, seconds=300).splitlines()
        for name, machine in stage.instance.machines.items()
    }


DAYS = (
    BadDay(
        7,
        "The object store is away",
        "Pages are served, pictures that were asked for before too. Who uploads is told no within ten seconds. Nothing "
        "that was queued or acknowledged is lost, and a minute after the store is back uploads work.",
        Bounds(recovered=60, failing={"upload": 1}),
        the_store_is_away,
        alert="StoreDown",
        quiet="StoreDown needs 3 minutes",
    ),
    BadDay(
        8,
        "The database's disk is full",
        "At the alarm nothing fails yet. When the last byte is taken the database stops rather than lose a row, and "
        "every write fails. Once there is room again, everything goes on without a hand within a minute.",
        Bounds(recovered=60, failing=at_most(1, page=0.5), jobs_doubled=10),
        the_log_s_disk_is_full,
        alert="DiskFull",
        quiet="DiskFull needs 5 minutes",
    ),
    BadDay(
        9,
        "A leak takes all database connections",
        "The app's role gets as many as the plan gives it and no more: exporter, backup, migrations and people still "
        "get in. The pooler goes on with the connections that it has. Half a minute after the leak nothing fails.",
        Bounds(recovered=30, failing=at_most(0.1)),
        connections_leak,
        alert="PostgresConnectionsNearlyGone",
        quiet="PostgresConnectionsNearlyGone needs 5 minutes",
    ),
    BadDay(
        10,
        "A sidekiq node is gone for good and replaced",
        "No visitor notices. Sidekiq's open edition holds jobs at work in memory alone: those of the lost machine, at "
        "most one a thread, are lost. All others wait in Redis, and are worked by the new machine.",
        Bounds(recovered=0, jobs_lost=threads_of(GONE_NODE)),
        a_sidekiq_node_is_gone,
        alert="NodeDown",
        quiet="NodeDown needs 3 minutes",
    ),
    BadDay(
        11,
        "The site's certificate is over",
        "Browsers refuse, and an alert names the certificate. While the authority is away it is asked every half hour, "
        "never less; once it is back and asked, all web nodes show a new certificate within five minutes.",
        Bounds(recovered=300, failing=at_most(1)),
        a_certificate_is_over,
        alert="CertificateOver",
        quiet="CertificateOver needs 2 probes",
    ),
    BadDay(
        12,
        "Converge is killed ten times",
        "Whatever moment it is killed at, nothing fails, and the next run completes it: every file as the bundle says, "
        "every service healthy, no web node left out.",
        Bounds(recovered=0),
        converge_is_killed,
        quiet="each run begins anew where the last one was killed",
    ),
)
