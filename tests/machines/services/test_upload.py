"""An upload to the stand-in of Mastodon's image, on a node that does not boot, with the S3 server of the machines."""

import json

import pytest

from tests.parsers.checks.services import background
from tests.parsers.machine import Machine
from tests.parsers.root import made
from tests.parsers.stand_in import HOME, OWNER, WEB, standing
from tests.parsers.tree import lay_out

STORE_PORT = 7070


@pytest.fixture
def image(asked):
    with Machine(made()) as machine, standing(lay_out(machine, HOME)) as image:
        image.must("tasks", "bundle exec rails db:prepare")
        image.must("tasks", OWNER)
        yield image


def test_an_upload_lies_in_the_bucket_and_anybody_may_read_it(image, parts):
    token = image.must("tasks", "bin/tootctl stand-in token alice")
    image.machine.must(
        "cat > /usr/local/bin/versitygw; chmod 755 /usr/local/bin/versitygw", stdin=parts.store.read_bytes()
    )
    root = {"ROOT_ACCESS_KEY_ID": "upload", "ROOT_SECRET_ACCESS_KEY": "upload-secret"}
    store = f"env {' '.join(f'{name}={value}' for name, value in root.items())} versitygw --port 127.0.0.1:{STORE_PORT}"
    store += " --region au-mel posix /srv/buckets"
    image.machine.must("mkdir -p /srv/buckets; printf picture > /tmp/cat.png")
    image.changes = {"S3_ENDPOINT": f"http://127.0.0.1:{STORE_PORT}", "S3_HOSTNAME": f"127.0.0.1:{STORE_PORT}",
                     "S3_PROTOCOL": "http", "S3_ALIAS_HOST": None, "S3_RETRY_LIMIT": None,
                     "AWS_ACCESS_KEY_ID": "upload", "AWS_SECRET_ACCESS_KEY": "upload-secret"}  # fmt: skip
    bucket = image.environment("web")["S3_BUCKET"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                                      "Resource": f"arn:aws:s3:::{bucket}/*"}]}  # fmt: skip
    asked = "curl --silent --fail --user upload:upload-secret --aws-sigv4 aws:amz:au-mel:s3 --request PUT"
    place = f"http://127.0.0.1:{STORE_PORT}/{bucket}"
    with image.running("web", "bundle exec puma -C config/puma.rb", WEB):
        upload = ("--form", "file=@/tmp/cat.png;type=image/png")
        with background(image.tree, store, ports={STORE_PORT}):
            image.machine.must(f"{asked} {place}")
            image.machine.must(f"{asked} --data-binary @- '{place}?policy='", stdin=json.dumps(policy))
            medium = json.loads(image.ask("/api/v2/media", *upload, token=token))
            assert image.machine.must(["curl", "--silent", "--fail", medium["url"]]) == "picture"
            head = image.machine.must(["curl", "--silent", "--head", medium["url"]])
            assert "public, max-age=315576000, immutable" in head
            posted = image.ask("/api/v1/statuses", "--data", f"status=x&media_ids[]={medium['id']}", token=token)
            assert json.loads(posted)["media_attachments"] == [{"id": medium["id"], "url": medium["url"]}]
        status = image.ask(
            "/api/v2/media", *upload, "--output", "/dev/null", "--write-out", "%{http_code}", token=token
        )
        assert status == "503", "without the store an upload fails cleanly"
        assert image.sql("SELECT count(*) FROM media_attachments") == ["1"]
        assert image.ask("/api/v2/instance").startswith("{"), "and pages are served"
