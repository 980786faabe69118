"""From a planned node to all that it gets: its ``NodeBundle``, and the user data that takes it to first boot.

Besides ``report`` the only floor that speaks Jinja. Templates print what was decided and compute nothing.
"""
