"""What Cloudflare does with requests: one list of rules per phase, and settings, none of which breaks federation.

Other servers are machines: they solve no challenge, sign what they send, and ask one address for two kinds of answer.
So nothing here challenges them, rewrites what they signed, or keeps an answer that depends on ``Accept``. Rules name
our hosts wherever Cloudflare allows it, because the zone may hold other web sites.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mastodon_infra.catalog.limits import CLOUDFLARE_RATE_PERIOD
from mastodon_infra.catalog.sources import CLOUDFLARE, JUDGEMENT, MASTODON, MASTODON_DOCS, MASTODON_EDGE, Source
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.laws import dns_zone, is_under, media_domain
from mastodon_infra.model.services import DnsProvider, MediaFront
from mastodon_infra.plan.cloudflare_types import CloudflarePlan, EdgeRule, Phase, PhaseRules, ZoneSetting, parameters
from mastodon_infra.plan.decided import Decided
from mastodon_infra.plan.notes import Level, Note

STATIC_FOLDERS = ("/packs/", "/assets/", "/emoji/", "/avatars/", "/headers/", "/sounds/", "/ocr/")
"""Files of Mastodon's own that look the same to everybody."""

FEDERATION_FOLDERS = (
    "/users/", "/@", "/ap/", "/api/", "/.well-known/", "/nodeinfo/", "/contexts/", "/activities/", "/media_proxy/",
    "/oauth/", "/tags/", "/emojis/",
)  # fmt: skip
FEDERATION_PATHS = ("/inbox", "/actor", "/actor/inbox", "/actor/outbox", "/health")
"""What other servers and apps ask for: never challenged, never limited, never judged by reputation."""

PRIVATE_FOLDERS = ("/backups/", "/imports/")
"""In the media bucket, people's own archives and lists."""

SIGN_IN_PATHS = ("/auth", "/auth/sign_in", "/auth/password", "/auth/confirmation")

MEDIA_POLICY = "default-src 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class _Hosts:
    """Names behind Cloudflare: those that Mastodon answers for, and the media host where it leads to the bucket."""

    web: tuple[str, ...]
    bucket: tuple[str, ...]

    @property
    def every(self) -> tuple[str, ...]:
        return (*self.web, *self.bucket)


def plan_cloudflare(spec: InstanceSpec, *, names: tuple[str, ...]) -> CloudflarePlan | None:
    """Rules and settings; None where nothing passes through Cloudflare. ``names`` are those that nginx answers for."""
    if spec.edge.dns is not DnsProvider.CLOUDFLARE:
        return None
    zone = dns_zone(spec)
    hosts = _Hosts(
        web=tuple(name for name in names if is_under(name, zone)) if spec.edge.proxied else (),
        bucket=(media_domain(spec),) if spec.edge.media is MediaFront.CLOUDFLARE else (),
    )
    if not hosts.every:
        return None
    edge_life = Decided(
        30 * 86400,
        "media never change under their name; what moderators delete leaves the edge after 30 days at the latest",
        JUDGEMENT,
        "s",
        (("kept for", "30 days"),),
    )
    error_life = Decided(
        60, "an object that is not there yet is soon asked for again; a flood of such requests is not", JUDGEMENT, "s"
    )
    browser_life = Decided(
        365 * 86400, "media never change under their name", MASTODON_DOCS, "s", (("kept for", "365 days"),)
    )
    sign_ins = Decided(
        20,
        "two a second: a household behind one address signs in slower, a guesser of passwords faster",
        JUDGEMENT,
        f"requests in {CLOUDFLARE_RATE_PERIOD.value} s",
    )
    rules = {
        Phase.REDIRECT: _redirects(hosts),
        Phase.CONFIG: _config(hosts),
        Phase.CACHE: _cache(hosts, edge_life.value, error_life.value, browser_life.value),
        Phase.FIREWALL: _firewall(hosts),
        Phase.RATE_LIMIT: _rate_limits(hosts, sign_ins.value),
        Phase.RESPONSE: _responses(hosts),
    }
    phases = tuple(PhaseRules(phase.name.lower().replace("_", "-"), phase, tuple(found))
                   for phase, found in rules.items())  # fmt: skip
    return CloudflarePlan(
        hosts=hosts.every,
        phases=tuple(one for one in phases if one.rules),
        settings=tuple(_settings()),
        fight_bots=Decided(
            value=False,
            rule="other servers are bots, and no rule can exempt them from Bot Fight Mode",
            source=CLOUDFLARE,
        ),
        tiered_cache=Decided(
            value=True,
            rule="a picture that went round the world is fetched from us once, not once per data centre",
            source=CLOUDFLARE,
        ),
        has_origin_pulls=Decided(
            value=spec.edge.proxied,
            rule="on where web traffic is proxied: Cloudflare's addresses serve all its customers, a certificate of "
            "our own serves this zone alone",
            source=CLOUDFLARE,
        ),
        media_edge_seconds=edge_life,
        media_error_seconds=error_life,
        media_browser_seconds=browser_life,
        sign_ins_per_period=sign_ins,
    )


