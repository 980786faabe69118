"""What every test stands on: a machine without colour, accounts or network, and the golden files."""

import difflib
import os
import socket
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import settings

GOLDEN_DIR = Path(__file__).parent / "golden"
REWRITE_VARIABLE = "MASTODON_INFRA_REWRITE_GOLDENS"

# Typer decides about colour when it is imported, so these are gone before any test module is.
FORCED_LOOKS = ("FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS", "CLICOLOR_FORCE")
ACCOUNT_PREFIXES = ("AWS_", "CLOUDFLARE_", "LINODE_", "MASTODON_INFRA_", "PULUMI_")

HAS_MACHINES = bool(os.environ.get("MASTODON_INFRA_MACHINES"))
collect_ignore = [] if HAS_MACHINES else ["machines"]

settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure() -> None:
    """Forget whatever would colour the output of one machine and not of another."""
    for name in FORCED_LOOKS:
        os.environ.pop(name, None)


def pytest_report_header() -> str:
    """Say what is not among the tests."""
    return "machines: booted as well" if HAS_MACHINES else "machines: not booted here, but by make test-machines"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark whatever compares with a golden file, so that ``make golden`` runs nothing else."""
    for item in items:
        if "golden" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.golden)


@pytest.fixture(autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a bare home, 100 columns without colour, UTC, and nobody's credentials."""
    for name in list(os.environ):
        if name.startswith(ACCOUNT_PREFIXES) and name != REWRITE_VARIABLE:
            monkeypatch.delenv(name)
    home = tmp_path_factory.getbasetemp() / "home"
    home.mkdir(exist_ok=True)
    for name, value in {
        "COLUMNS": "100",
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "LINES": "50",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "TZ": "UTC",
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_CONFIG_HOME": str(home / ".config"),
    }.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Refuse every connection that would leave this machine; Unix sockets and loopback stay open."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        yield


def _guarded(connect: Callable[..., object]) -> Callable[..., object]:
    def guard(self: socket.socket, address: object) -> object:
        if self.family != socket.AF_UNIX and not _is_loopback(address):
            pytest.fail(f"a test tried to reach {address!r}; the suite runs without network")
        return connect(self, address)

    return guard


def _guarded_lookup(getaddrinfo: Callable[..., object]) -> Callable[..., object]:
    def guard(host: str | bytes | None, *args: object, **options: object) -> object:
        if host is not None and not _is_loopback((host,)):
            pytest.fail(f"a test asked for the address of {host!r}; the suite runs without network")
        return getaddrinfo(host, *args, **options)

    return guard


def _is_loopback(address: object) -> bool:
    host = str(address[0]) if isinstance(address, tuple) else ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with ``tests/golden/<path>``: ``golden("medium/plan.txt", text)``.

    The test never rewrites by itself; ``make golden`` does, and git shows what changed.
    """
    return _compare_with_golden


def _compare_with_golden(path: str, text: str) -> None:
    file = GOLDEN_DIR / path
    if os.environ.get(REWRITE_VARIABLE) == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return
    if not file.is_file():
        pytest.fail(f"there is no tests/golden/{path} yet; `make golden` writes it", pytrace=False)
    expected = file.read_text(encoding="utf-8")
    if text == expected:
        return
    diff = difflib.unified_diff(
        expected.splitlines(),
        text.splitlines(),
        f"tests/golden/{path}",
        "what the code gives now",
        lineterm="",
    )
    said = "\n".join(diff) or "only line ends or the last newline differ"
    pytest.fail(f"{said}\n\nIf this is what you want: make golden, then read the diff.", pytrace=False)
