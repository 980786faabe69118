"""bundle exec sidekiq: threads that work jobs out of queues in Redis, as the open edition does.

A job is out of its queue while it is worked: whoever kills the process loses it. On TERM a process takes no more,
gives jobs at work some seconds, and puts what is left back where it came from.
"""

import json
import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules, schema
from mastodon_infra.rehearsal.machines.stand_in.mastodon.collector import page, serve_here
from mastodon_infra.rehearsal.machines.stand_in.mastodon.database import Database, prepares
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import check, number, setting
from mastodon_infra.rehearsal.machines.stand_in.mastodon.jobs import Jobs
from mastodon_infra.rehearsal.machines.stand_in.mastodon.stores import AnsweredNoError, Connection, Store, push

WORKED, WORKED_KEPT = "stand-in:worked", 1000
TICK_SECONDS, POLL_SECONDS = 60, 5
MOST_RETRIES = 25
# Takes one job that is due out of a set; of two processes that ask at once only one gets it.
TAKE_DUE = (
    "local found = redis.call('zrange', KEYS[1], '-inf', ARGV[1], 'byscore', 'limit', 0, 1) "
    "if found[1] then redis.call('zrem', KEYS[1], found[1]) end return found[1]"
)


def sidekiq(*words):
    """Works the queues that it is told."""
    check(rules.SIDEKIQ)
    process = Process(*_options(words))
    process.run()


def _options(words):
    """Threads, queues with their weights (0: strict order), and seconds for jobs at work when it ends."""
    threads, seconds, queues = number("SIDEKIQ_CONCURRENCY", rules.THREADS), rules.GIVE_BACK_SECONDS, {}
    for flag, word in zip(words[::2], words[1::2], strict=True):
        if flag == "-q":
            name, _, weight = word.partition(",")
            queues[name] = int(weight or 0)
        elif flag == "-c":
            threads = int(word)
        elif flag == "-t":
            seconds = int(word)
    return threads, queues or dict(rules.QUEUES), seconds


