"""Mail, handed to the relay as the settings say."""

import smtplib
import ssl
import uuid
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from pathlib import Path

from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import Refused, is_on, number, setting, trust

READ_SECONDS = 20
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"


def send(recipient, subject, text):
    """Hand one message over; raises what smtplib raises."""
    sender = setting("SMTP_FROM_ADDRESS", "notifications@localhost")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, recipient, subject
    message["Date"], message["Message-ID"] = formatdate(), f"<{uuid.uuid4()}@{_domain(sender)}>"
    message.set_content(text)
    if setting("SMTP_DELIVERY_METHOD", "smtp") == "file":
        folder = Path("tmp/mails")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / recipient).write_bytes(bytes(message))
        return
    with _relay() as relay:
        if setting("SMTP_AUTH_METHOD", "plain") != "none" and setting("SMTP_LOGIN"):
            relay.login(setting("SMTP_LOGIN"), setting("SMTP_PASSWORD"))
        relay.send_message(message, from_addr=setting("SMTP_RETURN_PATH") or parseaddr(sender)[1])


def _domain(sender):
    return parseaddr(sender)[1].partition("@")[2]


def _relay():
    """The relay, once the connection is as encrypted as it has to be."""
    if not setting("SMTP_SERVER"):
        raise Refused("nobody says which relay to hand mail to")
    address = setting("SMTP_SERVER"), number("SMTP_PORT", 25)
    options = {"timeout": READ_SECONDS, "local_hostname": setting("SMTP_DOMAIN") or setting("LOCAL_DOMAIN")}
    context = trust(setting("SMTP_CA_FILE", AUTHORITIES))
    if setting("SMTP_OPENSSL_VERIFY_MODE") == "none":
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if is_on("SMTP_TLS") or is_on("SMTP_SSL"):
        return smtplib.SMTP_SSL(*address, context=context, **options)
    relay = smtplib.SMTP(*address, **options)
    relay.ehlo()
    how = setting("SMTP_ENABLE_STARTTLS", "auto")
    if how == "always" or (how == "auto" and relay.has_extn("starttls")):
        relay.starttls(context=context)
    return relay
