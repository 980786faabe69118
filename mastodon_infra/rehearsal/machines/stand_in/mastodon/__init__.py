"""Mastodon, as far as its machines can tell: the same commands, the same demands, the same doors. See ``rules``.

It runs inside the stand-in image under whatever name Mastodon's image would give the command, and needs Python and
psycopg2 alone.
"""
