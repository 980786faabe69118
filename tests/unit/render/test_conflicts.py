"""Parts that want the same thing of one machine: allowed where they mean the same, and an error where they do not."""

from dataclasses import replace

import pytest

from mastodon_infra.errors import TemplateError
from mastodon_infra.render import bundle as doors
from mastodon_infra.render.bundle_types import UnitState
from mastodon_infra.render.manifest import DirectoryEntry, FileEntry, Manifest, UnitEntry, read_manifest
from mastodon_infra.render.wiring import Wiring

CLASHES = {
    "file": Manifest(files=(FileEntry(path="/etc/hosts", needs="nothing", template="etc/mastodon/web.env.j2"),)),
    "directory": Manifest(directories=(DirectoryEntry(path="/var/lib/mastodon-infra", mode="0777"),)),
    "unit": Manifest(units=(UnitEntry(name="chrony.service", state=UnitState.DISABLED),)),
}


@pytest.fixture
def bundled(planned, monkeypatch):
    """The bundle of a machine with every role, on which one part brings more than its manifest says."""
    plan = planned("small")

    def made(part, more):
        def changed(name):
            read = read_manifest(name)
            lists = ("directories", "files", "units") if name == part else ()
            added = {one: (*getattr(read.manifest, one), *getattr(more, one)) for one in lists}
            return replace(read, manifest=read.manifest.model_copy(update=added))

        monkeypatch.setattr(doors, "read_manifest", changed)
        return doors.bundle(plan, plan.nodes[0], Wiring.placeholder(plan))

    return made


@pytest.mark.parametrize("what", CLASHES)
def test_parts_that_want_a_thing_in_different_ways_are_refused(bundled, what):
    with pytest.raises(TemplateError, match=f"two parts want the {what} .*, and not in the same way"):
        bundled("web", CLASHES[what])


def test_parts_that_want_the_same_folder_in_the_same_way_share_it(bundled):
    base = read_manifest("base").manifest
    plain = next(one for one in base.directories if not one.when and not one.each)
    made = bundled("web", Manifest(directories=(plain,)))
    assert [folder.path for folder in made.directories].count(plain.path) == 1
