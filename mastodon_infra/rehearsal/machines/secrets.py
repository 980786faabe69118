"""Values for the secrets that only an operator could give: made up, and of the right shape."""

from __future__ import annotations

import secrets

from mastodon_infra.plan.types import InstancePlan


def made_up(key: str, plan: InstancePlan) -> str:
    """A value for one of ``needed_secrets``."""
    hosts = {"alertWebhook": plan.monitoring.webhook_host, "alertHeartbeat": plan.monitoring.heartbeat_host}
    if key in hosts:
        return f"https://{hosts[key]}/{secrets.token_urlsafe(16)}"
    return secrets.token_urlsafe(24)
