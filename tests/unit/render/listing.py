"""A bundle without its contents, in lines that read well in a review."""

from collections.abc import Iterator

from mastodon_infra.render.bundle_types import NodeBundle


def listing(bundle: NodeBundle) -> Iterator[str]:
    """Packages, logins, units, directories and files with their owners, and what a change of each needs."""
    yield f"packages: {' '.join(bundle.packages)}"
    yield from (f"user: {user.name} in {' '.join(user.groups)}" for user in bundle.users)
    yield from (f"unit: {unit.name} {unit.state}" for unit in bundle.units)
    yield from (f"directory: {one.mode:04o} {one.owner}:{one.group} {one.path}" for one in bundle.directories)
    for file in bundle.files:
        kind = f"{file.part}, secret" if file.is_secret else str(file.part)
        need = f"{file.needs.action} {file.needs.unit}".strip()
        yield f"file: {file.mode:04o} {file.owner}:{file.group} {file.path} ({kind}; a change needs {need})"
