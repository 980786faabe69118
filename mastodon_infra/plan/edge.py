"""Names, certificates, mail records and media: what the world sees."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from mastodon_infra.catalog.mail import mail_provider
from mastodon_infra.catalog.sources import (
    ASKED,
    CLOUDFLARE,
    JUDGEMENT,
    LETS_ENCRYPT,
    LINODE,
    MAIL_RELAYS,
    MASTODON_DOCS,
)
from mastodon_infra.catalog.storage import object_store
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.laws import dns_zone, is_under, media_domain
from mastodon_infra.model.services import MediaFront, SesMailSpec, SmtpMailSpec
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.network_types import (
    CertificateTiming,
    DnsPlan,
    DnsRecord,
    DnsTarget,
    TargetKind,
    TlsMode,
    TlsPlan,
)
from mastodon_infra.plan.types import MailPlan, MediaPlan

TTL_SECONDS = 300
AUTOMATIC_TTL = 1
LOCAL_SHARE_PERCENT = 20
DAYS_PER_YEAR = 365
SES_DKIM_TOKENS = 3


def plan_mail(spec: InstanceSpec) -> MailPlan:
    """How mail leaves: SES, a relay, or not at all."""
    mail = spec.smtp
    if mail is None:
        return MailPlan("none", "", None, "", "", spec.domain, "")
    port: Decided[int]
    sender = mail.from_address or f"notifications@{spec.domain}"
    domain = sender.rpartition("@")[2]
    if isinstance(mail, SesMailSpec):
        row = mail_provider("ses")
        port = Decided(row.port if row else 2587, "SES answers there, and Linode does not block it", LINODE)
        return MailPlan("ses", f"email-smtp.{mail.region}.amazonaws.com", port, "", sender, domain, mail.region)
    if "port" in mail.model_fields_set:
        port = Decided(mail.port, "asked for", ASKED, asked=True)
    else:
        port = Decided(mail.port, "the port that relays offer beside those that Linode blocks", MAIL_RELAYS)
    return MailPlan("smtp", mail.host, port, mail.username, sender, domain, "")


def plan_tls(spec: InstanceSpec, *, leader: str, web_nodes: tuple[str, ...]) -> TlsPlan:
    """Where certificates come from, and for which names."""
    mode: Decided[TlsMode]
    if spec.edge.proxied:
        mode = Decided(
            TlsMode.ORIGIN_CA,
            "Cloudflare stands in front and accepts its own origin certificates",
            CLOUDFLARE,
        )
    else:
        mode = Decided(
            TlsMode.ACME_HTTP,
            "the names point here, so a certificate authority can check them over HTTP",
            JUDGEMENT,
        )
    return TlsPlan(
        mode=mode,
        names=tuple(dict.fromkeys(_origin_names(spec))),
        acme_node=leader,
        shares=mode.value is TlsMode.ACME_HTTP and len(web_nodes) > 1,
        contact=spec.owner.email,
        timing=_certificate_timing(),
    )


def _certificate_timing() -> CertificateTiming:
    """Often enough that nobody waits for a certificate, seldom enough that the authority never refuses to talk."""
    return CertificateTiming(
        renew_days_left=Decided(30, "a third of a life of 90 days: a month to mend what fails", LETS_ENCRYPT, "days"),
        urgent_days_left=Decided(
            7,
            "from then on, and while there is none, pauses do not grow: the authority may come back",
            JUDGEMENT,
            "days",
        ),
        look_every_minutes=Decided(2, "looking costs nobody anything but this machine", JUDGEMENT, "min"),
        not_yet_seconds=Decided(
            20, "until there is a first one, every second visitor of two nodes may be refused", JUDGEMENT, "s"
        ),
        first_pause_minutes=Decided(
            30, "after a failure; five an hour and name are the most that the authority bears", LETS_ENCRYPT, "min"
        ),
        longest_pause_minutes=Decided(720, "each failure doubles the pause, up to half a day", JUDGEMENT, "min"),
        patience_minutes=Decided(
            360,
            "while a name does not lead here the authority is not asked; after so long it is, lest only the look fails",
            JUDGEMENT,
            "min",
        ),
    )


def _origin_names(spec: InstanceSpec) -> Iterator[str]:
    """Names that nginx answers for."""
    yield spec.website
    if spec.web_domain and spec.edge.serve_local_domain:
        yield spec.domain
    if spec.edge.media is MediaFront.NGINX:
        yield media_domain(spec)
    if spec.edge.streaming_domain:
        yield spec.edge.streaming_domain
    yield from spec.mastodon.alternate_domains


def plan_media(spec: InstanceSpec, *, slug: str, region: str, media_gb_day: Decided[Decimal]) -> MediaPlan:
    """The bucket and the host that serves it."""
    provider = spec.storage.provider
    store = object_store(provider)
    endpoint = dict(store.regions)[region] if store else ""
    retention = spec.mastodon.remote_media_retention_days
    inflow = int(media_gb_day.value * 1000)
    stored = inflow * retention // 1000 + inflow * LOCAL_SHARE_PERCENT * DAYS_PER_YEAR // 100_000
    return MediaPlan(
        provider=provider,
        region=region,
        endpoint=endpoint,
        bucket=spec.storage.bucket or _media_bucket(spec, slug),
        host=media_domain(spec),
        front=spec.edge.media,
        remote_retention_days=_retention(spec),
        stored_gb=Decided(
            stored,
            "other servers' media for as long as they are kept, and a year of your own (a fifth of the inflow)",
            JUDGEMENT,
            "GB",
            (("inflow", f"{media_gb_day.value} GB/day"), ("kept for", f"{retention} days")),
        ),
        is_protected=not spec.disposable,
    )


def _media_bucket(spec: InstanceSpec, slug: str) -> str:
    """Cloudflare asks storage for its own host, so there the bucket has that host's name: see ``_media_records``."""
    return media_domain(spec) if spec.edge.media is MediaFront.CLOUDFLARE else f"{slug}-media"


