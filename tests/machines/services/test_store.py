"""S3 stores of three vendors: what a key may do, what everybody may, and what goes with a bucket."""

import base64
import json

import pytest

from mastodon_infra.rehearsal.clouds import amazon
from mastodon_infra.rehearsal.clouds.amazon import AWS
from mastodon_infra.rehearsal.clouds.linode import BUCKET, LINODE, OBJECT
from mastodon_infra.rehearsal.machines.services.buckets import LINODE_KEY, address_of
from mastodon_infra.rehearsal.machines.services.store import Store
from mastodon_infra.rehearsal.provider import StandIn
from mastodon_infra.rehearsal.wire import plain
from mastodon_infra.rehearsal.world import World
from mastodon_infra.resources.s3 import BACKUP_ACTIONS, BUCKET_ACTIONS, MEDIA_ACTIONS, _allow, policy_document
from tests.machines.services.bench import standing

LINODE_HOST, WASABI_HOST, AMAZON_HOST = (
    "au-mel-1.linodeobjects.com",
    "s3.ap-southeast-2.wasabisys.com",
    "s3.eu-central-1.amazonaws.com",
)
REGIONS = {LINODE_HOST: "au-mel", WASABI_HOST: "ap-southeast-2", AMAZON_HOST: "eu-central-1"}
SHOWN, HIDDEN = "accounts/one.png", "backups/archive.zip"
PAYLOAD = "payload/first"
FINE, REFUSED, MISSING = "200", "403", "404"


class Bench:
    """Media at Linode, Wasabi and Amazon; backups with a payload at Linode and Wasabi."""

    def __init__(self, ground):
        self.world, self.keys = World(ground.folder / "cloud"), {}
        self._at_linode()
        self._at_amazon(WASABI_HOST, "w", {"endpoints": json.dumps([{"s3": f"https://{WASABI_HOST}"}])})
        self._at_amazon(AMAZON_HOST, "a", {})
        self.begin(ground)

    def begin(self, ground):
        """Stand on this ground from now on."""
        self.ground = ground
        (ground.folder / "visitor.pem").write_text(ground.authority.certificate, encoding="utf-8")
        self.store = Store(ground)
        self.store.follow(self.world)

    def _at_linode(self):
        vendor = StandIn(LINODE, self.world)
        vendor.configure({"token": "t", "objBucketForceDelete": True}, {})

        def create(token, **inputs):
            return vendor.create(token, inputs, is_preview=False)

        for name in ("l-media", "l-backup"):
            create(BUCKET, label=name, region="au-mel")
        for who, bucket, may in (
            ("media-writer", "l-media", "read_write"),
            ("backup-writer", "l-backup", "read_write"),
            ("payload-reader", "l-backup", "read_only"),
        ):
            access = {"bucketName": bucket, "region": "au-mel", "permissions": may}
            _, made, _ = create(LINODE_KEY, label=f"l-{who}", bucketAccesses=[access])
            self.keys[LINODE_HOST, who] = (made["accessKey"], plain(made["secretKey"]))
        create(OBJECT, bucket="l-backup", region="au-mel", key=PAYLOAD, contentBase64=_base64("files"))

    def _at_amazon(self, host, prefix, settings):
        vendor = StandIn(AWS, self.world)
        vendor.configure({"region": REGIONS[host], "accessKey": "k", "secretKey": "s", **settings}, {})

        def create(token, **inputs):
            return vendor.create(token, inputs, is_preview=False)

        media, backup = f"{prefix}-media", f"{prefix}-backup"
        for name in (media, backup):
            create(amazon.BUCKET, bucket=name)
        if host == AMAZON_HOST:
            create(amazon.OPENED, bucket=media, blockPublicPolicy=False)
        everybody = _allow(("s3:GetObject",), f"arn:aws:s3:::{media}/accounts/*") | {"Principal": "*"}
        create(amazon.BUCKET_POLICY, bucket=media, policy=policy_document(everybody))
        rule = {"allowedMethods": ["GET", "HEAD"], "allowedOrigins": ["*"], "maxAgeSeconds": 86400}
        create(amazon.BUCKET_CORS, bucket=media, corsRules=[rule])
        arns = {name: f"arn:aws:s3:::{name}" for name in (media, backup)}
        for who, *statements in (
            ("media-writer", _allow(MEDIA_ACTIONS, f"{arns[media]}/*"), _allow(BUCKET_ACTIONS, arns[media])),
            ("backup-writer", _allow(BACKUP_ACTIONS, f"{arns[backup]}/*"), _allow(BUCKET_ACTIONS, arns[backup])),
            ("payload-reader", _allow(("s3:GetObject",), f"{arns[backup]}/payload/*")),
        ):
            user = f"{prefix}-{who}"
            create(amazon.USER, name=user)
            create(amazon.USER_POLICY, name=who, user=user, policy=policy_document(*statements))
            identity, made, _ = create(amazon.ACCESS_KEY, user=user)
            self.keys[host, who] = (identity, plain(made["secret"]))
        create(amazon.OBJECT, bucket=backup, key=PAYLOAD, contentBase64=_base64("files"))

    # --- Requests ---------------------------------------------------------------------------------------------------

    def ask(self, host, path, *words, key=None, region=None):
        """What an answer's status and text are; ``key`` signs, as who or as a pair of name and word."""
        name = f"{path.partition('/')[0]}.{host}"
        signing = []
        if key:
            access, secret = self.keys[host, key] if isinstance(key, str) else key
            signing += ["--user", f"{access}:{secret}", "--aws-sigv4", f"aws:amz:{region or REGIONS[host]}:s3"]
            signing += ["--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD"]
        text = self.ground.place.run(
            *("curl", "--silent", "--show-error", "--max-time", "10", "--write-out", "\n%{http_code}", *signing),
            *("--resolve", f"{name}:443:{address_of(host)}", "--cacert", str(self.ground.folder / "visitor.pem")),
            *words,
            f"https://{name}/{path.partition('/')[2]}",
        )
        body, _, status = text.rpartition("\n")
        return status, body

    def status(self, host, path, *words, key=None, region=None):
        return self.ask(host, path, *words, key=key, region=region)[0]

    def put(self, host, path, *, key, text="made"):
        return self.status(host, path, "--request", "PUT", "--data-binary", text, key=key)


