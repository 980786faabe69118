"""The floor plan beside the contracts of ``lint-imports``: nothing escapes them by not being named."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "mastodon_infra"
CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
}
FLOORS = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if not path.name.startswith("_") and (path.suffix == ".py" or (path / "__init__.py").is_file())
)
SPEAKS = {
    "pulumi": {"resources", "program", "rehearsal"},
    "jinja": {"render", "report"},
    "ssh": {"operate"},
}


@pytest.mark.parametrize("contract", SPEAKS)
def test_contract_names_every_floor_but_those_that_may(contract):
    named = {module.removeprefix("mastodon_infra.") for module in CONTRACTS[contract]["source_modules"]}

    assert "plan" in FLOORS
    assert named == set(FLOORS) - SPEAKS[contract]


def test_pure_floors_are_all_floors_up_to_the_plan_and_cost():
    layers = CONTRACTS["floors"]["layers"]
    below = {floor for row in layers[layers.index("plan") :] for floor in row.replace(" ", "").split("|")}

    named = {module.removeprefix("mastodon_infra.") for module in CONTRACTS["pure"]["source_modules"]}

    assert named == below | {"cost"}


@pytest.mark.parametrize("floor", [floor for floor in FLOORS if (PACKAGE / floor).is_dir()])
def test_floor_with_code_has_tests_of_its_own(floor):
    modules = [path for path in (PACKAGE / floor).rglob("*.py") if path.name != "__init__.py"]
    folders = (ROOT / "tests" / "unit" / floor, ROOT / "tests" / floor)

    tests = [test for folder in folders for test in folder.rglob("test_*.py")]

    assert tests or not modules, f"mastodon_infra/{floor} has {len(modules)} modules and no test"


def test_module_stays_readable():
    """A file fits on a few screens: 400 lines are the ceiling, and most are far below."""
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in PACKAGE.rglob("*.py")
    }

    assert len(lengths) > len(FLOORS)
    assert not {path: length for path, length in lengths.items() if length > 400}
