"""Names: whether each resolves to what the plan says, as whoever asks from here sees it."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from functools import partial

from mastodon_infra.operate.api import UnreachableError
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.verify.questions import FromOutside, Question, Subject
from mastodon_infra.plan.network_types import DnsRecord, TargetKind

NAMES = Group("names")
FAMILIES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6, "CNAME": socket.AF_UNSPEC}
WRONG = "look at the record at whoever answers for the zone; a changed one takes its time to live to be seen"


def name_questions(subject: Subject) -> Iterator[Question]:
    """One for each record that leads somewhere, and a word about the others."""
    for record in subject.plan.dns.records:
        if record.type in FAMILIES:
            ask = FromOutside(partial(resolve, record.host, record.type))
            yield Question("names", title(record), ask, partial(judge_name, record, expected(record, subject)))
    others = sorted({record.type for record in subject.plan.dns.records} - set(FAMILIES))
    if others:
        told = f"{', '.join(others)} are not asked for: the system's resolver tells of addresses only"
        yield Question(
            "names", "other records", FromOutside(lambda: None), lambda _: (NAMES.unproven("other records", told),)
        )


def title(record: DnsRecord) -> str:
    """What the check is called."""
    return f"{record.host} {record.type}"


def expected(record: DnsRecord, subject: Subject) -> str:
    """The one address that must come; empty where only the deployment's cloud knows it."""
    if record.is_proxied or record.target.kind is not TargetKind.IPV4:
        return ""
    outputs = subject.outputs
    return outputs.node_addresses.get(record.target.value) or outputs.balancer_addresses.get(record.target.value, "")


def resolve(host: str, kind: str) -> tuple[str, ...]:
    """The addresses of a name by the system's resolver; none where there is no such name."""
    try:
        found = socket.getaddrinfo(host, 443, FAMILIES[kind], socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME), socket.EAI_ADDRFAMILY}:
            return ()
        raise UnreachableError(error.strerror or "no resolver answers") from None
    return tuple(sorted({str(one[4][0]) for one in found}))


def judge_name(record: DnsRecord, wanted: str, seen: Sequence[str]) -> Iterator[Check]:
    """Exactly the planned address where one is planned; any where an edge or the cloud chooses it."""
    name, told = title(record), ", ".join(seen)
    if not seen:
        yield NAMES.failed(name, "it does not resolve", WRONG)
    elif wanted and tuple(seen) != (wanted,):
        yield NAMES.failed(name, f"it leads to {told}, and should to {wanted}", WRONG)
    else:
        yield NAMES.ok(name, f"it leads to {told}")
