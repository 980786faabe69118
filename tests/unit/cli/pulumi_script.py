"""A `pulumi` that answers from a file: for what our command line says about it, not for what the engine does."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mastodon_infra.render.fingerprints import fingerprints
from mastodon_infra.render.wiring import Wiring
from tests.unit.cost.made import plan_of

SCRIPT = """\
#!{python}
import json, sys
from pathlib import Path
here = Path({folder!r})
words = []
for word in sys.argv[1:]:
    if word.startswith("--"):
        break
    words.append(word)
with (here / "asked.txt").open("a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
status, told = json.loads((here / "answers.json").read_text())[" ".join(words[:2])]
print(told if status == 0 else "", end="")
print("" if status == 0 else told, end="", file=sys.stderr)
sys.exit(status)
"""

WIRING = Wiring.placeholder(plan_of(size="small"))


class Pulumi:
    """The script, and what it answers by its first words."""

    def __init__(self, project: Path) -> None:
        self.folder = project / ".tools" / "engine"
        self.folder.mkdir(parents=True)
        (project / "Pulumi.yaml").write_text("name: mastodon-infra\nruntime: python\n")
        program = self.folder / "pulumi"
        program.write_text(SCRIPT.format(python=sys.executable, folder=str(self.folder)))
        program.chmod(0o755)
        self.answers: dict[str, tuple[int, str]] = {}
        self.tell("version", f"v{version('pulumi')}")
        self.tell("whoami", json.dumps({"user": "alice", "url": "s3://state"}))
        self.tell("config", "{}")
        self.tell("stack output", "{}")
        self.tell("stack export", json.dumps({"deployment": {}}))

    def tell(self, words: str, text: str, *, status: int = 0) -> None:
        self.answers[words] = (status, text)
        (self.folder / "answers.json").write_text(json.dumps(self.answers))

    def is_deployed(self, wiring: Wiring = WIRING) -> None:
        outputs: dict[str, Any] = {
            "website": "https://social.example",
            "nodeAddresses": {},
            "balancerAddresses": {},
            "jumpAddress": "192.0.2.1",
            "knownHosts": "",
            "dnsToSet": [],
            "isDisposable": False,
            "bundleDigests": {},
            "keyFingerprints": fingerprints(wiring),
            "nextCommands": [],
            "wiring": json.dumps(asdict(wiring)),
        }
        self.tell("stack output", json.dumps(outputs))

    @property
    def asked(self) -> str:
        return (self.folder / "asked.txt").read_text()
