"""The local cloud: strict stand-ins for the providers, so that the real engine runs without any account.

``world`` is the folder that stands for what exists; ``kinds`` says what a row about a kind of resource holds, and
``clouds`` has the rows, a module per provider; ``provider`` checks, compares and changes by them; ``server`` is how the
engine reaches that; ``local_cloud`` gives the environment in which ``pulumi`` finds all of it.
"""
