"""Speaks with the mail relay up to the point where a mail would be handed over, and not further unless asked to."""

import json
import smtplib
import ssl
from collections.abc import Iterator
from typing import Any

IMPLICIT_TLS_PORT = 465
REFUSED = 400


def main(given: dict[str, Any]) -> None:
    """Print the steps that were passed, and what the relay said where it stopped."""
    passed: list[str] = []
    trouble = ""
    try:
        passed.extend(steps(given))
    except (OSError, smtplib.SMTPException) as error:
        trouble = f"{type(error).__name__}: {error}"[:300]
    print(json.dumps({"passed": passed, "trouble": trouble}))


def steps(given: dict[str, Any]) -> Iterator[str]:
    """Each step's name, once it is done."""
    context = ssl.create_default_context()
    relay: smtplib.SMTP
    if given["port"] == IMPLICIT_TLS_PORT:
        relay = smtplib.SMTP_SSL(given["host"], given["port"], timeout=given["seconds"], context=context)
        yield "connect"
    else:
        relay = smtplib.SMTP(given["host"], given["port"], timeout=given["seconds"])
        yield "connect"
        relay.starttls(context=context)
    yield "tls"
    with relay:
        relay.ehlo()
        if given["username"]:
            relay.login(given["username"], given["password"])
        yield "login"
        if given["text"]:
            relay.sendmail(given["sender"], [given["recipient"]], given["text"])
            yield "sent"
            return
        must(relay.mail(given["sender"]))
        yield "sender"
        must(relay.rcpt(given["recipient"]))
        yield "recipient"
        must(relay.rset())


def must(answer: tuple[int, bytes]) -> None:
    """Stop where the relay refuses."""
    code, said = answer
    if code >= REFUSED:
        raise smtplib.SMTPResponseException(code, said)
