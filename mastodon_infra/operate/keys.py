"""The keys that an instance has for life: what each is called in the config, in the wiring and in the state."""

from __future__ import annotations

from mastodon_infra.errors import SpecError
from mastodon_infra.render.fingerprints import LIFE_LONG

NAMESPACE = "mastodon-infra"


def _in_config(name: str) -> str:
    first, *rest = name.split("_")
    return f"{NAMESPACE}:{first}{''.join(map(str.capitalize, rest))}"


CONFIG_KEYS = {name: _in_config(name) for name in LIFE_LONG}
"""By the wiring's name: the key under which the config may give it."""

LOGICAL_NAMES = {name: name.replace("_", "-") for name in LIFE_LONG} | {"vapid_private_key": "vapid"}
"""By the wiring's name: the resource that generates it. In state, so frozen."""


def key_named(asked: str) -> str:
    """The wiring's name of a life-long key, however it was written; raises SpecError with the known names."""
    plain = asked.rpartition(":")[2].replace("-", "").replace("_", "").lower()
    for name in LIFE_LONG:
        if plain in {name.replace("_", ""), LOGICAL_NAMES[name].replace("-", "")}:
            return name
    known = ", ".join(key.rpartition(":")[2] for key in CONFIG_KEYS.values())
    raise SpecError(f"no life-long key is called {asked[:60]!r}", hint=f"there are: {known}")
