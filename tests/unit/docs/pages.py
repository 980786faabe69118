"""The pages of the project as data: fenced blocks, the commands in them, and links."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDERS = (".", "benchmarks", "docs", "stacks")
LEFT_OUT = "…"
"""As a line of shown output: any lines. Inside a line: any text."""


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its lines, and the line of the page where its text begins."""

    language: str
    line: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(frozen=True)
class Command:
    """A command of a console block and the output that the page shows under it."""

    line: int
    text: str
    shown: tuple[str, ...]


def pages() -> list[Path]:
    """Every page that is written for people, generated ones included."""
    found: set[Path] = set()
    for folder in FOLDERS:
        found.update((ROOT / folder).glob("*.md") if folder == "." else (ROOT / folder).rglob("*.md"))
    return sorted(found)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks that begin at the margin."""
    language, begin, inside = "", 0, False
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith("```"):
            continue
        if inside:
            yield Block(language, begin, tuple(lines[begin - 1 : number - 1]))
        language, begin, inside = line.strip("`").strip(), number + 1, not inside
    if inside:
        raise ValueError(f"the block from line {begin - 1} on is never closed")


def commands(block: Block) -> Iterator[Command]:
    """The commands of a console block; a backslash at the end of a line goes on in the next one."""
    begin, words, shown = 0, "", list[str]()
    goes_on = False
    for number, line in enumerate(block.lines, start=block.line):
        if goes_on:
            words += line.strip()
        elif line.startswith("$ "):
            if words:
                yield Command(begin, words, tuple(shown))
            begin, words, shown = number, line[2:], []
        elif words:
            shown.append(line)
        else:
            raise ValueError(f"line {number}: output without a command before it")
        goes_on = words.endswith("\\") and not shown
        words = words.removesuffix("\\") if goes_on else words
    if words:
        yield Command(begin, words, tuple(shown))


def disagreement(shown: tuple[str, ...], real: str) -> str:
    """What the page shows and the program does not print; empty when all is there, in order and side by side.

    The first shown lines are the first real ones and the last the last, unless the page says ``…`` there.
    """
    lines = _trimmed([line.rstrip() for line in real.splitlines()])
    runs: list[list[str]] = [[]]
    for line in _trimmed(list(shown)):
        if line.strip() == LEFT_OUT:
            runs.append([])
        else:
            runs[-1].append(line.rstrip())
    position = 0
    for index, run in enumerate(map(_trimmed, runs)):
        is_first, is_last = index == 0, index == len(runs) - 1
        found = _find(run, lines, position, at_begin=is_first, at_end=is_last)
        if found is None:
            return _complaint(run, lines[position:], is_first=is_first, is_last=is_last)
        position = found + len(run)
    return ""


def _find(run: list[str], lines: list[str], position: int, *, at_begin: bool, at_end: bool) -> int | None:
    if not run and (at_begin != at_end or not lines):
        return len(lines) if at_end else position
    places = range(position, len(lines) - len(run) + 1)
    for place in places:
        if (at_begin and place != 0) or (at_end and place + len(run) != len(lines)):
            continue
        if all(_is_same(one, other) for one, other in zip(run, lines[place:], strict=False)):
            return place
    return None


def _is_same(shown: str, real: str) -> bool:
    pattern = ".+".join(re.escape(part) for part in shown.split(LEFT_OUT))
    return re.fullmatch(pattern, real) is not None


def _trimmed(lines: list[str]) -> list[str]:
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    return lines


def _complaint(run: list[str], rest: list[str], *, is_first: bool, is_last: bool) -> str:
    for line in run:
        if not any(_is_same(line, other) for other in rest):
            near = difflib.get_close_matches(line, rest, n=1, cutoff=0.3)
            return f"the page shows   {line}\nthe program says {near[0] if near else '(nothing like it from there on)'}"
    where = "at the beginning, " if is_first else "at the end, " if is_last else ""
    first = run[0] if run else f"(nothing: what follows in the output needs a {LEFT_OUT})"
    return f"{where}the page shows lines side by side that are not so in the output, from this one on\n{first}"


LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)|<img[^>]*?src=\"([^\"]+)\"")
HEADING = re.compile(r"#{1,6} +(.*)")


def links(text: str) -> Iterator[str]:
    """Targets of links and pictures outside code."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "`", prose)
    for found in LINK.finditer(prose):
        yield found[1] or found[2]


def anchors(text: str) -> set[str]:
    """The names that GitHub gives to a page's headings."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = (found[1] for line in prose.splitlines() if (found := HEADING.fullmatch(line)))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