def _base64(text):
    return base64.b64encode(text.encode()).decode()


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    with standing(parts, tmp_path_factory.mktemp("store")) as ground:
        yield Bench(ground)


VENDORS = pytest.mark.parametrize(("host", "prefix"), [(LINODE_HOST, "l"), (WASABI_HOST, "w"), (AMAZON_HOST, "a")])


@VENDORS
def test_mastodon_writes_what_everybody_reads_and_nobody_lists(bench, host, prefix):
    assert bench.put(host, f"{prefix}-media/{SHOWN}", key="media-writer") == FINE
    assert bench.ask(host, f"{prefix}-media/{SHOWN}") == (FINE, "made")
    assert bench.status(host, f"{prefix}-media/") == REFUSED
    assert bench.status(host, f"{prefix}-media/{SHOWN}", "--request", "DELETE") == REFUSED
    assert bench.status(host, f"{prefix}-media/other", "--request", "PUT", "--data-binary", "x") == REFUSED
    assert bench.status(host, f"{prefix}-media/?list-type=2", key="media-writer") == FINE


def test_at_linode_an_object_comes_with_a_mark_of_who_may_read_it(bench):
    marked = ("--request", "PUT", "--data-binary", "made", "--header", "x-amz-acl: public-read")
    assert bench.status(LINODE_HOST, f"l-media/{SHOWN}", *marked, key="media-writer") == FINE


@pytest.mark.parametrize(("host", "prefix"), [(WASABI_HOST, "w"), (AMAZON_HOST, "a")])
def test_what_the_policy_does_not_open_stays_shut(bench, host, prefix):
    assert bench.put(host, f"{prefix}-media/{HIDDEN}", key="media-writer") == FINE
    assert bench.status(host, f"{prefix}-media/{HIDDEN}") == REFUSED
    assert bench.ask(host, f"{prefix}-media/{HIDDEN}", key="media-writer") == (FINE, "made")


@VENDORS
def test_scripts_of_other_sites_may_read_media(bench, host, prefix):
    bench.put(host, f"{prefix}-media/{SHOWN}", key="media-writer")
    asking = ("--header", "Origin: https://elsewhere.example", "--head")
    _, said = bench.ask(host, f"{prefix}-media/{SHOWN}", *asking)
    assert "access-control-allow-origin: *" in said.lower()