def notes_on_zone(spec: InstanceSpec, plan: CloudflarePlan | None) -> tuple[Note, ...]:
    """What the owner of the zone should know."""
    if plan is None:
        return ()
    named = Note(
        "cloudflare-bucket-name",
        Level.INFO,
        f"Cloudflare finds the media bucket by the name {media_domain(spec)}. An instance that has kept its media in "
        "another bucket copies them there first.",
    )
    return (
        *([named] if spec.edge.media is MediaFront.CLOUDFLARE else []),
        Note(
            "cloudflare-zone-owned",
            Level.INFO,
            f"In the Cloudflare zone {dns_zone(spec)} this stack keeps every rule of the phases that it uses, and a "
            "few settings that hold for the whole zone: rules made there by hand are taken away again.",
            "give the instance a zone of its own where other web sites need rules of theirs",
        ),
    )


def _redirects(hosts: _Hosts) -> Iterator[EdgeRule]:
    yield _rule(
        "https-only",
        f"(not ssl and {_host_in(hosts.every)})",
        "redirect",
        {
            "from_value": {
                "status_code": 301,
                "target_url": {"expression": 'concat("https://", http.host, http.request.uri.path)'},
                "preserve_query_string": True,
            }
        },
        why="nothing is served in clear; the zone-wide switch would do it to other web sites too",
        source=MASTODON_DOCS,
    )


def _config(hosts: _Hosts) -> Iterator[EdgeRule]:
    yield _rule(
        "leave-alone",
        _host_in(hosts.every),
        "set_config",
        {
            "ssl": "strict",
            "bic": False,
            "security_level": "essentially_off",
            "email_obfuscation": False,
            "hotlink_protection": False,
            "rocket_loader": False,
            "automatic_https_rewrites": False,
            "disable_rum": True,
        },
        why="the origin's certificate is checked; pages pass unchanged, for their policy forbids foreign scripts; "
        "no visitor is judged by its browser or reputation, for other servers have none",
        source=MASTODON,
    )


def _cache(hosts: _Hosts, edge_seconds: int, error_seconds: int, browser_seconds: int) -> Iterator[EdgeRule]:
    """The last rule that matches wins, so the general one comes first."""
    if hosts.web:
        yield _rule(
            "pages-never",
            _host_in(hosts.web),
            "set_cache_settings",
            {"cache": False},
            why="an address gives a page or ActivityPub by Accept, which Cloudflare's cache does not tell apart",
            source=MASTODON,
        )
        yield _rule(
            "static-files",
            f"({_host_in(hosts.web)} and ({_starts_with(STATIC_FOLDERS)}))",
            "set_cache_settings",
            {"cache": True, "edge_ttl": {"mode": "respect_origin"}, "browser_ttl": {"mode": "respect_origin"}},
            why="files that look the same to everybody, for as long as nginx says",
            source=MASTODON_EDGE,
        )
    if hosts.bucket:
        yield _rule(
            "media",
            f"({_host_in(hosts.bucket)} and not ({_starts_with(PRIVATE_FOLDERS)}))",
            "set_cache_settings",
            {
                "cache": True,
                "edge_ttl": {
                    "mode": "override_origin",
                    "default": edge_seconds,
                    "status_code_ttls": [
                        {"status_code_range": {"from": 400, "to": 499}, "value": error_seconds},
                        {"status_code_range": {"from": 500, "to": 599}, "value": 0},
                    ],
                },
                "browser_ttl": {"mode": "override_origin", "default": browser_seconds},
            },
            why="media never change under their name; errors are soon asked for again, as the file may have come",
            source=MASTODON_DOCS,
        )


