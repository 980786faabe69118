#!/usr/bin/env python3
"""Puts a text below a pull request: edits the comment that begins with the same line, or writes a new one.

    scripts/pr_comment.py FILE

Which pull request: the open one of HEAD_BRANCH in HEAD_REPOSITORY (owner/name) whose newest commit is HEAD_SHA.
GITHUB_API_URL, GITHUB_REPOSITORY and GITHUB_TOKEN say where it is and who asks.
The file comes from a job that ran somebody's branch, so it is only ever sent as text, and of a fork's text it is said
that a fork's code wrote it. Standard library only: it runs with a token that may write, and nothing else should.
"""

import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LONGEST = 65_000
PAGES = 10
PER_PAGE = 100
SECONDS = 30
OF_A_FORK = "\n<sub>A fork's own code wrote this text: read the change itself as well.</sub>\n"


class RefusedError(Exception):
    """GitHub said no, or there is nothing to comment on."""


def main(words: list[str]) -> int:
    """Send the file's text; 0 when it is there."""
    if len(words) != 1:
        sys.stderr.write("say: scripts/pr_comment.py FILE\n")
        return 2
    try:
        told = put(Path(words[0]).read_text(encoding="utf-8"))
    except (RefusedError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"pr_comment: {error}\n")
        return 1
    except KeyError as error:
        sys.stderr.write(f"pr_comment: {error.args[0]} is not set\n")
        return 1
    sys.stdout.write(f"{told}\n")
    return 0


def put(text: str) -> str:
    """Edit our comment or write it; gives what was done."""
    marker, _, _ = text.partition("\n")
    if not marker.startswith("<!-- mastodon-infra") or len(text) > LONGEST:
        message = "this is not a comment that pull-request wrote"
        raise RefusedError(message)
    number = pull_request()
    if number is None:
        return "no open pull request has this commit as its newest: nothing to say"
    if os.environ["HEAD_REPOSITORY"] != os.environ["GITHUB_REPOSITORY"]:
        text += OF_A_FORK
    for comment in pages(f"issues/{number}/comments"):
        if (comment["body"] or "").startswith(marker) and (comment["user"] or {}).get("type") == "Bot":
            ask("PATCH", f"issues/comments/{comment['id']}", {"body": text})
            return f"edited the comment below #{number}"
    ask("POST", f"issues/{number}/comments", {"body": text})
    return f"commented below #{number}"


def pull_request() -> int | None:
    """The open pull request whose newest commit it is; asked of GitHub, never of the job that made the file.

    By its branch: a commit of a fork is not known to the repository as part of any pull request.
    """
    owner = os.environ["HEAD_REPOSITORY"].partition("/")[0]
    for found in pages("pulls", state="open", head=f"{owner}:{os.environ['HEAD_BRANCH']}"):
        if found["state"] == "open" and found["head"]["sha"] == os.environ["HEAD_SHA"]:
            return int(found["number"])
    return None


def pages(path: str, **query: str) -> Iterator[Any]:
    """Every row of a list, page by page."""
    for page in range(1, PAGES + 1):
        words = urllib.parse.urlencode({**query, "per_page": PER_PAGE, "page": page})
        rows = ask("GET", f"{path}?{words}")
        yield from rows
        if len(rows) < PER_PAGE:
            return


def ask(method: str, path: str, body: object = None) -> Any:
    """One request; raises RefusedError unless it is answered well."""
    url = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}/{path}"
    request = urllib.request.Request(  # noqa: S310  # the address is the build server's own
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {os.environ['GITHUB_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310  # as above
            return json.load(answer)
    except urllib.error.HTTPError as error:
        message = f"GitHub answered {error.code} to {method} {path}"
    except (urllib.error.URLError, TimeoutError, ValueError) as error:
        message = f"GitHub gave no answer to {method} {path}: {error}"
    raise RefusedError(message)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
