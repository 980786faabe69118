"""Whether mail can leave: a relay on loopback that speaks STARTTLS, and SES as its API tells of an account."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from mastodon_infra.operate.mail_checks import mail_checks
from mastodon_infra.operate.signing import Signer
from mastodon_infra.plan.types import InstancePlan
from tests.unit.cost.made import SES, plan_of
from tests.unit.operate.made import by_name, outcomes
from tests.unit.operate.servers import as_json, serving

SIGNER = Signer("an-access-key", "a-secret-key", "ap-southeast-2", "ses")
RELAYED = plan_of(mail={"provider": "smtp", "host": "smtp.relay.example", "username": "social"}, size="small")
HEALTHY = {
    "ProductionAccessEnabled": True,
    "SendingEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 12.0},
}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate of loopback that nobody but these tests trusts, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a relay")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path: Path = tmp_path_factory.mktemp("relay") / "relay.pem"
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + made.public_bytes(pem))
    return path


@contextmanager
def relay(certificate: Path, *, offers_tls: bool = True) -> Iterator[int]:
    """A mail relay for one caller; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        caller, _ = listener.accept()
        try:
            caller.sendall(b"220 relay ESMTP\r\n")
            while line := caller.recv(1024):
                word = line[:4].upper()
                if word == b"EHLO":
                    caller.sendall(b"250-relay\r\n250 STARTTLS\r\n" if offers_tls else b"250 relay\r\n")
                elif word == b"STAR":
                    caller.sendall(b"220 go ahead\r\n")
                    caller = context.wrap_socket(caller, server_side=True)
                else:
                    caller.sendall(b"221 bye\r\n")
        except OSError:
            pass  # the caller did not like the certificate
        finally:
            caller.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        listener.close()
        thread.join(timeout=10)


def at(plan: InstancePlan, port: int) -> InstancePlan:
    assert plan.mail.port is not None
    return replace(plan, mail=replace(plan.mail, host="127.0.0.1", port=replace(plan.mail.port, value=port)))


def checked(plan: InstancePlan, *, trust: Path | None = None, signer: Signer | None = None, ses_url: str = ""):
    context = ssl.create_default_context(cafile=str(trust)) if trust else None
    return list(mail_checks(plan, signer, ses_url=ses_url, trust=context, patience_seconds=5))


def test_relay_that_takes_starttls_is_fine(certificate):
    with relay(certificate) as port:
        assert outcomes(checked(at(RELAYED, port), trust=certificate)) == {"relay": "ok"}


def test_relay_whose_certificate_nobody_trusts_is_a_warning(certificate):
    with relay(certificate) as port:
        check = by_name(checked(at(RELAYED, port)))["relay"]

    assert check.outcome == "warn"
    assert "certificate that is not trusted" in check.seen


def test_relay_without_starttls_is_a_warning(certificate):
    with relay(certificate, offers_tls=False) as port:
        check = by_name(checked(at(RELAYED, port), trust=certificate))["relay"]

    assert check.outcome == "warn"
    assert "offers no STARTTLS" in check.seen


def test_closed_port_is_a_warning_only_since_this_machine_is_not_the_linode():
    assert outcomes(checked(at(RELAYED, 1))) == {"relay": "warn"}


def test_no_mail_has_nothing_to_look_at():
    assert outcomes(checked(plan_of(size="small"))) == {"relay": "skipped"}


@pytest.mark.parametrize(
    ("account", "outcome", "seen"),
    [
        (HEALTHY, "ok", "the account may send 50,000 mails a day"),
        (
            {**HEALTHY, "ProductionAccessEnabled": False, "SendQuota": {"Max24HourSend": 200.0}},
            "warn",
            "the account is in the sandbox: 200 mails a day, and to confirmed addresses only",
        ),
        ({**HEALTHY, "SendingEnabled": False}, "failed", "the account may not send"),
    ],
)
def test_ses_tells_what_the_account_may(account, outcome, seen):
    def ses(request):
        if request.path == "/v2/email/identities/social.example":
            return as_json(404, {})
        assert request.path == "/v2/email/account"
        assert "/ap-southeast-2/ses/aws4_request" in request.headers["authorization"]
        return as_json(200, account)

    with serving(ses) as url:
        check = by_name(checked(at(plan_of(size="small", mail=SES), 1), signer=SIGNER, ses_url=url))["SES"]

    assert (check.outcome, check.seen) == (outcome, seen)


def test_ses_refuses_a_key_without_rights():
    with serving(lambda _: as_json(403, {"message": "not authorized to perform ses:GetAccount"})) as url:
        check = by_name(checked(at(plan_of(size="small", mail=SES), 1), signer=SIGNER, ses_url=url))["SES"]

    assert check.outcome == "failed"
    assert "ses:GetAccount" in check.seen


def test_without_a_key_ses_is_not_asked():
    assert outcomes(checked(at(plan_of(size="small", mail=SES), 1)))["SES"] == "skipped"


@pytest.mark.parametrize(("status", "outcome"), [(200, "ok"), (404, "ok"), (403, "failed"), (500, "warn")])
def test_senders_identity_may_be_missing_and_must_not_be_out_of_reach(status, outcome):
    def ses(request):
        return as_json(200, HEALTHY) if request.path.endswith("/account") else as_json(status, {})

    with serving(ses) as url:
        told = by_name(checked(at(plan_of(size="small", mail=SES), 1), signer=SIGNER, ses_url=url))

    assert told["SES identity"].outcome == outcome
    assert "social.example" in told["SES identity"].seen
