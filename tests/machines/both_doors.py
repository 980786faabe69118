"""What either door leaves on a machine, and a release before this one from which the second door starts."""

import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[2]

GONE_PACKAGE = "pgbouncer"
GONE_SETTING = "net.ipv4.ip_default_ttl"
GONE_UNIT = "mastodon-gone.service"
GONE_DIRECTORY = "/etc/mastodon-gone"
ARGUMENTS = "/etc/default/prometheus-node-exporter"
JOURNAL = "/etc/systemd/journald.conf.d/"
TEMPLATE = "etc/systemd/journald.conf.d/10-mastodon-infra.conf.j2"
GONE_LINES = f"""
[[files]]
path = "/etc/sysctl.d/61-gone.conf"
needs = "restart systemd-sysctl.service"

[[files]]
path = "/etc/systemd/system/{GONE_UNIT}"
needs = "restart {GONE_UNIT}"

[[units]]
name = "{GONE_UNIT}"

[[directories]]
path = "{GONE_DIRECTORY}"
"""
GONE_FILES = {
    "base/etc/sysctl.d/61-gone.conf.j2": f"{GONE_SETTING} = 61\n",
    f"base/etc/systemd/system/{GONE_UNIT}.j2": (
        "[Service]\nExecStart=/bin/sleep infinity\n\n[Install]\nWantedBy=multi-user.target\n"
    ),
}
ANOTHER = (
    # Words of every file: all of them change, and with them whatever reads one.
    ("**/*.j2", "local edits are lost", "edits are lost"),
    # What a program was started with, and what only its settings tell.
    ("**/web.env.j2", "{% for line", "PERSISTENT_TIMEOUT=21\n{% for line"),
    ("monitoring/etc/default/prometheus.j2", "--storage.tsdb.retention.time=", "--storage.tsdb.retention.time=1"),
    ("base/etc/ssh/sshd_config.d/*.j2", "ClientAliveInterval 60", "ClientAliveInterval 61"),
    ("base/etc/systemd/journald.conf.d/*.j2", "RateLimitBurst=20000", "RateLimitBurst=1"),
    ("web/etc/nginx/nginx.conf.j2", "server_tokens off;", "server_tokens on;"),
    ("base/manifest.toml", 'name = "chrony"', f'name = "{GONE_PACKAGE}" }},\n  {{ name = "chrony"'),
    # One file has another mode, and one there was not.
    ("base/manifest.toml", f'{ARGUMENTS}"', f'{ARGUMENTS}"\nmode = "0600"'),
    ("base/manifest.toml", f'{JOURNAL}10-mastodon-infra.conf"', f'{JOURNAL}11.conf"\ntemplate = "{TEMPLATE}"'),
)


def release_before(folder):
    """A copy of this release in which everything is different that a release may change.

    No other release is there yet. Once one is, it is what converge has to start from; this shows more changes at once.
    """
    for name in ("mastodon_infra", "templates"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    templates = folder / "templates"
    for pattern, now, before in ANOTHER:
        changed = [_replaced(file, now, before) for file in sorted(templates.glob(pattern))]
        assert any(changed), f"{pattern} says no more: {now}"
    for path, text in GONE_FILES.items():
        (templates / path).write_text(text, encoding="utf-8")
    with (templates / "base/manifest.toml").open("a", encoding="utf-8") as manifest:
        manifest.write(GONE_LINES)
    return folder


def _replaced(file, now, before):
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(now, before), encoding="utf-8")
    return now in text


# Everything that either door writes, and all of /etc that is not a machine's own or a program's notes. Numbers of
# system users follow the order in which their packages came; who there is, is asked below.
TREE = r"""
cd /
{
    find etc usr/local usr/share/mastodon-infra -xdev \( -type f -o -type l \) \
        ! -path 'etc/machine-id' ! -path 'etc/*-' ! -path 'etc/.pwd.lock' \
        ! -path 'etc/*shadow' ! -path etc/passwd ! -path etc/group \
        ! -path 'etc/ssl/certs/*' ! -path 'etc/ssl/private/*' ! -path 'etc/ld.so.cache' \
        ! -path 'etc/resolv.conf' ! -path 'etc/cloud/*' ! -path 'etc/apt/sources.list.d/*' \
        ! -path 'etc/ssh/ssh_host_*' ! -path 'etc/letsencrypt/*' ! -path 'etc/systemd/network/10-cloud-init*'
    echo var/lib/mastodon-infra/applied
    echo var/lib/mastodon-infra/installed
} | sort | while IFS= read -r path; do
    if [ -L "$path" ]; then echo "$path -> $(readlink "$path")"; continue; fi
    printf '%s %s\n' "$(stat --format='%a %U %G' "$path")" "$(sha256sum --zero "$path" | tr '\0' ' ')"
done
find /etc /var/lib/mastodon-infra /var/spool/mastodon* -xdev -type d \
    ! -path '/etc/letsencrypt*' ! -path '*/aside*' ! -path '*/assets*' ! -path '/etc/ssl/*' \
    -printf '%p %m %u %g\n' 2> /dev/null | sort
"""

