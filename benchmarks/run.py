"""How long a command takes from the prompt to the prompt, and how the planner grows with the number of nodes.

Prints medians of wall time over fresh processes; judges nothing. ``--runs N`` changes how often each is run.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COMMAND = str(Path(sys.executable).parent / "mastodon-infra")
NODE_COUNTS = (10, 100, 1_000)
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice"
LARGEST_GROUP = 250


def wall_seconds(arguments: list[str], *, runs: int, environment: Mapping[str, str] | None = None) -> float:
    """The median wall time of a command over several runs, after one that warms the caches."""
    times = []
    for run in range(runs + 1):
        begin = time.perf_counter()
        done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{' '.join(arguments)} exits with {done.returncode}:\n{done.stderr or done.stdout}")
        if run:
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def row(label: str, seconds: float, against: tuple[str, float] | None = None) -> None:
    """Print one measurement, and its ratio to another one."""
    ratio = f"   {seconds / against[1]:5.2f} x {against[0]}" if against else ""
    print(f"{label:<40}{seconds * 1000:9.0f} ms{ratio}")


def main() -> None:
    """Measure the start of the command line, then plans of growing stacks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs

    bare = wall_seconds([sys.executable, "-c", "import typer, pydantic"], runs=runs)
    row("import typer, pydantic", bare)
    row("mastodon-infra --help", wall_seconds([COMMAND, "--help"], runs=runs), ("bare import", bare))

    with tempfile.TemporaryDirectory() as folder:

        def plan(name: str, text: str) -> float:
            file = Path(folder) / f"Pulumi.{name}.yaml"
            file.write_text(text, encoding="utf-8")
            return wall_seconds([COMMAND, "plan", str(file)], runs=runs)

        row("plan, tier medium", plan("medium", stack("size: medium")), ("bare import", bare))
        fewer = None
        for count in NODE_COUNTS:
            seconds = plan(f"nodes{count}", custom_stack(count))
            row(f"plan, {count:,} nodes", seconds, fewer)
            fewer = (f"{count:,} nodes", seconds)


def stack(*lines: str) -> str:
    """A stack file with the fewest words, and some more lines under ``instance``."""
    instance = (
        "domain: social.example",
        "region: au-mel",
        "owner: {username: admin, email: admin@social.example}",
        "administrators:",
        "  - name: alice",
        f"    ssh_keys: [{SSH_KEY}]",
        "mail: none",
        *lines,
    )
    body = "".join(f"    {line}\n" for line in instance)
    return f"config:\n  mastodon-infra:instance:\n{body}"


def custom_stack(nodes: int) -> str:
    """A stack whose own placement has that many nodes: one in ten serves the web, most work queues.

    One pooler for all, because a pooler on each of so many nodes would ask for more connections than PostgreSQL takes.
    """
    single = ("postgres", "redis", "monitoring")
    users = min(100_000, nodes * 1_000)
    lines = [f"expected_monthly_active_users: {users}", "postgres: {pooler: database-node}", "nodes:"]
    lines += [f"  {name}: {{roles: [{name}], machine_type: g6-dedicated-64}}" for name in single]
    left = nodes - len(single)
    web = max(1, left // 10)
    for name, roles, count in (("web", "web, streaming", web), ("sidekiq", "sidekiq", left - web)):
        for part, size in enumerate(split(count, at_most=LARGEST_GROUP), start=1):
            group = name if part == 1 else f"{name}-{part}"
            block = part - 1
            lines.append(
                f"  {group}: {{roles: [{roles}], count: {size}, machine_type: g6-standard-4, address_block: {block}}}"
            )
    return stack(*lines)


def split(count: int, *, at_most: int) -> list[int]:
    """Parts of at most so many that add up to ``count``."""
    full, rest = divmod(count, at_most)
    return [at_most] * full + [rest] * bool(rest)


if __name__ == "__main__":
    main()
