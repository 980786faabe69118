"""What the templates of ``monitoring`` see: Prometheus, Alertmanager and the prober on the node that watches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from mastodon_infra.plan.alerts_machines import BUNDLE_DIFFERS
from mastodon_infra.plan.alerts_types import Probe
from mastodon_infra.plan.types import MailPlan, MonitoringPlan, ScrapeTarget
from mastodon_infra.render.scene import Scene

FOLDER = "/etc/prometheus/mastodon-infra"
RULES = "/etc/prometheus/rules"
DIGEST_CHARACTERS = 10
"""Of a bundle's digest: enough to tell two apart, and few enough for the user data of many machines."""


@dataclass(frozen=True, slots=True)
class Job:
    """The targets that Prometheus asks for the same numbers."""

    name: str
    targets: tuple[ScrapeTarget, ...]


@dataclass(frozen=True, slots=True)
class MonitoringContext:
    """The node that watches.

    Attributes:
        prometheus, alertmanager, prober: ``address:port`` that each listens on.
        bundle_differs: The series that tells of machines with another bundle than they should have.
        wanted_digests: How the digests of all other machines' bundles begin.
        smtp_username, smtp_password, webhook_url, heartbeat_url: Secrets; empty where there is no such way.
    """

    plan: MonitoringPlan
    jobs: tuple[Job, ...]
    probes: tuple[Probe, ...]
    watcher: str
    instance: str
    prometheus: str
    alertmanager: str
    prober: str
    folder: str
    rules: str
    bundle_differs: str
    wanted_digests: tuple[str, ...]
    mail: MailPlan
    smtp_username: str
    smtp_password: str
    webhook_url: str
    heartbeat_url: str

    @property
    def has_mail(self) -> bool:
        """Whether alerts go out by mail."""
        return self.mail.port is not None

    @property
    def has_no_mail(self) -> bool:
        """The opposite: then no secret stands in Alertmanager's settings."""
        return not self.has_mail

    @property
    def has_webhook(self) -> bool:
        """Whether alerts go to a webhook."""
        return bool(self.plan.webhook_host)

    @property
    def has_heartbeat(self) -> bool:
        """Whether somebody waits for a sign of life."""
        return bool(self.plan.heartbeat_host)


def monitoring_context(scene: Scene, digests_of_others: Iterable[str]) -> MonitoringContext:
    """Everything as planned."""
    plan, wiring = scene.plan.monitoring, scene.wiring
    ordered = sorted(plan.targets, key=lambda target: target.job)
    return MonitoringContext(
        plan=plan,
        jobs=tuple(Job(name, tuple(targets)) for name, targets in groupby(ordered, key=lambda target: target.job)),
        probes=plan.probes,
        watcher=scene.node.name,
        instance=scene.plan.mastodon.local_domain,
        prometheus=_door(scene, "prometheus"),
        alertmanager=_door(scene, "alertmanager"),
        prober=_door(scene, "blackbox-exporter"),
        folder=FOLDER,
        rules=RULES,
        bundle_differs=BUNDLE_DIFFERS,
        wanted_digests=tuple(digest[:DIGEST_CHARACTERS] for digest in digests_of_others),
        mail=scene.plan.mail,
        smtp_username=wiring.smtp_username or scene.plan.mail.username,
        smtp_password=wiring.smtp_password,
        webhook_url=wiring.alert_webhook_url,
        heartbeat_url=wiring.alert_heartbeat_url,
    )


def _door(scene: Scene, process: str) -> str:
    return f"{scene.address(process)}:{scene.first_port(process)}"
