"""The load as the harness holds it: started where the visitors are, and read while it runs."""

import json
import subprocess
import sys
import time
from pathlib import Path

from mastodon_infra.rehearsal.machines.rehearsal import wait_until
from tests.machines.bad_days import load, measure

RATES = {
    "page": load.PAGES_A_SECOND,
    "api": load.ASKED_A_SECOND,
    "post": load.POSTS_A_SECOND,
    "upload": load.POSTS_A_SECOND / 2,
    "job": load.JOBS_A_SECOND,
    "stream": load.LISTENERS / load.BEAT_SECONDS,
}
QUEUE_SECONDS = 30
CALM_SECONDS, RECOVERY_SECONDS, MOST_SECONDS = 8, 300, 3600
PROGRAM = Path(load.__file__)


class Load:
    """Visitors of an instance, from ``start`` to ``stop``. Used as a context."""

    def __init__(self, instance, token, file):
        self._instance, self._token, self.file = instance, token, file
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self):
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text("", encoding="utf-8")
        rehearsal = self._instance.rehearsal
        environment = rehearsal.environment()
        told = {
            "host": self._instance.plan.spec.website,
            "authority": environment["SSL_CERT_FILE"],
            "token": self._token,
            "records": str(self.file.resolve()),
            # Days come one after the other: no number is given twice.
            "first_job": int(time.time()) * load.MANY,
            "most_seconds": MOST_SECONDS,
        }
        self._process = subprocess.Popen(
            rehearsal.command(sys.executable, str(PROGRAM)), env=environment, stdin=subprocess.PIPE, text=True
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(told) + "\n")
        self._process.stdin.flush()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """No more visitors."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def queue(self, count):
        """Put so many more jobs in line, all at once, and wait until that is acknowledged."""
        before = len(self._queued())
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        assert wait_until(lambda: len(self._queued()) == before + count, seconds=QUEUE_SECONDS)

    def _queued(self):
        return [one for one in self.records() if one.kind == measure.QUEUED]

    def records(self):
        """What happened until now."""
        with self.file.open(encoding="utf-8") as lines:
            return measure.read(lines)

    def is_calm(self, seconds=CALM_SECONDS):
        """Whether all went well in the last seconds, as often as was due."""
        return measure.is_calm(self.records(), RATES, now=time.time(), seconds=seconds)

    def wait_until_calm(self, seconds=RECOVERY_SECONDS, calm=CALM_SECONDS):
        """Wait until all has gone well for ``calm`` seconds; fails with what does not."""
        if not wait_until(lambda: self.is_calm(calm), seconds=seconds):
            late = [one for one in self.records() if one.end > time.time() - calm and not one.is_ok]
            raise AssertionError(f"not calm after {seconds} s: {[(one.kind, one.said) for one in late[:5]]}")
