"""The plan as one page: what will be built, what it carries, what comes first, and what to know before building it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import groupby

from mastodon_infra.cli.layout import Page, counted, fixed, listed
from mastodon_infra.cost.steps import Step, cheapest_step
from mastodon_infra.model.nodes import SidekiqUnitSpec
from mastodon_infra.model.role import Role
from mastodon_infra.model.services import MediaFront, NetworkMode, PoolerPlace
from mastodon_infra.plan.network_types import TlsMode
from mastodon_infra.plan.notes import Note
from mastodon_infra.plan.types import Group, InstancePlan, NodePlan
from mastodon_infra.units import mib_text, usd

UNITS_PREFIX = "sidekiq.units."
LIMITS_SHOWN = 4
PAIR = 2
SAID_ELSEWHERE = "near-"
"""Notes that repeat what the page says under Carries."""
MEMORY_PARTS_SHOWN = 3

_SYSTEM = ("kernel", "system")
_MEMORY_WORDS = {
    "puma": "Puma",
    "puma-metrics": "Puma's metrics",
    "pgbouncer": "PgBouncer",
    "postgres": "PostgreSQL and its cache",
    "redis-queue": "Redis for queues",
    "redis-cache": "Redis for the cache",
    "prometheus": "Prometheus",
    "backup": "backups",
}


def heading_line(plan: InstancePlan) -> str:
    """The first line: whom the plan is for, and where."""
    people = plan.demand.users.value
    person = "person" if people == 1 else "people"
    return f"{plan.mastodon.web_domain} for {people:,} {person} a month, in {plan.region.place} ({plan.region.name})"


def add_what(page: Page, plan: InstancePlan) -> None:
    """Every machine: what runs there, where it is reached, what its memory goes to."""
    page.heading(f"What: {counted(len(plan.nodes), 'machine')}, laid out as size {plan.tier}")
    for group in plan.groups:
        members = [node for node in plan.nodes if node.group == group.name]
        for _, alike in groupby(members, key=_runs_words):
            _add_nodes(page, group, list(alike))
    if len(plan.nodes) > 1:
        page.text(f"First start and migrations are done by {plan.leader}. Administrators log in by way of {plan.jump}.")


def add_summary(page: Page, plan: InstancePlan) -> None:
    """One line for each group: its roles, how many machines of which type, where."""
    page.heading(f"What: {counted(len(plan.nodes), 'machine')}")
    rows = []
    for group in plan.groups:
        members = [node for node in plan.nodes if node.group == group.name]
        several = f" to {members[-1].address.rpartition('.')[2]}" if len(members) > 1 else ""
        roles = ", ".join(role.value for role in group.roles)
        rows.append((f"{len(members)} x {group.machine.name}", f"{members[0].address}{several}", roles))
    page.table(rows)


def _add_nodes(page: Page, group: Group, nodes: list[NodePlan]) -> None:
    first, last = nodes[0], nodes[-1]
    machine = group.machine
    size = f"{counted(machine.vcpus, 'processor')} and {fixed(mib_text(machine.memory_mib))}"
    if len(nodes) == 1:
        page.text(f"{first.name}: {machine.name} with {size}", hang=4)
    else:
        names = f"{first.name} {'and' if len(nodes) == PAIR else 'to'} {last.name}"
        page.text(f"{names}: {len(nodes)} x {machine.name}, each with {size}", hang=4)
    page.entry("runs", _runs_words(first), label_width=7, indent=6)
    page.entry("memory", _memory_words(first), label_width=7, indent=6)
    page.entry(
        "address", first.address if len(nodes) == 1 else f"{first.address} to {last.address}", label_width=7, indent=6
    )


def _runs_words(node: NodePlan) -> str:
    return ", ".join(_runs(node))


def _runs(node: NodePlan) -> Iterator[str]:
    if node.web:
        yield "nginx"
        yield f"Puma with {node.web.workers.value} x {counted(node.web.threads.value, 'thread')}"
    if node.streaming:
        count = node.streaming.processes.value
        yield "streaming" if count == 1 else f"{count} streaming processes"
    if node.sidekiq:
        threads = sum(process.concurrency for process in node.sidekiq)
        yield f"sidekiq with {counted(threads, 'thread')} in {counted(len(node.sidekiq), 'process', 'processes')}"
    for role, word in (
        (Role.POSTGRES, "PostgreSQL"),
        (Role.REDIS, "Redis for queues and for the cache"),
        (Role.MONITORING, "monitoring"),
    ):
        if role in node.roles:
            yield word
    if node.pgbouncer:
        yield "PgBouncer"


def _memory_words(node: NodePlan) -> str:
    """The largest parts by name, the system's own and the small ones in sum, and what is left."""
    parts = {line.name: line.memory.value for line in node.memory.lines}
    system = sum(parts.pop(name, 0) for name in _SYSTEM)
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    shown, others = ordered[:MEMORY_PARTS_SHOWN], ordered[MEMORY_PARTS_SHOWN:]
    words = [(_MEMORY_WORDS.get(name, name), mib) for name, mib in shown]
    words += [("others", sum(mib for _, mib in others)), ("system", system), ("spare", node.memory.spare.value)]
    return ", ".join(f"{word} {fixed(mib_text(mib))}" for word, mib in words if mib)


