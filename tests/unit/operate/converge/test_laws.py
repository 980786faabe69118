"""Laws of converging: whatever a machine had, it ends with the bundle, also when it is killed on the way."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mastodon_infra.render.installer import INSTALLED_PATH, RECORD_PATH, record_text
from tests.unit.operate.converge.machines import FolderMachine, a_bundle, a_file

PATHS = (
    "/etc/nginx/nginx.conf",
    "/etc/mastodon/web.env",
    "/etc/systemd/system/mastodon-one.service",
    "/etc/systemd/system/nginx.service.d/10.conf",
    "/usr/local/lib/mastodon-infra/tool",
)
NEEDS = ("nothing", "reload nginx.service", "restart mastodon-one.service")
UNITS = ("nginx.service", "mastodon-one.service")
THEIRS = ("/etc/nginx/theirs.conf", "theirs\n")

FILES = st.builds(
    a_file,
    st.sampled_from(PATHS),
    st.sampled_from(("one\n", "two\n", "")),
    need=st.sampled_from(NEEDS),
    mode=st.sampled_from((0o644, 0o600, 0o755)),
)
BUNDLES = st.builds(
    lambda files, units, packages: a_bundle(*files, units=tuple(units), packages=tuple(packages)),
    st.lists(FILES, unique_by=lambda file: file.path),
    st.lists(st.sampled_from(UNITS), unique=True),
    st.lists(st.sampled_from(("nginx", "tor")), unique=True),
)
EDITS = st.dictionaries(st.sampled_from(PATHS), st.sampled_from(("mine\n", "one\n")), max_size=2)


def expected(bundle):
    """The tree of a machine that was booted with the bundle, and somebody's own file."""
    tree = {file.path: (file.content, file.mode) for file in bundle.files}
    own = {RECORD_PATH: (record_text(bundle), 0o600), INSTALLED_PATH: (f"{bundle.digest}\n", 0o644)}
    return {**tree, **own, THEIRS[0]: (THEIRS[1], 0o644)}


def booted(folder, bundle, edits):
    machine = FolderMachine(Path(folder))
    machine.boot(bundle)
    machine.put(*THEIRS)
    for path, content in edits.items():
        if machine.at(path).exists():
            machine.put(path, content)
    return machine


@settings(max_examples=25)
@given(old=BUNDLES, new=BUNDLES, edits=EDITS)
def test_both_doors_leave_the_same_and_a_second_run_is_empty(old, new, edits):
    with tempfile.TemporaryDirectory() as folder:
        machine = booted(folder, old, edits)
        paths = {file.path for file in (*old.files, *new.files)}

        steps = machine.converge(new)

        assert {change.path for change in steps.difference.files} <= paths
        assert machine.tree() == expected(new)
        assert set(new.packages) <= machine.packages
        assert not machine.decide(new)


@settings(max_examples=25)
@given(old=BUNDLES, new=BUNDLES, edits=EDITS, effects=st.integers(0, 60))
def test_killed_at_any_point_the_next_run_completes_it(old, new, edits, effects):
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        machine, undisturbed = booted(folder, old, edits), booted(other, old, edits)
        undisturbed.converge(new)

        machine.killed_after(effects, new)
        assert machine.look(old).record_text.startswith((record_text(old), record_text(new)))
        steps = machine.converge(new)

        assert machine.tree() == expected(new)
        assert machine.active == undisturbed.active
        assert not steps or not machine.at("/var/lib/mastodon-infra/spare").exists()
        assert set(undisturbed.said) <= set(machine.said)
        assert not machine.decide(new)


@settings(max_examples=25)
@given(old=BUNDLES, new=BUNDLES, third=BUNDLES, effects=st.integers(0, 60))
def test_killed_on_the_way_to_one_bundle_it_still_reaches_another(old, new, third, effects):
    with tempfile.TemporaryDirectory() as folder:
        machine = booted(folder, old, {})

        machine.killed_after(effects, new)
        assert machine.converge(third).edited == ()

        assert machine.tree() == expected(third)
        assert not machine.decide(third)
