"""What scripts/bootstrap says on machines where it cannot work; that it works is shown by every test run."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COREUTILS = ("bash", "cut", "dirname", "env", "flock", "grep", "rm", "sha256sum")


@pytest.fixture
def machine(tmp_path):
    """A fresh checkout on a machine whose PATH holds the core utilities and nothing else."""
    checkout = tmp_path / "checkout"
    for name in (
        "scripts/bootstrap",
        "pyproject.toml",
        *(f"requirements/{lock}.txt" for lock in ("bootstrap", "dev")),
    ):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    (tmp_path / "bin").mkdir()
    for tool in COREUTILS:
        if found := shutil.which(tool):
            (tmp_path / "bin" / tool).symlink_to(found)
    return tmp_path


def add_python(machine, name, *, version, has_ensurepip=True):
    """Put a stand-in on PATH that answers the questions bootstrap asks a Python."""
    script = machine / "bin" / name
    dotted = ".".join(map(str, version))
    script.write_text(
        "#!/bin/bash\n"
        'case "$*" in\n'
        f'  *"%d.%d.%d"*) echo {dotted} ;;\n'
        f'  *"%d.%d-venv"*) echo python{version[0]}.{version[1]}-venv ;;\n'
        f"  *sys.exit*) exit {int(version < (3, 11))} ;;\n"
        f"  *ensurepip*) exit {int(not has_ensurepip)} ;;\n"
        "  *) exit 1 ;;\n"
        "esac\n"
    )
    script.chmod(0o755)


def bootstrap(machine, *args, **variables):
    run = subprocess.run(
        [machine / "checkout/scripts/bootstrap", *args],
        env={"PATH": str(machine / "bin"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    return run.returncode, run.stderr


def test_no_python_is_one_clear_error(machine):
    code, said = bootstrap(machine, "dev")

    assert code == 3
    assert said.startswith("bootstrap: Python 3.11 or newer is needed; found none\n  hint: ")


def test_python_too_old_names_what_was_found_and_what_to_install(machine):
    add_python(machine, "python3", version=(3, 10, 12))

    code, said = bootstrap(machine, "dev")

    assert code == 3
    assert "found python3 3.10.12," in said
    assert "apt-get install python3.11 python3.11-venv" in said


def test_chosen_python_that_is_too_old_is_refused_by_name(machine):
    add_python(machine, "python3.9", version=(3, 9, 2))

    code, said = bootstrap(machine, "dev", PYTHON="python3.9")

    assert code == 3
    assert "PYTHON=python3.9 is 3.9.2" in said


def test_python_without_venv_names_the_package(machine):
    add_python(machine, "python3", version=(3, 11, 2), has_ensurepip=False)

    code, said = bootstrap(machine, "dev")

    assert code == 3
    assert "hint: sudo apt-get install python3.11-venv" in said
    assert not (machine / "checkout/.venv").exists()


def test_unknown_lock_is_refused(machine):
    code, said = bootstrap(machine, "everything")

    assert code == 3
    assert "requirements/everything.txt" in said
