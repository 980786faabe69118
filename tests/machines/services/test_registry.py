"""The registry of images: what a pull asks for, under the images' own name, and nothing else."""

import hashlib
import json

import pytest

from mastodon_infra.errors import ToolError
from mastodon_infra.rehearsal.machines.addresses import REGISTRY
from mastodon_infra.rehearsal.machines.ground import Given
from mastodon_infra.rehearsal.machines.pulling import pull_image
from mastodon_infra.rehearsal.machines.services.registry import Registry
from tests.machines.services.bench import standing, wait_until

HOST = "registry.example"
IMAGES = ("mastodon/mastodon:v4.7.4", "mastodon/mastodon:v4.7.3", "mastodon/mastodon-streaming:v4.7.4")
GIVEN = Given(tuple(f"{HOST}/{image}" for image in IMAGES))


class Bench:
    """The registry, and a visitor of it."""

    def __init__(self, ground):
        self.ground = ground
        (ground.folder / "visitor.pem").write_text(ground.authority.certificate, encoding="utf-8")
        Registry(ground)
        wait_until(lambda: self.status("v2/") == "200", what="the registry answers")

    def curl(self, path, *words, host=HOST):
        return self.ground.place.run(
            *("curl", "--silent", "--show-error", "--max-time", "10", "--resolve", f"{host}:443:{REGISTRY}"),
            *("--cacert", str(self.ground.folder / "visitor.pem"), *words, f"https://{host}/{path}"),
        )

    def status(self, path, *words):
        try:
            return self.curl(path, "--output", "/dev/null", "--write-out", "%{http_code}", *words)
        except OSError:
            return "none"


@pytest.fixture(scope="module")
def bench(parts, tmp_path_factory):
    with standing(parts, tmp_path_factory.mktemp("registry"), GIVEN) as ground:
        yield Bench(ground)


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_there_with_all_that_it_names(bench, image):
    repository, tag = image.split(":")
    manifest = json.loads(bench.curl(f"v2/{repository}/manifests/{tag}", "--fail"))
    head = bench.curl(f"v2/{repository}/manifests/{tag}", "--head").lower()
    assert "content-type: application/vnd.oci.image.manifest.v1+json" in head
    for blob in (manifest["config"], *manifest["layers"]):
        told = bench.curl(f"v2/{repository}/blobs/{blob['digest']}", "--head").lower()
        assert f"content-length: {blob['size']}" in told.splitlines()
    config = bench.curl(f"v2/{repository}/blobs/{manifest['config']['digest']}", "--fail")
    assert f"sha256:{hashlib.sha256(config.encode()).hexdigest()}" == manifest["config"]["digest"]


@pytest.mark.parametrize(
    "path",
    [
        "v2/mastodon/mastodon/manifests/v4.7.2",
        "v2/mastodon/other/manifests/v4.7.4",
        "v2/mastodon/mastodon/blobs/sha256:" + "0" * 64,
        "v2/mastodon/mastodon/blobs/settings.json",
    ],
)
def test_what_is_not_there_is_not_found(bench, path):
    assert bench.status(path) == "404"


def test_each_release_is_another_image(bench):
    both = {bench.curl(f"v2/mastodon/mastodon/manifests/{tag}", "--fail") for tag in ("v4.7.4", "v4.7.3")}
    assert len(both) == 2


def test_another_name_is_not_vouched_for(bench):
    with pytest.raises(OSError, match="certificate"):
        bench.curl("v2/", host="elsewhere.example")


@pytest.fixture
def archive(bench, tmp_path):
    """An image as skopeo keeps it: it read every byte of it from a registry."""
    file = tmp_path / "image.tar"
    source = f"docker://{REGISTRY}/{IMAGES[0]}"
    words = ("skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false", source, f"oci-archive:{file}")
    bench.ground.place.run(*words)
    return file


def test_a_real_image_is_given_out_with_whom_it_shall_trust(archive, parts, tmp_path_factory):
    image = f"{HOST}/{IMAGES[0]}"
    with standing(parts, tmp_path_factory.mktemp("real"), Given((image,), archives={image: str(archive)})) as ground:
        bench = Bench(ground)
        manifest = json.loads(bench.curl("v2/mastodon/mastodon/manifests/v4.7.4", "--fail"))
        config = json.loads(bench.curl(f"v2/mastodon/mastodon/blobs/{manifest['config']['digest']}", "--fail"))
    own = manifest["layers"][-1]["digest"]
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 3
    assert config["rootfs"]["diff_ids"][-1] == own
    assert config["config"]["User"] == "mastodon"


def test_a_registry_that_is_not_reached_is_said_and_leaves_nothing(parts, tmp_path):
    with pytest.raises(ToolError, match=r"127\.0\.0\.1:9/mastodon:v1 cannot be pulled: .*connection refused"):
        pull_image("127.0.0.1:9/mastodon:v1", tmp_path)
    assert list(tmp_path.iterdir()) == []
