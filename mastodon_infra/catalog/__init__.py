"""Dated facts of the outside world: machine types, regions, prices, limits, versions.

One row, one date, one source. Nothing here decides anything; ``plan`` does.
"""
