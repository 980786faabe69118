"""Mail: a machine that sends hands it to the relay, up to the point where the relay would take it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

from mastodon_infra.model.role import Role
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.programs import mailer, program
from mastodon_infra.operate.verify.questions import OnNode, Question, Said, Subject, nothing_to_ask

MAIL = Group("mail")
SECONDS = 15
STEPS = {
    "connect": "it cannot be reached from there",
    "tls": "there is no TLS with it",
    "login": "it refuses the login",
    "sender": "it refuses the sender",
    "recipient": "it refuses the owner as recipient",
    "sent": "it does not take the mail",
}
"""What it means when a step was not passed."""


def mail_questions(subject: Subject, *, sends: bool) -> Iterator[Question]:
    """To the first node that works jobs: it is there that mail leaves."""
    mail = subject.plan.mail
    if mail.port is None:
        yield nothing_to_ask("mail", "relay", "no mail is planned")
        return
    node = subject.plan.holders(Role.SIDEKIQ)[0]
    recipient = subject.plan.mastodon.owner_email
    lines = (
        f"From: {mail.from_address}",
        f"To: {recipient}",
        f"Subject: Mail leaves {subject.plan.mastodon.local_domain}",
        "",
        "mastodon-infra verify --send-mail has sent this.",
    )
    given = {
        "host": mail.host,
        "port": mail.port.value,
        "username": subject.wiring.smtp_username or mail.username,
        "password": subject.wiring.smtp_password,
        "sender": mail.from_address.rpartition("<")[2].rstrip("> "),
        "recipient": recipient,
        "text": "\r\n".join(lines) if sends else "",
        "seconds": SECONDS,
    }
    ask = OnNode(node.name, ("python3", "-I", "-"), stdin=program(mailer, given), seconds=2 * SECONDS)
    wanted = ("connect", "tls", "login", *(("sent",) if sends else ("sender", "recipient")))
    where = f"{mail.host}:{mail.port.value}, from {node.name}"
    yield Question("mail", "relay", ask, partial(judge_relay, where, wanted))


def judge_relay(where: str, wanted: tuple[str, ...], said: Said) -> Iterator[Check]:
    """Every step was passed."""
    told = json.loads(said.stdout) if said else {"passed": [], "trouble": said.trouble}
    missing = next((step for step in wanted if step not in told["passed"]), "")
    if missing:
        seen = f"{where}: {STEPS[missing]} ({told['trouble']})"
        yield MAIL.failed("relay", seen, "look at mail in the stack's file, and at its password")
    elif "sent" in wanted:
        yield MAIL.ok("relay", f"{where}: it has taken a mail to the owner")
    else:
        yield MAIL.ok("relay", f"{where}: it would take mail; nothing was sent")
