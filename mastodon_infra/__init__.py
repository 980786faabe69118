"""Plans, prices, builds and runs Mastodon instances on Linode: decide first, act later.

The floors, from the bottom: ``errors`` and ``units``, ``model``, ``catalog``, ``plan``, then the siblings
``cost``, ``render``, ``report`` and ``stackfile``, then ``resources``, ``program`` and ``cli``. Imports point
downward only.
"""

__version__ = "0.1.0"
