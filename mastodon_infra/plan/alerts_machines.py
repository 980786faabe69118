"""Alerts about machines, and about the watching itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mastodon_infra.catalog.sources import HACHYDERM, JUDGEMENT, LINODE
from mastodon_infra.plan.alerts_types import Alert, Severity
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.types import VolumePlan

DISKS = 'fstype=~"ext4|xfs"'
CERTIFICATE_DAYS = 14
SECONDS_A_DAY = 86400

CERTIFICATE = Decided(
    CERTIFICATE_DAYS * SECONDS_A_DAY,
    "14 days: renewal begins 30 days before the end, so two weeks of it have failed",
    JUDGEMENT,
    "s",
)
SITE_CERTIFICATE = '".+/tls/site[.]crt"'
"""As the path's label matches it, given or obtained."""

NEVER = Decided(0, "it must not happen at all", JUDGEMENT)
DOWN = Decided(0, "Prometheus writes 0 where nobody answers", JUDGEMENT)
HAPPENED = Decided(1, "the metric is 1 while it is so", JUDGEMENT)
BUNDLE_DIFFERS = "node:bundle_differs"
"""1 for each machine with another bundle than the watching one was told of; its own it cannot be told."""


def machine_alerts(volumes: tuple[VolumePlan, ...], *, is_alone: bool) -> Iterator[Alert]:
    """What every machine may suffer from; ``is_alone`` where nothing is watched but the watching machine."""
    yield Alert(
        "node-down",
        'up{job="node"}',
        "==",
        DOWN,
        "3m",
        Severity.CRITICAL,
        "{{ $labels.node }} does not answer",
        "Everything that this machine does is missing.",
        "node-down",
    )
    yield from _disk_alerts()
    yield from (_volume_alert(volume) for volume in volumes)
    yield from _memory_alerts()
    yield from _system_alerts()
    if not is_alone:
        yield _bundle_alert()


def _disk_alerts() -> Iterator[Alert]:
    used = f"100 - 100 * node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}}"
    impact = "PostgreSQL and Redis stop writing when it is full, and the instance with them."
    yield Alert(
        "disk-nearly-full",
        used,
        ">",
        Decided(80, "a fifth is left: time to grow or to clear in daylight", JUDGEMENT, "%"),
        "15m",
        Severity.WARNING,
        "{{ $labels.mountpoint }} of {{ $labels.node }} is {{ $value | humanize }} % full",
        impact,
        "disk-full",
    )
    yield Alert(
        "disk-full",
        used,
        ">",
        Decided(90, "an instance was lost for a day beyond this", HACHYDERM, "%"),
        "5m",
        Severity.CRITICAL,
        "{{ $labels.mountpoint }} of {{ $labels.node }} is {{ $value | humanize }} % full",
        impact,
        "disk-full",
    )
    yield Alert(
        "disk-full-in-a-day",
        f"predict_linear(node_filesystem_avail_bytes{{{DISKS}}}[6h], {SECONDS_A_DAY})",
        "<",
        Decided(0, "nothing left a day from now if the last six hours go on", JUDGEMENT, "bytes"),
        "1h",
        Severity.WARNING,
        "{{ $labels.mountpoint }} of {{ $labels.node }} is full within a day at this pace",
        impact,
        "disk-full",
        also=f"and node_filesystem_avail_bytes{{{DISKS}}} / node_filesystem_size_bytes{{{DISKS}}} < 0.5",
    )
    yield Alert(
        "inodes-nearly-gone",
        f"100 - 100 * node_filesystem_files_free{{{DISKS}}} / node_filesystem_files{{{DISKS}}}",
        ">",
        Decided(85, "files are created faster than bytes fill up", JUDGEMENT, "%"),
        "15m",
        Severity.WARNING,
        "{{ $labels.mountpoint }} of {{ $labels.node }} has used {{ $value | humanize }} % of its inodes",
        "No file can be made any more, though there is room.",
        "disk-full",
    )
    yield Alert(
        "disk-read-only",
        f"node_filesystem_readonly{{{DISKS}}}",
        "==",
        HAPPENED,
        "1m",
        Severity.CRITICAL,
        "{{ $labels.mountpoint }} of {{ $labels.node }} is read-only",
        "The kernel saw an error on the disk and stopped all writing.",
        "disk-read-only",
    )


