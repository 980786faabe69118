"""The frame of the cloud's region: the balancer, the rows of node groups, and the private network between them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mastodon_infra.model.role import Role
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.report.cards import STACK_STEP, GroupCard, behind, draw_group
from mastodon_infra.report.measure import TIMES
from mastodon_infra.report.scene import Area, Box, Icon, Line, Scene, Text
from mastodon_infra.units import usd

TITLE = 40
INSET = 24
BALANCER_WIDTH = 320
BALANCER_HEIGHT = 46
BRANCH = 40
GUTTER = 52
CARD_GAP = 20
RAIL = 11
BUS_LABEL = "private network"


@dataclass(frozen=True, slots=True)
class Machines:
    """Rows of cards, the first of them reached from outside.

    ``balancer_usd_month`` is None without a balancer; the frame is at least ``least_height`` high.
    """

    plan: InstancePlan
    rows: tuple[tuple[GroupCard, ...], ...]
    balancer_usd_month: Decimal | None
    least_height: float

    def height(self, width: float) -> float:
        """How high the frame is at that width."""
        return self._needed_height(width) + self._spare_height(width)

    def _needed_height(self, width: float) -> float:
        rows = sum(self._row_height(row, width) for row in self.rows)
        balancer = BALANCER_HEIGHT if self.plan.balancer else 0
        return TITLE + balancer + BRANCH + rows + GUTTER * (len(self.rows) - 1) + INSET

    def _spare_height(self, width: float) -> float:
        """What the last row gets on top, so that the frame is as high as what stands beside it."""
        return max(0, self.least_height - self._needed_height(width))

    def draw(self, scene: Scene, frame: Area, *, way_in: float) -> None:
        """Paint the frame and all in it; ``way_in`` is the height from which the public comes."""
        scene.add(Box(frame, "cloud", radius=16))
        self._title(scene, frame)
        door = self._balancer(scene, frame, way_in)
        y = frame.y + TITLE + (BALANCER_HEIGHT if self.plan.balancer else 0) + BRANCH
        drawn: list[list[Area]] = []
        for row in self.rows:
            spare = self._spare_height(frame.width) if row is self.rows[-1] else 0
            slots = self._slots(row, frame, y, spare)
            self._row(scene, row, slots, self._head(row, frame.width))
            drawn.append(slots)
            y += self._row_height(row, frame.width) + GUTTER
        self._ways_in(scene, frame, door, drawn)
        for upper, lower, row in zip(drawn, drawn[1:], self.rows, strict=False):
            self._bus(scene, frame, row, upper, lower)

    def _row_height(self, row: tuple[GroupCard, ...], width: float) -> float:
        slot, head = self._slot_width(row, width), self._head(row, width)
        return max(card.height(slot - _peek(card), head) for card in row) + max(_peek(card) for card in row)

    def _head(self, row: tuple[GroupCard, ...], width: float) -> float:
        slot = self._slot_width(row, width)
        return max(card.head(slot - _peek(card)) for card in row)

    def _slot_width(self, row: tuple[GroupCard, ...], width: float) -> float:
        return (width - 2 * INSET - CARD_GAP * (len(row) - 1)) / len(row)

    def _slots(self, row: tuple[GroupCard, ...], frame: Area, y: float, spare: float) -> list[Area]:
        """The places of a row's cards, with what peeks out behind them."""
        width, height = self._slot_width(row, frame.width), self._row_height(row, frame.width) + spare
        return [Area(frame.x + INSET + number * (width + CARD_GAP), y, width, height) for number in range(len(row))]

    def _row(self, scene: Scene, row: tuple[GroupCard, ...], slots: list[Area], head: float) -> None:
        peek = max(_peek(card) for card in row)
        for card, slot in zip(row, slots, strict=True):
            draw_group(scene, card, Area(slot.x, slot.y, slot.width - _peek(card), slot.height - peek), head)

    def _title(self, scene: Scene, frame: Area) -> None:
        region, network = self.plan.region, self.plan.network
        scene.add(Text(frame.x + INSET, frame.y + 26, f"Linode, {region.place} ({region.name})", 14, bold=True))
        words = f"{network.mode.value.upper()} {network.cidr}"
        scene.add(Text(frame.right - INSET, frame.y + 26, words, 13, "muted", anchor="end"))

    def _balancer(self, scene: Scene, frame: Area, way_in: float) -> float:
        """The way in, through the balancer where there is one; returns the height at which it branches."""
        below = frame.y + TITLE
        plan = self.plan.balancer
        if plan is None:
            scene.add(Line(((frame.centre, way_in), (frame.centre, below + BRANCH / 2)), has_head=False))
            return below + BRANCH / 2
        area = Area(frame.centre - BALANCER_WIDTH / 2, below, BALANCER_WIDTH, BALANCER_HEIGHT)
        scene.add(Line(((frame.centre, way_in), (frame.centre, area.y))))
        scene.add(Box(area, "card", radius=BALANCER_HEIGHT / 2, name="balancer"))
        scene.add(Icon(area.x + 18, area.y + 14, "balancer", "plain"))
        title = f"{len(plan.names)} {TIMES} NodeBalancer" if len(plan.names) > 1 else "NodeBalancer"
        scene.add(Text(area.x + 46, area.y + 28, title, 14, bold=True))
        if self.balancer_usd_month is not None:
            scene.add(Text(area.right - 20, area.y + 28, usd(self.balancer_usd_month), 13, bold=True, anchor="end"))
        scene.add(Line(((area.centre, area.bottom), (area.centre, area.bottom + BRANCH / 2)), has_head=False))
        return area.bottom + BRANCH / 2

    def _ways_in(self, scene: Scene, frame: Area, y: float, drawn: list[list[Area]]) -> None:
        """From the branch to each group with web nodes: from above in the first row, along the rail further down."""
        for number, (row, areas) in enumerate(zip(self.rows, drawn, strict=True)):
            for place, (card, area) in enumerate(zip(row, areas, strict=True)):
                if Role.WEB not in card.group.roles:
                    continue
                if number == 0:
                    scene.add(Line(((frame.centre, y), (area.centre, y), (area.centre, area.y))))
                elif place == 0:
                    rail = frame.x + RAIL
                    scene.add(Line(((frame.centre, y), (rail, y), (rail, area.middle), (area.x, area.middle))))

    def _bus(self, scene: Scene, frame: Area, row: tuple[GroupCard, ...], upper: list[Area], lower: list[Area]) -> None:
        """The private network between two rows."""
        y = lower[0].y - GUTTER / 2
        stubs = [slot.centre for slot in (*upper, *lower)]
        peek = max(_peek(card) for card in row)
        for card, slot in zip(row, upper, strict=True):
            scene.add(Line(((slot.centre, slot.bottom - peek + _peek(card)), (slot.centre, y)), has_head=False))
        for slot in lower:
            scene.add(Line(((slot.centre, y), (slot.centre, slot.y))))
        if min(stubs) != max(stubs):
            scene.add(Line(((min(stubs), y), (max(stubs), y)), has_head=False))
        scene.add(Text(frame.x + INSET, y + 4, BUS_LABEL, 12, "muted"))


def _peek(card: GroupCard) -> float:
    """How far cards peek out behind a group's."""
    return behind(card.group) * STACK_STEP
