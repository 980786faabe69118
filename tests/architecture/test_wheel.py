"""What a wheel holds: the package, and the templates that lie beside it in the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def files_under(folder):
    return {
        str(path.relative_to(ROOT / folder))
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_wheel_holds_every_module_and_every_template(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)], cwd=ROOT, check=True
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = [name.removeprefix("mastodon_infra/") for name in zipfile.ZipFile(wheel).namelist()]

    templates = {name.removeprefix("_templates/") for name in names if name.startswith("_templates/")}
    modules = {name for name in names if ".dist-info/" not in name} - {f"_templates/{name}" for name in templates}

    assert modules == files_under("mastodon_infra")
    assert templates == files_under("templates")
