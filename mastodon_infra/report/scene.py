"""A drawing as data: boxes, texts, lines and icons with their places, to be measured before they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from mastodon_infra.report.measure import text_width

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]
ASCENT = 0.8
DESCENT = 0.22


@dataclass(frozen=True, slots=True)
class Area:
    """A rectangle: its upper left corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def centre(self) -> float:
        """The middle between left and right."""
        return self.x + self.width / 2

    @property
    def middle(self) -> float:
        """The middle between top and bottom."""
        return self.y + self.height / 2

    def overlaps(self, other: Area, gap: float = 0) -> bool:
        """Whether the two share more than an edge, or come nearer than ``gap``."""
        return (
            self.x < other.right + gap
            and other.x < self.right + gap
            and self.y < other.bottom + gap
            and other.y < self.bottom + gap
        )

    def holds(self, other: Area) -> bool:
        """Whether the other lies inside."""
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

    def inset(self, by: float) -> Area:
        """The area that is left when so much is taken away on every side."""
        return Area(self.x + by, self.y + by, self.width - 2 * by, self.height - 2 * by)


@dataclass(frozen=True, slots=True)
class Box:
    """A rounded rectangle. ``name`` is set for those that stand for something, which may not overlap."""

    area: Area
    look: str
    radius: float = 10
    name: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text, anchored at a point of its base line."""

    x: float
    y: float
    content: str
    size: float = 13
    look: str = "text"
    bold: bool = False
    anchor: Anchor = "start"

    @property
    def area(self) -> Area:
        """The space that it takes at most."""
        width = text_width(self.content, self.size, bold=self.bold)
        left = {"start": self.x, "middle": self.x - width / 2, "end": self.x - width}[self.anchor]
        return Area(left, self.y - self.size * ASCENT, width, self.size * (ASCENT + DESCENT))


@dataclass(frozen=True, slots=True)
class Line:
    """A line through points, all of its parts level or upright; with an arrow head at its end or without."""

    points: tuple[Point, ...]
    look: str = "line"
    has_head: bool = True

    def areas(self) -> Iterator[Area]:
        """The thin rectangles that its parts cover."""
        for (x1, y1), (x2, y2) in zip(self.points, self.points[1:], strict=False):
            yield Area(min(x1, x2), min(y1, y2), abs(x1 - x2), abs(y1 - y2))


@dataclass(frozen=True, slots=True)
class Icon:
    """A small sign of 18 units, by name."""

    x: float
    y: float
    name: str
    look: str


Shape = Box | Text | Line | Icon


@dataclass(slots=True)
class Scene:
    """Shapes in the order in which they are painted."""

    width: float
    height: float = 0
    title: str = ""
    description: str = ""
    shapes: list[Shape] = field(default_factory=list)

    def add(self, *shapes: Shape) -> None:
        """Paint over what is there."""
        self.shapes.extend(shapes)

    def texts(self) -> tuple[Text, ...]:
        """Every text."""
        return tuple(shape for shape in self.shapes if isinstance(shape, Text))

    def boxes(self) -> tuple[Box, ...]:
        """Every box that stands for something."""
        return tuple(shape for shape in self.shapes if isinstance(shape, Box) and shape.name)

    def lines(self) -> tuple[Line, ...]:
        """Every line."""
        return tuple(shape for shape in self.shapes if isinstance(shape, Line))
