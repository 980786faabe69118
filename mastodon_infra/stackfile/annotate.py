"""The operator's own file with a mark at the end of each line that is wrong, and the marks explained below."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from mastodon_infra.errors import Problem
from mastodon_infra.stackfile.names import looks_secret

_KEY = re.compile(r"""([\w.-]+)["']?\s*:(?=\s|$)""")
_HIDDEN = "..."


def annotated(text: str, problems: Iterable[Problem]) -> str:
    """The text with ``# E1,E2`` behind the lines that problems are located on, then one entry for each mark.

    Values under keys that look secret, and private keys, are left out: the echo may be pasted into a question.
    """
    marks: defaultdict[int, list[str]] = defaultdict(list)
    legend: list[str] = []
    for number, problem in enumerate(problems, start=1):
        line = problem.where.rpartition(":")[2]
        if line.isdigit():
            marks[int(line)].append(f"E{number}")
        legend.append(f"# E{number}: {': '.join(part for part in (problem.dotted, problem.message) if part)}")
        if problem.hint:
            legend.append(f"#     hint: {problem.hint}")
    shown = [
        f"{line}  # {','.join(marks[number])}" if number in marks else line
        for number, line in enumerate(_without_secrets(text.splitlines()), start=1)
    ]
    return "\n".join([*shown, "", *legend]) + "\n"


def _without_secrets(lines: list[str]) -> list[str]:
    shown = []
    hidden_below: int | None = None
    is_private_key = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if hidden_below is not None and line.strip() and indent <= hidden_below:
            hidden_below = None
        is_private_key = is_private_key or "PRIVATE KEY" in line
        secret = next((key for key in _KEY.finditer(line) if looks_secret(key[1]) or key[1] == "secure"), None)
        if hidden_below is not None or is_private_key:
            shown.append(f"{line[:indent]}{_HIDDEN}" if line.strip() else line)
        elif secret:
            shown.append(f"{line[: secret.end()]} {_HIDDEN}")
            hidden_below = indent
        else:
            shown.append(line)
        is_private_key = is_private_key and "-----END" not in line
    return shown
