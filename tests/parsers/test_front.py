"""nginx as visitors meet it: who they are, what they are shown, what is kept for them, and what they cannot do."""

import json
import struct
from contextlib import ExitStack

import pytest

from tests.parsers.cases import Place
from tests.parsers.stage import CLOUDFLARE, VISITOR, Visit, balancer_of, stand_up, visit

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
FILES, ORIGINAL = "files.social.example", "/media_attachments/files/1/original"
VIDEO_BYTES = 3 << 20
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; form-action 'none'",
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=63072000",
}


@pytest.fixture(scope="module")
def stages(root_folder):
    """Nodes with their worlds, each stood up when it is first asked for."""
    with ExitStack() as standing:
        found = {}

        def stage(case, node="web-1"):
            if case not in found:
                found[case] = stand_up(root_folder, Place(case, node), standing)
            return found[case]

        yield stage


@pytest.fixture
def asking(stages):
    """Ask the first web node of a case."""
    return lambda case, path="/", **how: visit(stages(case)[1], Visit(path, **how))


@pytest.fixture
def ask(asking):
    """Ask a node that the world reaches directly."""
    return lambda path="/", **how: asking("medium", path, **how)


@pytest.fixture
def media(ask):
    """Ask the media host."""
    return lambda path, **how: ask(path, host=FILES, **how)


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


# --- Media ----------------------------------------------------------------------------------------------------------


def assert_safe(answer):
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    assert not [name for name in answer.headers if name.startswith("x-amz-request")]
    assert "set-cookie" not in answer.headers
    assert "BucketName" not in answer.body


def test_a_picture_is_shown_with_headers_that_keep_it_harmless(media):
    answer = media(f"{ORIGINAL}/a.png")
    assert answer.status == 200
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert_safe(answer)


def test_nothing_that_a_visitor_adds_reaches_the_bucket_or_the_cache(media):
    headers = {"Cookie": "one=1", "Authorization": "Bearer one", "X-Amz-Acl": "public-read", "Origin": "https://a"}
    answers = [media(f"{ORIGINAL}/b.png{query}", headers=headers) for query in ("?acl", "", "?x=1")]
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].json["path"] == f"{ORIGINAL}/b.png"
    assert set(answers[0].json["headers"]) == {"Host"}
    assert [answer.headers["x-cache-status"] for answer in answers] == ["MISS", "HIT", "HIT"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?list-type=2",
        "/?max-keys=1",
        "/media_attachments/",
        f"{ORIGINAL}/a.html",
        f"{ORIGINAL}/a.svg",
        f"{ORIGINAL}/a.png/",
        "/backups/archive.zip",
        "/backups/a.png",
        "/media_attachments/../backups/a.png",
        "/media_attachments/%2e%2e/backups/a.png",
        "/backups%2f..%2fmedia_attachments/a.png",
        f"{ORIGINAL}/archive.zip%3F.png",
        f"{ORIGINAL}/missing.png",
        f"{ORIGINAL}/private.png",
        f"{ORIGINAL}/moved.png",
        f"{ORIGINAL}/missing.mp4",
    ],
)
def test_there_is_nothing_else(media, path):
    answer = media(path)
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")
    assert "location" not in answer.headers
    assert_safe(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_media_are_only_read(media, method):
    answer = media(f"{ORIGINAL}/a.png", method=method)
    assert answer.status == 405
    assert_safe(answer)


def test_the_head_of_a_picture_is_as_the_picture_without_it(media):
    answer = media(f"{ORIGINAL}/a.png", method="HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert_safe(answer)


def test_a_part_of_a_video_is_fetched_in_slices(stages, media):
    world = stages("medium")[1]
    world.must("rm -f /tmp/bucket.log")

    answer = media(f"{ORIGINAL}/a.mp4", headers={"Range": "bytes=3145000-"})

    assert (answer.status, answer.size) == (206, VIDEO_BYTES - 3145000)
    assert answer.headers["content-range"] == f"bytes 3145000-{VIDEO_BYTES - 1}/{VIDEO_BYTES}"
    assert_safe(answer)
    ranges = [json.loads(line)["headers"]["Range"] for line in world.must("cat /tmp/bucket.log").splitlines()]
    assert ranges == ["bytes=2097152-3145727"]


def test_a_whole_video_is_whole(media):
    answer = media(f"{ORIGINAL}/b.mp4")
    assert (answer.status, answer.size, answer.headers["content-length"]) == (200, VIDEO_BYTES, str(VIDEO_BYTES))
    assert_safe(answer)


def test_what_is_kept_is_shown_while_the_bucket_fails_and_the_rest_says_so(stages, media):
    tree, world = stages("medium")
    before = media(f"{ORIGINAL}/stale.png")
    let_it_go_stale(tree.machine, "original/stale.png")
    world.must("touch /tmp/bucket-is-down")
    try:
        kept, other = media(f"{ORIGINAL}/stale.png"), media(f"{ORIGINAL}/never-seen.png")
    finally:
        world.must("rm /tmp/bucket-is-down")
    assert (kept.status, kept.body, kept.headers["x-cache-status"]) == (200, before.body, "STALE")
    assert (other.status, other.headers["cache-control"]) == (503, "no-store")
    assert_safe(kept)
    assert_safe(other)


def let_it_go_stale(node, key):
    """Write into the cached file that it was good until long ago: the second number of its head."""
    past = "".join(f"\\x{byte:02x}" for byte in struct.pack("<q", 1_000_000_000))
    node.must(
        f"file=$(grep --recursive --files-with-matches --text 'KEY: .*{key}' /var/cache/nginx/media);"
        f"printf '{past}' | dd of=\"$file\" bs=1 seek=8 conv=notrunc status=none"
    )
