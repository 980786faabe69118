"""The preflight: everything that can be known before anything is made, looked at in one pass."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from mastodon_infra.model.services import DnsProvider
from mastodon_infra.operate.accounts import (
    Accounts,
    Clients,
    accounts_from,
    backup_keys,
    clients_of,
    mail_keys,
    store_keys,
)
from mastodon_infra.operate.api import UnreachableError
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.cloudflare_checks import DNS, cloudflare_checks
from mastodon_infra.operate.engine import find_engine
from mastodon_infra.operate.identity_checks import identity_checks
from mastodon_infra.operate.linode_checks import linode_checks, linode_zone
from mastodon_infra.operate.mail_checks import mail_checks
from mastodon_infra.operate.situation import look
from mastodon_infra.operate.state_checks import state_checks
from mastodon_infra.operate.store_checks import backup_checks, store_checks
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.stackfile.escrow import EscrowRecord


def preflight_stack(
    plan: InstancePlan,
    *,
    stack: str,
    file: Path,
    recorded: EscrowRecord | None,
    environment: Mapping[str, str] | None = None,
    asks_clouds: bool = True,
) -> tuple[Check, ...]:
    """Every check for a stack of a checkout. ``asks_clouds`` is false where nobody's account is meant: a rehearsal.

    Raises ToolError where there is no engine.
    """
    told = dict(os.environ if environment is None else environment)
    situation = look(find_engine(stack=stack, file=file, environment=told), recorded)
    checks = tuple(state_checks(plan, situation, stack=stack))
    if not asks_clouds:
        return (*checks, Group("clouds").skipped("clouds", "a local cloud: no account is asked"))
    accounts = accounts_from(situation.config or {}, told)
    clients = clients_of(accounts)
    return checks + preflight(
        plan, accounts, clients=clients, is_deployed=situation.is_deployed, wiring=situation.wiring
    )


def preflight(
    plan: InstancePlan,
    accounts: Accounts,
    *,
    clients: Clients,
    is_deployed: bool = False,
    wiring: Wiring | None = None,
) -> tuple[Check, ...]:
    """What the clouds say: Linode, the zone, both buckets, users, mail. Nothing is made but buckets for a moment.

    ``is_deployed``: the stack has made its things already, so that finding them is right. ``wiring``: its own keys.
    """
    return (
        *linode_checks(plan, clients.linode, is_deployed=is_deployed),
        *_zone(plan, clients, is_deployed=is_deployed),
        *store_checks(
            plan, store_keys(plan, accounts, wiring), url=clients.store_url, patience_seconds=clients.patience_seconds
        ),
        *backup_checks(
            plan, backup_keys(plan, accounts, wiring), url=clients.store_url, patience_seconds=clients.patience_seconds
        ),
        *identity_checks(plan, accounts, urls=clients.iam_urls, patience_seconds=clients.patience_seconds),
        *mail_checks(
            plan,
            mail_keys(plan, accounts),
            ses_url=clients.ses_url,
            trust=clients.mail_trust,
            patience_seconds=clients.patience_seconds,
        ),
    )


def _zone(plan: InstancePlan, clients: Clients, *, is_deployed: bool) -> Iterator[Check]:
    match plan.dns.provider:
        case DnsProvider.CLOUDFLARE:
            yield from cloudflare_checks(plan, clients.cloudflare)
        case DnsProvider.LINODE:
            try:
                yield linode_zone(plan, clients.linode, is_deployed=is_deployed)
            except UnreachableError as error:
                yield DNS.skipped("zone", f"Linode does not answer: {error}")
        case DnsProvider.MANUAL:
            yield DNS.skipped("zone", "the records are set by hand")
