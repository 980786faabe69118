"""How wide a text is drawn, without a font at hand: never less than in the widest of the usual screen fonts."""

from __future__ import annotations

_EMS: tuple[tuple[float, str], ...] = (
    (0.30, "'ijlIJ,. ·"),
    (0.35, "f-/:;\\|"),
    (0.40, "rt!()[]"),
    (0.50, '"sz*_`\N{EN DASH}'),
    (0.60, "cL?aekovxyFPTY"),
    (0.65, "0123456789bdghnpquEKS${}"),
    (0.75, "ABCRVXZDGHNU"),
    (0.85, "wOQ&M#+<=>^~\N{MULTIPLICATION SIGN}"),
    (1.00, "m%W@…"),
)
_WIDTHS = {character: width for width, characters in _EMS for character in characters}
_UNKNOWN = 1.0
_REGULAR_ROOM = 1.03
_BOLD_ROOM = 1.16
ELLIPSIS = "…"
TIMES = "\N{MULTIPLICATION SIGN}"


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """The width in the units of ``size``, an upper bound (DejaVu Sans and Verdana are the widest in use)."""
    em = sum(_WIDTHS.get(character, _UNKNOWN) for character in text)
    return em * size * (_BOLD_ROOM if bold else _REGULAR_ROOM)


def fit(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """The text, cut with an ellipsis where it would be wider than that."""
    if text_width(text, size, bold=bold) <= width:
        return text
    while text and text_width(text + ELLIPSIS, size, bold=bold) > width:
        text = text[:-1].rstrip()
    return text + ELLIPSIS


def wrap(text: str, size: float, width: float, *, lines: int, bold: bool = False) -> tuple[str, ...]:
    """The text in at most so many lines of that width, broken between words; what does not fit is cut."""
    broken: list[str] = []
    words = text.split()
    while words:
        line = words.pop(0)
        is_last = len(broken) + 1 == lines
        while words and (is_last or text_width(f"{line} {words[0]}", size, bold=bold) <= width):
            line = f"{line} {words.pop(0)}"
        broken.append(fit(line, size, width, bold=bold))
    return tuple(broken)
