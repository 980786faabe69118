"""The cards of a picture: node groups, and what stands outside of the machines."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from mastodon_infra.plan.types import Group, InstancePlan, VolumePlan
from mastodon_infra.report.measure import TIMES, fit, text_width, wrap
from mastodon_infra.report.prices import Priced, price_of
from mastodon_infra.report.scene import Area, Box, Icon, Scene, Text
from mastodon_infra.report.services import Service, services_of
from mastodon_infra.units import ceil_div, mib_text, usd

PADDING = 16
STACK_STEP = 5
MOST_BEHIND = 2
SERVICE_WIDTH = 214
SERVICE_HEAD = 30
SERVICE_LINES = 2
PILL_HEIGHT = 30
PILL_STEP = 36
HEAD_HEIGHT = 62
ICON = 18
LINE = 16


@dataclass(frozen=True, slots=True)
class GroupCard:
    """A node group with all that its card shows."""

    group: Group
    services: tuple[Service, ...]
    volumes: tuple[tuple[VolumePlan, Decimal | None], ...]
    usd_month: Decimal | None

    @property
    def kind(self) -> str:
        """How many machines of which type."""
        count, name = self.group.count.value, self.group.machine.name
        return f"{count} {TIMES} {name}" if count > 1 else name

    @property
    def size(self) -> str:
        """What one machine has."""
        return f"{self.group.machine.vcpus} vCPU, {mib_text(self.group.machine.memory_mib)}"

    def head(self, width: float) -> float:
        """The height of name, type and size: size has a line of its own where the card is narrow."""
        is_narrow = text_width(self.kind, 13) + text_width(self.size, 13) + PADDING > width - 2 * PADDING
        return HEAD_HEIGHT + (LINE if is_narrow else 0)

    def height(self, width: float, head: float) -> float:
        """How high the card must be at that width, without what peeks out behind it."""
        volumes = ceil_div(len(self.volumes), _columns(width)) * PILL_STEP
        return head + sum(self.service_heights(width)) + volumes + (PADDING - 4)

    def service_heights(self, width: float) -> list[float]:
        """The height of each row of services."""
        columns = _columns(width)
        room = _service_room((width - 2 * PADDING) / columns)
        lines = [len(wrap(service.detail, 12, room, lines=SERVICE_LINES)) for service in self.services]
        return [SERVICE_HEAD + LINE * max(lines[at : at + columns]) for at in range(0, len(lines), columns)]


def group_card(plan: InstancePlan, estimate: Priced, group: Group) -> GroupCard:
    """Collect what the card of a group shows."""
    names = {node.name for node in plan.nodes if node.group == group.name}
    volumes = tuple(
        (volume, price_of(estimate, f"volume-{volume.name}")) for volume in plan.volumes if volume.node in names
    )
    return GroupCard(group, services_of(plan, group), volumes, _machines_price(estimate, group.name))


def _machines_price(estimate: Priced, group: str) -> Decimal | None:
    return next((line.usd_month for line in estimate.lines if line.name == f"machines-{group}"), None)


def behind(group: Group) -> int:
    """How many cards peek out behind a group's, to show that it has several nodes."""
    return min(group.count.value - 1, MOST_BEHIND)


def draw_group(scene: Scene, card: GroupCard, area: Area, head: float) -> None:
    """Paint a group's card; ``area`` is the front card, ``head`` the height of what stands above the services."""
    for step in range(behind(card.group), 0, -1):
        shift = step * STACK_STEP
        scene.add(Box(Area(area.x + shift, area.y + shift, area.width, area.height), "behind"))
    scene.add(Box(area, "card", name=f"group {card.group.name}"))
    _head(scene, card, area)
    columns = _columns(area.width)
    column_width = (area.width - 2 * PADDING) / columns
    y = area.y + head
    for row, height in enumerate(card.service_heights(area.width)):
        for column, service in enumerate(card.services[row * columns : (row + 1) * columns]):
            _service(scene, service, area.x + PADDING + column * column_width, y, column_width)
        y += height
    below = area.bottom - PADDING + (PILL_STEP - PILL_HEIGHT) - ceil_div(len(card.volumes), columns) * PILL_STEP
    for index, (volume, price) in enumerate(card.volumes):
        row, column = divmod(index, columns)
        x = area.x + PADDING + column * column_width
        width = column_width - (10 if columns > 1 else 0)
        _volume(scene, volume, price, Area(x, below + row * PILL_STEP, width, PILL_HEIGHT))


