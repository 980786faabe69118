"""nginx as visitors meet it: who they are, what they are shown, what is kept for them, and what they cannot do."""

import pytest

from tests.parsers.stage import CLOUDFLARE, VISITOR, balancer_of

SPOOFED = {
    "X-Forwarded-For": "203.0.113.66",
    "X-Real-IP": "203.0.113.66",
    "Forwarded": "for=203.0.113.66",
    "Client-Ip": "203.0.113.66",
    "X-Client-Ip": "203.0.113.66",
    "True-Client-Ip": "203.0.113.66",
    "CF-Connecting-IP": "203.0.113.66",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Ssl": "off",
    "X-Sendfile-Type": "X-Accel-Redirect",
    "X-Accel-Mapping": "/=/",
    "Proxy": "http://evil.example",
}
PAGE = {"Accept": "text/html"}
ACTIVITY = {"Accept": 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'}


def told(answer):
    """What the app was told, by lower-case name."""
    return {name.lower(): value for name, value in answer.json["headers"].items()}


# --- Who is it? -----------------------------------------------------------------------------------------------------


def assert_taken_for(answer, address):
    headers = told(answer)
    assert headers["x-real-ip"] == headers["x-forwarded-for"] == address
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == "social.example" or headers["host"].startswith("www.")
    left = {name.lower() for name in SPOOFED} - {"x-real-ip", "x-forwarded-for", "x-forwarded-proto"}
    assert left.isdisjoint(headers)
    assert not any(value in str(headers) for value in ("203.0.113.66", "evil.example"))


def test_a_visitor_cannot_pretend_to_be_another(ask):
    assert_taken_for(ask("/api/v1/one", headers=SPOOFED), VISITOR)


def test_behind_a_balancer_the_visitor_is_whom_the_balancer_names(stages, asking):
    balancer = balancer_of(stages("large")[0])
    answer = asking("large", "/api/v1/one", source=balancer, proxy="203.0.113.9", headers=SPOOFED)
    assert_taken_for(answer, "203.0.113.9")


def test_nobody_but_the_balancer_may_name_a_visitor(asking):
    assert_taken_for(asking("large", "/api/v1/one", proxy="203.0.113.66", headers=SPOOFED), VISITOR)


def test_without_a_word_from_the_balancer_there_is_no_answer(stages, asking):
    assert asking("large", source=balancer_of(stages("large")[0])).status == 0


BEHIND_CLOUDFLARE = {"host": "www.social.example", "headers": SPOOFED | {"CF-Connecting-IP": "203.0.113.9"}}


def test_cloudflare_may_name_a_visitor_with_its_certificate(asking):
    answer = asking("proxied", "/api/v1/one", source=CLOUDFLARE, certificate="/tmp/pulls.pem", **BEHIND_CLOUDFLARE)
    assert_taken_for(answer, "203.0.113.9")


def test_the_certificate_alone_names_no_visitor(asking):
    answer = asking("proxied", "/api/v1/one", certificate="/tmp/pulls.pem", **BEHIND_CLOUDFLARE)
    assert told(answer)["x-real-ip"] == VISITOR


@pytest.mark.parametrize("certificate", ["", "/tmp/others.pem"], ids=["none", "somebody else's"])
@pytest.mark.parametrize("host", ["www.social.example", "social.example"])
def test_behind_cloudflare_nobody_is_served_without_its_certificate(asking, host, certificate):
    answer = asking("proxied", "/api/v1/one", source=CLOUDFLARE, host=host, certificate=certificate)
    assert answer.status in {0, 400}
    assert "headers" not in answer.body


def test_a_certificate_for_one_name_opens_no_other(asking):
    answer = asking(
        "proxied",
        "/api/v1/one",
        host="other.example",
        certificate="/tmp/pulls.pem",
        headers={"Host": "www.social.example"},
    )
    assert answer.status == 0


@pytest.mark.parametrize("port", [80, 443])
def test_names_that_are_not_ours_get_no_answer(ask, port):
    answer = ask(host="evil.example", port=port)
    assert answer.status == 0
    assert "the certificate" not in answer.headers


def test_plain_http_leads_to_https(ask):
    answer = ask("/@alice?page=2", port=80)
    assert (answer.status, answer.headers["location"]) == (301, "https://social.example/@alice?page=2")


def test_the_handles_domain_leads_to_the_web_site_with_the_question(asking):
    path = "/.well-known/webfinger?resource=acct:a@social.example"
    answer = asking("proxied", path, source=CLOUDFLARE, certificate="/tmp/pulls.pem")
    assert (answer.status, answer.headers["location"]) == (301, f"https://www.social.example{path}")
    assert answer.headers["access-control-allow-origin"] == "*"


# --- Pages ----------------------------------------------------------------------------------------------------------


def test_a_page_and_its_activity_are_never_mixed(ask):
    for headers, kind in [(PAGE, "text/html"), (ACTIVITY, "application/activity+json")] * 2:
        assert ask("/@mixed", headers=headers).headers["content-type"] == kind


def test_what_mastodon_calls_public_is_kept(ask):
    assert ask("/@kept", headers=PAGE).json["number"] == ask("/@kept", headers=PAGE).json["number"]


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "Signature"])
def test_who_is_known_gets_a_page_of_their_own_and_leaves_none_behind(ask, name):
    path, known = f"/@{name}", PAGE | {name: "somebody"}
    numbers = [ask(path, headers=headers).json["number"] for headers in (known, known, PAGE, known)]
    assert len(set(numbers)) == 4