@VENDORS
def test_a_key_opens_its_own_bucket_alone(bench, host, prefix):
    assert bench.put(host, f"{prefix}-backup/dump", key="backup-writer") == FINE
    assert bench.status(host, f"{prefix}-backup/dump", key="media-writer") == REFUSED
    assert bench.put(host, f"{prefix}-backup/dump", key="media-writer") == REFUSED
    assert bench.put(host, f"{prefix}-media/{SHOWN}", key="backup-writer") == REFUSED


@VENDORS
def test_machines_read_payloads_and_write_nothing(bench, host, prefix):
    assert bench.ask(host, f"{prefix}-backup/{PAYLOAD}", key="payload-reader") == (FINE, "files")
    assert bench.put(host, f"{prefix}-backup/{PAYLOAD}", key="payload-reader") == REFUSED
    assert bench.status(host, f"{prefix}-backup/{PAYLOAD}") == REFUSED


@pytest.mark.parametrize(("host", "prefix"), [(WASABI_HOST, "w"), (AMAZON_HOST, "a")])
def test_where_rights_go_below_a_bucket_machines_do_not_read_backups(bench, host, prefix):
    bench.put(host, f"{prefix}-backup/dump", key="backup-writer")
    assert bench.status(host, f"{prefix}-backup/dump", key="payload-reader") == REFUSED


@VENDORS
def test_wrong_words_strangers_and_other_regions_are_refused(bench, host, prefix):
    access, _ = bench.keys[host, "media-writer"]
    path = f"{prefix}-media/{SHOWN}"
    assert bench.status(host, path, key=(access, "guessed")) == REFUSED
    assert bench.status(host, path, key=("STRANGER", "guessed")) == REFUSED
    assert bench.status(host, path, key="media-writer", region="elsewhere-1") == "400"


def test_a_key_of_one_vendor_is_unknown_at_another(bench):
    key = bench.keys[LINODE_HOST, "media-writer"]
    assert bench.status(AMAZON_HOST, "a-media/?list-type=2", key=key) == REFUSED


def test_a_bucket_that_is_gone_takes_along_what_is_in_it(bench):
    vendor = StandIn(AWS, bench.world)
    vendor.configure({"region": REGIONS[AMAZON_HOST], "accessKey": "k", "secretKey": "s"}, {})
    vendor.create(amazon.BUCKET, {"bucket": "a-later", "forceDestroy": True}, is_preview=False)
    vendor.create(amazon.OBJECT, {"bucket": "a-later", "key": "one", "contentBase64": ""}, is_preview=False)
    bench.store.follow(bench.world)
    assert bench.status(AMAZON_HOST, "a-later/one") == REFUSED
    vendor.delete(amazon.BUCKET, "a-later")
    bench.store.follow(bench.world)
    assert bench.status(AMAZON_HOST, "a-later/one") == MISSING


def test_a_key_that_is_gone_opens_nothing(bench):
    vendor = StandIn(AWS, bench.world)
    vendor.configure({"region": REGIONS[AMAZON_HOST], "accessKey": "k", "secretKey": "s"}, {})
    identity, made, _ = vendor.create(amazon.ACCESS_KEY, {"user": "a-backup-writer"}, is_preview=False)
    key = (identity, plain(made["secret"]))
    bench.store.follow(bench.world)
    assert bench.put(AMAZON_HOST, "a-backup/two", key=key) == FINE
    vendor.delete(amazon.ACCESS_KEY, identity)
    bench.store.follow(bench.world)
    assert bench.put(AMAZON_HOST, "a-backup/two", key=key) == REFUSED


def test_what_was_written_outlives_the_store(parts, tmp_path):
    with standing(parts, tmp_path) as ground:
        bench = Bench(ground)
        assert bench.put(LINODE_HOST, "l-backup/kept", key="backup-writer") == FINE
        assert bench.put(AMAZON_HOST, f"a-media/{SHOWN}", key="media-writer") == FINE
    with standing(parts, tmp_path) as ground:
        bench.begin(ground)
        assert bench.ask(LINODE_HOST, "l-backup/kept", key="backup-writer") == (FINE, "made")
        assert bench.ask(AMAZON_HOST, f"a-media/{SHOWN}") == (FINE, "made")
        assert bench.status(LINODE_HOST, "l-backup/kept") == REFUSED
