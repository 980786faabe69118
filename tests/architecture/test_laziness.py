"""What an import costs: the command line starts without the engine, the providers and the templates."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "mastodon_infra"
HEAVY = ("cryptography", "jinja2", "jsonschema", "pulumi", "ruamel", "yaml")


def modules_after(statement):
    """The top names of all modules that a fresh interpreter holds after one statement."""
    code = f"import sys; {statement}; print('\\n'.join({{name.split('.')[0] for name in sys.modules}}))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.skipif(find_spec("mastodon_infra.cli.app") is None, reason="there is no command line yet")
def test_command_line_imports_nothing_heavy():
    modules = modules_after("import mastodon_infra.cli.app")

    assert "typer" in modules
    assert not sorted(name for name in modules if name.startswith(HEAVY))


@pytest.mark.parametrize("floor", ["model", "catalog", "plan", "cost"])
def test_pure_floor_imports_no_terminal_and_no_text_format(floor):
    files = sorted((PACKAGE / floor).rglob("*.py"))
    names = [".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts) for file in files]

    modules = modules_after("import " + ", ".join(names))

    assert len(files) > 1 or floor == "cost"
    assert not sorted(name for name in modules if name.startswith((*HEAVY, "rich", "typer")))
