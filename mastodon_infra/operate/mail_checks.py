"""Whether mail can leave: the relay's port from here, and what SES says of the account."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from mastodon_infra.operate.api import UnreachableError, send
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.signing import Signer
from mastodon_infra.plan.types import InstancePlan

MAIL = Group("mail")
SES_ACCOUNT = "/v2/email/account"
SES_IDENTITY = "/v2/email/identities/{domain}"
OUT_OF_SANDBOX = "ask for production access: the SES console, Account dashboard"


def mail_checks(
    plan: InstancePlan, signer: Signer | None, *, ses_url: str, trust: ssl.SSLContext | None, patience_seconds: float
) -> Iterator[Check]:
    """The account at SES, and the relay as it answers from here."""
    if plan.mail.provider == "none":
        yield MAIL.skipped("relay", "no mail is asked for")
        return
    if plan.mail.provider == "ses":
        url = ses_url or f"https://email.{plan.mail.ses_region}.amazonaws.com"
        yield _ses(signer, url, patience_seconds)
        if signer is not None:
            yield _identity(signer, url, plan.mail.sender_domain, patience_seconds)
    yield _relay(plan, trust, patience_seconds)


def _relay(plan: InstancePlan, trust: ssl.SSLContext | None, patience_seconds: float) -> Check:
    """Only ever a warning: this machine is not the Linode, and its network may close other ports."""
    host, port = plan.mail.host, plan.mail.port.value if plan.mail.port else 0
    where = f"{host}:{port}"
    try:
        with smtplib.SMTP(host, port, timeout=patience_seconds) as relay:
            relay.starttls(context=trust or ssl.create_default_context())
            relay.ehlo()
            return MAIL.ok("relay", f"{where} answers, and takes STARTTLS")
    except smtplib.SMTPNotSupportedError:
        return MAIL.warn("relay", f"{where} offers no STARTTLS", "look up the relay's port for STARTTLS: mail.port")
    except ssl.SSLError as error:
        seen = f"{where} shows a certificate that is not trusted ({error.reason})"
        return MAIL.warn("relay", seen, "look at mail.host: it must be the name in the relay's certificate")
    except (OSError, smtplib.SMTPException) as error:
        seen = f"{where} does not answer from here ({type(error).__name__})"
        return MAIL.warn(
            "relay", seen, "this network may close the port; on a machine: nc -vz " + where.replace(":", " ")
        )


def _ses(signer: Signer | None, url: str, patience_seconds: float) -> Check:
    if signer is None:
        return MAIL.skipped(
            "SES", "there is no key for Amazon here", "give aws:accessKey and aws:secretKey to have it asked"
        )
    address = f"{url}{SES_ACCOUNT}"
    headers = signer.headers("GET", address, now=datetime.now(UTC))
    try:
        answer = send("GET", address, headers=headers, patience_seconds=patience_seconds)
    except UnreachableError as error:
        return MAIL.failed("SES", f"{url} does not answer: {error}", "look at mail.region and the network")
    if answer.status == HTTPStatus.FORBIDDEN:
        remedy = "the key needs ses:GetAccount, among others"
        return MAIL.failed("SES", f"Amazon refuses the key: {answer.said()}", remedy)
    if not answer.is_fine:
        return MAIL.warn("SES", f"the account could not be asked: {answer.said()}", "run it again later")
    return _ses_account(answer.data())


def _identity(signer: Signer, url: str, domain: str, patience_seconds: float) -> Check:
    """The sender's domain is asked for. It need not be there yet; the answer must not be no."""
    address, name = url + SES_IDENTITY.format(domain=domain), "SES identity"
    headers = signer.headers("GET", address, now=datetime.now(UTC))
    try:
        answer = send("GET", address, headers=headers, patience_seconds=patience_seconds)
    except UnreachableError as error:
        return MAIL.failed(name, f"{url} does not answer: {error}", "look at mail.region and the network")
    if answer.is_fine or answer.status == HTTPStatus.NOT_FOUND:
        return MAIL.ok(name, f"the key may look for {domain}")
    if answer.status == HTTPStatus.FORBIDDEN:
        remedy = "the key needs ses:GetEmailIdentity and ses:CreateEmailIdentity, among others"
        return MAIL.failed(name, f"the key may not ask for {domain}: {answer.said()}", remedy)
    return MAIL.warn(name, f"{domain} could not be asked for: {answer.said()}", "run it again later")


def _ses_account(told: Mapping[str, Any]) -> Check:
    quota = f"{float((told.get('SendQuota') or {}).get('Max24HourSend', 0)):,.0f} mails a day"
    if not told.get("SendingEnabled", True):
        return MAIL.failed("SES", "the account may not send", "the SES console says why")
    if not told.get("ProductionAccessEnabled", False):
        seen = f"the account is in the sandbox: {quota}, and to confirmed addresses only"
        return MAIL.warn("SES", seen, OUT_OF_SANDBOX)
    return MAIL.ok("SES", f"the account may send {quota}")
