"""The two panels below a picture: how many people it carries, and what a month costs."""

from __future__ import annotations

from decimal import Decimal

from mastodon_infra.plan.capacity_types import Limit
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.report.measure import fit, text_width, wrap
from mastodon_infra.report.prices import Priced
from mastodon_infra.report.scene import Area, Box, Line, Scene, Text
from mastodon_infra.units import usd

PADDING = 20
BAR_STEP = 24
BAR_HEIGHT = 10
BARS = 6
LABEL_WIDTH = 336
NUMBER_WIDTH = 84
HEAD = 34
SENTENCE_LINES = 2
SENTENCE_STEP = 18
EXPECTED_HEIGHT = 24
COST_STEP = 23
LEAST_SHOWN_IN_CENTS = Decimal("0.03")


def capacity_height(plan: InstancePlan) -> float:
    """How high the capacity panel is."""
    bars = min(BARS, len(plan.capacity.limits))
    return HEAD + SENTENCE_LINES * SENTENCE_STEP + EXPECTED_HEIGHT + bars * BAR_STEP + PADDING


def draw_capacity(scene: Scene, plan: InstancePlan, area: Area) -> None:
    """Paint the limits as bars, the tightest first, with the expected users as a line."""
    scene.add(Box(area, "panel", name="capacity"))
    first = plan.capacity.first
    left, width = area.x + PADDING, area.width - 2 * PADDING
    title = f"Carries about {plan.capacity.users:,} people a month"
    scene.add(Text(left, area.y + 30, fit(title, 16, width, bold=True), 16, bold=True))
    sentence = f"First to run out: {first.title}. Beyond that, {first.symptom}."
    for number, line in enumerate(wrap(sentence, 13, width, lines=SENTENCE_LINES)):
        scene.add(Text(left, area.y + HEAD + SENTENCE_STEP * (number + 1), line, 13, "muted"))
    limits = plan.capacity.limits[:BARS]
    expected = plan.demand.users.value
    most = max(expected, *(limit.users.value for limit in limits))
    bars = Area(
        left + LABEL_WIDTH,
        area.y + HEAD + SENTENCE_LINES * SENTENCE_STEP + EXPECTED_HEIGHT,
        width - LABEL_WIDTH - NUMBER_WIDTH,
        len(limits) * BAR_STEP,
    )
    for number, limit in enumerate(limits):
        _bar(scene, limit, bars, number, most=most, expected=expected)
    _expected(scene, bars, expected, most)


def _bar(scene: Scene, limit: Limit, bars: Area, number: int, *, most: int, expected: int) -> None:
    middle = bars.y + number * BAR_STEP + BAR_STEP / 2
    look = "bar-short" if limit.users.value < expected else "bar-first" if number == 0 else "bar"
    top = middle - BAR_HEIGHT / 2
    scene.add(Box(Area(bars.x, top, bars.width, BAR_HEIGHT), "track", BAR_HEIGHT / 2))
    scene.add(Box(Area(bars.x, top, max(BAR_HEIGHT, bars.width * limit.users.value / most), BAR_HEIGHT), look, 5))
    label = fit(limit.title, 13, LABEL_WIDTH - 14, bold=number == 0)
    scene.add(Text(bars.x - LABEL_WIDTH, middle + 4.5, label, 13, bold=number == 0))
    scene.add(
        Text(bars.right + NUMBER_WIDTH, middle + 4.5, f"{limit.users.value:,}", 13, bold=number == 0, anchor="end")
    )


def _expected(scene: Scene, bars: Area, expected: int, most: int) -> None:
    x = bars.x + bars.width * expected / most
    scene.add(Line(((x, bars.y - 3), (x, bars.bottom)), "expected", has_head=False))
    words = f"expected: {expected:,}"
    half = text_width(words, 12) / 2
    centre = min(max(x, bars.x + half), bars.right - half)
    scene.add(Text(centre, bars.y - 8, words, 12, "muted", anchor="middle"))


def cost_height(estimate: Priced) -> float:
    """How high the cost panel is."""
    return HEAD + 14 + (len(_kinds(estimate)) + 1) * COST_STEP + 14 + PADDING


def draw_cost(scene: Scene, estimate: Priced, area: Area) -> None:
    """Paint what a month costs by kind, and the sum."""
    scene.add(Box(area, "panel", name="cost"))
    left, right = area.x + PADDING, area.right - PADDING
    scene.add(Text(left, area.y + 30, "A month", 16, bold=True))
    y = area.y + HEAD + COST_STEP + 2
    for kind, amount in _kinds(estimate):
        scene.add(Text(left, y, kind, 13, "muted"), Text(right, y, usd(amount), 13, anchor="end"))
        y += COST_STEP
    scene.add(Line(((left, y - 8), (right, y - 8)), "line", has_head=False))
    total = usd(estimate.total_usd_month)
    scene.add(
        Text(left, y + 14, "all together", 14, bold=True), Text(right, y + 14, total, 14, bold=True, anchor="end")
    )
    each = f"{per_person(estimate)} for each active person"
    scene.add(Text(left, y + 14 + COST_STEP, fit(each, 12, right - left), 12, "muted"))


def per_person(estimate: Priced) -> str:
    """The price for one person: in cents, or with four digits where that says too little."""
    amount = estimate.per_active_user_usd
    return usd(amount) if amount >= LEAST_SHOWN_IN_CENTS else f"${amount.normalize():f}"


def _kinds(estimate: Priced) -> tuple[tuple[str, Decimal], ...]:
    """Sums by kind, without those that cost nothing, except transfer, which may surprise."""
    sums: dict[str, Decimal] = {}
    for line in estimate.lines:
        sums[str(line.kind)] = sums.get(str(line.kind), Decimal(0)) + line.usd_month
    return tuple((kind, amount) for kind, amount in sums.items() if amount or kind == "transfer")