def _retention(spec: InstanceSpec) -> Decided[int]:
    days = spec.mastodon.remote_media_retention_days
    if "remote_media_retention_days" in spec.mastodon.model_fields_set:
        return Decided(days, "asked for", ASKED, "days", asked=True)
    advice = "Mastodon's documentation advises 7 to 14 days; what is older is fetched again when somebody looks"
    return Decided(days, advice, MASTODON_DOCS, "days")


def plan_dns(
    spec: InstanceSpec, *, tls: TlsPlan, mail: MailPlan, media: MediaPlan, web_targets: tuple[str, ...]
) -> DnsPlan:
    """Every record: ``web_targets`` are the nodes or balancers whose addresses the public names have."""
    zone = dns_zone(spec)
    records = [
        *_address_records(spec, tls, web_targets, zone),
        *_media_records(media),
        *_certificate_records(spec, tls, zone),
        *_mail_records(spec, mail),
    ]
    return DnsPlan(spec.edge.dns, zone, tuple(records))


def _address_records(spec: InstanceSpec, tls: TlsPlan, web_targets: tuple[str, ...], zone: str) -> Iterator[DnsRecord]:
    proxied = spec.edge.proxied
    for host in tls.names:
        if not is_under(host, zone):
            continue
        for number, target in enumerate(web_targets, start=1):
            suffix = f"-{number}" if number > 1 else ""
            for kind, record in ((TargetKind.IPV4, "A"), (TargetKind.IPV6, "AAAA")):
                yield DnsRecord(
                    f"{_label(host, spec)}-{record.lower()}{suffix}",
                    host,
                    record,
                    DnsTarget(kind, target),
                    AUTOMATIC_TTL if proxied else TTL_SECONDS,
                    None,
                    proxied,
                    _purpose(host, spec),
                )


def _label(host: str, spec: InstanceSpec) -> str:
    """A record's frozen logical name: by the host, so that two never share one and none moves to another host.

    The bare domain comes first: a web site that gets a host of its own later must not take the domain's name along,
    or the domain's record would be made a second time before it is gone.
    """
    if host == spec.domain:
        return "domain"
    if host == spec.website:
        return "web"
    if host == media_domain(spec):
        return "media"
    if host == spec.edge.streaming_domain:
        return "streaming"
    return f"alternate-{host.replace('.', '-')}"


def _purpose(host: str, spec: InstanceSpec) -> str:
    if host == spec.website:
        return "the web site and the API"
    words = {
        "domain": "webfinger for the handles' domain",
        "media": "media",
        "streaming": "streaming",
    }
    return words.get(_label(host, spec), "an alternate domain")


