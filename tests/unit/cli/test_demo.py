import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

SHIPPED = Path(__file__).parents[3] / "stacks" / "Pulumi.demo.yaml"


def test_demo_fills_the_folder_and_says_what_matters(cli, folder, golden):
    shutil.copy(SHIPPED, folder / "stacks")

    outcome = cli("demo")

    assert (outcome.code, outcome.err) == (0, "")
    golden("cli/demo.txt", re.sub(r"[\d.]+ seconds", "N seconds", outcome.out))
    made = folder / "build" / "demo"
    assert {path.name for path in made.iterdir()} == {
        ".made-by-mastodon-infra",
        "architecture.svg",
        "cost.txt",
        "nodes",
        "plan.json",
        "plan.txt",
        "preview.json",
        "preview.txt",
        "resources.txt",
    }
    assert json.loads((made / "plan.json").read_text())["tier"] == "small"
    assert (made / "architecture.svg").read_text().lstrip().startswith("<")
    assert (made / "nodes/web-1/user-data").is_file()
    assert "linode:index/instance:Instance web-1\n" in (made / "resources.txt").read_text()


def test_demo_a_second_time_takes_less_than_five_seconds(folder):
    shutil.copy(SHIPPED, folder / "stacks")
    command = [sys.executable, "-m", "mastodon_infra", "demo"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)

    begin = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, capture_output=True)

    assert time.monotonic() - begin < 5


def test_demo_without_its_stack_says_so(cli, folder):
    outcome = cli("demo")

    assert outcome.code == 1
    assert outcome.err.startswith("no stack 'demo'")
    assert not (folder / "build").exists()
