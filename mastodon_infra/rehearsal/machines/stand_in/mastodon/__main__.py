"""The command that the stand-in was called as: the path of the program in its image, and its words."""

import sys
from pathlib import Path

from mastodon_infra.rehearsal.machines.stand_in.mastodon.collector import exporter
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import Refused
from mastodon_infra.rehearsal.machines.stand_in.mastodon.puma import puma
from mastodon_infra.rehearsal.machines.stand_in.mastodon.sidekiq import sidekiq
from mastodon_infra.rehearsal.machines.stand_in.mastodon.streaming import streaming
from mastodon_infra.rehearsal.machines.stand_in.mastodon.tasks import rails, tootctl

COMMANDS = {
    ("bundle", "exec", "puma"): puma,
    ("bundle", "exec", "sidekiq"): sidekiq,
    ("bundle", "exec", "rails"): rails,
    ("node", "./streaming/index.js"): streaming,
    ("prometheus_exporter",): exporter,
    ("tootctl",): tootctl,
}


def main():
    """Do what was said."""
    said = (Path(sys.argv[1]).name, *sys.argv[2:])
    for words, command in COMMANDS.items():
        if said[: len(words)] == words:
            command(*said[len(words) :])
            return
    raise Refused(f"the stand-in knows no {' '.join(said)}")


main()
