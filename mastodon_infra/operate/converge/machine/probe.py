"""Looks at a machine, changes nothing, and prints what it saw as JSON. Sent as text and run there, as root.

``look`` is asked with the paths that should be there and the sums that they should have; of a file that is different
it also gives the text, where every user of the machine may read it anyway.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any

STATE = "var/lib/mastodon-infra"
PENDING = "run/mastodon-infra-converge/pending.json"
PEOPLE = "/etc/ssh/authorized_keys.d/"
WORKERS = ("mastodon-infra-converge.service", "mastodon-infra-undo.service")
UNDO_TIMER = "mastodon-infra-undo.timer"
SHOWN = (
    *("Id", "Type", "LoadState", "ActiveState", "UnitFileState", "ConditionResult", "ConditionTimestamp", "Job"),
    *("InvocationID", "NRestarts"),
)
GOING = {"active", "activating", "deactivating"}
LARGEST_TEXT = 1_000_000
PATIENCE_SECONDS = 10


def look(asked: dict[str, Any], root: str = "/") -> dict[str, Any]:
    """What is on the machine.

    ``asked`` has ``files`` (a sum for each path), ``directories``, ``packages``, ``users``, ``units`` (names and
    patterns) and ``health`` (addresses that must answer).
    """
    top = Path(root)
    record = _text(top / STATE / "applied")
    recorded = [line.split("  ", 1)[1] for line in record.splitlines() if line.startswith("sum ")]
    people = [path.removeprefix(PEOPLE) for path in recorded if path.startswith(PEOPLE)]
    units = _units([*asked["units"], *_recorded("unit", record), *WORKERS, UNDO_TIMER])
    going = {name for name in (*WORKERS, UNDO_TIMER) if units.pop(name, {}).get("ActiveState") in GOING}
    files = {path: _file(top, path) for path in {*asked["files"], *recorded}}
    return {
        "installed": _text(top / STATE / "installed").strip(),
        "record": record,
        "is_busy": bool(going.intersection(WORKERS)),
        "awaits_proof": UNDO_TIMER in going,
        "has_undo": (top / STATE / "unproven").exists(),
        "pending": json.loads(_text(top / PENDING) or "[]"),
        "files": files,
        "texts": dict(_texts(top, files, asked["files"])),
        "directories": {path: _access(top / path.lstrip("/")) for path in asked["directories"]},
        "packages": _packages([*asked["packages"], *_recorded("package", record)]),
        "users": {name: _groups(name) for name in {*asked["users"], *people}},
        "units": units,
        "health": next(filter(None, map(_health, asked["health"])), ""),
    }


def _file(top: Path, path: str) -> list[str] | None:
    """Sum, mode, owner and group; nothing where there is no such file, and no sum where something else is there."""
    at = top / path.lstrip("/")
    access = _access(at)
    if access is None:
        return None
    is_file = at.is_file() and not at.is_symlink()
    return [hashlib.sha256(at.read_bytes()).hexdigest() if is_file else "", *access]


def _texts(top: Path, files: dict[str, list[str] | None], wanted: dict[str, str]) -> Any:
    for path, seen in files.items():
        if seen is None or not seen[0] or seen[0] == wanted.get(path) or not int(seen[1], 8) & stat.S_IROTH:
            continue
        content = (top / path.lstrip("/")).read_bytes()
        if len(content) <= LARGEST_TEXT:
            yield path, content.decode(errors="replace")


def _access(at: Path) -> list[str] | None:
    try:
        seen = at.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [f"{stat.S_IMODE(seen.st_mode):04o}", _name_of_user(seen.st_uid), _name_of_group(seen.st_gid)]


def _name_of_user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _name_of_group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _groups(name: str) -> list[str] | None:
    """The groups of a login beside its own; None where there is no such login, or it has ended."""
    try:
        login = pwd.getpwnam(name)
    except KeyError:
        return None
    if _has_ended(name):
        return None
    return sorted(group.gr_name for group in grp.getgrall() if name in group.gr_mem and group.gr_gid != login.pw_gid)


def _has_ended(name: str) -> bool:
    """Whether the account's last day was long ago, as it is once a person's access was taken away."""
    lines = _text(Path("/etc/shadow")).splitlines()
    return any(line.split(":")[7:8] == ["1"] for line in lines if line.startswith(f"{name}:"))


def _packages(wanted: list[str]) -> list[str]:
    """Those that are installed."""
    said = _said("dpkg-query", "--show", "--showformat=${db:Status-Abbrev}${binary:Package}\n")
    there = {line[3:].split(":")[0] for line in said.splitlines() if line.startswith(("ii", "hi"))}
    return [name for name in wanted if name in there]


def _recorded(word: str, record: str) -> list[str]:
    """The names on those lines of the record that begin with the word."""
    return [line.split()[-1] for line in record.splitlines() if line.startswith(f"{word} ")]


def _units(names: list[str]) -> dict[str, dict[str, str]]:
    """What systemd says of each, by its name; patterns stand for those that it has loaded."""
    said = _said("systemctl", "show", f"--property={','.join(SHOWN)}", "--", *dict.fromkeys(names))
    blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in said.split("\n\n"))
    return {block["Id"]: block for block in blocks if "Id" in block}


def _health(address: str) -> str:
    """Nothing where it is well; else what is wrong."""
    import urllib.error  # noqa: PLC0415  # a third of the time that looking takes, and seldom needed
    import urllib.request  # noqa: PLC0415

    request = urllib.request.Request(address, headers={"X-Forwarded-Proto": "https"})  # noqa: S310  # the plan's own
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):  # noqa: S310  # as above
            return ""
    except urllib.error.HTTPError as error:
        return f"{address} answers {error.code}"
    except OSError as error:
        return f"{address}: {getattr(error, 'reason', error)}"


def _text(at: Path) -> str:
    try:
        return at.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _said(*words: str) -> str:
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment, timeout=60)  # noqa: S603
    except FileNotFoundError:
        return ""
    return done.stdout


def main(asked: str) -> None:
    """Look, and print."""
    print(json.dumps(look(json.loads(asked))))  # noqa: T201  # this is its answer
