"""nginx, after the script that the unit runs before it."""

from __future__ import annotations

import re

from tests.parsers.checks.services import background, listening
from tests.parsers.checks.system import Files
from tests.parsers.machine import Refused
from tests.parsers.tree import Tree

BEFORE = "/usr/local/lib/mastodon-infra/before-nginx"


def nginx(tree: Tree, files: Files) -> None:
    """``nginx -t`` is content with all files together, warns of nothing, and has read each of them."""
    if tree.has(BEFORE):
        tree.machine.must([BEFORE])
    said = tree.machine.must(["nginx", "-T"])
    complaints = re.findall(r"^nginx: \[(?:warn|error|emerg)\].*", said, re.MULTILINE)
    if complaints:
        raise Refused("\n".join(complaints))
    ports = {
        one.first_port
        for one in tree.plan.listeners
        if one.group == tree.node.group and one.process in {"nginx", "acme"}
    }
    with background(tree, ["nginx", "-g", "daemon off;"], ports=ports):
        if missing := ports - listening(tree):
            raise Refused(f"nginx does not listen on {missing}")
    for file in files:
        if f"# configuration file {file.path}:" not in said:
            raise Refused(f"nginx does not read {file.path}")


def html(tree: Tree, files: Files) -> None:
    """Nginx serves it to a reader: every tag that must be closed is, and nothing is fetched from elsewhere."""
    for file in files:
        if re.search(r"(?:src|href)\s*=|@import|url\(", file.content):
            raise Refused(f"{file.path}: fetches something while the site is down")
        script = "import html.parser, sys\n" + HTML_READER
        tree.machine.must(["python3", "-c", script, file.path])


HTML_READER = """
class Reader(html.parser.HTMLParser):
    # Elements without an end, and those whose end may be left out.
    FREE = {"meta", "link", "br", "hr", "img", "p", "li", "html", "head", "body"}
    def __init__(self):
        super().__init__()
        self.open = []
    def handle_starttag(self, tag, attributes):
        if tag not in self.FREE:
            self.open.append(tag)
    def handle_endtag(self, tag):
        if tag not in self.FREE and (not self.open or self.open.pop() != tag):
            sys.exit(f"</{tag}> ends nothing")
reader = Reader()
reader.feed(open(sys.argv[1], encoding="utf-8").read())
reader.close()
if reader.open:
    sys.exit(f"never ended: {reader.open}")
"""
