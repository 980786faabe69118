"""Alerts about what a visitor meets: the public names, nginx, and Puma.

Names of Puma's metrics are those of v4.7. Its HTTP counters carry no status unless details are switched on, so errors
are seen by the probes.
"""

from __future__ import annotations

from collections.abc import Iterator

from mastodon_infra.catalog.sources import JUDGEMENT
from mastodon_infra.plan.alerts_machines import CERTIFICATE, DOWN, HAPPENED, SITE_CERTIFICATE
from mastodon_infra.plan.alerts_types import Alert, Severity
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.types import NodePlan
from mastodon_infra.units import ceil_div

FREE_THREADS_PERCENT = 20
BYTES_A_MIB = 1024 * 1024
STORE_AWAY = "3m"
STORE, CERTIFICATE_PROBE, WEBFINGER, ACTOR = "store", "certificate", "webfinger", "actor"
OURS = f'job="probe",probe!="{STORE}"'
"""Probes of what is ours: the store has an alert of its own."""

PEOPLE = f'job="probe",probe!~"{STORE}|{WEBFINGER}|{ACTOR}"'
"""What people ask for; what other servers ask for has an alert of its own too."""


def probe_alerts() -> Iterator[Alert]:
    """What a visitor would see."""
    yield Alert(
        "probe-failed",
        f"probe_success{{{PEOPLE}}}",
        "==",
        Decided(0, "a visitor would get an error too", JUDGEMENT),
        "5m",
        Severity.CRITICAL,
        "{{ $labels.instance }} does not answer as it should",
        "People see an error instead of the site, or no live updates.",
        "probe-failed",
    )
    yield Alert(
        "federation-fails",
        f'probe_success{{job="probe",probe=~"{WEBFINGER}|{ACTOR}"}}',
        "==",
        Decided(0, "another server would not find the owner's account, or get a page in place of it", JUDGEMENT),
        "10m",
        Severity.CRITICAL,
        "{{ $labels.instance }} does not answer other servers as it should",
        "Other servers find nobody here, and fetch no posts: follows and replies fail, while the site looks well.",
        "federation-fails",
    )
    yield Alert(
        "probe-slow",
        f"avg_over_time(probe_duration_seconds{{{OURS}}}[10m])",
        ">",
        Decided(2, "usual is 0.4 s; beyond 2 s an instance reported an incident", JUDGEMENT, "s"),
        "10m",
        Severity.WARNING,
        "{{ $labels.instance }} takes {{ $value | humanizeDuration }} to answer",
        "The site feels broken.",
        "web-slow",
    )
    yield Alert(
        "certificate-ends",
        f"probe_ssl_earliest_cert_expiry{{{OURS}}} - time()",
        "<",
        CERTIFICATE,
        "1h",
        Severity.CRITICAL,
        "the certificate of {{ $labels.instance }} ends in {{ $value | humanizeDuration }}",
        "Browsers, apps and other servers refuse to connect once it has ended.",
        "certificate-ends",
    )
    yield Alert(
        "certificate-over",
        f'time() - probe_ssl_earliest_cert_expiry{{job="probe",probe="{CERTIFICATE_PROBE}"}}',
        ">",
        Decided(0, "it has ended", JUDGEMENT, "s"),
        "1m",
        Severity.CRITICAL,
        "the certificate of {{ $labels.instance }} ended {{ $value | humanizeDuration }} ago",
        "Browsers, apps and other servers refuse to connect.",
        "certificate-ends",
    )
    yield Alert(
        "store-down",
        f'probe_success{{job="probe",probe="{STORE}"}}',
        "==",
        Decided(0, "no answer, or one that says that the store itself is at fault", JUDGEMENT),
        STORE_AWAY,
        Severity.CRITICAL,
        "the object store at {{ $labels.instance }} does not answer",
        "Uploads fail, pictures that nobody asked for of late are missing, and the database's log is not archived.",
        "store-down",
    )


def upload_alerts(leader: str) -> Iterator[Alert]:
    """Whether the media bucket takes anything, as the leader tries.

    Of a store that is away for minutes another alert tells; one that stumbles now and then must not silence both.
    """
    yield Alert(
        "uploads-fail",
        "mastodon_infra_upload_works",
        "==",
        Decided(0, "the store answers, and does not take what Mastodon's own key puts there", JUDGEMENT),
        "12m",
        Severity.CRITICAL,
        "the media bucket takes no uploads",
        "Nobody can post a picture, and those of other servers are not kept.",
        "uploads-fail",
        also=f'unless on () (max_over_time(probe_success{{job="probe",probe="{STORE}"}}[{STORE_AWAY}]) == 0)',
    )
    yield _silent("upload-trial-missing", "mastodon_infra_upload_works", (leader,), "whether the bucket takes uploads")


def _silent(name: str, metric: str, nodes: tuple[str, ...], what: str) -> Alert:
    """A machine that is up and does not tell at all: an alert about what it tells would never fire."""
    return Alert(
        name,
        f'up{{job="node",node=~"{"|".join(nodes)}"}}',
        "==",
        Decided(1, "the machine answers, and does not tell of this", JUDGEMENT),
        "30m",
        Severity.WARNING,
        f"{{{{ $labels.node }}}} does not tell {what}",
        "Nobody would be told that something is wrong there.",
        "exporter-down",
        also=f"unless on (node) {metric}",
    )


