"""What a process finds in its environment, and what Mastodon would not start with."""

import os
import re
import ssl

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules

ENVIRONMENT = os.environ
QUOTES = ('"', "'")
NUMBER = re.compile(r"[1-9]\d*")


class Refused(SystemExit):
    """What Mastodon would not start with."""


def check(kind):
    """Refuses an environment with which a process of this kind would not work, or which somebody wrote by mistake."""
    faults = [
        f"{what}: {', '.join(sorted(names))}"
        for what, names in (
            ("missing", {name for name in rules.NEEDED[kind] if not ENVIRONMENT.get(name)}),
            ("blank", {name for name, value in ENVIRONMENT.items() if not value and name in rules.READERS}
             - rules.MAY_BE_BLANK),
            ("gone or never to be set", rules.GONE.keys() & ENVIRONMENT.keys()),
            ("unknown", ENVIRONMENT.keys() - rules.READERS.keys() - rules.GONE.keys() - rules.NOT_MASTODONS),
            ("not read by this process", {name for name in ENVIRONMENT if _is_elsewhere(name, kind)}),
            ("quoted", {name for name, value in ENVIRONMENT.items() if name in rules.READERS and value[:1] in QUOTES}),
            ("no number above 0", {name for name in rules.NUMBERS if not NUMBER.fullmatch(setting(name, "1"))}),
        )
        if names
    ]  # fmt: skip
    faults += list(_more_faults(kind))
    if faults:
        raise Refused("; ".join(faults))


def _is_elsewhere(name, kind):
    return name in rules.READERS and kind not in rules.READERS[name] and name not in rules.BAKED


def _more_faults(kind):
    mode = setting("DB_SSLMODE", "prefer")
    if kind == rules.STREAMING:
        if setting("NODE_ENV") != "production":
            yield "NODE_ENV is not production"
        if mode not in {"disable", "no-verify"} and not setting("NODE_EXTRA_CA_CERTS"):
            yield "the database's certificate is checked, and nobody says which authority to trust"
        return
    if setting("RAILS_ENV") != "production":
        yield "RAILS_ENV is not production"
    if any(setting(name).endswith(rules.SAMPLE_KEY) for name in rules.ENCRYPTION_KEYS):
        yield "an encryption key is the sample's"
    if mode not in rules.LIBPQ_MODES:
        yield f"libpq knows no DB_SSLMODE={mode}"
    for prefix in ("", "CACHE_", "SIDEKIQ_"):
        if setting(f"{prefix}REDIS_URL") or setting(f"{prefix}REDIS_SENTINELS"):
            yield f"the stand-in knows {prefix}REDIS_HOST alone"


def setting(name, default=""):
    """What the environment says."""
    return ENVIRONMENT.get(name, default)


def is_on(name):
    """Mastodon compares with this one word."""
    return ENVIRONMENT.get(name) == "true"


def number(name, default):
    """A setting that is a number."""
    return int(ENVIRONMENT.get(name, default))


def trust(authorities=None):
    """A TLS client as strict as Ruby's: newer Pythons refuse certificates that every other client takes."""
    context = ssl.create_default_context(cafile=authorities)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def web_domain():
    """Where the web site lives."""
    return setting("WEB_DOMAIN") or setting("LOCAL_DOMAIN")


def own_hosts():
    """The names under which the site answers."""
    alternate = [name.strip() for name in setting("ALTERNATE_DOMAINS").split(",") if name.strip()]
    return {setting("LOCAL_DOMAIN"), web_domain(), *alternate}