def add_around(page: Page, plan: InstancePlan) -> None:
    """What stands around the machines: front, network, volumes, media, backups, DNS, mail."""
    page.heading("Around them")
    page.entries(_around(plan))


def _around(plan: InstancePlan) -> Iterator[tuple[str, str]]:
    yield "front", _front_words(plan)
    kind = "VPC" if plan.network.mode.value is NetworkMode.VPC else "VLAN"
    yield "network", f"a {kind}, {plan.network.cidr}"
    if plan.volumes:
        volumes = [f"{one.name} with {fixed(f'{one.size.value} GiB')} on {one.node}" for one in plan.volumes]
        yield "volumes", listed(volumes)
    media = plan.media
    front = "Cloudflare" if media.front is MediaFront.CLOUDFLARE else "nginx"
    stored = fixed(f"{media.stored_gb.value:,} GB")
    bucket = f"bucket {media.bucket} at {_vendor(media.provider)}, {media.region}, about {stored}"
    yield "media", f"{bucket}, served by {front} as {media.host}"
    backups = plan.backups
    if backups.is_enabled:
        days = counted(backups.retention_days.value, "day")
        yield (
            "backups",
            f"bucket {backups.bucket} at {_vendor(backups.provider)}, {backups.region}; any moment of the last {days}",
        )
    else:
        yield "backups", "none"
    records = counted(len(plan.dns.records), "record")
    by_hand = f"{records} in the zone {plan.dns.zone}, to be set by you"
    yield (
        "DNS",
        by_hand
        if plan.dns.provider == "manual"
        else f"{records} in {_vendor(plan.dns.provider)}'s zone {plan.dns.zone}",
    )
    yield "mail", _mail_words(plan)


def _vendor(name: str) -> str:
    """A provider's name as people write it."""
    return {"aws": "Amazon S3"}.get(name, name.capitalize())


def _front_words(plan: InstancePlan) -> str:
    served = f"{plan.leader} itself"
    if plan.balancer:
        count = plan.balancer.count.value
        served = f"{counted(count, 'NodeBalancer')} before {counted(len(plan.balancer.nodes), 'web machine')}"
    if plan.tls.mode.value is TlsMode.ORIGIN_CA:
        return f"Cloudflare's proxy, then {served}; certificate of Cloudflare's origin authority"
    return f"{served}; certificate by ACME, renewed by {plan.tls.acme_node}"


def _mail_words(plan: InstancePlan) -> str:
    if plan.mail.provider == "none" or plan.mail.port is None:
        return "none is sent"
    return f"{plan.mail.host} port {plan.mail.port.value}, from {plan.mail.from_address}"


def add_sidekiq(page: Page, plan: InstancePlan) -> None:
    """The units, their threads and queues."""
    threads = sum(unit.thread_count for unit in plan.sidekiq)
    processes = sum(unit.processes.value for unit in plan.sidekiq)
    page.heading(f"Sidekiq: {counted(threads, 'thread')} in {counted(processes, 'process', 'processes')}")
    rows = []
    for unit in plan.sidekiq:
        queues = [queue.value if weight is None else f"{queue.value} {weight}" for queue, weight in unit.queues]
        is_weighted = any(weight is not None for _, weight in unit.queues)
        number, each = unit.processes.value, counted(unit.concurrency.value, "thread")
        rows.append((unit.name, f"{number} x {each}", f"for {', '.join(queues)}{' (weights)' if is_weighted else ''}"))
    page.table(rows)