def _firewall(hosts: _Hosts) -> Iterator[EdgeRule]:
    """The pass for federation comes first, so that no rule after it, ours or a moderator's managed one, stops it."""
    if hosts.web:
        yield _rule(
            "federation-passes",
            f"({_host_in(hosts.web)} and ({_one_of(FEDERATION_PATHS)} or {_starts_with(FEDERATION_FOLDERS)}))",
            "skip",
            {
                "ruleset": "current",
                "phases": [Phase.RATE_LIMIT.value, "http_request_firewall_managed"],
                "products": ["bic", "hot", "securityLevel"],
            },
            why="other servers, apps and streams pass without a challenge, a limit or a judgement of their reputation",
            source=MASTODON,
        )
        yield _rule(
            "probes",
            f'({_host_in(hosts.web)} and (ends_with(http.request.uri.path, ".php")'
            f" or {_starts_with(('/wp-', '/.env', '/.git/'))}))",
            "block",
            {},
            why="looks for other software's holes, which would only keep Puma busy",
            source=JUDGEMENT,
        )
    if hosts.bucket:
        yield _rule(
            "media-read-only",
            f'({_host_in(hosts.bucket)} and (http.request.uri.path eq "/"'
            ' or not http.request.method in {"GET" "HEAD" "OPTIONS"}))',
            "block",
            {},
            why="the world reads single objects: it lists no bucket and writes nothing",
            source=MASTODON_DOCS,
        )


def _rate_limits(hosts: _Hosts, requests: int) -> Iterator[EdgeRule]:
    if hosts.web:
        yield _rule(
            "sign-in",
            # The Free plan's one rule may look at the path alone.
            f"({_one_of(SIGN_IN_PATHS)})",
            "block",
            {},
            why="guessing of passwords; Mastodon's own limits stand behind it",
            source=CLOUDFLARE,
            rate={
                "characteristics": ["cf.colo.id", "ip.src"],
                "period": CLOUDFLARE_RATE_PERIOD.value,
                "requests_per_period": requests,
                "mitigation_timeout": CLOUDFLARE_RATE_PERIOD.value,
            },
        )


def _responses(hosts: _Hosts) -> Iterator[EdgeRule]:
    """What nginx would say in front of the bucket."""
    if hosts.bucket:
        said = {
            "Access-Control-Allow-Origin": "*",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": MEDIA_POLICY,
        }
        hidden = ("Set-Cookie", "x-amz-id-2", "x-amz-request-id")
        yield _rule(
            "media-headers",
            _host_in(hosts.bucket),
            "rewrite",
            {
                "headers": {name: {"operation": "set", "value": value} for name, value in said.items()}
                | {name: {"operation": "remove"} for name in hidden}
            },
            why="pages of other servers show our media, and nothing that somebody uploaded runs as a page of ours",
            source=MASTODON_DOCS,
        )


def _settings() -> Iterator[ZoneSetting]:
    for name, value, why, source in (
        ("min_tls_version", "1.2", "what came before is broken, and no client of Mastodon needs it", CLOUDFLARE),
        ("tls_1_3", "on", "one round trip less, without requests that could be sent twice", CLOUDFLARE),
        ("0rtt", "off", "an early request can be sent again by whoever recorded it", CLOUDFLARE),
        ("http3", "on", "phones that change networks keep their connection", CLOUDFLARE),
        ("websockets", "on", "streaming; its ping every 30 s keeps a silent stream alive", MASTODON),
    ):
        yield ZoneSetting(name, Decided(value, why, source))


def _rule(
    name: str,
    expression: str,
    action: str,
    told: Mapping[str, object],
    *,
    why: str,
    source: Source,
    rate: Mapping[str, object] = MappingProxyType({}),
) -> EdgeRule:
    return EdgeRule(name, expression, action, parameters(told), why, source, parameters(rate))


def _host_in(hosts: Iterable[str]) -> str:
    return f"http.host in {{{_quoted(hosts)}}}"


def _one_of(paths: Iterable[str]) -> str:
    return f"http.request.uri.path in {{{_quoted(paths)}}}"


def _starts_with(folders: Iterable[str]) -> str:
    return " or ".join(f'starts_with(http.request.uri.path, "{folder}")' for folder in folders)


def _quoted(texts: Iterable[str]) -> str:
    return " ".join(f'"{text}"' for text in texts)
