"""The shapes of watching: alerts, probes and recorded series, as data that a rule file only has to spell out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from mastodon_infra.plan.decided import Decided


class Severity(StrEnum):
    """What an alert asks of a person: now, in working hours, or nothing."""

    CRITICAL = "critical"
    WARNING = "warning"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: ``watched comparison threshold`` for a while.

    Attributes:
        name: Its name in words, ``disk-nearly-full``; Prometheus knows it as ``DiskNearlyFull``.
        watched: What is compared, in PromQL.
        also: A further condition behind the comparison, ``and …``.
        hold: For how long it must be so, in Prometheus' form.
        summary, impact: What a person reads first. Prometheus fills in ``{{ $labels.node }}`` and its like.
        runbook: The page that says what to do, below docs/runbooks.
    """

    name: str
    watched: str
    comparison: str
    threshold: Decided[int] | Decided[Decimal]
    hold: str
    severity: Severity
    summary: str
    impact: str
    runbook: str
    also: str = ""

    @property
    def title(self) -> str:
        """The alert's name as Prometheus has it."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def expression(self) -> str:
        """The whole condition in PromQL."""
        condition = f"{self.watched} {self.comparison} {self.threshold.value}"
        return f"{condition} {self.also}" if self.also else condition


@dataclass(frozen=True, slots=True)
class AlertGroup:
    """Alerts about one thing, which Prometheus weighs together."""

    name: str
    alerts: tuple[Alert, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """A series that Prometheus works out once and keeps, for alerts and graphs."""

    series: str
    expression: str


@dataclass(frozen=True, slots=True)
class Probe:
    """Something that is asked from outside, as a visitor would. ``module`` is how."""

    name: str
    target: str
    module: str
