"""What ``pulumi up`` runs: read the config, plan, build, export."""

from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.program.build import build, export
from mastodon_infra.program.config import plain_errors, read_secrets, read_spec

with plain_errors():
    plan = plan_instance(read_spec())
    export(build(plan, read_secrets(plan)))
