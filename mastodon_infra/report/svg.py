"""A scene as SVG text: self-contained, readable on light and dark pages, the same bytes for the same scene."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from mastodon_infra.report.scene import Box, Icon, Line, Scene, Shape, Text
from mastodon_infra.report.style import ICONS, STYLE

FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
ARROW_HEAD = (
    '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="head" d="M0.5 0.8 L7 4 L0.5 7.2 Z"/></marker>'
)


def svg_text(scene: Scene) -> str:
    """The scene as one SVG document that ends in a line break."""
    width, height = _number(scene.width), _number(scene.height)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title description">',
        f'<title id="title">{escape(scene.title)}</title>',
        f'<desc id="description">{escape(scene.description)}</desc>',
        f"<style>\ntext {{ font-family: {FONT}; }}\n{STYLE}</style>",
        f"<defs>{ARROW_HEAD}</defs>",
        *(element for shape in scene.shapes for element in _elements(shape)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _elements(shape: Shape) -> Iterator[str]:
    match shape:
        case Box():
            area = shape.area
            yield (
                f'<rect class="{shape.look}" x="{_number(area.x)}" y="{_number(area.y)}" '
                f'width="{_number(area.width)}" height="{_number(area.height)}" rx="{_number(shape.radius)}"/>'
            )
        case Text():
            anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
            weight = ' font-weight="600"' if shape.bold else ""
            yield (
                f'<text class="{shape.look}" x="{_number(shape.x)}" y="{_number(shape.y)}" '
                f'font-size="{_number(shape.size)}"{anchor}{weight}>{escape(shape.content)}</text>'
            )
        case Line():
            start, *others = (f"{_number(x)} {_number(y)}" for x, y in shape.points)
            head = ' marker-end="url(#head)"' if shape.has_head else ""
            yield f'<path class="{shape.look}" d="M{start} {" ".join(f"L{point}" for point in others)}"{head}/>'
        case Icon():
            place = f"translate({_number(shape.x)} {_number(shape.y)})"
            yield f'<path class="icon {shape.look}" transform="{place}" d="{ICONS[shape.name]}"/>'


def _number(value: float) -> str:
    """At most one digit behind the point, and none where it would be a zero."""
    return f"{value:.1f}".removesuffix(".0")
