"""The price of a plan: every line from the catalog, with its date and its source."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import assert_never

from mastodon_infra.catalog.mail import mail_provider, relay_at
from mastodon_infra.catalog.prices import (
    BLOCK_STORAGE,
    CLOUD_FIREWALL,
    CLOUDFLARE_FREE,
    NODEBALANCER,
    RESERVED_ADDRESS,
    TRANSFER,
    price_in,
)
from mastodon_infra.catalog.rows import Price
from mastodon_infra.catalog.sources import AKAMAI_DOCS, ASKED, Source
from mastodon_infra.cost.advice import notes_on
from mastodon_infra.cost.storage import storage_lines
from mastodon_infra.cost.traffic import DAYS_PER_MONTH, Traffic, gb_text, traffic_of
from mastodon_infra.cost.types import PER_USER_STEP, CostEstimate, CostKind, CostLine, to_cents
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import DnsProvider, MediaFront
from mastodon_infra.plan.types import Group, InstancePlan
from mastodon_infra.units import mib_text

HOURS_PER_MONTH = 730
"""As vendors count; what is billed by the hour has no price by the month."""


def estimate(plan: InstancePlan) -> CostEstimate:
    """Price a plan: what its vendors would bill in a month of the expected use, US dollars without taxes."""
    traffic = traffic_of(plan)
    lines = (
        *(_machines_line(plan, group) for group in plan.groups),
        *_address_lines(plan),
        *_balancer_lines(plan),
        *_volume_lines(plan),
        *storage_lines(plan, traffic),
        _transfer_line(plan, traffic),
        _mail_line(plan),
        *_edge_lines(plan),
    )
    total = sum((line.usd_month for line in lines), Decimal(0))
    users = plan.demand.users.value
    return CostEstimate(
        lines=lines,
        total_usd_month=total,
        users=users,
        per_active_user_usd=(total / users).quantize(PER_USER_STEP, ROUND_HALF_UP),
        oldest_fact=min(line.as_of for line in lines),
        notes=notes_on(plan, traffic, lines),
    )


def _machines_line(plan: InstancePlan, group: Group) -> CostLine:
    machine, count = group.machine, Decimal(group.count.value)
    price = machine.price_usd_month * plan.region.price_factor
    return CostLine(
        name=f"machines-{group.name}",
        kind=CostKind.MACHINES,
        title=f"{group.name} machines" if count > 1 else f"{group.name} machine",
        quantity=count,
        unit=machine.name,
        unit_price_usd=price,
        usd_month=to_cents(count * price),
        as_of=machine.as_of,
        source=machine.source,
        confirmed=machine.confirmed,
        detail=f"{_roles_text(group.roles)}; {machine.vcpus} vCPU, {mib_text(machine.memory_mib)}"
        + (" each" if count > 1 else ""),
    )


def _roles_text(roles: tuple[Role, ...]) -> str:
    *others, last = (role.value for role in roles)
    return f"{', '.join(others)} and {last}" if others else last


def _balancer_lines(plan: InstancePlan) -> Iterator[CostLine]:
    if plan.balancer:
        count = len(plan.balancer.names)
        yield _priced(
            "balancers",
            CostKind.BALANCERS,
            price_in(NODEBALANCER, plan.region.name),
            count,
            title="NodeBalancers" if count > 1 else "NodeBalancer",
            unit="NodeBalancer",
            detail=f"in front of {len(plan.balancer.nodes)} web nodes",
        )


def _address_lines(plan: InstancePlan) -> Iterator[CostLine]:
    for address in plan.reserved:
        yield _priced(
            address.name,
            CostKind.MACHINES,
            RESERVED_ADDRESS,
            HOURS_PER_MONTH,
            title="reserved address",
            unit="hour",
            detail=f"of {address.node}, kept when the machine is replaced",
        )


def _volume_lines(plan: InstancePlan) -> Iterator[CostLine]:
    row = price_in(BLOCK_STORAGE, plan.region.name)
    for volume in plan.volumes:
        yield _priced(
            f"volume-{volume.name}",
            CostKind.VOLUMES,
            row,
            volume.size.value,
            title=f"volume {volume.name}",
            unit="GiB",
            detail=f"on {volume.node}",
        )


def _transfer_line(plan: InstancePlan, traffic: Traffic) -> CostLine:
    uploads = traffic.media_upload_gb + traffic.backup_upload_gb
    return _priced(
        "transfer",
        CostKind.TRANSFER,
        price_in(TRANSFER, plan.region.name),
        traffic.overage_gb,
        title="transfer beyond the pool",
        unit="GB",
        detail=f"{gb_text(traffic.pool_gb)} expected of {gb_text(traffic.pool_limit_gb)} in the pool: "
        f"{gb_text(traffic.web_gb)} to people, {gb_text(uploads)} to the buckets",
    )


def _mail_line(plan: InstancePlan) -> CostLine:
    """Mail by the thousand; zero where none is sent, and where the relay's price is not known."""
    mails = int((plan.demand.mails_day.value * DAYS_PER_MONTH).to_integral_value())
    thousands = Decimal(mails) / 1000
    row = mail_provider("ses") if plan.mail.provider == "ses" else relay_at(plan.mail.host)
    expected = f"{mails:,} mails expected"
    if plan.mail.provider == "none":
        return _free("mail", CostKind.MAIL, "mail", ASKED, "none is sent")
    if row is None or row.price_usd_1000 is None:
        name = row.title if row else plan.mail.host
        source = row.source if row else ASKED
        return _free("mail", CostKind.MAIL, f"mail by {name}", source, f"{expected}; price not known")
    return CostLine(
        name="mail",
        kind=CostKind.MAIL,
        title=f"mail by {row.title}",
        quantity=thousands,
        unit="1000 mails",
        unit_price_usd=row.price_usd_1000,
        usd_month=to_cents(thousands * row.price_usd_1000),
        as_of=row.as_of,
        source=row.source,
        confirmed=row.confirmed,
        detail=expected,
    )