class Process:
    """One sidekiq."""

    def __init__(self, threads, queues, give_back_seconds):
        self.threads, self.queues, self.give_back_seconds = threads, queues, give_back_seconds
        self.identity = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(6)}"
        self.at_work: dict[int, tuple[str, str]] = {}
        # The exporter knows a queue from its first job on.
        self.processed: Counter[str] = Counter()
        self.failed = self.dead = 0
        self._started_at = time.time()
        self._is_quiet, self._is_over = threading.Event(), threading.Event()
        self._redis = Store("SIDEKIQ_")
        self._database = Database(rules.SIDEKIQ, number("DB_POOL", threads))
        self._jobs = Jobs(self._database, self._redis, self.identity)
        self._title = Title()
        self._threads: list[threading.Thread] = []
        self._ready = Path("tmp") / setting("MASTODON_SIDEKIQ_READY_FILENAME", "sidekiq_ready")

    def run(self):
        """Until told to end."""
        self._database.check()
        schema.check_is_current(self._database)
        for prefix in ("", "CACHE_", "SIDEKIQ_"):
            Connection(prefix).close()
        signal.signal(signal.SIGTERM, lambda *_: self._is_over.set())
        signal.signal(signal.SIGINT, lambda *_: self._is_over.set())
        signal.signal(signal.SIGTSTP, lambda *_: self._is_quiet.set())
        serve_here(lambda path: page(self.numbers()) if path == "/metrics" else None)
        self._threads = [
            threading.Thread(target=self._work, args=(which,), daemon=True) for which in range(self.threads)
        ]
        for thread in self._threads:
            thread.start()
        for chore, seconds in self._chores():
            threading.Thread(target=self._again_and_again, args=(chore, seconds), daemon=True).start()
        self._ready.parent.mkdir(exist_ok=True)
        self._ready.touch()
        prepared = "on" if prepares(rules.SIDEKIQ) else "off"
        print(f"works {' '.join(self.queues)} in {self.threads} threads, prepared statements {prepared}", flush=True)
        while not self._is_over.wait(1):
            self._show()
        self._end()

    def _chores(self):
        yield self._beat, rules.BEAT_SECONDS
        yield self._take_due, POLL_SECONDS
        if "scheduler" in self.queues:
            yield self._tick, TICK_SECONDS

    def _again_and_again(self, chore, seconds):
        while not self._is_over.is_set():
            try:
                chore()
            except (OSError, AnsweredNoError) as error:
                print(f"redis: {error}", file=sys.stderr, flush=True)
            self._is_over.wait(seconds)

    # --- Working

    def _work(self, which):
        redis = Store("SIDEKIQ_")
        while not self._is_quiet.is_set() and not self._is_over.is_set():
            try:
                found = redis("BRPOP", *self._keys(), rules.FETCH_SECONDS)
                if found:
                    self._perform(which, redis, *found)
            except (OSError, AnsweredNoError) as error:
                print(f"redis: {error}", file=sys.stderr, flush=True)
                self._is_over.wait(1)

    def _keys(self):
        """Queues in the order in which this fetch looks: as given, or drawn by their weights."""
        if not any(self.queues.values()):
            return [f"queue:{name}" for name in self.queues]
        drawn = [name for name, weight in self.queues.items() for _ in range(max(1, weight))]
        random.shuffle(drawn)
        return [f"queue:{name}" for name in dict.fromkeys(drawn)]

    def _perform(self, which, redis, key, payload):
        if self._is_over.is_set():
            redis("RPUSH", key, payload)
            return
        self.at_work[which] = key, payload
        try:
            self._jobs.work(key.partition(":")[2], payload)
        except Exception as error:
            self._fail(redis, payload, error)
        finally:
            self.processed[key.partition(":")[2]] += 1
            self.at_work.pop(which, None)
        redis("INCR", "stat:processed")
        redis("RPUSH", WORKED, key)
        redis("LTRIM", WORKED, -WORKED_KEPT, -1)

    def _fail(self, redis, payload, error):
        """Later again, each time later; what nobody can read, or has failed too often, is dead."""
        self.failed += 1
        print(f"job failed: {type(error).__name__}: {error}".strip(), file=sys.stderr, flush=True)
        redis("INCR", "stat:failed")
        try:
            job = json.loads(payload)
        except ValueError:
            self._bury(redis, payload)
            return
        count = job.get("retry_count", -1) + 1
        job |= {"retry_count": count, "error_class": type(error).__name__, "error_message": str(error)[:200]}
        if count >= MOST_RETRIES:
            self._bury(redis, json.dumps(job))
        else:
            redis("ZADD", "retry", time.time() + count**4 + 15 + random.randint(0, 10) * (count + 1), json.dumps(job))

    def _bury(self, redis, payload):
        self.dead += 1
        redis("ZADD", "dead", time.time(), payload)

    # --- Chores

    def _beat(self):
        info = {"hostname": socket.gethostname(), "started_at": self._started_at, "pid": os.getpid(), "tag": "mastodon",
                "concurrency": self.threads, "queues": list(self.queues), "weights": [self.queues], "labels": [],
                "identity": self.identity}  # fmt: skip
        self._redis("SADD", "processes", self.identity)
        self._redis("HSET", self.identity, "info", json.dumps(info), "busy", len(self.at_work), "beat", time.time(),
                    "quiet", str(self._is_quiet.is_set()).lower(), "concurrency", self.threads)  # fmt: skip
        self._redis("EXPIRE", self.identity, rules.PROCESS_LIVES_SECONDS)

    def _take_due(self):
        for kind in ("retry", "schedule"):
            while payload := self._redis("EVAL", TAKE_DUE, 1, kind, time.time()):
                self._redis("LPUSH", f"queue:{json.loads(payload)['queue']}", payload)

    def _tick(self):
        """Cron lives in whichever process listens to its queue. Two of them would do everything twice."""
        push(self._redis, "scheduler", "Scheduler::ScheduledStatusesScheduler")

    def _show(self):
        ending = " stopping" if self._is_quiet.is_set() else ""
        self._title.show(f"sidekiq 8.0 mastodon [{len(self.at_work)} of {self.threads} busy]{ending}")

    def numbers(self):
        """What Prometheus is told, by every process about all queues."""
        ask, now = self._redis, time.time()
        sizes = {name: ask("LLEN", f"queue:{name}") for name in {*rules.QUEUES, *self.queues}}
        said = {
            "sidekiq_process_busy": len(self.at_work),
            "sidekiq_process_concurrency": self.threads,
            "sidekiq_failed_jobs_total": self.failed,
            "sidekiq_dead_jobs_total": self.dead,
            "sidekiq_stats_processed": int(ask("GET", "stat:processed") or 0),
            "sidekiq_stats_failed": int(ask("GET", "stat:failed") or 0),
            "sidekiq_stats_enqueued": sum(sizes.values()),
            "sidekiq_stats_scheduled_size": ask("ZCARD", "schedule"),
            "sidekiq_stats_retry_size": ask("ZCARD", "retry"),
            "sidekiq_stats_dead_size": ask("ZCARD", "dead"),
            "sidekiq_stats_workers_size": len(self.at_work),
            "sidekiq_stats_processes_size": ask("SCARD", "processes"),
        }
        for name, count in self.processed.copy().items():
            said[f'sidekiq_jobs_total{{queue="{name}"}}'] = count
        for name, size in sizes.items():
            said[f'sidekiq_queue_backlog{{queue="{name}"}}'] = size
            oldest = ask("LINDEX", f"queue:{name}", -1)
            said[f'sidekiq_queue_latency_seconds{{queue="{name}"}}'] = _age(oldest, now)
        return said

    # --- The end

    def _end(self):
        """Wait for jobs at work, and give the rest back."""
        self._is_quiet.set()
        limit = time.monotonic() + self.give_back_seconds
        while self.at_work and time.monotonic() < limit:
            time.sleep(0.1)
        # A fetch that still waits would take what is given back now, and be lost with it.
        for which, thread in enumerate(self._threads):
            while which not in self.at_work and thread.is_alive():
                thread.join(0.1)
        for key, payload in self.at_work.copy().values():
            self._redis("RPUSH", key, payload)
            print(f"given back to {key}", flush=True)
        self._redis("SREM", "processes", self.identity)
        self._redis("DEL", self.identity)
        self._ready.unlink(missing_ok=True)
        self._title.end()
        # Threads may still be at jobs that were given back: none of them may go on.
        os._exit(0)


def _age(payload, now):
    try:
        return max(0.0, now - json.loads(payload or "")["enqueued_at"])
    except (ValueError, KeyError, TypeError):
        return 0.0


class Title:
    """Sidekiq says in its process' title what it does. Python cannot, so a child that sleeps has it."""

    def __init__(self):
        self._text = ""
        self._child = None

    def show(self, text):
        """Say it."""
        if text != self._text:
            self.end()
            self._text = text
            self._child = subprocess.Popen([text, "infinity"], executable="/bin/sleep", env={})

    def end(self):
        """Say nothing any more."""
        if self._child:
            self._child.kill()
            self._child.wait()
            self._child = None
