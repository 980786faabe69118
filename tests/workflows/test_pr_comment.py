"""The script that comments, against a small GitHub on loopback that keeps what it gets."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHA = "a" * 40
TEXT = "<!-- mastodon-infra: preview -->\n### social: nothing changes\n"
HEAD = {"sha": SHA, "owner": "someone", "ref": "three web&nodes"}
TOKEN = "made-up-token"


@dataclass
class GitHub:
    """Pull requests by their newest commit, and comments below number 7."""

    url: str = ""
    pulls: list[dict[str, Any]] = field(default_factory=list)
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    status: int = 200


@pytest.fixture
def github() -> Iterator[GitHub]:
    """A GitHub that knows one open pull request."""
    state = GitHub(pulls=[{"number": 7, "state": "open", "head": dict(HEAD)}])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path)
            query = parse_qs(path.query)
            page = int(query["page"][0])
            rows = state.comments if path.path.endswith("/comments") else self.pulls_of(query["head"][0])
            self.answer(rows[(page - 1) * 100 : page * 100])

        def pulls_of(self, head: str) -> list[dict[str, Any]]:
            return [one for one in state.pulls if f"{one['head']['owner']}:{one['head']['ref']}" == head]

        def do_POST(self) -> None:
            state.comments.append({"id": len(state.comments) + 1, "user": {"type": "Bot"}, **self.body()})
            self.answer(state.comments[-1])

        def do_PATCH(self) -> None:
            comment = state.comments[int(self.path.rpartition("/")[2]) - 1]
            comment.update(self.body())
            self.answer(comment)

        def body(self) -> dict[str, Any]:
            read: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return read

        def answer(self, value: object) -> None:
            state.asked.append(f"{self.command} {self.headers['Authorization']}")
            self.send_response(state.status)
            self.end_headers()
            self.wfile.write(json.dumps(value).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


def comment(github: GitHub, path: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "GITHUB_API_URL": github.url,
        "GITHUB_REPOSITORY": "someone/something",
        "GITHUB_TOKEN": TOKEN,
        "HEAD_SHA": SHA,
        "HEAD_BRANCH": HEAD["ref"],
        "HEAD_REPOSITORY": "someone/something",
        **changes,
    }
    return subprocess.run(
        [sys.executable, ROOT / "scripts" / "pr_comment.py", path],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A comment's file."""
    path = tmp_path / "comment.md"
    path.write_text(TEXT)
    return path


def test_one_comment_is_written_and_then_edited_in_place(github, text):
    github.comments += [{"id": 1, "user": {"type": "User"}, "body": "I like it"}]

    first = comment(github, text)
    text.write_text(TEXT.replace("nothing", "something"))
    second = comment(github, text)

    assert (first.returncode, first.stdout) == (0, "commented below #7\n")
    assert (second.returncode, second.stdout) == (0, "edited the comment below #7\n")
    assert [one["body"] for one in github.comments] == ["I like it", text.read_text()]


def test_somebody_elses_comment_with_our_first_line_is_left_alone(github, text):
    github.comments += [{"id": 1, "user": {"type": "User"}, "body": TEXT}]

    comment(github, text)

    assert [one["user"]["type"] for one in github.comments] == ["User", "Bot"]


def test_our_comment_is_found_on_a_later_page(github, text):
    github.comments += [{"id": number, "user": {"type": "User"}, "body": "x"} for number in range(1, 151)]
    comment(github, text)
    comment(github, text)

    assert len(github.comments) == 151


@pytest.mark.parametrize(("state", "sha"), [("closed", SHA), ("open", "b" * 40)])
def test_a_commit_that_is_no_open_pull_requests_newest_is_not_commented_on(github, text, state, sha):
    github.pulls[0].update(state=state, head=HEAD | {"sha": sha})

    assert comment(github, text).returncode == 0
    assert github.comments == []


def test_a_forks_pull_request_is_found_and_its_text_is_said_to_be_a_forks(github, text):
    github.pulls[0]["head"]["owner"] = "stranger"

    outcome = comment(github, text, HEAD_REPOSITORY="stranger/something")

    assert outcome.stdout == "commented below #7\n"
    (only,) = github.comments
    assert only["body"].startswith(TEXT)
    assert "A fork's own code wrote this text" in only["body"]


def test_a_comment_of_somebody_who_left_is_passed_over(github, text):
    github.comments += [{"id": 1, "user": None, "body": TEXT}, {"id": 2, "user": {"type": "Bot"}, "body": None}]

    assert comment(github, text).returncode == 0
    assert len(github.comments) == 3


def test_a_text_that_the_command_did_not_write_is_not_sent(github, text):
    text.write_text("Buy now!")

    outcome = comment(github, text)

    assert outcome.returncode == 1
    assert github.asked == []


def test_a_refusal_is_told_without_the_token(github, text):
    github.status = 403

    outcome = comment(github, text)

    assert outcome.returncode == 1
    assert "GitHub answered 403" in outcome.stderr
    assert TOKEN not in outcome.stdout + outcome.stderr
