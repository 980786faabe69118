"""The stand-in of Mastodon's image on a node: its commands with the node's own settings, on the node's real stores."""

from __future__ import annotations

import shlex
import time
from contextlib import contextmanager

from mastodon_infra.rehearsal.machines.image import own_layer
from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules
from tests.parsers.cases import Place
from tests.parsers.checks import postgres
from tests.parsers.checks.services import background

HOME = Place("solo", "web-1")
WEB, STREAMING = 3000, 4000
VERSION, NEXT = "v4.7.3", "v4.7.4"
OWNER = "bin/tootctl accounts create alice --email alice@social.example --confirmed --approve --role Owner"
STAND_IN = "/usr/lib/python3/dist-packages/mastodon_infra/rehearsal"


class Image:
    """The image's commands on a node, with the node's own environment files."""

    def __init__(self, tree):
        self.tree, self.machine = tree, tree.machine
        self.changes = {}

    def install(self, version):
        """Be the image of a release."""
        self.machine.must(["rm", "-rf", "/opt/mastodon", STAND_IN])
        unpack = ["tar", "--extract", "--file=-", "--directory=/", "--exclude=etc", "--no-same-permissions"]
        self.machine.must(unpack, stdin=own_layer(version))
        self.machine.must("mkdir -p /opt/mastodon/tmp; chown 991:991 /opt/mastodon/tmp")

    def environment(self, kind):
        """What a container of that kind is given."""
        said = dict(line.split("=", 1) for line in self.machine.must(["cat", f"/etc/mastodon/{kind}.env"]).splitlines())
        if kind == "streaming":
            said["PORT"] = str(STREAMING)
        given = {**rules.BAKED, **said, **self.changes}
        return {name: value for name, value in given.items() if value is not None}

    def line(self, kind, command):
        """A shell line that runs a command as the container would."""
        given = [f"{name}={value}" for name, value in self.environment(kind).items()]
        words = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", *given]
        words += ["setpriv", "--reuid=991", "--regid=991", "--clear-groups", "--", *command.split()]
        return f"cd /opt/mastodon && exec {shlex.join(words)}"

    def run(self, kind, command):
        return self.machine.run(self.line(kind, command), seconds=60)

    def must(self, kind, command):
        return self.machine.must(self.line(kind, command), seconds=60)

    @contextmanager
    def running(self, kind, command, *ports):
        """A process that runs; gives what reads its log."""
        line = self.line(kind, command)
        if ports:
            with background(self.tree, line, ports=set(ports)) as log:
                yield log
        else:
            with self.started(line) as log:
                yield log

    @contextmanager
    def started(self, line, user="root"):
        """A process that listens on nothing."""
        log = self.machine.must(["mktemp"])
        self.machine.must(["chmod", "666", log])
        start = f"nohup bash -c {shlex.quote(line)} > {log} 2>&1 < /dev/null & echo $!"
        process = self.machine.must(["bash", "-c", start], user=user)
        try:
            yield lambda: self.machine.must(["cat", log])
        finally:
            wait = f"for n in {{1..200}}; do kill -0 {process} || exit 0; sleep 0.05; done"
            self.machine.run(f"kill {process}; {wait}; kill -9 {process}")

    def sql(self, text):
        words = ["psql", "--no-psqlrc", "--quiet", "-tA", "--dbname=mastodon_production", f"--command={text}"]
        return self.machine.must(words, user="postgres").splitlines()

    def redis(self, *words, port=6379):
        ask = ["redis-cli", "--no-auth-warning", "--user", "mastodon", "-a", self.tree.wiring.redis_password]
        return self.machine.must([*ask, "-p", str(port), *words])

    def ask(self, path, *options, token=""):
        """A request as nginx hands it on."""
        words = ["curl", "--silent", "--show-error", "--max-time", "20", "-H", "Host: social.example"]
        words += ["-H", "X-Forwarded-Proto: https", *(["-H", f"Authorization: Bearer {token}"] if token else [])]
        return self.machine.must([*words, *options, f"http://127.0.0.1:{WEB}{path}"])

    def soon(self, what, is_so):
        """Ask until it is so."""
        end = time.monotonic() + 30
        while not (found := is_so()):
            assert time.monotonic() < end, f"after 30 s still not: {what}"
            time.sleep(0.2)
        return found


@contextmanager
def standing(tree):
    """The image on a node with empty stores."""
    image = Image(tree)
    image.install(VERSION)
    for name in ("queue", "cache"):
        tree.machine.must(f"rm -rf /var/lib/redis-{name}; install -d -o redis -g redis /var/lib/redis-{name}")
    postgres.need_cluster(tree)
    with (
        postgres.server(tree),
        background(tree, ["redis-server", "/etc/redis/redis-queue.conf"], user="redis", ports={6379}),
        background(tree, ["redis-server", "/etc/redis/redis-cache.conf"], user="redis", ports={6380}),
    ):
        tree.machine.must([f"{postgres.LIBRARY}/postgres-roles"], user="postgres")
        image.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner")
        image.sql("GRANT USAGE ON SCHEMA public TO PUBLIC")
        yield image
