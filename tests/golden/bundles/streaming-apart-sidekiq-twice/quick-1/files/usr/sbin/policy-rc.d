#!/bin/sh
# Managed by mastodon-infra; local edits are lost.
# While the machine is being installed or changed no package starts its service: its settings and data may not be there
# yet.
if [ -e /var/lib/mastodon-infra/installed ] && [ ! -e /run/mastodon-infra-converge/adds-packages ]; then exit 0; else exit 101; fi
