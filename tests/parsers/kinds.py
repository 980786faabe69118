"""The table: which kinds of artefact there are, what reads each of them, and how one is broken on purpose."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mastodon_infra.render.bundle_types import BundleFile
from tests.parsers import samples
from tests.parsers.checks import (
    backups,
    monitoring,
    onion,
    packages,
    postgres,
    services,
    stores,
    system,
    texts,
    units,
    uploads,
    user_data,
    web,
)
from tests.parsers.places import USER_DATA, artefact
from tests.parsers.tree import Tree

Spoil = Callable[[str], str]

WIDTH = 80


@dataclass(frozen=True, slots=True)
class Kind:
    """Artefacts that one program reads.

    Attributes:
        paths: Regular expressions; a file belongs to the first kind of the table that one of them matches whole.
        parser: The program, as the table names it. It is Debian 13's own, shellcheck apart.
        check: Raises when the parser does not take the files. It gets all of a node's files of the kind together.
        spoil: Makes a broken text of a good one, by a change as small as a slip.
        spoilt: Which file of the kind is broken; by default the first.
        sample: A path and a text for a kind that no bundle has yet.
    """

    name: str
    paths: tuple[str, ...]
    parser: str
    check: Callable[[Tree, Sequence[BundleFile]], None]
    spoil: Spoil
    spoilt: str = ".*"
    sample: tuple[tuple[str, str], ...] = ()

    def has(self, path: str) -> bool:
        """Whether a file at that path is of this kind."""
        return any(re.fullmatch(pattern, path) for pattern in self.paths)

    def samples(self) -> tuple[BundleFile, ...]:
        """The sample as files."""
        return tuple(artefact(path, content) for path, content in self.sample)


def _and(line: str) -> Spoil:
    return lambda text: f"{text}{line}\n"


def _for(old: str, new: str) -> Spoil:
    def spoil(text: str) -> str:
        spoilt, count = re.subn(old, new, text, count=1, flags=re.MULTILINE)
        assert count, f"nothing to break: {old}"
        return spoilt

    return spoil


KINDS: tuple[Kind, ...] = (
    # What the machine is given
    Kind("user data", (USER_DATA,), "cloud-init schema", user_data.schema, _for("^write_files:", "write_file:")),
    Kind(
        "list of packages", ("/etc/mastodon-infra/packages",), "dpkg-query, apt-cache", packages.packages, _and("nginz")
    ),
    Kind(
        "list of units",
        ("/etc/mastodon-infra/units",),
        "systemctl enable",
        units.unit_list,
        _and("started one.service"),
    ),
    Kind(
        "list of needs",
        ("/etc/mastodon-infra/needs",),
        "the units' files",
        units.need_list,
        _for(r"^(\w+) \S+", r"\1 nobody.service"),
    ),
    Kind("list of owners", ("/etc/mastodon-infra/tree",), "stat", units.tree_list, _for("^file 0644", "file 0640")),
    Kind(
        "fingerprints of keys",
        ("/etc/mastodon-infra/key-fingerprints",),
        "sha256sum",
        texts.fingerprints,
        _for("^secret_key_base ....", "secret_key_base 0000"),
    ),
    Kind(
        "script",
        ("/usr/local/lib/mastodon-infra/.*", "/usr/sbin/policy-rc.d"),
        "shellcheck, bash -n",
        texts.shell,
        _and("if [ $one = 1 ]; then rm -rf $two; fi"),
    ),
    # Units and containers
    Kind(
        "systemd unit",
        ("/etc/systemd/system/.*",),
        "systemd-analyze verify",
        units.units,
        _for(r"^\[Service\]", "[Service]\nRestarts=always"),
        r".*/mastodon-[a-z-]+\.service",
    ),
    Kind(
        "container",
        ("/etc/containers/systemd/.*",),
        "podman's quadlet generator, systemd-analyze verify",
        units.quadlets,
        _for("^DropCapability=", "DropCapabilities="),
    ),
    Kind(
        "container's environment",
        (r"/etc/mastodon/.*\.env",),
        "podman create",
        texts.container_environment,
        _for("^([A-Z_]+)=", r"\1 "),
    ),
    Kind(
        "service's environment",
        ("/etc/default/.*", r"/etc/mastodon-infra/.*\.env"),
        "the service itself, started",
        services.environments,
        _for("--web.listen-address", "--web.listen-addresses"),
        "/etc/default/prometheus-node-exporter",
    ),
    # Access, firewall, kernel, system
    Kind("sshd's settings", ("/etc/ssh/sshd_config.d/.*",), "sshd -t, sshd -T", system.sshd, _and("PermitRoot no")),
    Kind(
        "authorized keys",
        ("/etc/ssh/authorized_keys.d/.*",),
        "ssh-keygen -l",
        system.authorized_keys,
        _for("AAAAC3", "AAAC3"),
    ),
    Kind("sudo's rules", ("/etc/sudoers.d/.*",), "visudo, sudo", system.sudoers, _for("NOPASSWD:", "NOPASSWORD:")),
    Kind("firewall", (r"/etc/nftables\.conf",), "nft -c, and the kernel", system.nftables, _for("dport", "dports")),
    Kind("host names", ("/etc/hosts",), "getent", system.hosts, _for(r"^(10\.\d+\.\d+)\.", r"\1.1")),
    Kind("kernel settings", (r"/etc/sysctl\.d/.*",), "sysctl", system.sysctl, _and("vm.swapiness = 1")),
    Kind("temporary files", (r"/etc/tmpfiles\.d/.*",), "systemd-tmpfiles", system.tmpfiles, _and("d run/one")),
    Kind(
        "system users",
        (r"/etc/sysusers\.d/.*",),
        "systemd-sysusers",
        system.sysusers,
        _and("user one"),
        sample=(("/etc/sysusers.d/one.conf", samples.SYSUSERS),),
    ),
    Kind(
        "journal",
        (r"/etc/systemd/journald\.conf\.d/.*",),
        "systemd-journald, started",
        system.journald,
        _and("MaxUse=1G"),
    ),
    Kind(
        "apt's settings",
        (r"/etc/apt/apt\.conf\.d/.*",),
        "apt-config, unattended-upgrade --dry-run",
        system.apt,
        _and('APT::One "1"'),
    ),
    Kind(
        "clock",
        ("/etc/chrony/.*",),
        "chronyd -p",
        system.chrony,
        _and("maxtimes 1"),
        sample=(("/etc/chrony/chrony.conf", samples.CHRONY),),
    ),
    Kind(
        "rotation of logs",
        (r"/etc/logrotate\.d/.*",),
        "logrotate --debug",
        system.logrotate,
        _for("weekly", "weakly"),
        sample=(("/etc/logrotate.d/one", samples.LOGROTATE),),
    ),
    # Keys and passwords
    Kind("certificate", (r".*\.crt",), "openssl x509, openssl verify", texts.certificates, _for("^M", "m")),
    Kind("certificate request", (r".*\.csr",), "openssl req", texts.certificate_requests, _for("^M", "m")),
    Kind("private key", (".*private-key", r".*\.key"), "openssl pkey", texts.private_keys, _for("^M", "m")),
    Kind(
        "password file",
        (r"/etc/mastodon/[a-z-]*pgpass",),
        "libpq (psql asked by a stand-in)",
        texts.password_files,
        _for(":5432:|:6432:", ":5433x:"),
    ),
    Kind(
        "curl's settings",
        (r"/etc/mastodon-infra/.*\.curl",),
        "curl, asking a stand-in for the store",
        uploads.trial,
        _for("^request", "requests"),
    ),
    # nginx
    Kind(
        "nginx's settings",
        ("/etc/nginx/.*",),
        "nginx -T, and nginx, started",
        web.nginx,
        _for(r"proxy_buffering off;", "proxy_bufering off;"),
        ".*/locations.conf",
    ),
    Kind(
        "page", (r"/usr/share/mastodon-infra/.*\.html",), "Python's html.parser", web.html, _for("</style>", "</stile>")
    ),
    Kind(
        "Tor's settings",
        ("/etc/tor/.*",),
        "tor --verify-config, and tor, started off the network",
        onion.torrc,
        _for("^SocksPort", "SocksPorts"),
    ),
    # Databases
    Kind(
        "PostgreSQL's settings",
        (r"/etc/postgresql/\d+/main/conf\.d/.*",),
        "postgres -C, and the server, started",
        postgres.settings,
        _for("^work_mem = .*", "work_mem = 4 megabytes"),
    ),
    Kind(
        "PostgreSQL's access rules",
        (r".*/pg_hba\.conf",),
        "the server, started",
        postgres.access,
        _for("^hostssl ", "hosttls "),
    ),
    Kind(
        "PostgreSQL's names of users",
        (r".*/pg_ident\.conf",),
        "the server, started",
        backups.users,
        _for("^backup postgres", "backup"),
    ),
    Kind(
        "SQL for tables",
        (r".*/tables\.sql",),
        "psql, twice",
        postgres.tables,
        _for("autovacuum_analyze_scale_factor", "autovacuum_analyse_scale_factor"),
    ),
    Kind("SQL", (r".*/roles\.sql",), "psql, twice", postgres.roles, _for("^GRANT pg_monitor", "GRANT pg_monitors")),
    Kind(
        "PostgreSQL's package settings",
        (r"/etc/postgresql-common/.*",),
        "pg_conftool, as the package asks",
        postgres.create_cluster,
        _for("^create_main_cluster", "create_cluster"),
    ),
    Kind(
        "Redis' settings",
        (r"/etc/redis/.*\.conf",),
        "redis-server, started",
        stores.redis,
        _for("^maxmemory-policy .*", "maxmemory-policy lru"),
    ),
    Kind(
        "PgBouncer's settings",
        (r"/etc/pgbouncer/.*",),
        "pgbouncer, started",
        stores.pgbouncer,
        _for("^pool_mode", "pool_modes"),
        ".*/pgbouncer.ini",
    ),
    Kind(
        "pgBackRest's settings",
        (r"/etc/pgbackrest(?:\.conf|/.*)",),
        "pgbackrest info, and a whole round",
        backups.pgbackrest,
        _for("^repo1-s3-bucket=", "repo1-s3-buckets="),
    ),
    # Monitoring
    Kind(
        "alert and recording rules",
        ("/etc/prometheus/rules/.*",),
        "promtool check rules",
        monitoring.rules,
        _for(r"\} == 0", "} = 0"),
        ".*/alerts.yml",
    ),
    Kind(
        "Prometheus' settings",
        (r"/etc/prometheus/prometheus\.yml",),
        "promtool check config",
        monitoring.prometheus,
        _for("scrape_interval", "scrape_intervall"),
    ),
    Kind(
        "Alertmanager's settings",
        (r"/etc/prometheus/alertmanager\.yml", "/etc/prometheus/mastodon-infra/.*"),
        "amtool check-config, and the files it names, as its user",
        monitoring.alertmanager,
        _for("receiver: .*?([},]|$)", r"receiver: nobody\1"),
        ".*yml",
    ),
    Kind(
        "prober's settings",
        (r"/etc/prometheus/blackbox\.yml",),
        "prometheus-blackbox-exporter --config.check",
        monitoring.prober,
        _for("^    prober: http", "    probers: http"),
    ),
)
"""Every kind. A file that matches none fails a test."""

PLAIN_TEXT: dict[str, str] = {}
"""Paths that nothing but a person reads, each with the reason."""


def kind_of(path: str) -> Kind | None:
    """The kind of the file at that path; None when the table has none."""
    return next((kind for kind in KINDS if kind.has(path)), None)


def of_kind(kind: Kind, files: Iterable[BundleFile]) -> tuple[BundleFile, ...]:
    """The files of a kind, and of no earlier one."""
    return tuple(file for file in files if kind_of(file.path) is kind)


def table(counts: Mapping[str, int]) -> str:
    """For people, in 80 columns: how many artefacts of each kind the bundles have, and what reads them."""
    rows = [("artefact", "files", "read by")]
    rows += [(kind.name, str(counts.get(kind.name) or "sample"), kind.parser) for kind in KINDS]
    rows += [(path, "", f"plain text: {reason}") for path, reason in PLAIN_TEXT.items()]
    name_width = max(len(name) for name, _, _ in rows[: len(KINDS) + 1])
    lines = []
    for name, number, reader in rows:
        if len(name) > name_width:
            lines.append(f"  {name}")
        head = f"  {name if len(name) <= name_width else '':{name_width}}  {number:>6}  "
        first, *more = textwrap.wrap(reader, WIDTH - len(head), break_on_hyphens=False)
        lines += [f"{head}{first}", *(" " * len(head) + line for line in more)]
    return "\n".join(lines)
