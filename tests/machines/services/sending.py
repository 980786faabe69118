"""Sends a mail: reads JSON with host, port, authority, sender and, where it has them, ``tls`` and ``login``.

Says the status of the last answer. ``tls`` is start or wrapped.
"""

import json
import smtplib
import ssl
import sys

told = json.loads(sys.stdin.read())
context = ssl.create_default_context(cafile=told["authority"])
context.verify_flags |= ssl.VERIFY_X509_STRICT  # as the Python of machines has it
PATIENCE_SECONDS = 10
MESSAGE = (
    f"From: One <{told['sender']}>\r\nTo: two@elsewhere.example\r\nSubject: {told['subject']}\r\n\r\nGood day.\r\n"
)


def begin():
    """A connection, over TLS from its first byte where that is asked for."""
    if told.get("tls") == "wrapped":
        return smtplib.SMTP_SSL(told["host"], told["port"], timeout=PATIENCE_SECONDS, context=context)
    return smtplib.SMTP(told["host"], told["port"], timeout=PATIENCE_SECONDS)


try:
    with begin() as relay:
        if told.get("tls") == "start":
            relay.starttls(context=context)
        if told.get("login"):
            relay.login(*told["login"])
        relay.sendmail(told["sender"], ["two@elsewhere.example"], MESSAGE)
        sys.stdout.write("250")
except smtplib.SMTPResponseException as error:
    sys.stdout.write(str(error.smtp_code))
