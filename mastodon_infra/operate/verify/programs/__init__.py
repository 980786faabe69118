"""Programs that run on machines: sent there as text, read by the machine's own Python, with its standard library only.

Each has a ``main`` that takes one plain value and prints JSON. Nothing is left behind on the machine.
"""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any


def program(module: ModuleType, given: Any) -> str:
    """The text of a program with what it is given; it goes in by standard input, so secrets may be in it."""
    return f"{inspect.getsource(module)}\n\nmain({given!r})\n"