def _volume_alert(volume: VolumePlan) -> Alert:
    return Alert(
        f"volume-missing-{volume.name}",
        f'absent(node_filesystem_size_bytes{{node="{volume.node}",mountpoint="{volume.mount_path}"}})',
        "==",
        Decided(1, "absent() is 1 where no such file system is mounted", LINODE),
        "10m",
        Severity.CRITICAL,
        f"{volume.name} is not mounted on {volume.node}",
        "The service that keeps its data there does not run.",
        "volume-missing",
    )


def _memory_alerts() -> Iterator[Alert]:
    yield Alert(
        "out-of-memory",
        "increase(node_vmstat_oom_kill[15m])",
        ">",
        NEVER,
        "0s",
        Severity.CRITICAL,
        "the kernel killed a process on {{ $labels.node }} for want of memory",
        "Whatever was killed starts anew; what it was doing is lost.",
        "out-of-memory",
    )
    yield Alert(
        "memory-nearly-gone",
        "node:memory_available:percent",
        "<",
        Decided(5, "the plan leaves more: something has outgrown its budget", JUDGEMENT, "%"),
        "15m",
        Severity.WARNING,
        "{{ $labels.node }} has {{ $value | humanize }} % of its memory left",
        "The next step is a killed process.",
        "out-of-memory",
    )
    yield Alert(
        "swapping",
        "rate(node_vmstat_pswpin[15m])",
        ">",
        Decided(256, "1 MiB a second comes back from swap: memory in use does not fit", JUDGEMENT, "pages/s"),
        "15m",
        Severity.WARNING,
        "{{ $labels.node }} reads {{ $value | humanize }} pages a second from swap",
        "Everything on the machine is slow.",
        "out-of-memory",
    )
    yield Alert(
        "cpu-busy",
        "node:cpu_busy:percent",
        ">",
        Decided(90, "the lack of this alert was named as a gap after an outage", HACHYDERM, "%"),
        "30m",
        Severity.WARNING,
        "{{ $labels.node }} has been {{ $value | humanize }} % busy for half an hour",
        "Answers are late, queues grow.",
        "cpu-busy",
    )


def _system_alerts() -> Iterator[Alert]:
    yield Alert(
        "unit-failed",
        'node_systemd_unit_state{state="failed"}',
        "==",
        HAPPENED,
        "5m",
        Severity.WARNING,
        "{{ $labels.name }} has failed on {{ $labels.node }}",
        "What the unit does is not done.",
        "unit-failed",
    )
    yield Alert(
        "unit-never-starts",
        'node_systemd_unit_state{name=~"mastodon-(first-start|schema|images|postgres-roles)[.]service",'
        'state="activating"}',
        "==",
        HAPPENED,
        "30m",
        Severity.WARNING,
        "{{ $labels.name }} on {{ $labels.node }} tries to start, again and again",
        "It never fails for good: without it Mastodon's processes wait, or the instance has no owner.",
        "unit-failed",
    )
    yield Alert(
        "firewall-off",
        'node_systemd_unit_state{name="nftables.service",state="active"}',
        "==",
        Decided(0, "the unit is active from boot on, always", HACHYDERM),
        "2m",
        Severity.CRITICAL,
        "the firewall of {{ $labels.node }} is not loaded",
        "Databases and metrics may be open to more than they should be.",
        "firewall-off",
    )
    yield Alert(
        "clock-not-set",
        "node_timex_sync_status",
        "==",
        Decided(0, "the kernel's clock counts as set within minutes of a boot", JUDGEMENT),
        "30m",
        Severity.WARNING,
        "nobody sets the clock of {{ $labels.node }}",
        "Signatures of other servers are refused once the clock is off by much.",
        "clock-wrong",
    )
    yield Alert(
        "clock-wrong",
        "abs(node_timex_offset_seconds)",
        ">",
        Decided(Decimal("0.5"), "half a second; chrony keeps milliseconds", JUDGEMENT, "s"),
        "10m",
        Severity.WARNING,
        "the clock of {{ $labels.node }} is wrong by {{ $value | humanizeDuration }}",
        "Signatures of other servers are refused once the clock is off by much.",
        "clock-wrong",
    )
    yield Alert(
        "reboot-pending",
        "mastodon_infra_reboot_required",
        "==",
        HAPPENED,
        "1d",
        Severity.WARNING,
        "{{ $labels.node }} has waited for a reboot for a day",
        "A security fix is installed and not in use.",
        "reboot-pending",
    )
    yield Alert(
        "not-installed",
        "mastodon_infra_installed",
        "==",
        Decided(0, "the installer leaves a mark once it is through", JUDGEMENT),
        "1h",
        Severity.WARNING,
        "{{ $labels.node }} has not finished installing",
        "The machine does not do what the plan says.",
        "not-installed",
    )
    yield Alert(
        "internal-certificate-ends",
        f"mastodon_infra_certificate_not_after_timestamp_seconds{{path!~{SITE_CERTIFICATE}}} - time()",
        "<",
        CERTIFICATE,
        "1h",
        Severity.WARNING,
        "{{ $labels.path }} on {{ $labels.node }} ends in {{ $value | humanizeDuration }}",
        "Nothing inside the instance will trust it after that: the app loses its database.",
        "certificate-ends",
    )