def web_alerts(nodes: tuple[NodePlan, ...], measured: tuple[NodePlan, ...]) -> Iterator[Alert]:
    """Puma on each of ``nodes``; of its threads and queue only ``measured`` nodes tell: there may be none."""
    yield Alert(
        "web-node-down",
        "mastodon_infra_web_answers",
        "==",
        Decided(0, "asked on its own machine, Puma did not say that it is well", JUDGEMENT),
        "3m",
        Severity.CRITICAL,
        "Puma on {{ $labels.node }} does not answer",
        "Whoever is sent to this node gets an error, though the public name may answer by way of others.",
        "web-down",
    )
    webs = tuple(node.name for node in nodes if node.web)
    yield _silent("web-health-missing", "mastodon_infra_web_answers", webs, "whether Puma answers")
    threads = [node.web.thread_count for node in measured if node.web]
    most = [node.web.worker_memory_max for node in nodes if node.web]
    if threads:
        yield from _thread_alerts(min(threads))
        yield _memory_alert(min(most, key=lambda one: one.value))


def _thread_alerts(threads: int) -> Iterator[Alert]:
    yield Alert(
        "puma-silent",
        'up{job="puma"}',
        "==",
        Decided(1, "the collector answers, and Puma has sent it nothing for a minute", JUDGEMENT),
        "10m",
        Severity.WARNING,
        "Puma on {{ $labels.node }} sends no numbers",
        "It is down, or nobody sees when it becomes slow.",
        "web-down",
        also="unless on (node) mastodon_puma_thread_pool_capacity",
    )
    yield Alert(
        "puma-busy",
        "sum by (node) (mastodon_puma_thread_pool_capacity)",
        "<",
        Decided(
            ceil_div(threads * FREE_THREADS_PERCENT, 100),
            "a fifth of a node's threads free: below that requests begin to wait",
            JUDGEMENT,
            "threads",
            (("threads of a node", str(threads)),),
        ),
        "5m",
        Severity.WARNING,
        "Puma on {{ $labels.node }} has {{ $value }} free threads left",
        "The site is about to become slow.",
        "web-slow",
    )
    yield Alert(
        "puma-backlog",
        "sum by (node) (mastodon_puma_request_backlog)",
        ">",
        Decided(0, "no request should wait for a thread for minutes", JUDGEMENT, "requests"),
        "2m",
        Severity.CRITICAL,
        "{{ $value }} requests wait for Puma on {{ $labels.node }}",
        "The site is slow for everyone.",
        "web-slow",
    )
    yield Alert(
        "requests-wait",
        'max by (node) (mastodon_http_request_queue_duration_seconds{quantile="0.99"})',
        ">",
        Decided(1, "a second between nginx and Puma is felt", JUDGEMENT, "s"),
        "10m",
        Severity.WARNING,
        "requests on {{ $labels.node }} wait {{ $value | humanizeDuration }} for Puma",
        "The site feels slow.",
        "web-slow",
    )


def _memory_alert(most: Decided[int]) -> Alert:
    return Alert(
        "web-worker-large",
        'max by (node) (mastodon_rss{job="puma"})',
        ">",
        Decided(most.value * BYTES_A_MIB, most.rule, most.source, "bytes", (("alarm", f"{most.value} MiB"),)),
        "10m",
        Severity.WARNING,
        "a worker of Puma on {{ $labels.node }} uses {{ $value | humanize1024 }}B",
        "When Puma reaches its limit of memory, a worker is killed in the middle of its requests.",
        "web-memory",
    )


def nginx_alerts() -> Iterator[Alert]:
    """The front door of a node."""
    yield Alert(
        "nginx-down",
        "nginx_up",
        "==",
        DOWN,
        "2m",
        Severity.CRITICAL,
        "nginx on {{ $labels.node }} does not answer",
        "This node serves nobody.",
        "nginx-down",
    )


def site_certificate_alerts() -> Iterator[Alert]:
    """The certificate that nginx of each web node shows: public names lead to one node at a time."""
    yield Alert(
        "site-certificate-ends",
        f"mastodon_infra_certificate_not_after_timestamp_seconds{{path=~{SITE_CERTIFICATE}}} - time()",
        "<",
        CERTIFICATE,
        "1h",
        Severity.CRITICAL,
        "the site's certificate on {{ $labels.node }} ends in {{ $value | humanizeDuration }}",
        "Whoever is sent to this node is refused once it has ended, by browsers, apps and other servers alike.",
        "certificate-ends",
    )
    yield Alert(
        "site-certificate-missing",
        "mastodon_infra_certificate_is_placeholder",
        "==",
        HAPPENED,
        "1h",
        Severity.CRITICAL,
        "{{ $labels.node }} still shows a certificate that nobody trusts",
        "Whoever is sent to this node is refused by browsers, apps and other servers alike.",
        "certificate-ends",
    )
