import json
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path

SHIPPED = Path(__file__).parents[3] / "stacks" / "Pulumi.demo.yaml"


def test_demo_fills_the_folder_and_says_what_matters(cli, folder, golden):
    shutil.copy(SHIPPED, folder / "stacks")

    outcome = cli("demo")

    assert (outcome.code, outcome.err) == (0, "")
    told, _, sizes = outcome.out.partition("\nMachines\n")
    golden("cli/demo.txt", told)
    assert re.search(r"^  web-1  \d+ files  [\d,]+ bytes  user data [\d,]+ of 16,384 bytes", sizes, re.MULTILINE)
    assert re.search(r"^Done in \d+\.\d seconds\.$", sizes, re.MULTILINE)
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


def test_demo_takes_less_than_five_seconds(folder):
    """In a process of its own, and in the processor's time, because a machine may be busy with other tests."""
    shutil.copy(SHIPPED, folder / "stacks")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)

    subprocess.run([sys.executable, "-m", "mastodon_infra", "demo"], cwd=folder, check=True, capture_output=True)

    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


def test_demo_without_its_stack_says_so(cli, folder):
    outcome = cli("demo")

    assert outcome.code == 1
    assert outcome.err.startswith("no stack 'demo'")
    assert not (folder / "build").exists()