def test_what_mastodon_calls_private_is_never_kept(ask):
    first, second = ask("/api/v1/private"), ask("/api/v1/private")
    assert first.json["number"] != second.json["number"]
    assert first.headers["cache-control"] == "private, no-store"


def test_files_say_how_long_they_may_be_kept_and_errors_that_they_may_not(ask):
    def kept(path):
        return ask(path).headers["cache-control"]

    assert kept("/packs/app-1.js") == "public, max-age=2419200, immutable"
    assert kept("/emoji/1.svg") == "public, max-age=2419200, must-revalidate"
    assert kept("/sw.js") == "public, max-age=300"
    assert kept("/favicon.ico") == "public, max-age=3600"
    assert kept("/emoji/none.svg") == "no-store"
    assert kept("/packs/none.svg") == "no-store"


def test_files_of_earlier_images_are_shown_from_disk(stages, ask):
    node, kept = stages("medium")[0].machine, "/var/lib/mastodon-infra/assets"
    node.must(f"install -d {kept}.1/packs/js; ln -sfn {kept}.1 {kept}")
    node.put(f"{kept}.1/packs/js/chunk-old.js", "/* of the last release */")
    answer = ask("/packs/js/chunk-old.js")

    assert (answer.status, answer.body) == (200, "/* of the last release */")
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "public, max-age=2419200, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert ask("/packs/app-1.js").status == 200, "what is not on disk, the app has"
    assert "root:" not in ask("/packs/..%2f..%2f..%2f..%2f..%2fetc/passwd").body
    assert "root:" not in ask("/packs/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd").body


def test_files_that_the_image_has_packed_are_not_packed_again(stages, ask):
    node, kept = stages("medium")[0].machine, "/var/lib/mastodon-infra/assets"
    node.must(f"install -d {kept}.2/packs; ln -sfn {kept}.2 {kept}")
    node.put(f"{kept}.2/packs/chunk.js", "/* plain */" * 200)
    node.put(f"{kept}.2/packs/chunk.js.gz", "as the image has it")
    packed = ask("/packs/chunk.js", headers={"Accept-Encoding": "gzip, br"})
    plain = ask("/packs/chunk.js", headers={"Accept-Encoding": "identity"})

    assert (packed.body, packed.headers["content-encoding"]) == ("as the image has it", "gzip")
    assert "javascript" in packed.headers["content-type"]
    assert packed.headers["cache-control"] == "public, max-age=2419200, immutable"
    assert plain.body.startswith("/* plain */")
    assert "content-encoding" not in plain.headers
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"


def test_files_of_the_last_release_are_there_after_an_upgrade(stages, ask):
    node = stages("medium")[0].machine
    before = ask("/packs/old-1.js")
    assert "set-cookie" not in before.headers
    node.must("touch /tmp/old-release-is-gone")
    try:
        assert ask("/packs/old-1.js").body == before.body
        assert ask("/packs/other-1.js").status == 404
    finally:
        node.must("rm /tmp/old-release-is-gone")


# --- Out of order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_visitors_and_deliveries_are_told_to_come_back(ask, method):
    answer = ask("/crash", method=method, body="{}" if method == "POST" else "")
    assert (answer.status, answer.headers["retry-after"]) == (502, "60")
    assert answer.headers["cache-control"] == "no-store"
    assert "Back soon" in answer.body


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/inbox"), ("GET", "/api/v1/streaming")])
def test_maintenance_can_be_switched_on(stages, ask, method, path):
    node = stages("medium")[0].machine
    node.must("touch /var/lib/mastodon-infra/maintenance")
    try:
        answer = ask(path, method=method)
    finally:
        node.must("rm /var/lib/mastodon-infra/maintenance")
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert ask("/").status == 200


# --- Streaming ------------------------------------------------------------------------------------------------------


def test_a_stream_is_upgraded_and_speaks_both_ways(ask):
    headers = {"Upgrade": "websocket", "Connection": "Upgrade"}
    answer = ask("/api/v1/streaming?access_token=one", headers=headers, then="hello\n")
    assert (answer.status, answer.body) == (101, "hello\n")


def test_events_arrive_before_the_stream_ends(ask):
    assert ask("/api/v1/streaming/public", then=" ").body == ":)\nhi\n"


STREAM_FOR_LONG = """
sed -i 's/^worker_shutdown_timeout .*/worker_shutdown_timeout LIMIT;/' /etc/nginx/nginx.conf
nginx -s reload; sleep 0.5
timeout 20 curl --silent --insecure --http1.1 --header 'Upgrade: websocket' --header 'Connection: Upgrade' \
    --resolve social.example:443:127.0.0.1 https://social.example/api/v1/streaming > /dev/null 2>&1 & stream=$!
sleep 0.5
nginx -s reload; sleep 3
{ grep --count --no-filename --text 'worker proces[s] is shutting down' /proc/[0-9]*/cmdline || true; } |
    awk '{ n += $1 } END { print n }'
kill $stream 2> /dev/null || true
"""


@pytest.mark.parametrize(("limit", "is_left"), [("1s", False), ("60s", True)])
def test_a_stream_holds_a_worker_of_old_settings_for_so_long_and_no_longer(stages, ask, limit, is_left):
    tree, _ = stages("medium")
    written = next(file for file in tree.bundle.files if file.path == "/etc/nginx/nginx.conf")
    assert f"worker_shutdown_timeout {tree.node.nginx.worker_shutdown_seconds.value}s;" in written.content
    try:
        said = tree.machine.must(STREAM_FOR_LONG.replace("LIMIT", limit))
    finally:
        tree.write([written])
        tree.machine.must(["nginx", "-s", "reload"])
    assert (int(said.split()[-1]) > 0) is is_left