def add_connections(page: Page, plan: InstancePlan) -> None:
    """The connection budget in two sentences."""
    budget = plan.connections
    page.heading("Database connections")
    opened, reach = budget.client_connections.value, budget.server_connections.value
    most, spare = budget.max_connections.value, budget.spare.value
    through = {
        PoolerPlace.NONE: "straight to PostgreSQL",
        PoolerPlace.DATABASE_NODE: "to PgBouncer beside PostgreSQL",
        PoolerPlace.APP_NODES: "each to the PgBouncer on its own machine",
    }[plan.pooler.value]
    page.text(
        f"The app's processes open up to {opened:,}, {through}. With backups, migrations and the like at most {reach} "
        f"reach PostgreSQL, which accepts {most}: {spare} are spare."
    )


def add_carries(page: Page, plan: InstancePlan) -> None:
    """The tightest limits, with what people then notice."""
    first = plan.capacity.first
    page.heading(f"Carries about {plan.capacity.users:,} people a month")
    page.text(f"First to run out: {first.title}. Then {first.symptom}.")
    rows = [(f"{limit.users.value:,}", limit.title) for limit in plan.capacity.limits[:LIMITS_SHOWN]]
    page.table(rows, right=frozenset({0}))


def add_next_step(page: Page, plan: InstancePlan) -> None:
    """The cheapest way to carry more people, with its price; in words where none was found in the stack file."""
    page.heading("Next step")
    step = cheapest_step(plan.spec, plan)
    if step is None:
        remedy = plan.capacity.first.remedy
        page.text(f"{remedy[0].upper()}{remedy[1:]}.")
        return
    carries = f"carries about {counted(step.users, 'person', 'people')}"
    price = f"costs {_difference_words(step.difference_usd_month)} ({usd(step.usd_month)} in all)"
    page.text(f"The cheapest one {carries} and {price}. Then {step.first_limit.title} would run out first.")
    page.text("In the stack file:" if step.changes else "Outside the stack file:")
    for line in _step_lines(plan, step):
        page.text(line, indent=6, hang=6)


def _step_lines(plan: InstancePlan, step: Step) -> Iterator[str]:
    """The lines to write, ready to be copied: sidekiq units can only be written all together."""
    if not step.changes:
        yield step.description
    units = step.spec.sidekiq.units
    is_written_out = units is not None and plan.spec.sidekiq.units is None
    for line in step.changes:
        if not (is_written_out and line.startswith(UNITS_PREFIX)):
            yield line
    if is_written_out and units is not None:
        yield "sidekiq:"
        yield "  units:"
        for name, unit in units.items():
            yield f"    {name}: {_unit_words(unit)}"


def _unit_words(unit: SidekiqUnitSpec) -> str:
    """A unit as one line of YAML."""
    queues = [queue.value if weight is None else f"{queue.value}: {weight}" for queue, weight in unit.queues.items()]
    is_weighted = any(weight is not None for weight in unit.queues.values())
    inside = f"{{{', '.join(queues)}}}" if is_weighted else f"[{', '.join(queues)}]"
    processes = f", processes: {unit.processes}" if unit.processes > 1 else ""
    return f"{{queues: {inside}, concurrency: {unit.concurrency}{processes}}}"


def _difference_words(amount: Decimal) -> str:
    if not amount:
        return "nothing more"
    return f"{usd(abs(amount))} a month {'more' if amount > 0 else 'less'}"


def add_notes(page: Page, notes: Iterable[Note], *, title: str = "Notes") -> None:
    """What the plan wants its reader to know, and what to do about it."""
    notes = [note for note in notes if not note.name.startswith(SAID_ELSEWHERE)]
    if not notes:
        return
    page.heading(title)
    for note in notes:
        page.entry(note.level.value, note.text, label_width=7)
        if note.remedy:
            page.entry("", f"What to do: {note.remedy}", label_width=7)