# What programs have taken in: not what lies on disk, but what they say, or were started with. "$@" are units.
EFFECTIVE = r"""
part() { sed "s|^|$1: |"; }
sql() { runuser -u postgres -- psql -XAtc "$1"; }

systemctl list-unit-files --no-legend | awk '{ print $1, $2 }' | sort | part units
for unit in "$@"; do
    pid=$(systemctl show --property=MainPID --value "$unit")
    [ "${pid:-0}" != 0 ] || continue
    if [ "$(cat "/proc/$pid/comm")" = conmon ]; then pid=$(pgrep --parent "$pid" | head -n 1); fi
    tr '\0' ' ' < "/proc/$pid/cmdline" | sed 's/$/\n/' | part "$unit runs"
    # Nginx writes its title over the place of its environment.
    [ "$unit" != nginx.service ] || continue
    tr '\0' '\n' < "/proc/$pid/environ" | sort | grep -Ev "^($ITS_OWN)=" | sha256sum | part "$unit has the environment"
done
podman ps --format '{{.Names}} {{.Image}} {{.Command}} {{.Networks}}' | sort | part containers
for name in $(podman ps --format '{{.Names}}'); do
    grep -hE '(postgres|redis)\.mastodon\.internal' "$(podman inspect --format '{{.HostsPath}}' "$name")" |
        sort | part "$name knows"
done
sshd -T | sort | part sshd
nginx -T 2> /dev/null | part nginx
curl --silent --insecure --head https://127.0.0.1/ | grep -i '^server:' | part nginx
nft --stateless list ruleset | part nft
for key in $(sed -nE 's/^([a-z][^ =]*) *=.*/\1/p' /etc/sysctl.d/60-mastodon-infra.conf) "$GONE_SETTING"; do
    sysctl "$key"
done | part sysctl
systemd-analyze cat-config systemd/journald.conf | grep -v '^#' | part journald
sql 'SELECT name, setting FROM pg_settings ORDER BY 1' | part postgres
sql 'SELECT type, database, user_name, address, auth_method FROM pg_hba_file_rules' | part "postgres lets in"
sql 'SELECT rolname, rolsuper, rolcanlogin, rolconnlimit, rolconfig FROM pg_roles ORDER BY 1' | part "postgres' role"
for file in /etc/redis/redis-*.conf; do
    [ "$file" != /etc/redis/redis-server.conf ] || continue
    read -r _ user _ _ password _ < <(grep -h '^user .* +@all' "$file")
    port=$(awk '$1 == "port" { print $2 }' "$file")
    ask=(redis-cli --no-auth-warning --user "$user" -p "$port")
    REDISCLI_AUTH=${password#>} "${ask[@]}" INFO | tr -d "\r" | grep -E "^($TOLD_BY_REDIS):" | part "redis $port"
done
ask() { curl --silent --fail "http://127.0.0.1:9090/api/v1/$1"; }
ask status/config | sha256sum | part "prometheus' settings"
ask status/flags | part "prometheus' flags"
ask rules | grep -Eo '"(query|duration)":("([^"\\]|\\.)*"|[0-9]+)' | part "prometheus' rules"
apt-config dump | part apt
apt-mark showmanual | part "asked for by name"
dpkg-query --show | part packages
getent passwd | cut -d : -f 1,6,7 | sort | part person
getent group | cut -d : -f 1,4 | sort | part group
for person in $(ls /etc/ssh/authorized_keys.d); do
    passwd --status "$person" | cut -d ' ' -f 1,2 | part access
    chage --list "$person" | grep expires | part "access of $person"
done
findmnt --noheadings --output=TARGET,FSTYPE,OPTIONS --types ext4 | part mounts
"""
TOLD_BY_REDIS = "redis_version|config_file|tcp_port|maxmemory|maxmemory_policy|maxclients|aof_enabled|io_threads_active"
ITS_OWN = (
    "INVOCATION_ID|JOURNAL_STREAM|SYSTEMD_EXEC_PID|MEMORY_PRESSURE_[A-Z]*|HOSTNAME|NOTIFY_SOCKET|MAINPID"
    "|LISTEN_[A-Z]*|WATCHDOG_PID|FDSTORE|PG_GRANDPARENT_PID"
)
SHOWN = (
    *("Id", "Type", "LoadState", "ActiveState", "UnitFileState", "FragmentPath", "DropInPaths", "NeedDaemonReload"),
    *("User", "Group", "Slice", "MemoryMax", "MemoryHigh", "TasksMax", "LimitNOFILE", "OOMScoreAdjust", "Restart"),
    *("RestartUSec", "TimeoutStartUSec", "TimeoutStopUSec", "ProtectSystem", "ReadWritePaths", "EnvironmentFiles"),
    *("Environment", "Requires", "Wants", "After", "PartOf", "What", "Where", "Options"),
)


def left_on(machine, units):
    """A machine's files, and what its programs have taken in: lines, of which equal machines have equal ones."""
    said = machine.must(
        *(
            "env",
            f"ITS_OWN={ITS_OWN}",
            f"GONE_SETTING={GONE_SETTING}",
            f"TOLD_BY_REDIS={TOLD_BY_REDIS}",
            "bash",
            "-c",
            EFFECTIVE,
            "both-doors",
            *units,
        ),
        seconds=300,
    )
    shown = machine.must("systemctl", "show", f"--property={','.join(SHOWN)}", "--", *units)
    files = machine.must("bash", "-c", TREE, seconds=300)
    return {*files.splitlines(), *said.splitlines(), *_units(shown)}


def _units(shown):
    """Each setting of each unit, its words in order. What ends by itself may have ended."""
    for block in shown.split("\n\n"):
        told = dict(line.partition("=")[::2] for line in block.splitlines())
        if told.get("Type") == "oneshot":
            del told["ActiveState"]
        for name, value in told.items():
            yield f"{told['Id']}: {name}={' '.join(sorted(value.split()))}"
