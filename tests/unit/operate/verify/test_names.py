"""Names: a real resolver asks a small server of names on loopback, and what it says is judged."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from mastodon_infra.cli.stacks import load
from mastodon_infra.operate.api import UnreachableError
from mastodon_infra.operate.checks import Check
from mastodon_infra.operate.verify import names
from mastodon_infra.operate.verify.questions import Subject
from mastodon_infra.plan.network_types import DnsRecord, DnsTarget, TargetKind
from mastodon_infra.plan.types import InstancePlan
from tests.unit.operate.verify.made import outputs_for

ZONE = (
    ("social.example.", "CAA", '0 issue "letsencrypt.org"'),
    ("social.example.", "TXT", '"v=spf1 include:relay.example -all"'),
    ("social.example.", "TXT", '"proof=" "in-two-parts"'),
    ("_dmarc.social.example.", "TXT", '"v=DMARC1; p=reject; rua=mailto:Admin@social.example"'),
    ("bounce.social.example.", "MX", "10 feedback.relay.example."),
    ("key1._domainkey.social.example.", "CNAME", "key1.Relay.example."),
)


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server of names that knows the zone, and a resolver that asks it alone."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            packet, sender = self.request
            asked = dns.message.from_wire(packet)
            (question,) = asked.question
            reply = dns.message.make_response(asked)
            found = [one for one in ZONE if one[0] == question.name.to_text().lower()]
            texts = [content for _, kind, content in found if kind == dns.rdatatype.to_text(question.rdtype)]
            if not found:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            if texts:
                reply.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", question.rdtype, texts))
            sender.sendto(reply.to_wire(), self.client_address)

    with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers, resolver.port = ["127.0.0.1"], server.server_address[1]
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        yield
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def plan() -> InstancePlan:
    return load("demo", None).plan


def subject_of(plan: InstancePlan) -> Subject:
    outputs = outputs_for(plan)
    assert outputs.wiring is not None
    return Subject("demo", plan, outputs, outputs.wiring, {})


def a_record(host: str, kind: str, content: str, priority: int | None = None) -> DnsRecord:
    return DnsRecord("it", host, kind, DnsTarget(TargetKind.TEXT, content), 300, priority, False, "")


def outcome(checks: Iterable[Check]) -> str:
    (check,) = checks
    return check.outcome.value


@pytest.mark.parametrize(
    ("host", "kind", "said"),
    [
        ("social.example", "CAA", ('0 issue "letsencrypt.org"',)),
        ("social.example", "TXT", ("proof=in-two-parts", "v=spf1 include:relay.example -all")),
        ("bounce.social.example", "MX", ("10 feedback.relay.example",)),
        ("key1._domainkey.social.example", "CNAME", ("key1.relay.example",)),
        ("social.example", "MX", ()),
        ("nobody.example", "TXT", ()),
    ],
)
def test_records_of_every_kind_are_asked_for(zone: None, host: str, kind: str, said: tuple[str, ...]) -> None:
    assert names.said_by_name(host, kind) == said


def test_a_resolver_that_does_not_answer_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = dns.resolver.Resolver(configure=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver.nameservers, resolver.port = ["127.0.0.1"], silent.getsockname()[1]
        monkeypatch.setattr(dns.resolver, "default_resolver", resolver)
        monkeypatch.setattr(names, "LONGEST_SECONDS", 0.2)
        with pytest.raises(UnreachableError, match="no resolver answers"):
            names.said_by_name("social.example", "TXT")


@pytest.mark.parametrize(
    ("record", "how"),
    [
        (a_record("social.example", "CAA", '0 issue "letsencrypt.org"'), "ok"),
        (a_record("social.example", "CAA", '0 issue "another.example"'), "failed"),
        (a_record("social.example", "TXT", "v=spf1 include:relay.example -all"), "ok"),
        (a_record("social.example", "TXT", "v=spf1 -all"), "failed"),
        (a_record("_dmarc.social.example", "TXT", "v=DMARC1; p=reject; rua=mailto:Admin@social.example"), "ok"),
        (a_record("_dmarc.social.example", "TXT", "v=dmarc1; p=reject; rua=mailto:admin@social.example"), "failed"),
        (a_record("bounce.social.example", "MX", "feedback.relay.example", 10), "ok"),
        (a_record("bounce.social.example", "MX", "feedback.relay.example", 20), "failed"),
        (a_record("key1._domainkey.social.example", "CNAME", "key1.RELAY.example"), "ok"),
        (a_record("key2._domainkey.social.example", "CNAME", "key2.relay.example"), "failed"),
    ],
)
def test_what_was_planned_must_be_among_what_a_name_says(zone: None, record: DnsRecord, how: str) -> None:
    seen = names.said_by_name(record.host, record.type)

    assert outcome(names.judge_texts(names.title(record), names.contents((record,)), seen)) == how


def test_every_planned_record_has_its_question(plan: InstancePlan) -> None:
    asked = [question.name for question in names.name_questions(subject_of(plan))]

    assert sorted(asked) == sorted({names.title(record) for record in plan.dns.records})


def test_a_name_leads_exactly_where_it_is_planned_to(plan: InstancePlan) -> None:
    outputs = outputs_for(plan)
    assert outputs.wiring is not None
    subject = Subject("demo", plan, outputs, outputs.wiring, {})
    record = next(one for one in plan.dns.records if one.type == "A")
    wanted = names.expected(record, subject)
    assert wanted == outputs.jump_address
    assert outcome(names.judge_name(record, wanted, (wanted,))) == "ok"
    assert outcome(names.judge_name(record, wanted, ("203.0.113.9",))) == "failed"
    assert outcome(names.judge_name(record, wanted, (wanted, "203.0.113.9"))) == "failed"
    assert outcome(names.judge_name(record, "", ("203.0.113.9",))) == "ok"
    assert outcome(names.judge_name(record, "", ())) == "failed"


def test_a_name_without_an_address_of_the_kind_resolves_to_nothing() -> None:
    assert names.resolve("127.0.0.1", socket.AF_INET) == ("127.0.0.1",)
    assert names.resolve("127.0.0.1", socket.AF_INET6) == ()


def test_an_ipv6_name_leads_to_the_address_that_the_deployment_told(plan: InstancePlan) -> None:
    record = next(one for one in plan.dns.records if one.type == "AAAA")
    subject = subject_of(plan)
    told = replace(subject.outputs, node_addresses_v6={record.target.value: "2001:db8::5"})

    assert names.expected(record, replace(subject, outputs=told)) == "2001:db8::5"
    assert names.expected(record, subject) == "", "an older program did not tell"
