"""The mail relay: it keeps what comes over TLS from who may send, and refuses everything else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mastodon_infra.rehearsal.clouds import amazon
from mastodon_infra.rehearsal.clouds.amazon import AWS
from mastodon_infra.rehearsal.machines.ground import Given
from mastodon_infra.rehearsal.machines.services.names import Names
from mastodon_infra.rehearsal.machines.services.relay import Relay
from mastodon_infra.rehearsal.provider import StandIn
from mastodon_infra.rehearsal.wire import plain
from mastodon_infra.rehearsal.world import World
from tests.machines.services.bench import standing, wait_until

SENDING = str(Path(__file__).with_name("sending.py"))
HOST, SES = "smtp.relay.example", "email-smtp.eu-west-1.amazonaws.com"
SENDER = "notifications@social.example"
LOGIN = ("postbox", "its word")
TAKEN, WANTS_TLS_OR_LOGIN, WRONG_LOGIN, NOT_HIS_NAME = 250, 530, 535, 554


class Bench:
    """A relay that is found by its name."""

    def __init__(self, ground, world):
        self.ground = ground
        self.relay = Relay(ground)
        names = Names(ground)
        for part in (names, self.relay):
            part.follow(world)
        (ground.folder / "visitor.pem").write_text(ground.authority.certificate, encoding="utf-8")
        wait_until(self._is_found, what="the relay is found")

    def _is_found(self):
        try:
            return self.ground.place.run("getent", "ahostsv4", self.ground.given.mail_host)
        except OSError:
            return False

    def send(self, subject, *, port, sender=SENDER, **how):
        """The status with which a mail was taken or refused."""
        told = {"host": self.ground.given.mail_host, "port": port, "sender": sender, "subject": subject, **how}
        done = subprocess.run(
            [*self.ground.place.command(), sys.executable, SENDING],
            input=json.dumps({**told, "authority": str(self.ground.folder / "visitor.pem")}),
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    def subjects(self):
        return [message["Subject"] for message in self.relay.messages()]


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    """A relay whose login the stack's file names."""
    given = Given((), HOST, (2525, 465), *LOGIN, mail_domain="social.example")
    folder = tmp_path_factory.mktemp("relay")
    with standing(parts, folder, given) as ground:
        yield Bench(ground, World(folder / "cloud"))


@pytest.mark.parametrize(("port", "tls"), [(2525, "start"), (465, "wrapped")])
def test_mail_of_who_may_send_is_kept(bench, port, tls):
    assert bench.send(f"over {port}", port=port, tls=tls, login=LOGIN) == TAKEN
    assert bench.subjects()[-1] == f"over {port}"
    message = bench.relay.messages()[-1]
    assert json.loads(message["X-Envelope"]) == {"from": SENDER, "to": ["two@elsewhere.example"]}
    assert message.get_payload() == "Good day.\r\n"


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({}, WANTS_TLS_OR_LOGIN),
        ({"tls": "start"}, WANTS_TLS_OR_LOGIN),
        ({"tls": "start", "login": (LOGIN[0], "guessed")}, WRONG_LOGIN),
        ({"tls": "start", "login": ("stranger", LOGIN[1])}, WRONG_LOGIN),
        ({"tls": "start", "login": LOGIN, "sender": "one@elsewhere.example"}, NOT_HIS_NAME),
        ({"tls": "start", "login": LOGIN, "sender": "one@antisocial.example"}, NOT_HIS_NAME),
    ],
)
def test_everything_else_is_refused_and_not_kept(bench, how, status):
    before = bench.subjects()
    assert bench.send("refused", port=2525, **how) == status
    assert bench.subjects() == before


def test_a_login_is_not_taken_in_the_clear(bench):
    with pytest.raises(subprocess.CalledProcessError) as refused:
        bench.send("refused", port=2525, login=LOGIN)
    assert "SMTPNotSupportedError" in refused.value.stderr


def test_where_no_mail_is_sent_nothing_listens(parts, tmp_path):
    with standing(parts, tmp_path) as ground:
        relay = Relay(ground)
        relay.follow(World(tmp_path / "cloud"))
        assert relay.messages() == []
        assert ":2525" not in ground.place.run("ss", "--listening", "--tcp", "--numeric")


def test_amazon_takes_the_login_that_the_world_has_and_one_address(parts, tmp_path):
    world = World(tmp_path / "cloud")
    vendor = StandIn(AWS, world)
    vendor.configure({"region": "eu-west-1", "accessKey": "k", "secretKey": "s"}, {})
    bound = {"StringEquals": {"ses:FromAddress": SENDER}}
    sends = {"Effect": "Allow", "Action": "ses:SendRawEmail", "Resource": "*", "Condition": bound}
    reads = {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::media/*"}
    logins = {}
    for user, statement in (("mail", sends), ("media", reads)):
        vendor.create(amazon.USER, {"name": user}, is_preview=False)
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        vendor.create(amazon.USER_POLICY, {"name": "p", "user": user, "policy": policy}, is_preview=False)
        identity, made, _ = vendor.create(amazon.ACCESS_KEY, {"user": user}, is_preview=False)
        logins[user] = (identity, plain(made["sesSmtpPasswordV4"]))

    with standing(parts, tmp_path, Given((), SES, (2587,))) as ground:
        bench = Bench(ground, world)
        assert bench.send("one", port=2587, tls="start", login=logins["mail"]) == TAKEN
        other = "other@social.example"
        assert bench.send("two", port=2587, tls="start", login=logins["mail"], sender=other) == NOT_HIS_NAME
        assert bench.send("three", port=2587, tls="start", login=logins["media"]) == WRONG_LOGIN
        assert bench.subjects() == ["one"]
        vendor.delete(amazon.ACCESS_KEY, logins["mail"][0])
        bench.relay.follow(world)
        assert bench.send("four", port=2587, tls="start", login=logins["mail"]) == WRONG_LOGIN
