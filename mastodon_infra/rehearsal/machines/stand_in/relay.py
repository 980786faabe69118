"""A mail relay that keeps what it is given. Its settings are in the JSON file that it is given.

Settings: ``address``, ``host`` (the name it answers with), ``certificate`` and ``key`` (paths), ``folder`` (of kept
messages), ``open`` and ``wrapped`` (ports that begin in the clear, and those that begin with TLS), ``logins`` (each
with ``username``, ``password`` and, where it is bound to one, ``sender``: an address, or a domain with its @). Logins
are read again each time.

It takes nothing without TLS and without one of the logins, and nothing from a sender whom the login may not speak for.
"""

import asyncio
import hmac
import json
import ssl
import sys
import time
from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult

SETTINGS_FILE = Path(sys.argv[1])
SETTINGS = json.loads(SETTINGS_FILE.read_text(encoding="utf-8"))
FOLDER = Path(SETTINGS["folder"])


def login_of(username, password):
    """The login with that name and word, or None."""
    known = json.loads(SETTINGS_FILE.read_text(encoding="utf-8"))["logins"]
    for login in known:
        pairs = ((login["username"].encode(), username), (login["password"].encode(), password))
        if all(expected and hmac.compare_digest(expected, told) for expected, told in pairs):
            return login
    return None


def authenticate(_server, session, _envelope, mechanism, data):
    """Whether somebody is who they say; remembers whom they may speak for."""
    if mechanism not in {"LOGIN", "PLAIN"}:
        return AuthResult(success=False, handled=False)
    login = login_of(data.login, data.password)
    if login is None:
        return AuthResult(success=False, handled=False)
    session.sender = login.get("sender", "")
    return AuthResult(success=True)


def is_spoken_for(address, sender):
    """Whether an address is the sender's own, or one of the domain that the sender is."""
    return address.lower().endswith(sender) if sender.startswith("@") else address.lower() == sender


class Keeper:
    """Writes each message down, whole or not at all: its envelope in lines of its own, then the message."""

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - the library's name
        """A message is here."""
        author = parseaddr(message_from_bytes(envelope.original_content).get("From", ""))[1]
        if session.sender and not is_spoken_for(author, session.sender):
            return f"554 Message rejected: {author} is not verified for this login"
        head = {"from": envelope.mail_from, "to": envelope.rcpt_tos}
        name = f"{time.time_ns()}.eml"
        making = FOLDER / f".{name}"
        making.write_bytes(b"X-Envelope: " + json.dumps(head).encode() + b"\r\n" + envelope.original_content)
        making.replace(FOLDER / name)
        return f"250 Ok {name.removesuffix('.eml')}"


async def main():
    """Listen for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SETTINGS["certificate"], SETTINGS["key"])
    common = {"hostname": SETTINGS["host"], "ident": "ESMTP", "auth_required": True, "authenticator": authenticate}
    loop = asyncio.get_running_loop()

    def in_the_clear():
        return SMTP(Keeper(), tls_context=context, require_starttls=True, loop=loop, **common)

    def wrapped():
        return SMTP(Keeper(), auth_require_tls=False, loop=loop, **common)

    for port in SETTINGS["open"]:
        await loop.create_server(in_the_clear, SETTINGS["address"], port)
    for port in SETTINGS["wrapped"]:
        await loop.create_server(wrapped, SETTINGS["address"], port, ssl=context)
    print("ready", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
