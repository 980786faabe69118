"""What starts a rehearsal's parts.

python -m mastodon_infra.rehearsal provider NAME ENGINE   a stand-in provider; the launchers in a local cloud say this
python -m mastodon_infra.rehearsal environment FOLDER     makes a local cloud, and prints its variables for a shell
python -m mastodon_infra.rehearsal keep FOLDER PARTS      boots what is in a local cloud, until it is told to end
"""

from __future__ import annotations

import os
import shlex
import sys
from importlib import import_module
from pathlib import Path

from mastodon_infra.errors import MastodonInfraError
from mastodon_infra.rehearsal.local_cloud import WORLD_VARIABLE, local_cloud

CLOUDS = {
    "linode": "linode:LINODE",
    "aws": "amazon:AWS",
    "cloudflare": "cloudflare:CLOUDFLARE",
    "random": "randomness:RANDOM",
    "tls": "certificates:TLS",
}
"""Module and name of each provider's rows; imported one by one, because every provider is a process of its own."""


def serve_provider(name: str, engine: str) -> None:
    """Serve one provider until the engine ends."""
    from mastodon_infra.rehearsal.provider import StandIn  # noqa: PLC0415  # the other part needs no engine's SDK
    from mastodon_infra.rehearsal.server import serve  # noqa: PLC0415
    from mastodon_infra.rehearsal.world import World  # noqa: PLC0415

    module, _, attribute = CLOUDS[name].partition(":")
    cloud = getattr(import_module(f"mastodon_infra.rehearsal.clouds.{module}"), attribute)
    serve(StandIn(cloud, World(Path(os.environ[WORLD_VARIABLE]))), engine)


def print_environment(folder: Path) -> None:
    """Print what differs from this process's own environment, as ``export`` lines."""
    for name, value in local_cloud(folder).environment().items():
        if os.environ.get(name) != value:
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["provider", name, engine, *_]:
            serve_provider(name, engine)
        case ["keep", folder, parts]:
            from mastodon_infra.rehearsal.machines.bed import Parts
            from mastodon_infra.rehearsal.machines.keeper import keep

            keep(Path(folder), Parts(Path(parts)))
        case ["environment", folder]:
            try:
                print_environment(Path(folder))
            except MastodonInfraError as error:
                sys.exit(str(error))
        case _:
            sys.exit(__doc__)
