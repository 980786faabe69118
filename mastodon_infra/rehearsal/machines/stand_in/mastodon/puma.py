"""bundle exec puma: processes and threads as the settings say, each process with the site and a pool of its own."""

import os
import signal

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules, schema
from mastodon_infra.rehearsal.machines.stand_in.mastodon.collector import send_for_ever
from mastodon_infra.rehearsal.machines.stand_in.mastodon.database import Database, prepares
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import check, number, setting
from mastodon_infra.rehearsal.machines.stand_in.mastodon.server import Worker, serve
from mastodon_infra.rehearsal.machines.stand_in.mastodon.site import Site
from mastodon_infra.rehearsal.machines.stand_in.mastodon.stores import Connection


def puma(*_):
    """The web site and API."""
    check(rules.WEB)
    database = Database(rules.WEB, 1)
    database.check()
    schema.check_is_current(database)
    database.close()
    for prefix in ("", "CACHE_", "SIDEKIQ_"):
        Connection(prefix).close()
    workers, threads = number("WEB_CONCURRENCY", rules.PUMA_WORKERS), number("MAX_THREADS", rules.THREADS)
    prepared = "on" if prepares(rules.WEB) else "off"
    print(f"{schema.version()}: {workers} workers, {threads} threads, prepared statements {prepared}", flush=True)
    host = setting("BIND", "127.0.0.1").strip("[]")
    serve(host, number("PORT", 3000), workers=workers, run=lambda listener, which: _run(listener, which, threads))


def _run(listener, which, threads):
    site = Site(number("DB_POOL", threads))
    idle_seconds = number("PERSISTENT_TIMEOUT", rules.PERSISTENT_SECONDS)
    worker = Worker(listener, site, threads=threads, idle_seconds=idle_seconds)
    signal.signal(signal.SIGTERM, worker.end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send_for_ever(os.getpid(), lambda: _numbers(site, worker, is_first=which == 0))
    worker.run()


def _numbers(site, worker, *, is_first):
    """What a process adds to the sums."""
    workers = number("WEB_CONCURRENCY", rules.PUMA_WORKERS) if is_first else 0
    pool = site.database.state()
    return {
        "puma_workers": workers,
        "puma_booted_workers": workers,
        "puma_old_workers": 0,
        "puma_running_threads": worker.threads,
        "puma_request_backlog": max(0, worker.busy - worker.threads),
        "puma_thread_pool_capacity": max(0, worker.threads - worker.busy),
        "puma_max_threads": worker.threads,
        "puma_busy_threads": min(worker.busy, worker.threads),
        "http_requests_total": worker.answered,
        "active_record_connection_pool_size": site.database.size,
        **{f"active_record_connection_pool_{name}": value for name, value in pool.items()},
    }
