"""What no file of the project may say: where packages come from, and the folders of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Which index serves the packages is the choice of the machine that installs them. Each name is written in two
# halves, so that this file does not hold it.
REGISTRIES = (
    ("py", "pi.org"),
    ("python", "hosted.org"),
    ("proxy.", "golang.org"),
    ("sum.", "golang.org"),
    ("registry.", "npmjs.org"),
    ("crates", ".io"),
    ("deb.", "debian.org"),
    ("maven", ".org"),
    ("ruby", "gems.org"),
)
# Folders in which people and build servers keep their checkouts.
CHECKOUTS = (r"(?<![\w.])/wo" + "rk/", "/Us" + "ers/", "/home/run" + "ner/")

FORBIDDEN = re.compile("|".join([*(re.escape("".join(halves)) for halves in REGISTRIES), *CHECKOUTS]))


def project_files():
    """Every text file that is, or would be, under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so it is not known which files belong to the project")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_bytes().decode("utf-8", errors="ignore")


def test_no_file_names_a_package_index_or_a_checkout():
    texts = dict(project_files())
    found = [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if FORBIDDEN.search(line)
    ]

    assert "pyproject.toml" in texts
    assert not found


@pytest.mark.parametrize(
    "line",
    ["https://py" + "pi.org/simple", "see /wo" + "rk/main", "/Us" + "ers/me/x"],
    ids=["index", "work", "home"],
)
def test_the_pattern_finds_what_it_is_for(line):
    assert FORBIDDEN.search(line)


@pytest.mark.parametrize("line", ["/usr/lib/framework/x", "https://www.debian.org/", "mavens"])
def test_the_pattern_leaves_other_text_alone(line):
    assert not FORBIDDEN.search(line)