def _edge_lines(plan: InstancePlan) -> Iterator[CostLine]:
    """DNS, the proxy and the firewall: free today, and shown because that may change."""
    spec = plan.spec
    served = [name for name, on in (("web", spec.edge.proxied), ("media", _is_fronted(plan))) if on]
    if served:
        what = f"in front of {' and '.join(served)}"
        yield _zone("cdn", "Cloudflare", f"Free plan, {what}")
    match plan.dns.provider:
        case DnsProvider.CLOUDFLARE:
            yield _zone("dns", "DNS", "Cloudflare, Free plan")
        case DnsProvider.LINODE:
            yield _free("dns", CostKind.EDGE, "DNS", AKAMAI_DOCS, "Linode's DNS manager; the domain's fee is extra")
        case DnsProvider.MANUAL:
            yield _free("dns", CostKind.EDGE, "DNS", ASKED, "kept elsewhere; its price is not in here")
        case _ as never:
            assert_never(never)
    yield _priced(
        "network",
        CostKind.EDGE,
        CLOUD_FIREWALL,
        1,
        title="private network and firewall",
        unit="instance",
        detail=f"{plan.network.mode.value.upper()} and Cloud Firewall",
    )


def _zone(name: str, title: str, detail: str) -> CostLine:
    return _priced(name, CostKind.EDGE, CLOUDFLARE_FREE, 1, title=title, unit="zone", detail=detail)


def _is_fronted(plan: InstancePlan) -> bool:
    return plan.media.front is MediaFront.CLOUDFLARE


def _priced(name: str, kind: CostKind, row: Price, quantity: int, *, title: str, unit: str, detail: str) -> CostLine:
    return CostLine(
        name=name,
        kind=kind,
        title=title,
        quantity=Decimal(quantity),
        unit=unit,
        unit_price_usd=row.price_usd,
        usd_month=to_cents(quantity * row.price_usd),
        as_of=row.as_of,
        source=row.source,
        confirmed=row.confirmed,
        detail=detail,
    )


def _free(name: str, kind: CostKind, title: str, source: Source, detail: str) -> CostLine:
    """A line of $0 that no price row of the catalog stands behind."""
    return CostLine(
        name=name,
        kind=kind,
        title=title,
        quantity=Decimal(0),
        unit="",
        unit_price_usd=Decimal(0),
        usd_month=to_cents(Decimal(0)),
        as_of=source.as_of,
        source=source,
        confirmed=source.confirmed,
        detail=detail,
    )