def _columns(width: float) -> int:
    return max(1, int((width - 2 * PADDING) // SERVICE_WIDTH))


def _head(scene: Scene, card: GroupCard, area: Area) -> None:
    price = usd(card.usd_month) if card.usd_month is not None else ""
    left, right = area.x + PADDING, area.right - PADDING
    room = area.width - 2 * PADDING - text_width(price, 14, bold=True) - 12
    scene.add(Text(left, area.y + 26, fit(card.group.name, 16, room, bold=True), 16, bold=True))
    if price:
        scene.add(Text(right, area.y + 26, price, 14, bold=True, anchor="end"))
    scene.add(Text(left, area.y + 45, card.kind, 13, "muted"))
    if card.head(area.width) == HEAD_HEIGHT:
        scene.add(Text(right, area.y + 45, card.size, 13, "muted", anchor="end"))
    else:
        scene.add(Text(left, area.y + 45 + LINE, card.size, 13, "muted"))


def _service_room(column_width: float) -> float:
    return column_width - ICON - 20


def _service(scene: Scene, service: Service, x: float, y: float, width: float) -> None:
    room = _service_room(width)
    scene.add(Icon(x, y, service.look, service.look))
    scene.add(Text(x + ICON + 10, y + 13, fit(service.title, 13, room, bold=True), 13, bold=True))
    for number, line in enumerate(wrap(service.detail, 12, room, lines=SERVICE_LINES)):
        scene.add(Text(x + ICON + 10, y + 13 + LINE * (number + 1), line, 12, "muted"))


def _volume(scene: Scene, volume: VolumePlan, price: Decimal | None, area: Area) -> None:
    look = "redis" if volume.name.endswith("redis") else "postgres"
    cost = usd(price) if price is not None else ""
    scene.add(Box(area, "pill", radius=PILL_HEIGHT / 2, name=f"volume {volume.name}"))
    scene.add(Icon(area.x + 12, area.y + 6, "volume", look))
    room = area.width - 36 - text_width(cost, 12) - 20
    scene.add(Text(area.x + 36, area.y + 19.5, fit(f"volume, {volume.size.value:,} GiB", 12, room), 12))
    if cost:
        scene.add(Text(area.right - 14, area.y + 19.5, cost, 12, "muted", anchor="end"))


@dataclass(frozen=True, slots=True)
class OutsideCard:
    """Something that is not one of our machines: a bucket, a mail relay. Our machines speak to most of them."""

    name: str
    icon: str
    look: str
    title: str
    lines: tuple[str, ...]
    usd_month: Decimal | None = None
    is_spoken_to: bool = True

    @property
    def height(self) -> float:
        """How high the card is."""
        return 36 + LINE * len(self.lines) + (10 if self.lines else 2)


def draw_outside(scene: Scene, card: OutsideCard, area: Area) -> None:
    """Paint such a card."""
    scene.add(Box(area, "card", name=card.name))
    scene.add(Icon(area.x + 14, area.y + 12, card.icon, card.look))
    cost = usd(card.usd_month) if card.usd_month is not None else ""
    left = area.x + 14 + ICON + 10
    room = area.right - 14 - left - (text_width(cost, 13, bold=True) + 10 if cost else 0)
    scene.add(Text(left, area.y + 26, fit(card.title, 14, room, bold=True), 14, bold=True))
    if cost:
        scene.add(Text(area.right - 14, area.y + 26, cost, 13, bold=True, anchor="end"))
    for number, line in enumerate(card.lines):
        text = fit(line, 12, area.right - 14 - left)
        scene.add(Text(left, area.y + 28 + LINE * (number + 1), text, 12, "muted"))
