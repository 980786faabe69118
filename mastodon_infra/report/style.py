"""Colours and signs of a picture. Colours of roles are read on white and on near black alike."""

from __future__ import annotations

ROLE_COLOURS = {
    "web": ("#5b4bd6", "#9d92ff"),
    "streaming": ("#0b7d8f", "#3cc3d6"),
    "sidekiq": ("#b26100", "#f0a54a"),
    "postgres": ("#2467b8", "#6fb0ff"),
    "redis": ("#c23a3a", "#ff8b84"),
    "monitoring": ("#24783f", "#5cc983"),
    "storage": ("#7546b8", "#bb95f5"),
    "mail": ("#a83a7f", "#ee8cc7"),
    "edge": ("#b8540f", "#ff9f5c"),
    "plain": ("#5a6080", "#a3aac9"),
}
"""By the name of a look: on a light page, on a dark page."""

_LIGHT = """\
.page { fill: #ffffff; stroke: #d8dbe8; }
.cloud { fill: #f4f5fb; stroke: #c9cde0; }
.card { fill: #ffffff; stroke: #cdd1e2; }
.behind { fill: #eceef7; stroke: #cdd1e2; }
.pill { fill: #f4f5fb; stroke: #dfe2ee; }
.panel { fill: #fafbfe; stroke: #dfe2ee; }
.internet { fill: #efedfc; stroke: #c9c3f3; }
.track { fill: #eceef7; }
.bar { fill: #b9bfdb; }
.bar-first { fill: #5b4bd6; }
.bar-short { fill: #c23a3a; }
.text { fill: #1b1d2e; }
.muted { fill: #555b78; }
.strong { fill: #4a3cc0; }
.line { stroke: #8d93b3; }
.expected { stroke: #555b78; }
.head { fill: #8d93b3; }
"""

_DARK = """\
.page { fill: #0f111a; stroke: #2b2f45; }
.cloud { fill: #161925; stroke: #353a55; }
.card { fill: #1e2233; stroke: #3d4363; }
.behind { fill: #191c2a; stroke: #3d4363; }
.pill { fill: #171a28; stroke: #32374f; }
.panel { fill: #141723; stroke: #2f344c; }
.internet { fill: #211f3d; stroke: #453f85; }
.track { fill: #23273a; }
.bar { fill: #4d5478; }
.bar-first { fill: #8f83f5; }
.bar-short { fill: #ff8b84; }
.text { fill: #eceefa; }
.muted { fill: #a9afcb; }
.strong { fill: #b5abff; }
.line { stroke: #6f7699; }
.expected { stroke: #a9afcb; }
.head { fill: #6f7699; }
"""


def _roles(side: int) -> str:
    return "".join(
        f".icon.{name} {{ stroke: {colours[side]}; }}\n.mark.{name} {{ fill: {colours[side]}; }}\n"
        for name, colours in ROLE_COLOURS.items()
    )


def _indented(rules: str) -> str:
    return "".join(f"  {rule}\n" for rule in rules.splitlines())


STYLE = (
    _LIGHT
    + _roles(0)
    + ".line, .expected { fill: none; stroke-width: 1.5; stroke-linejoin: round; }\n"
    + ".expected { stroke-dasharray: 3 3; stroke-width: 1.25; }\n"
    + ".icon { fill: none; stroke-width: 1.6; stroke-linecap: round; stroke-linejoin: round; }\n"
    + "@media (prefers-color-scheme: dark) {\n"
    + _indented(_DARK + _roles(1))
    + "}\n"
)

ICONS = {
    "globe": "M9 1.5 a7.5 7.5 0 1 0 0.01 0 M1.5 9 h15 M9 1.5 c-5 4.5 -5 10.5 0 15 M9 1.5 c5 4.5 5 10.5 0 15",
    "shield": "M9 1.5 L15.5 4 V9 c0 4 -3 6.5 -6.5 7.5 C5.5 15.5 2.5 13 2.5 9 V4 Z",
    "balancer": "M9 2 V7 M3 16 V11 H15 V16 M9 7 V16 M6.5 4.5 L9 2 L11.5 4.5",
    "web": "M2 3 h14 v12 h-14 Z M2 6.5 h14 M4 4.8 h0.01 M6 4.8 h0.01",
    "streaming": "M2 6 c2.3 -2.5 4.7 -2.5 7 0 s4.7 2.5 7 0 M2 12 c2.3 -2.5 4.7 -2.5 7 0 s4.7 2.5 7 0",
    "sidekiq": "M2 4 h9 M2 9 h9 M2 14 h9 M13 6.5 L16 9 L13 11.5",
    "postgres": "M3 4.5 a6 2.5 0 1 0 12 0 a6 2.5 0 1 0 -12 0 V13.5 a6 2.5 0 0 0 12 0 V4.5 M3 9 a6 2.5 0 0 0 12 0",
    "redis": "M10 1.5 L3.5 10 H8.5 L7.5 16.5 L14.5 7.5 H9.5 Z",
    "monitoring": "M1.5 10 H5 L7 4 L10.5 14.5 L12.5 10 H16.5",
    "storage": "M2.5 4 h13 L14 15.5 h-10 Z M5 8 h8",
    "mail": "M2 4 h14 v10.5 h-14 Z M2 4.5 L9 10 L16 4.5",
    "plain": "M3 3 h12 v12 h-12 Z M9 6 V12 M6 9 H12",
    "volume": "M3 4.5 a6 2.5 0 1 0 12 0 a6 2.5 0 1 0 -12 0 V13.5 a6 2.5 0 0 0 12 0 V4.5",
}
"""Strokes inside a square of 18 units."""
