"""Files of the web site that outlive their image: copied whole or not at all, whatever happens in between."""

import pytest

from tests.parsers.cases import Place

SCRIPT = "/usr/local/lib/mastodon-infra/keep-assets"
KEPT = "/var/lib/mastodon-infra/assets"
PUBLIC = "/tmp/image/opt/mastodon/public"
HOME = Place("medium", "web-1")

PODMAN = r"""#!/bin/bash
echo "$1" >> /tmp/asked
case "$1" in
    create) echo box ;;
    mount) if [ -e /tmp/no-image ]; then echo "no such image" >&2; exit 125; fi; echo /tmp/image ;;
esac
"""

# It writes the half of a file, and then the disk is full, or whoever called it is killed.
CP = r"""#!/bin/bash
case "$*" in *--remove-destination*) ;; *) exec /usr/bin/cp "$@" ;; esac
install -d "${!#}/packs"; echo half > "${!#}/packs/new.js"
if [ "$(cat /tmp/end)" = killed ]; then kill -9 "$PPID"; fi
echo "cp: No space left on device" >&2
exit 1
"""


@pytest.fixture
def node(machine_tree):
    """A node that keeps the files of one image already, and has another image now."""
    node = machine_tree(HOME).machine
    node.put("/usr/local/bin/podman", PODMAN, 0o755)
    node.must(f"install -d {PUBLIC}/packs {PUBLIC}/assets; echo old > {PUBLIC}/packs/old.js")
    node.must([SCRIPT])
    node.must(f"rm {PUBLIC}/packs/old.js; echo new > {PUBLIC}/packs/new.js; truncate --size=0 /tmp/asked")
    yield node
    node.must(f"rm -rf {KEPT} {KEPT}.* /tmp/image /tmp/asked /tmp/no-image /usr/local/bin/podman /usr/local/bin/cp")


def shown(node):
    return dict(
        line.split("=") for line in node.must(f"cd {KEPT}/packs && grep --with-filename '' *.js | tr : =").split()
    )


def copies(node):
    return node.must(f"find {KEPT}.* -maxdepth 0 -type d").split()


def test_files_of_both_images_are_shown_and_nobody_may_change_them_but_root(node):
    node.must([SCRIPT])
    assert shown(node) == {"old.js": "old", "new.js": "new"}
    assert node.must(f"stat --format=%U:%a $(readlink {KEPT}) {KEPT}/packs {KEPT}/packs/new.js").split() == [
        "root:755", "root:755", "root:644",
    ]  # fmt: skip
    assert len(copies(node)) == 1, "of earlier runs nothing is left"


@pytest.mark.parametrize("end", ["refused", "killed"])
def test_half_a_copy_is_never_shown(node, end):
    node.put("/tmp/end", end)
    node.put("/usr/local/bin/cp", CP, 0o755)
    assert not node.run([SCRIPT]), "systemd must see that it failed"
    assert shown(node) == {"old.js": "old"}

    node.must("rm /usr/local/bin/cp")
    node.must([SCRIPT])
    assert shown(node) == {"old.js": "old", "new.js": "new"}
    assert len(copies(node)) == 1, "of the run that ended early nothing is left"


def test_an_image_that_cannot_be_read_is_an_error_and_no_missing_folder(node):
    node.put("/tmp/no-image", "")
    failed = node.run([SCRIPT])
    assert not failed
    assert "no folder" not in failed.said
    assert shown(node) == {"old.js": "old"}
    assert "rm" in node.must("cat /tmp/asked").split(), "the container that was made is taken away"


def test_files_come_along_as_the_image_has_packed_them_for_nginx(node):
    node.must(f"for kind in gz br; do echo packed > {PUBLIC}/packs/new.js.$kind; done")
    node.must([SCRIPT])
    assert node.must(f"ls {KEPT}/packs").split() == ["new.js", "new.js.gz", "old.js"]


def test_a_folder_that_an_image_does_not_have_is_passed_over(node):
    node.must(f"rm -r {PUBLIC}/assets")
    assert "the image has no folder public/assets" in node.must([SCRIPT])
    assert shown(node) == {"old.js": "old", "new.js": "new"}
