"""What ``pulumi up`` runs: read the config, plan, build, export."""

from mastodon_infra.program.build import deploy
from mastodon_infra.program.config import plain_errors

with plain_errors():
    deploy()
