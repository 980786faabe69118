"""The public certificate on several web nodes behind a balancer: one asks for it, all show it."""

import time

import pytest

from tests.parsers.cases import Place
from tests.parsers.machine import Machine
from tests.parsers.stage import STAND_INS, Visit, connect, give_addresses, start, start_nginx, visit
from tests.parsers.tree import lay_out
from tests.parsers.wiring import Authority

RELOAD_SECONDS = 20
BALANCER = "192.0.2.99"
OBTAIN, FETCH = (f"/usr/local/lib/mastodon-infra/{name}-certificate" for name in ("obtain", "fetch"))
SHOWN, PUBLISHED = "/var/lib/mastodon-infra/tls/site.crt", "/var/lib/mastodon-infra/published/chain.pem"
CERTBOT = '#!/bin/sh\nexec python3 /srv/stand_ins/certbot.py "$@"\n'
# nginx has port 80 of every address of the machine on which the balancer's stand-in runs.
REDIRECTION = f"""table ip balancer {{
    chain in {{
        type nat hook prerouting priority dstnat;
        ip daddr {BALANCER} tcp dport 80 dnat to {BALANCER}:8081
    }}
}}
"""
SYSTEMCTL = (
    '#!/bin/sh\n[ "$*" = "try-reload-or-restart nginx.service" ] && exec nginx -s reload -g "error_log stderr;"\n'
)