def _record(
    name: str, host: str, kind: str, content: DnsTarget | str, purpose: str, *, priority: int | None = None
) -> DnsRecord:
    """A record that is never proxied, with the usual time to live."""
    target = content if isinstance(content, DnsTarget) else DnsTarget(TargetKind.TEXT, content)
    return DnsRecord(name, host, kind, target, TTL_SECONDS, priority, is_proxied=False, purpose=purpose)


def _media_records(media: MediaPlan) -> Iterator[DnsRecord]:
    if media.front is not MediaFront.CLOUDFLARE:
        return
    # Storage finds the bucket by the host that is asked for, which only Cloudflare's largest plan can change. The
    # record names the endpoint itself, whose certificate Cloudflare can check: no wildcard covers a name with dots.
    yield DnsRecord(
        "media-cname",
        media.host,
        "CNAME",
        DnsTarget(TargetKind.TEXT, media.endpoint),
        AUTOMATIC_TTL,
        None,
        is_proxied=True,
        purpose="media, cached by Cloudflare",
    )


def _certificate_records(spec: InstanceSpec, tls: TlsPlan, zone: str) -> Iterator[DnsRecord]:
    """Who may issue certificates: for the web site and what is under it, and for each name elsewhere.

    Not for a bare domain beside the web site: that would bind every other web site under it. Cloudflare writes its own.
    """
    if spec.edge.proxied:
        return
    for host in tls.names:
        is_covered = host != spec.website and is_under(host, spec.website)
        is_bare = host == spec.domain and host != spec.website
        if is_under(host, zone) and not is_covered and not is_bare:
            only = "only this authority may issue certificates"
            yield _record(f"{_label(host, spec)}-caa", host, "CAA", '0 issue "letsencrypt.org"', only)


def _mail_records(spec: InstanceSpec, mail: MailPlan) -> Iterator[DnsRecord]:
    zone, sender = dns_zone(spec), mail.sender_domain
    if not is_under(sender, zone):
        return
    is_own_reader = is_under(spec.owner.email.rpartition("@")[2], zone)
    report = f"; rua=mailto:{spec.owner.email}" if is_own_reader else ""
    policy, fate = ("reject", "is refused") if mail.provider == "none" else ("quarantine", "goes to the spam folder")
    if mail.provider == "none" and has_own_mail(spec):
        return
    if mail.provider == "none":
        yield _record("mail-spf", sender, "TXT", "v=spf1 -all", "nobody may send mail as this domain")
    elif isinstance(spec.smtp, SesMailSpec):
        yield from _ses_records(sender, mail.ses_region)
    elif isinstance(spec.smtp, SmtpMailSpec):
        yield from _relay_records(sender, spec.smtp)
    yield _record("mail-dmarc", f"_dmarc.{sender}", "TXT", f"v=DMARC1; p={policy}{report}", f"forged mail {fate}")


def has_own_mail(spec: InstanceSpec) -> bool:
    """Whether somebody named in the spec reads mail at the sender's domain, so that others do send as it."""
    readers = (spec.owner.email, spec.alerts.email or spec.owner.email)
    return any(is_under(reader.rpartition("@")[2], spec.domain) for reader in readers)


def _ses_records(sender: str, ses_region: str) -> Iterator[DnsRecord]:
    bounce = f"bounce.{sender}"
    yield _record("mail-bounce-spf", bounce, "TXT", "v=spf1 include:amazonses.com -all", "SES may send from here")
    exchanger = f"feedback-smtp.{ses_region}.amazonses.com"
    yield _record("mail-bounce-mx", bounce, "MX", exchanger, "bounces go to SES", priority=10)
    for index in range(SES_DKIM_TOKENS):
        token = DnsTarget(TargetKind.SES_DKIM, str(index))
        yield _record(f"mail-dkim-{index + 1}", f"_domainkey.{sender}", "CNAME", token, "SES signs mail")


def _relay_records(sender: str, relay: SmtpMailSpec) -> Iterator[DnsRecord]:
    if relay.spf_include:
        allowed = f"v=spf1 include:{relay.spf_include} ~all"
        yield _record("mail-spf", sender, "TXT", allowed, "the relay may send as this domain")
    for index, (host, target) in enumerate(relay.dkim.items(), start=1):
        yield _record(f"mail-dkim-{index}", host, "CNAME", target, "the relay signs mail")
