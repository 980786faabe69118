"""The bones of an artefact: what its reader would find in it, without the values."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ruamel.yaml import YAML

from mastodon_infra.render.bundle_types import BundleFile

UNIT = re.compile(r".*\.(service|timer|target|mount|socket|path|slice|container|conf)")
UNIT_FOLDERS = ("/etc/systemd/", "/etc/containers/")
SETTINGS = re.compile(r"/etc/default/.*|.*\.env")
SECTIONS = re.compile(r".*\.ini|/etc/pgbackrest/.*\.conf")
ASSIGNMENTS = re.compile(r"/etc/(postgresql|sysctl)[^/]*/.*\.conf")
NGINX_WORD = re.compile(
    r"""\s+|\#[^\n]*|(?P<end>[;{}])|(?P<word>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\$\{|\\.|[^\s;{}"'])+)""", re.DOTALL
)
SQL_WORD = re.compile(
    r"""\s+|--[^\n]*|(?P<text>'(?:[^']|'')*')|(?P<name>"(?:[^"]|"")*")|(?P<word>\\?[A-Za-z_][\w.]*)|(?P<other>[^\s\w'"]|\d+)"""
)


def parsed(text: str) -> Any:
    """A YAML document as any reader of version 1.2 takes it, without tags that make objects."""
    return YAML(typ="safe", pure=True).load(text)


def structure(file: BundleFile) -> list[str]:
    """Keys, sections, directives and names in their order; where no reader is known, words, brackets and lines."""
    for known, read in READERS:
        if known(file):
            return list(read(file.content))
    return [f"{len(line.split())} {''.join(re.findall('[][{}();]', line))}" for line in plain_lines(file.content)]


def keys(value: Any, path: str = "") -> Iterator[str]:
    """Every key and every place of a list; the type stands for the value."""
    if isinstance(value, dict):
        for key, member in value.items():
            yield from keys(member, f"{path}.{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from keys(member, f"{path}[{index}]")
    else:
        yield f"{path}: {type(value).__name__}"


def unit_keys(text: str) -> Iterator[str]:
    """Sections and keys as systemd takes them; a line that ends in a backslash goes on."""
    for line in plain_lines(text.replace("\\\n", " ")):
        yield line if line.startswith("[") else line.partition("=")[0]


def nginx_directives(text: str) -> Iterator[str]:
    """Each directive with its blocks and the number of its values, as nginx takes the file apart.

    Raises ValueError where a block or a directive has no end: nginx would refuse the file.
    """
    blocks: list[str] = []
    words: list[str] = []
    for token in _tokens(NGINX_WORD, text):
        if token.lastgroup == "word":
            words.append(token.group())
        elif token.group() == "}":
            if words or not blocks:
                raise ValueError(f"a block ends in the middle of {words or 'nothing'}")
            blocks.pop()
        elif token.lastgroup == "end":
            yield f"{' '.join([*blocks, words[0]])} {len(words) - 1}"
            blocks += [words[0]] if token.group() == "{" else []
            words = []
    if blocks or words:
        raise ValueError(f"never ended: {[*blocks, *words]}")


def sql_words(text: str) -> Iterator[str]:
    """Words, names and signs as psql takes them; a text is one, whatever is in it."""
    for token in _tokens(SQL_WORD, text):
        if token.lastgroup:
            yield "text" if token.lastgroup == "text" else token.group()


def _tokens(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text):
        found = pattern.match(text, place)
        if not found:
            raise ValueError(f"nothing that can be read: {text[place : place + 40]!r}")
        yield found
        place = found.end()


def plain_lines(text: str) -> list[str]:
    """Lines that are neither empty nor a comment. Only a line feed ends one."""
    return [line for line in text.split("\n") if line.strip() and not line.lstrip().startswith(("#", ";", "--"))]


def script_lines(text: str) -> Iterator[str]:
    """Lines of a script that are whole for themselves: those inside a text of several lines are left out."""
    for line in plain_lines(text):
        try:
            shlex.split(line)
        except ValueError:
            continue
        yield line


READERS: tuple[tuple[Callable[[BundleFile], object], Callable[[str], Iterable[str]]], ...] = (
    (lambda file: file.path.endswith((".yml", ".yaml")), lambda text: keys(parsed(text))),
    (lambda file: file.path.startswith(UNIT_FOLDERS) and UNIT.fullmatch(file.path), unit_keys),
    (lambda file: SECTIONS.fullmatch(file.path), unit_keys),
    (lambda file: file.path.startswith("/etc/nginx/"), nginx_directives),
    (lambda file: file.path.endswith(".sql"), sql_words),
    (
        lambda file: SETTINGS.fullmatch(file.path) or ASSIGNMENTS.fullmatch(file.path),
        lambda text: (line.partition("=")[0].strip() for line in plain_lines(text)),
    ),
    (
        lambda file: "/authorized_keys.d/" in file.path,
        lambda text: (" ".join(line.split(" ")[:2]) for line in plain_lines(text)),
    ),
    (
        lambda file: file.content.startswith("#!"),
        lambda text: (str(len(shlex.split(one))) for one in script_lines(text)),
    ),
)
"""Which files are taken apart by what; the first that knows one reads it."""
