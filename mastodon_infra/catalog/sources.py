"""Where facts and rules come from: one row a source, with the date it was last read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Source:
    """A place that a fact or a rule was taken from.

    Attributes:
        key: Short name printed beside a number, e.g. ``pgtune``.
        title: What it is, precisely enough to find it again (repository, commit, page, talk).
        as_of: The day that its text was last read or confirmed.
        confirmed: False for a rule of this project's own judgement, or a figure nobody has confirmed.
    """

    key: str
    title: str
    as_of: date
    confirmed: bool = True


_READ = date(2026, 11, 22)

JUDGEMENT = Source("judgement", "this project's own planning value; measure and override", _READ, confirmed=False)
ASKED = Source("your stack file", "set in the stack file", _READ)
PGTUNE = Source("pgtune", "le0pard/pgtune, commit 7caef27 (2026-07-30), configurationSlice.js", date(2026, 7, 30))
POSTGRES = Source("postgresql", "PostgreSQL 17 manual", _READ)
MASTODON = Source("mastodon", "mastodon/mastodon v4.7.0 source: config/, streaming/, dist/", date(2026, 8, 20))
MASTODON_DOCS = Source("mastodon docs", "mastodon/documentation 2903485, admin section", date(2026, 7, 2))
MASTODON_CHART = Source("mastodon charts", "mastodon/helm-charts values.yaml", date(2026, 6, 25))
COMPENDIUM = Source("compendium", "hazelweakly.me, Scaling Mastodon: The Compendium", date(2026, 2, 28))
SCALING_2017 = Source("gargron 2017", "blog.joinmastodon.org, Scaling Mastodon, 2017-04", date(2017, 4, 12))
AUS_SOCIAL = Source("aus.social", "shleeable/bonusmastodondocs 85aefac, December 2022", date(2022, 12, 11))
FOSSTODON = Source("fosstodon", "fosstodon/hub posts 2019-2026", date(2026, 1, 31))
HACHYDERM = Source("hachyderm", "Hachyderm incident reports 2022-12 to 2023-07", date(2023, 7, 16))
VMST = Source("vmst.io", "vmstio/docs 2023-11 to 2026-03", date(2026, 3, 31))
PUBLISHED = Source("published instances", "docs/explanation/sizing-evidence.md", _READ)
LINODE = Source("linode", "Linode API documentation and provider source; docs/reference/facts.md", _READ)
DEBIAN = Source("debian 13", "package contents of Debian 13 (trixie), read from the archive", _READ)
PGBACKREST = Source("pgbackrest", "pgBackRest 2.55.1 of Debian 13: its own help, and rounds run with it", _READ)
PGBOUNCER = Source("pgbouncer", "PgBouncer 1.24 of Debian 13: its manual's defaults", _READ)
REDIS = Source("redis", "redis.io administration pages and Debian 13 redis-server 8.0.2", _READ)
WASABI = Source("wasabi", "docs.wasabi.com", date(2025, 12, 30))
CLOUDFLARE = Source("cloudflare", "Cloudflare documentation and provider source v5.22", date(2026, 7, 2))
LINODE_TYPES = Source("linode types", "Linode's type list, as public notes of 2026-08 quote the API", date(2026, 8, 26))
LINODE_PRICES = Source(
    "linode prices", "Linode's price change of 2023-04 applied to the API's list of 2021-09", date(2023, 4, 1)
)
LINODE_MANAGER = Source(
    "linode manager", "linode/manager aab5b22, region data, price data and form limits", date(2025, 12, 12)
)
LINODE_ADDRESSES = Source(
    "linode addresses",
    "Akamai's page on reserved IPs; the hourly price as public code of 2026 quotes the API",
    _READ,
    confirmed=False,
)
LINODE_FIREWALLS = Source(
    "linode firewalls", "linode/cloud-firewall-controller, issue 28", date(2025, 8, 15), confirmed=False
)
AKAMAI_DOCS = Source("akamai docs", "techdocs.akamai.com, cloud computing pages and API changelog", date(2026, 10, 8))
WASABI_PRICES = Source(
    "wasabi prices", "wasabi.com prices as a third-party list quotes them", date(2026, 7, 1), confirmed=False
)
AWS_PRICES = Source(
    "aws prices", "AWS price list (S3, data transfer), as public code of 2026-07 quotes it", date(2026, 7, 4)
)
AWS_SES = Source("ses", "Amazon SES guide, and its price list of 2026-07-22", date(2026, 7, 22))
MAIL_RELAYS = Source(
    "mail relays", "each relay's own page of SMTP settings, stored copies without a day", date(2025, 1, 1)
)
FUNDING = Source("funding pages", "the platforms' price pages and public lists that quote them", date(2026, 7, 5))
DEBIAN_IMAGE = Source("debian image", "terraform-provider-linode acceptance tests", date(2026, 5, 14))
MASTODON_EDGE = Source(
    "mastodon edge", "mastodon/terraform-fastly-service, cache headers at mastodon.social's edge", date(2026, 4, 23)
)
LETS_ENCRYPT = Source("let's encrypt", "letsencrypt.org, rate limits and integration guide", _READ, confirmed=False)
NGINX = Source("nginx", "nginx.org documentation, and Debian 13's nginx 1.26.3", _READ)
MASTODON_RELEASES = Source("mastodon releases", "mirrors of Mastodon's releases; v4.7.4 of 2026-10-29", _READ)