@pytest.fixture
def nodes(root_folder):
    """The node that asks, and another to which the balancer leads every visitor, once there is a balancer."""
    bindings = {"stand_ins": STAND_INS}
    with Machine(root_folder, bindings=bindings) as asking, Machine(root_folder, bindings=bindings) as other:
        trees = tuple(lay_out(machine, Place("large", name)) for machine, name in ((asking, "web-1"), (other, "web-2")))
        connect(asking, other)
        give_addresses(other, BALANCER)
        for tree in trees:
            tree.machine.put("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755)
            tree.machine.must(f"echo {BALANCER} {' '.join(tree.plan.tls.names)} >> /etc/hosts")
            start_nginx(tree)
        asking.put("/usr/local/sbin/certbot", CERTBOT, 0o755)
        asking.put("/tmp/authority.pem", Authority("public").pem)
        asking.put("/tmp/days", "90")
        yield trees


@pytest.fixture
def balancer(nodes):
    """From now on the names lead to the node that does not ask."""
    _, other = nodes
    other.machine.must(["nft", "--file", "-"], stdin=REDIRECTION)
    start(other.machine, "balancer", BALANCER, "8081", other.node.address, "80")


def issuer(tree):
    """Who signed what nginx shows to a visitor."""
    how = Visit(address=tree.node.address, source=tree.node.address, proxy="203.0.113.9")
    shown = visit(tree.machine, how).headers["the certificate"]
    return tree.machine.must("openssl x509 -noout -issuer", stdin=shown)


def shows_at_last(tree, name):
    """Whether visitors get this authority's certificate before long: nginx changes its workers after the signal."""
    end = time.monotonic() + RELOAD_SECONDS
    while name not in issuer(tree):
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def said_not_yet(tree, script, words):
    """Whether it ended with the status for which systemd runs it again soon, and said why."""
    done = tree.machine.run([script])
    forced = tree.machine.must("grep ^RestartForceExitStatus= /etc/systemd/system/mastodon-certificate.service")
    assert forced == f"RestartForceExitStatus={done.status}"
    return words in done.said


def asked(tree):
    """How often the authority was asked."""
    return (
        len(tree.machine.run(["cat", "/tmp/asked"]).said.splitlines()) if tree.machine.run("[ -e /tmp/asked ]") else 0
    )


def test_a_node_that_asks_and_is_not_up_is_asked_again_soon(nodes):
    asking, other = nodes
    asking.machine.must(["nginx", "-s", "stop", "-g", "error_log stderr;"])
    assert said_not_yet(other, FETCH, "cannot be asked yet")


def test_one_node_asks_and_every_node_shows_it(nodes, balancer):
    asking, other = nodes
    assert all("not yet" in issuer(tree) for tree in nodes)

    assert said_not_yet(other, FETCH, "there is no certificate yet")
    asking.machine.must([OBTAIN])
    other.machine.must([FETCH])

    assert all(shows_at_last(tree, "public internal authority") for tree in nodes)
    assert asking.machine.must(["cat", SHOWN]) == other.machine.must(["cat", SHOWN])


def test_a_good_certificate_is_not_asked_for_again_and_an_old_one_is(nodes, balancer):
    asking, _ = nodes
    for days, times in (("20", 1), ("90", 2), ("90", 2)):
        asking.machine.put("/tmp/days", days)
        asking.machine.must([OBTAIN])
        assert asked(asking) == times


def test_the_authority_is_not_asked_while_the_names_lead_elsewhere(nodes):
    asking, _ = nodes
    assert said_not_yet(asking, OBTAIN, "does not lead here yet")
    assert asked(asking) == 0


def test_but_it_is_when_that_has_lasted(nodes):
    asking, _ = nodes
    assert said_not_yet(asking, OBTAIN, "does not lead here yet")
    asking.machine.must("touch --date '7 hours ago' /var/lib/mastodon-infra/tls/waiting")
    assert not asking.machine.run([OBTAIN])
    assert asked(asking) == 1


def test_a_refusal_is_followed_by_longer_and_longer_pauses(nodes, balancer):
    asking, _ = nodes
    asking.machine.put("/tmp/days", "20")
    asking.machine.must([OBTAIN])
    assert pauses_after_refusals(asking, 7) == ["30", "60", "120", "240", "480", "720", "720"]


@pytest.mark.parametrize("days", [None, "5"], ids=["none", "ends-soon"])
def test_when_it_is_urgent_pauses_do_not_grow(nodes, balancer, days):
    asking, _ = nodes
    if days:
        asking.machine.put("/tmp/days", days)
        asking.machine.must([OBTAIN])
    assert pauses_after_refusals(asking, 3) == ["30", "30", "30"]


def pauses_after_refusals(asking, count):
    asking.machine.put("/tmp/days", "none")
    before, pauses = asked(asking), []
    for times in range(1, count + 1):
        assert not asking.machine.run([OBTAIN])
        assert "it is asked again" in asking.machine.must([OBTAIN])
        assert asked(asking) == before + times
        pauses.append(asking.machine.must("cat /var/lib/mastodon-infra/tls/pause"))
        asking.machine.must("touch --date '1 day ago' /var/lib/mastodon-infra/tls/pause")
    return pauses


def test_a_chain_that_is_not_this_instance_s_is_refused(nodes):
    asking, other = nodes
    before = other.machine.must(["cat", SHOWN])
    asking.machine.put(PUBLISHED, Authority("public").issue("social.example")[0])

    assert "does not belong to this instance's key" in other.machine.run([FETCH]).said
    assert other.machine.must(["cat", SHOWN]) == before


def test_an_older_chain_changes_nothing(nodes, balancer):
    asking, other = nodes
    asking.machine.must([OBTAIN])
    other.machine.must([FETCH])
    before = other.machine.must(["cat", SHOWN])
    asking.machine.put("/tmp/days", "10")
    asking.machine.must(f"rm {PUBLISHED}")
    asking.machine.must([OBTAIN])

    other.machine.must([FETCH])

    assert other.machine.must(["cat", SHOWN]) == before
    assert asking.machine.must(["cat", SHOWN]) == before


def test_a_new_key_is_shown_only_with_its_own_certificate(nodes, balancer):
    asking, _ = nodes
    asking.machine.must([OBTAIN])
    given = "/etc/mastodon-infra/tls"
    names = ",".join(f"DNS:{name}" for name in asking.plan.tls.names)
    asking.machine.must(
        f"openssl ecparam -name prime256v1 -genkey -noout -out {given}/site-private-key;"
        f"openssl req -new -key {given}/site-private-key -subj /CN=one -addext subjectAltName={names}"
        f" -out {given}/site.csr"
    )
    asking.machine.must(["nginx", "-t"])

    asking.machine.must([OBTAIN])

    asking.machine.must(["nginx", "-t"])
    assert asked(asking) == 2
    assert asking.machine.must(f"cmp {given}/site-private-key /var/lib/mastodon-infra/tls/site-private-key") == ""
    assert shows_at_last(asking, "public internal authority")


@pytest.mark.parametrize(
    "path", ["/", "/site-private-key", "/tls/site-private-key", "/chain.pem/../tls/site-private-key"]
)
def test_the_private_listener_gives_nothing_but_the_chain(nodes, path):
    asking, other = nodes
    how = Visit(path, address=asking.node.address, port=8480, source=other.node.address)
    assert visit(other.machine, how).status in {400, 404}


def test_the_private_listener_is_on_the_private_address_only(nodes):
    asking, _ = nodes
    said = asking.machine.must("ss --tcp --listening --numeric --no-header 'sport = 8480'")
    assert said.split()[3] == f"{asking.node.address}:8480"


# What systemd does for the unit: everything is read-only but what the unit names.
FENCED = """
unshare --mount bash -euo pipefail -c '
    mkdir -p "$@"
    mount --bind / /mnt
    mount -o remount,bind,ro /mnt
    mount --bind /run /mnt/run
    mount -o remount,bind,ro /mnt/run
    for folder in /proc /dev /srv /tmp "$@"; do mount --rbind "$folder" "/mnt$folder"; done
    if touch /mnt/etc/not-allowed 2> /dev/null; then exit 99; fi
    exec chroot /mnt SCRIPT
' fenced FOLDERS
"""
PLACES = {"ConfigurationDirectory": "/etc", "StateDirectory": "/var/lib", "LogsDirectory": "/var/log"}


def fenced(tree, script):
    """Run it with the unit's own fences."""
    unit = next(file for file in tree.bundle.files if file.path.endswith("/mastodon-certificate.service")).content
    said = dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))
    assert said["ProtectSystem"] == "strict"
    folders = said["ReadWritePaths"].split()
    folders += [f"{above}/{said[name]}" for name, above in PLACES.items() if name in said]
    return tree.machine.must(FENCED.replace("SCRIPT", script).replace("FOLDERS", " ".join(folders)))


def test_it_gets_and_shows_a_certificate_inside_its_units_fences(nodes, balancer):
    asking, other = nodes
    fenced(asking, OBTAIN)
    fenced(other, FETCH)
    assert shows_at_last(asking, "public")
    assert shows_at_last(other, "public")
