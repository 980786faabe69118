"""The folder of a local cloud, and the script that provides the engine for it."""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from mastodon_infra.errors import ToolError
from mastodon_infra.rehearsal.local_cloud import PROVIDERS, local_cloud

SDK = version("pulumi")
SERIES = SDK.rpartition(".")[0]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def engine(tmp_path):
    """A folder that looks like an engine's."""
    folder = tmp_path / "engine"
    folder.mkdir()
    (folder / "pulumi").touch()
    return folder


def test_nothing_of_a_real_account_reaches_the_engine(tmp_path, engine):
    own = {"LINODE_TOKEN": "real", "AWS_PROFILE": "real", "PULUMI_ACCESS_TOKEN": "real", "HOME": "/home/me"}

    environment = local_cloud(tmp_path / "cloud", engine=engine).environment(own)

    assert "real" not in environment.values()
    assert environment["HOME"] == "/home/me"
    assert environment["PULUMI_BACKEND_URL"] == f"file://{tmp_path}/cloud/state"
    assert str(engine) in environment["PATH"].split(os.pathsep)


def test_every_provider_is_installed_under_the_version_that_the_sdk_asks_for(tmp_path, engine):
    local_cloud(tmp_path / "cloud", engine=engine)

    launchers = list((tmp_path / "cloud" / "home" / "plugins").glob("resource-*-v*/pulumi-resource-*"))

    assert {path.name.removeprefix("pulumi-resource-") for path in launchers} == set(PROVIDERS)
    assert all(os.access(path, os.X_OK) for path in launchers)
    assert (tmp_path / "cloud/home/plugins/resource-aws-v7.12.0/pulumi-resource-aws").is_file()


def test_folder_is_found_as_it_was_left(tmp_path, engine):
    first = local_cloud(tmp_path / "cloud", zones=["first.example"], engine=engine)
    passphrase = (first.folder / "passphrase").read_text()

    second = local_cloud(tmp_path / "cloud", zones=["first.example", "second.example"], engine=engine)

    zones = [zone.inputs["name"] for zone in second.world.all("cloudflare:index/zone:Zone")]
    assert zones == ["first.example", "second.example"]
    assert (second.folder / "passphrase").read_text() == passphrase
    assert (second.folder / "passphrase").stat().st_mode & 0o777 == 0o600


def test_missing_engine_is_told_with_the_command_that_helps(tmp_path):
    with pytest.raises(ToolError, match="make engine"):
        local_cloud(tmp_path / "cloud", engine=tmp_path / "nowhere")


# --- scripts/engine -------------------------------------------------------------------------------------------------


@pytest.fixture
def provide(tmp_path):
    """The script in a checkout without an engine, with a cache of its own, and programs of the test first on PATH."""
    checkout, programs = tmp_path / "checkout", tmp_path / "programs"
    programs.mkdir()
    for part in ("scripts", "requirements"):
        (checkout / part).parent.mkdir(exist_ok=True)
        subprocess.run(["cp", "-r", ROOT / part, checkout / part], check=True)

    def run(ways, **commands):
        for name, text in commands.items():
            program = programs / name.replace("_", "-")
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        environment = {
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "ENGINE_WAYS": ways,
        }
        return subprocess.run(
            [checkout / "scripts" / "engine"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    return run


HOST = {"pulumi_language_python": "", "pulumi_language_python_exec": ""}


@pytest.mark.parametrize("told", [f"v{SDK}", "v3.1001.2"])
def test_engine_on_path_is_taken_where_it_fits(told, provide, tmp_path):
    done = provide("path", pulumi=f"echo {told}", **HOST)

    assert (done.returncode, done.stdout.strip()) == (0, str(tmp_path / "programs"))
    assert (tmp_path / "checkout/.tools/engine").resolve() == tmp_path / "programs"


@pytest.mark.parametrize("told", ["v3.1.9", "v4.0.0", ""])
def test_engine_on_path_that_does_not_fit_is_left(told, provide):
    done = provide("path", pulumi=f"echo {told}", **HOST)

    assert done.returncode == 3
    assert f"is {told or 'broken'}; {SERIES} or newer below 4 fits" in done.stderr
    assert done.stdout == ""


def test_engine_without_a_language_host_is_left(provide):
    done = provide("path", pulumi=f"echo v{SDK}")

    assert done.returncode == 3
    assert "has no language host of Python beside it" in done.stderr


def test_machine_on_which_no_way_works_is_told_all_of_them(provide):
    done = provide("path vendor build", curl="echo cannot resolve >&2; exit 6", go="echo no network >&2; exit 1")

    assert done.returncode == 3
    assert "no Pulumi engine can be had on this machine" in done.stderr
    for words in ("on PATH: ", "the vendor's archive: cannot resolve", "the build from Go modules: ", "hint: "):
        assert words in done.stderr


VENDOR = """
while [ $# -gt 1 ]; do [ "$1" = --output ] && file=$2; shift; done
case $1 in
  *checksums.txt) for system in linux darwin; do for processor in x64 arm64; do
    echo "{sum}  pulumi-v{version}-$system-$processor.tar.gz"; done; done >"$file" ;;
  *) cp {archive} "$file" ;;
esac
"""


@pytest.fixture
def archive(tmp_path):
    """The vendor's archive with programs that say their version."""
    folder = tmp_path / "packed" / "pulumi"
    folder.mkdir(parents=True)
    for name in ("pulumi", "pulumi-language-python", "pulumi-language-python-exec"):
        (folder / name).write_text(f"#!/bin/sh\necho v{SDK}\n")
        (folder / name).chmod(0o755)
    subprocess.run(["tar", "-czf", tmp_path / "archive", "-C", tmp_path / "packed", "pulumi"], check=True)
    return tmp_path / "archive"


def _sum_of(file):
    return subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout.split()[0]


def test_vendors_archive_is_taken_when_its_checksum_is_right(provide, archive, tmp_path):
    done = provide("vendor", curl=_vendor(archive, _sum_of(archive)))

    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).parent == tmp_path / "cache" / "mastodon-infra"


def test_vendors_archive_with_another_checksum_is_refused(provide, archive, tmp_path):
    done = provide("vendor", curl=_vendor(archive, "0" * 64))

    assert done.returncode == 3
    assert "has another checksum" in done.stderr
    assert not list((tmp_path / "cache" / "mastodon-infra").glob("engine-3*"))


def _vendor(archive, checksum):
    """A curl that gives the archive, and a list of checksums."""
    return VENDOR.replace("{version}", SDK).replace("{sum}", checksum).replace("{archive}", str(archive))
