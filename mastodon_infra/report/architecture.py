"""The picture of an instance: who comes in by which door, which machines there are, and what stands beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mastodon_infra.catalog.mail import relay_at
from mastodon_infra.catalog.storage import object_store
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import DnsProvider, MediaFront
from mastodon_infra.plan.network_types import TlsMode
from mastodon_infra.plan.types import Group, InstancePlan
from mastodon_infra.report.cards import GroupCard, OutsideCard, draw_outside, group_card
from mastodon_infra.report.machines import Machines
from mastodon_infra.report.measure import TIMES, fit, text_width
from mastodon_infra.report.panels import capacity_height, cost_height, draw_capacity, draw_cost, per_person
from mastodon_infra.report.prices import Priced, price_of
from mastodon_infra.report.scene import Area, Box, Icon, Line, Scene, Text
from mastodon_infra.report.svg import svg_text
from mastodon_infra.units import usd

WIDTH = 1180
MARGIN = 28
MAIN_WIDTH = 812
GAP = 48
SIDE_X = MARGIN + MAIN_WIDTH + GAP
SIDE_WIDTH = WIDTH - MARGIN - SIDE_X
HEADER = 108
DOOR_HEIGHT = 50
ARROW = 34
CARD_GAP = 16
BAND_GAP = 24
FOOTER = 40
GB_PER_TB = 1000


def architecture_svg(plan: InstancePlan, estimate: Priced) -> str:
    """The instance as one self-contained SVG: the same bytes for the same plan and price."""
    return svg_text(architecture(plan, estimate))


def architecture(plan: InstancePlan, estimate: Priced) -> Scene:
    """The picture as data, to be measured."""
    scene = Scene(WIDTH, title=f"{plan.mastodon.web_domain}: architecture", description=_description(plan, estimate))
    page = Box(Area(0, 0, 0, 0), "page")
    scene.add(page)
    _header(scene, plan, estimate)
    door = _doors(scene, plan)
    main = _machines(scene, plan, estimate, door)
    side_bottom = _outside(scene, plan, estimate, main, door)
    bottom = _panels(scene, plan, estimate, max(main.bottom, side_bottom) + BAND_GAP)
    words = f"US dollars a month, without taxes; the oldest price was confirmed on {estimate.oldest_fact.isoformat()}."
    scene.add(Text(MARGIN, bottom + 26, words, 12, "muted"))
    scene.height = bottom + FOOTER
    scene.shapes[0] = Box(Area(0.5, 0.5, WIDTH - 1, scene.height - 1), "page", radius=16)
    return scene


def _description(plan: InstancePlan, estimate: Priced) -> str:
    groups = ", ".join(f"{group.count.value} {TIMES} {group.machine.name} for {group.name}" for group in plan.groups)
    return (
        f"A Mastodon for {plan.demand.users.value:,} people a month in {plan.region.place}: {groups}. "
        f"It costs {usd(estimate.total_usd_month)} a month and carries about {plan.capacity.users:,} people; "
        f"{plan.capacity.first.title} runs out first."
    )


def _header(scene: Scene, plan: InstancePlan, estimate: Priced) -> None:
    right = WIDTH - MARGIN
    scene.add(Text(MARGIN, 56, fit(plan.mastodon.web_domain, 28, 760, bold=True), 28, bold=True))
    people = f"{plan.demand.users.value:,} {'person' if plan.demand.users.value == 1 else 'people'}"
    where = f"Mastodon {plan.mastodon.version.value} for {people} a month in {plan.region.place}"
    scene.add(Text(MARGIN, 84, fit(where, 15, 760), 15, "muted"))
    scene.add(Text(right, 56, f"{usd(estimate.total_usd_month)} a month", 22, "strong", bold=True, anchor="end"))
    scene.add(Text(right, 84, f"{per_person(estimate)} a person", 15, "muted", anchor="end"))


# --- Doors ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Doors:
    """Where the way in ends, and where the way to media begins when Cloudflare serves them."""

    bottom: float
    media: Area | None


def _doors(scene: Scene, plan: InstancePlan) -> _Doors:
    """The public, and Cloudflare wherever it stands in between."""
    is_fronted = plan.media.front is MediaFront.CLOUDFLARE
    public = Area(MARGIN, HEADER, MAIN_WIDTH, DOOR_HEIGHT)
    _door(scene, public, "people and other servers", f"https://{plan.mastodon.web_domain}", is_public=True)
    if plan.spec.edge.proxied:
        width = WIDTH - 2 * MARGIN if is_fronted else MAIN_WIDTH
        cloud = Area(MARGIN, public.bottom + ARROW, width, DOOR_HEIGHT)
        served = f"serves {plan.media.host} and hides the origin" if is_fronted else "hides the origin"
        _door(scene, cloud, "Cloudflare", served)
        scene.add(Line(((public.centre, public.bottom), (public.centre, cloud.y))))
        return _Doors(cloud.bottom, Area(SIDE_X, cloud.y, SIDE_WIDTH, DOOR_HEIGHT) if is_fronted else None)
    if is_fronted:
        cloud = Area(SIDE_X, public.y, SIDE_WIDTH, DOOR_HEIGHT)
        _door(scene, cloud, "Cloudflare", "media")
        scene.add(Line(((public.right, public.middle), (cloud.x, public.middle))))
        return _Doors(public.bottom, cloud)
    return _Doors(public.bottom, None)


def _door(scene: Scene, area: Area, title: str, detail: str, *, is_public: bool = False) -> None:
    scene.add(Box(area, "internet" if is_public else "card", radius=DOOR_HEIGHT / 2, name=title))
    scene.add(Icon(area.x + 20, area.y + 16, *(("globe", "web") if is_public else ("shield", "edge"))))
    scene.add(Text(area.x + 48, area.y + 30, title, 14, bold=True))
    room = area.width - 48 - text_width(title, 14, bold=True) - 50
    scene.add(Text(area.right - 22, area.y + 30, fit(detail, 13, room), 13, "muted", anchor="end"))


# --- The cloud's region -----------------------------------------------------------------------------------------------


def _machines(scene: Scene, plan: InstancePlan, estimate: Priced, doors: _Doors) -> Area:
    """The frame of the region with all machines in it."""
    cards = tuple(group_card(plan, estimate, group) for group in _ordered(plan))
    beside = sum(card.height + CARD_GAP for card in _outside_cards(plan, estimate)) - CARD_GAP
    machines = Machines(plan, tuple(_rows(cards)), price_of(estimate, "balancers"), beside)
    frame = Area(MARGIN, doors.bottom + ARROW, MAIN_WIDTH, machines.height(MAIN_WIDTH))
    machines.draw(scene, frame, way_in=doors.bottom)
    return frame


def _ordered(plan: InstancePlan) -> list[Group]:
    """Groups that people reach first, then those that work, then those that keep."""
    order = list(Role)
    return sorted(plan.groups, key=lambda group: min(order.index(role) for role in group.roles))


def _rows(cards: tuple[GroupCard, ...]) -> Iterator[tuple[GroupCard, ...]]:
    """At most three cards in a row; those with databases and monitoring start a row of their own."""
    working = {Role.WEB, Role.STREAMING, Role.SIDEKIQ}
    for kind in (True, False):
        same = [card for card in cards if bool(working & set(card.group.roles)) is kind]
        count = -(-len(same) // 3)
        for row in range(count):
            yield tuple(same[len(same) * row // count : len(same) * (row + 1) // count])


# --- What stands beside the machines ----------------------------------------------------------------------------------


def _outside(scene: Scene, plan: InstancePlan, estimate: Priced, main: Area, doors: _Doors) -> float:
    """Buckets and mail, one below the other; returns where they end."""
    y = main.y
    for card in _outside_cards(plan, estimate):
        area = Area(SIDE_X, y, SIDE_WIDTH, card.height)
        draw_outside(scene, card, area)
        if area.middle < main.bottom and card.is_spoken_to:
            scene.add(Line(((main.right, area.middle), (area.x, area.middle))))
        if card.name == "media" and doors.media:
            scene.add(Line(((doors.media.centre, doors.media.bottom), (doors.media.centre, area.y))))
        y = area.bottom + CARD_GAP
    return y - CARD_GAP


def _outside_cards(plan: InstancePlan, estimate: Priced) -> Iterator[OutsideCard]:
    media, backups, mail = plan.media, plan.backups, plan.mail
    both = backups.is_enabled and backups.provider is media.provider
    cost = price_of(estimate, f"storage-{media.provider}")
    egress = price_of(estimate, f"egress-{media.provider}")
    front = "Cloudflare" if media.front is MediaFront.CLOUDFLARE else "the web nodes' nginx"
    yield OutsideCard(
        "media",
        "storage",
        "storage",
        "media",
        (
            f"{_provider(media.provider)}, {media.region}",
            f"{_volume(media.stored_gb.value)}, remote kept {media.remote_retention_days.value} days",
            f"served by {front}",
        ),
        None if cost is None else cost + (egress or 0),
    )
    if backups.is_enabled:
        yield OutsideCard(
            "backups",
            "storage",
            "postgres",
            "backups",
            (
                f"{_provider(backups.provider)}, {backups.region}",
                f"{_volume(backups.stored_gb.value)}, any moment of {backups.retention_days.value} days",
                *(("billed together with media",) if both else ()),
            ),
            None if both else price_of(estimate, f"storage-{backups.provider}"),
        )
    relay = relay_at(mail.host)
    names = {
        "none": "none is sent",
        "ses": f"Amazon SES, {mail.ses_region}",
        "smtp": relay.title if relay else mail.host,
    }
    expected = () if mail.provider == "none" else (f"about {plan.demand.mails_day.value:,} a day",)
    price = None if mail.provider == "none" else price_of(estimate, "mail")
    yield OutsideCard("mail", "mail", "mail", "mail", (names[mail.provider], *expected), price)
    by = "Cloudflare Origin CA" if plan.tls.mode.value is TlsMode.ORIGIN_CA else "Let's Encrypt"
    keeper = {DnsProvider.LINODE: "Linode", DnsProvider.CLOUDFLARE: "Cloudflare"}.get(plan.dns.provider, "your own")
    yield OutsideCard(
        "names",
        "globe",
        "plain",
        "DNS and TLS",
        (f"DNS: {keeper}, {len(plan.dns.records)} records", f"TLS: {by}"),
        is_spoken_to=False,
    )


def _provider(name: str) -> str:
    store = object_store(name)
    return store.title.partition(",")[0] if store else name


def _volume(gb: int) -> str:
    return f"{gb:,} GB" if gb < GB_PER_TB else f"{gb / GB_PER_TB:.1f} TB"


def _panels(scene: Scene, plan: InstancePlan, estimate: Priced, y: float) -> float:
    height = max(capacity_height(plan), cost_height(estimate))
    draw_capacity(scene, plan, Area(MARGIN, y, MAIN_WIDTH, height))
    draw_cost(scene, estimate, Area(SIDE_X, y, SIDE_WIDTH, height))
    return y + height
