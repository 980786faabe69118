"""How long the real engine takes for a preview, and what of that is ours.

Against a program that does nothing but register as many resources, and for growing numbers of nodes; all in a local
cloud in which nothing exists yet. Prints medians of wall time; judges nothing. ``--runs N`` changes how often.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.run import ROOT, custom_stack, row, stack, wall_seconds
from mastodon_infra.rehearsal.local_cloud import ENGINE, LocalCloud, local_cloud

NODE_COUNTS = (10, 100, 500)
DOES_NOTHING = """import pulumi_random

for number in range({count}):
    pulumi_random.RandomBytes(f"nothing-{{number}}", length=8)
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A project with one stack of which nothing exists."""

    cloud: LocalCloud
    folder: Path

    @classmethod
    def new(cls, cloud: LocalCloud, name: str, *, program: Path, config: str) -> Project:
        """Make the folder, and the stack in the state."""
        project = cls(cloud, cloud.folder / name)
        (project.folder / "stacks").mkdir(parents=True)
        said = (ROOT / "Pulumi.yaml").read_text(encoding="utf-8").replace("virtualenv: ", f"virtualenv: {ROOT}/")
        lines = [f"main: {program}" if line.startswith("main:") else line for line in said.splitlines()]
        (project.folder / "Pulumi.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        project.run("stack", "init")
        with (project.folder / "stacks" / f"Pulumi.{name}.yaml").open("a", encoding="utf-8") as file:
            file.write(config)  # below the salt
        return project

    def command(self, *words: str) -> list[str]:
        """A command line of the engine's for this stack."""
        pulumi = str(self.cloud.engine / "pulumi")
        return [pulumi, *words, "--stack", self.folder.name, "--cwd", str(self.folder), "--non-interactive"]

    def run(self, *words: str) -> str:
        """What a command prints; it has to succeed."""
        environment = self.cloud.environment()
        done = subprocess.run(self.command(*words), env=environment, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else sys.exit(done.stdout + done.stderr)

    def resources(self) -> int:
        """How many resources a preview would create."""
        return len(json.loads(self.run("preview", "--json"))["steps"])

    def preview_seconds(self, *, runs: int) -> float:
        """The median time of a preview."""
        return wall_seconds(
            self.command("preview", "--suppress-progress"), runs=runs, environment=self.cloud.environment()
        )


def main() -> None:
    """Measure medium against nothing, then placements that grow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    if not (ENGINE / "pulumi").exists():
        print("the real engine was not measured: there is none; make engine")
        return

    with tempfile.TemporaryDirectory() as folder:
        cloud = local_cloud(Path(folder))
        ours = ROOT / "mastodon_infra" / "program"

        asked = stack("size: medium")  # Pulumi.yaml wants an instance, whatever the program does
        medium = Project.new(cloud, "medium", program=ours, config=asked)
        count = medium.resources()
        program = Path(folder) / "nothing.py"
        program.write_text(DOES_NOTHING.format(count=count), encoding="utf-8")
        nothing = Project.new(cloud, "nothing", program=program, config=asked).preview_seconds(runs=runs)
        row(f"engine, nothing, {count} resources", nothing)
        row(f"engine, tier medium, {count} resources", medium.preview_seconds(runs=runs), ("nothing", nothing))

        fewer = None
        for nodes in NODE_COUNTS:
            grown = Project.new(cloud, f"nodes{nodes}", program=ours, config=custom_stack(nodes))
            seconds = grown.preview_seconds(runs=runs)
            row(f"engine, {nodes} nodes", seconds, fewer)
            fewer = (f"{nodes} nodes", seconds)


if __name__ == "__main__":
    main()
