"""Random values, made for real. They exist nowhere but in the state, as with the real provider."""

from __future__ import annotations

import base64
import secrets
import string

from mastodon_infra.rehearsal.kinds import EVERYTHING, Call, Kind, between
from mastodon_infra.rehearsal.provider import Cloud
from mastodon_infra.rehearsal.world import Values

SPECIAL = "!@#$%&*()-_=+[]{}<>:?"


def _bytes(call: Call) -> Values:
    made = secrets.token_bytes(call.inputs["length"])
    return {"hex": made.hex(), "base64": base64.b64encode(made).decode()}


def _password(call: Call) -> Values:
    """At least one of each class that is wanted more than zero times is left to ``minLower`` and its like."""
    classes = (
        ("lower", "minLower", string.ascii_lowercase),
        ("upper", "minUpper", string.ascii_uppercase),
        ("numeric", "minNumeric", string.digits),
        ("special", "minSpecial", call.get("overrideSpecial") or SPECIAL),
    )
    wanted = [(letters, call.get(least) or 0) for switch, least, letters in classes if call.get(switch) is not False]
    made = [secrets.choice(letters) for letters, least in wanted for _ in range(least)]
    alphabet = "".join(letters for letters, _ in wanted)
    made += [secrets.choice(alphabet) for _ in range(call.inputs["length"] - len(made))]
    secrets.SystemRandom().shuffle(made)
    return {"result": "".join(made)}


def _enough_room(inputs: Values) -> str | None:
    least = sum(inputs.get(name) or 0 for name in ("minLower", "minUpper", "minNumeric", "minSpecial"))
    total = inputs.get("length") or 0
    return f"length: {total} is less than the {least} characters that are asked for" if least > total else None


RANDOM = Cloud(
    "random",
    (
        Kind(
            token="random:index/randomBytes:RandomBytes",  # noqa: S106  # a type's name
            required=("length",),
            checks=(between("length", 1, 1 << 20),),
            replace_on=EVERYTHING,
            computed=_bytes,
            secret_outputs=frozenset({"hex", "base64"}),
            identity=lambda _: "none",
            is_local=True,
        ),
        Kind(
            token="random:index/randomPassword:RandomPassword",  # noqa: S106  # a type's name
            required=("length",),
            checks=(between("length", 1, 1 << 20), _enough_room),
            replace_on=EVERYTHING,
            computed=_password,
            secret_outputs=frozenset({"result"}),
            identity=lambda _: "none",
            is_local=True,
        ),
    ),
)
