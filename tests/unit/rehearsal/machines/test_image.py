"""The images that a rehearsal's registry gives out, as whoever pulls them finds them."""

import hashlib
import io
import json
import tarfile

import pytest

from mastodon_infra.errors import SpecError
from mastodon_infra.rehearsal.machines import image
from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules


def archive_of(path, files):
    """A tar with these files."""
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def blob(folder, digest):
    """The content under a digest, which is its own."""
    content = (folder / digest.replace(":", "-")).read_bytes()
    assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    return content


@pytest.fixture
def built(tmp_path):
    """The stand-in, built over an almost empty system: its configuration, and the files of its own layer."""
    system = archive_of(tmp_path / "image.tar", {"etc/debian_version": b"13"})
    folder = tmp_path / "blobs"
    digest = image.build_image(system, folder, version="v4.7.3", trusted="-----BEGIN CERTIFICATE-----\n")
    manifest = json.loads(blob(folder, digest))
    layers = [blob(folder, layer["digest"]) for layer in manifest["layers"]]
    assert layers[0] == system.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(layers[1])) as tar:
        files = {entry.name: (entry, tar.extractfile(entry)) for entry in tar}
        texts = {name: (entry, file.read().decode() if file else "") for name, (entry, file) in files.items()}
    return json.loads(blob(folder, manifest["config"]["digest"])), texts


def test_commands_have_mastodons_paths_and_user(built):
    config, files = built
    assert (config["config"]["User"], config["config"]["WorkingDir"]) == ("mastodon", "/opt/mastodon")
    for path in ("usr/local/bin/bundle", "usr/local/bin/node", "opt/mastodon/bin/tootctl"):
        assert files[path][0].mode == 0o755
    tmp = files["opt/mastodon/tmp"][0]
    assert (tmp.uid, tmp.gid, tmp.isdir()) == (991, 991, True)
    assert f"BIND={rules.BAKED['BIND']}" in config["config"]["Env"]


def test_the_program_is_packed_whole(built):
    _, files = built
    packed = {name.rpartition("/")[2] for name in files if name.startswith(image.LIBRARY)}
    assert packed == {path.name for path in image.PROGRAM.glob("*.py")}


def test_a_release_has_migrations_and_assets_of_its_own(built):
    _, files = built
    assert "opt/mastodon/public/packs/js/application-v4.7.3.js" in files
    stamp = image.migration_stamp("v4.7.3")
    assert {name for name in files if "migrate/" in name} == {
        "opt/mastodon/db/migrate/20170101000000_first.rb",
        f"opt/mastodon/db/migrate/{stamp}00_before_deployment.rb",
        f"opt/mastodon/db/post_migrate/{stamp}01_after_deployment.rb",
    }


def test_it_trusts_whom_it_is_told_to(built):
    _, files = built
    assert files["etc/ssl/certs/ca-certificates.crt"][1].startswith("-----BEGIN CERTIFICATE")


def test_later_releases_have_later_migrations():
    releases = ["v4.3.0", "v4.6.12", "v4.7.1", "v4.7.10", "v4.10.0", "v5.0.0"]
    stamps = [image.migration_stamp(release) for release in releases]
    assert stamps == sorted(set(stamps))
    assert all(f"{stamp}00" > rules.OLDEST_FOR_SKIPPING and len(stamp) == 12 for stamp in stamps)


def test_a_real_image_is_given_out_as_it_is(tmp_path):
    layer, config = b"layer", b"{}"
    manifest = json.dumps({"layers": ["..."]}).encode()
    digests = {content: hashlib.sha256(content).hexdigest() for content in (layer, config, manifest)}
    index = {"manifests": [{"digest": f"sha256:{digests[manifest]}"}]}
    files = {f"blobs/sha256/{digest}": content for content, digest in digests.items()}
    archive = archive_of(
        tmp_path / "mastodon.tar", {"oci-layout": b"{}", "index.json": json.dumps(index).encode(), **files}
    )

    assert image.unpack_archive(archive, tmp_path / "blobs") == f"sha256:{digests[manifest]}"
    for content, digest in digests.items():
        assert blob(tmp_path / "blobs", f"sha256:{digest}") == content


@pytest.mark.parametrize("count", [0, 2])
def test_an_archive_of_no_image_or_several_is_refused(tmp_path, count):
    index = {"manifests": [{"digest": "sha256:0"}] * count}
    archive = archive_of(tmp_path / "several.tar", {"index.json": json.dumps(index).encode()})
    with pytest.raises(SpecError, match=rf"several\.tar holds {count} images, and one is needed"):
        image.unpack_archive(archive, tmp_path / "blobs")


def test_a_real_image_trusts_the_rehearsal_by_a_layer_more(tmp_path):
    system = tmp_path / "system.tar"
    archive_of(system, {"etc/hostname": b"x"})
    folder = tmp_path / "blobs"
    before = image.build_image(system, folder)

    after = image.add_trust(before, folder, "-----BEGIN CERTIFICATE-----")

    old, new = (json.loads(blob(folder, one)) for one in (before, after))
    assert new["layers"][:-1] == old["layers"]
    config = json.loads(blob(folder, new["config"]["digest"]))
    assert config["rootfs"]["diff_ids"][-1] == new["layers"][-1]["digest"]
    with tarfile.open(fileobj=io.BytesIO(blob(folder, new["layers"][-1]["digest"]))) as layer:
        assert layer.getnames() == ["etc/ssl/certs/ca-certificates.crt", "usr/lib/ssl/cert.pem"]


def test_an_index_of_several_architectures_is_refused(tmp_path):
    digest = hashlib.sha256(b'{"manifests": []}').hexdigest()
    (tmp_path / f"sha256-{digest}").write_bytes(b'{"manifests": []}')
    with pytest.raises(SpecError, match="several architectures"):
        image.add_trust(f"sha256:{digest}", tmp_path, "")
