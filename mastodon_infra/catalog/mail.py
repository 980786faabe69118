"""Ways to send mail from a Linode, and the ports that are of no use there."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from mastodon_infra.catalog.rows import Limit, MailProvider
from mastodon_infra.catalog.sources import AKAMAI_DOCS, AWS_SES, MAIL_RELAYS

_UNDATED = date(2025, 1, 1)
"""Copies of the relays' pages carry no day, so they count as old."""


def _relay(name: str, title: str, host: str) -> MailProvider:
    return MailProvider(name=name, as_of=_UNDATED, source=MAIL_RELAYS, title=title, host=host, port=2525)


MAIL_PROVIDERS: tuple[MailProvider, ...] = (
    MailProvider(
        name="ses",
        as_of=date(2026, 7, 22),
        source=AWS_SES,
        title="Amazon SES, à la carte",
        host="email-smtp.{region}.amazonaws.com",
        port=2587,
        price_usd_1000=Decimal("0.10"),
        daily_quota=200,
        regions=(
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
            "ca-central-1",
            "sa-east-1",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "eu-central-1",
            "eu-north-1",
            "ap-south-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "ap-northeast-1",
            "ap-northeast-2",
        ),
    ),
    _relay("brevo", "Brevo", "smtp-relay.brevo.com"),
    _relay("mailgun", "Mailgun", "smtp.mailgun.org"),
    _relay("mailjet", "Mailjet", "in-v3.mailjet.com"),
    _relay("postmark", "Postmark", "smtp.postmarkapp.com"),
    _relay("sendgrid", "Twilio SendGrid", "smtp.sendgrid.net"),
    _relay("smtp2go", "SMTP2GO", "mail.smtp2go.com"),
)
"""SES, then relays that answer on port 2525.

SES's quota is that of its sandbox, and leaving the sandbox takes a request. Its price is that of the à la
carte plan: an account new since 2026-07-21 starts on a dearer one (``prices.SES_NEW_ACCOUNT``) and may
change at once.
"""

BLOCKED_PORT_ROWS: tuple[Limit, ...] = tuple(
    Limit(
        name=f"linode-blocks-{port}",
        as_of=date(2024, 5, 1),
        source=AKAMAI_DOCS,
        title="outbound port closed on accounts made since 2019-11-05, until support opens it",
        value=port,
        unit="port",
    )
    for port in (25, 465, 587)
)

BLOCKED_PORTS: frozenset[int] = frozenset(row.value for row in BLOCKED_PORT_ROWS)
"""Mail ports that a Linode cannot reach."""

_BY_NAME = {row.name: row for row in MAIL_PROVIDERS}
_BY_HOST = {row.host: row for row in MAIL_PROVIDERS}


def mail_provider(name: str) -> MailProvider | None:
    """The provider of that name, or None."""
    return _BY_NAME.get(name)


def relay_at(host: str) -> MailProvider | None:
    """The relay whose host name this is, or None where we know nothing of it."""
    return _BY_HOST.get(host)
