"""The media host as visitors meet it: what it shows, how harmlessly, and what it keeps while the bucket fails."""

import json
import struct

import pytest

FILES, ORIGINAL = "files.social.example", "/media_attachments/files/1/original"
VIDEO_BYTES = 3 << 20
SAFE = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; form-action 'none'",
    "access-control-allow-origin": "*",
    "strict-transport-security": "max-age=63072000",
}


@pytest.fixture
def media(ask):
    """Ask the media host."""
    return lambda path, **how: ask(path, host=FILES, **how)


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