def _bundle_alert() -> Alert:
    return Alert(
        "bundle-differs",
        BUNDLE_DIFFERS,
        "==",
        HAPPENED,
        "6h",
        Severity.WARNING,
        "{{ $labels.node }} does not hold what was deployed",
        "Settings that were deployed are not in use there, a fix maybe among them.",
        "bundle-differs",
    )


def watching_alerts(*, has_mail_or_webhook: bool) -> Iterator[Alert]:
    """Whether the watcher itself can be relied on."""
    yield Alert(
        "watchdog",
        "vector(1)",
        "==",
        Decided(1, "always: its silence is the alarm", JUDGEMENT),
        "0s",
        Severity.NONE,
        "Prometheus and Alertmanager are alive",
        "None. When this stops to arrive, nobody is watching.",
        "watchdog",
    )
    yield Alert(
        "exporter-down",
        'up{job!~"node|streaming|sidekiq"}',
        "==",
        DOWN,
        "10m",
        Severity.WARNING,
        "{{ $labels.job }} of {{ $labels.node }} gives no numbers",
        "Its alerts are blind.",
        "exporter-down",
    )
    yield Alert(
        "machine-metrics-stale",
        'time() - node_textfile_mtime_seconds{file=~".*/mastodon-infra-(machine|web|upload).prom"}',
        ">",
        Decided(3600, "they are written every six minutes at least", JUDGEMENT, "s"),
        "15m",
        Severity.WARNING,
        "{{ $labels.node }} has not written its own metrics for {{ $value | humanizeDuration }}",
        "Pending reboots, ending certificates, a dead Puma or failed uploads go unseen.",
        "exporter-down",
    )
    yield Alert(
        "prometheus-settings-refused",
        "(prometheus_config_last_reload_successful or alertmanager_config_last_reload_successful)",
        "==",
        Decided(0, "0 after a reload that failed", JUDGEMENT),
        "5m",
        Severity.WARNING,
        "{{ $labels.job }} did not take its new settings",
        "The old settings stay in force.",
        "monitoring-unwell",
    )
    yield Alert(
        "prometheus-rules-failing",
        "increase(prometheus_rule_evaluation_failures_total[15m])",
        ">",
        NEVER,
        "0s",
        Severity.CRITICAL,
        "Prometheus cannot work out some of its rules",
        "Alerts of that group are blind.",
        "monitoring-unwell",
    )
    yield Alert(
        "prometheus-storage-failing",
        "increase(prometheus_tsdb_compactions_failed_total[3h]) + increase(prometheus_tsdb_wal_corruptions_total[3h])",
        ">",
        NEVER,
        "0s",
        Severity.WARNING,
        "Prometheus cannot keep its data in order",
        "History may be lost; the disk may fill.",
        "monitoring-unwell",
    )
    yield Alert(
        "alertmanager-unreachable",
        "increase(prometheus_notifications_errors_total[10m])",
        ">",
        NEVER,
        "5m",
        Severity.CRITICAL,
        "Prometheus cannot hand alerts to Alertmanager",
        "Nobody hears of anything.",
        "alerts-not-delivered",
    )
    if has_mail_or_webhook:
        yield Alert(
            "alerts-not-delivered",
            "sum by (integration) (increase(alertmanager_notifications_failed_total[15m]))",
            ">",
            NEVER,
            "15m",
            Severity.CRITICAL,
            "alerts by {{ $labels.integration }} do not arrive",
            "Somebody believes that all is well.",
            "alerts-not-delivered",
        )
