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
ADDRESSES = {"A": socket.AF_INET, "AAAA": socket.AF_INET6}
LONGEST_SECONDS = 10
WRONG = "look at the record at whoever answers for the zone; a changed one takes its time to live to be seen"
SES_ALONE = "SES has chosen its first label; whether SES found it: aws sesv2 get-email-identity"


def name_questions(subject: Subject) -> Iterator[Question]:
    """One for each name and kind of record. What an edge stands before is asked for its addresses."""
    texts: dict[tuple[str, str], list[DnsRecord]] = {}
    for record in subject.plan.dns.records:
        if record.type in ADDRESSES or record.is_proxied:
            family = ADDRESSES.get(record.type, socket.AF_UNSPEC)
            judge = partial(judge_name, record, expected(record, subject))
            yield Question("names", title(record), FromOutside(partial(resolve, record.host, family)), judge)
        else:
            texts.setdefault((record.host, record.type), []).append(record)
    for (host, kind), records in texts.items():
        if records[0].target.kind is TargetKind.SES_DKIM:
            yield _unproven(title(records[0]), SES_ALONE)
        else:
            ask = FromOutside(partial(said_by_name, host, kind))
            yield Question("names", title(records[0]), ask, partial(judge_texts, title(records[0]), contents(records)))


def _unproven(name: str, why: str) -> Question:
    return Question("names", name, FromOutside(lambda: None), lambda _: (NAMES.unproven(name, why),))


def title(record: DnsRecord) -> str:
    """What the check is called."""
    return f"{record.host} {record.type}"


def expected(record: DnsRecord, subject: Subject) -> str:
    """The one address that must come; empty where only the edge or an older deployment knows it."""
    outputs, value = subject.outputs, record.target.value
    if record.is_proxied:
        return ""
    match record.target.kind:
        case TargetKind.IPV4:
            return outputs.node_addresses.get(value) or outputs.balancer_addresses.get(value, "")
        case TargetKind.IPV6:
            return outputs.node_addresses_v6.get(value) or outputs.balancer_addresses_v6.get(value, "")
        case _:
            return ""


def contents(records: Sequence[DnsRecord]) -> tuple[str, ...]:
    """What planned records of one name and kind say, as ``said_by_name`` gives it."""
    return tuple(
        record.target.value
        if record.type == "TXT"
        else _plain(f"{record.priority} {record.target.value}" if record.type == "MX" else record.target.value)
        for record in records
    )


def resolve(host: str, family: socket.AddressFamily) -> tuple[str, ...]:
    """The addresses of a name by the system's resolver; none where there is no such name."""
    try:
        found = socket.getaddrinfo(host, 443, family, socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME), socket.EAI_ADDRFAMILY}:
            return ()
        raise UnreachableError(error.strerror or "no resolver answers") from None
    return tuple(sorted({str(one[4][0]) for one in found}))


def said_by_name(host: str, kind: str) -> tuple[str, ...]:
    """What records of one kind say, by the system's resolver: MX, TXT, CAA or CNAME; none where there are none."""
    # Here, since the other verbs need no DNS, and start sooner without it.
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        answer = dns.resolver.resolve(host, kind, lifetime=LONGEST_SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return ()
    except dns.exception.DNSException as error:
        raise UnreachableError(f"no resolver answers: {error}".splitlines()[0]) from None
    if kind == "TXT":
        return tuple(sorted(b"".join(one.strings).decode(errors="replace") for one in answer))
    return tuple(sorted(_plain(one.to_text()) for one in answer))


def _plain(content: str) -> str:
    """Names have no case, and no dot at their end; what stands in quotes stays as it is."""
    return content if '"' in content else content.lower().removesuffix(".")


def judge_name(record: DnsRecord, wanted: str, seen: Sequence[str]) -> Iterator[Check]:
    """Exactly the planned address where one is planned; any where an edge or the cloud chooses it."""
    name, told = title(record), ", ".join(seen)
    if not seen:
        yield NAMES.failed(name, "it does not resolve", WRONG)
    elif wanted and tuple(seen) != (wanted,):
        yield NAMES.failed(name, f"it leads to {told}, and should to {wanted}", WRONG)
    else:
        yield NAMES.ok(name, f"it leads to {told}")


def judge_texts(name: str, wanted: Sequence[str], seen: Sequence[str]) -> Iterator[Check]:
    """All that was planned is there; a name may say more, such as somebody's proof that the domain is theirs."""
    missing = [text for text in wanted if text not in seen]
    if missing:
        told = f"it says {', '.join(seen)}, and not" if seen else "it says nothing, and should say"
        yield NAMES.failed(name, f"{told} {', '.join(missing)}", WRONG)
    else:
        yield NAMES.ok(name, f"it says {', '.join(wanted)}")
