"""Artefacts of roles that no bundle has yet: their checks are shown to work before the templates come."""

CHRONY = "pool time.example iburst\ndriftfile /var/lib/chrony/chrony.drift\nmakestep 1 3\n"
SYSUSERS = 'u mastodon 991 "Mastodon" /var/lib/mastodon\n'
LOGROTATE = "/var/log/one.log {\n    weekly\n    rotate 4\n    missingok\n}\n"
