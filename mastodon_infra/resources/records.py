"""What a DNS record says, where part of it is known only once something exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from mastodon_infra.plan.network_types import DnsRecord, TargetKind
from mastodon_infra.resources.nodes import PublicAddress

SES_DKIM_HOST = "dkim.amazonses.com"


@dataclass(frozen=True, slots=True)
class Targets:
    """What records may point at that is known only once it exists."""

    addresses: Mapping[str, PublicAddress]
    dkim_tokens: pulumi.Output[list[str]] | None

    def host_of(self, record: DnsRecord) -> pulumi.Output[str]:
        """The full name that a record answers for; SES chooses the first label of its DKIM records."""
        if record.target.kind is TargetKind.SES_DKIM:
            return pulumi.Output.concat(self._token(record), ".", record.host)
        return pulumi.Output.from_input(record.host)

    def content_of(self, record: DnsRecord) -> pulumi.Output[str]:
        """What a record says."""
        target = record.target
        if target.kind is TargetKind.IPV4:
            return self.addresses[target.value].ipv4
        if target.kind is TargetKind.IPV6:
            return self.addresses[target.value].ipv6
        if target.kind is TargetKind.SES_DKIM:
            return pulumi.Output.concat(self._token(record), ".", SES_DKIM_HOST)
        return pulumi.Output.from_input(target.value)

    def _token(self, record: DnsRecord) -> pulumi.Output[str]:
        assert self.dkim_tokens is not None
        index = int(record.target.value)
        return self.dkim_tokens.apply(lambda tokens: tokens[index])


@dataclass(frozen=True, slots=True)
class CaaValue:
    """A CAA record's content, ``0 issue "letsencrypt.org"``, in its three parts."""

    flags: int
    tag: str
    value: str

    @classmethod
    def of(cls, text: str) -> CaaValue:
        """Take the text of a planned record apart."""
        flags, tag, value = text.split(" ", 2)
        return cls(int(flags), tag, value.strip('"'))
