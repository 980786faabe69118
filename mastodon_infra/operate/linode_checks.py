"""What Linode's API says of the token, the account, the region and the machine types, beside what the plan needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from mastodon_infra.catalog.regions import API_WORDS
from mastodon_infra.catalog.rows import Capability, MachineFamily, MachineType
from mastodon_infra.model.services import DnsProvider, NetworkMode, StorageProvider
from mastodon_infra.operate.api import Answer, Api, UnreachableError
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.plan.types import BackupPlan, InstancePlan, MediaPlan

LINODE = Group("linode")
LARGEST_PAGE = "500"
SCOPES_HEADER = "x-oauth-scopes"
EVERYTHING = "*"
WHERE_TOKENS_ARE = "make one at cloud.linode.com, My Profile, API Tokens, and: pulumi config set --secret linode:token"

ONLY_LEGACY, ONLY_LINODE = "legacy_config_only", "linode_only"
"""Account settings that forbid one of the two generations of network interfaces."""


def linode_checks(plan: InstancePlan, api: Api, *, is_deployed: bool) -> Iterator[Check]:
    """Everything that Linode tells before it is asked to make anything."""
    try:
        yield from _region(plan, api)
        yield from _types(plan, api)
        if not api.token:
            yield LINODE.failed("token", "there is no token for Linode", f"{WHERE_TOKENS_ARE}, or set LINODE_TOKEN")
            yield LINODE.skipped("account", "needs the token")
            return
        token = list(_token(plan, api))
        yield from token
        if any(check.remedy and check.outcome == "failed" for check in token[:1]):
            yield LINODE.skipped("account", "needs a token that works")
            return
        yield from _account(plan, api)
        if not is_deployed:
            yield from _taken(plan, api)
            yield from _buckets(plan, api)
    except UnreachableError as error:
        yield LINODE.failed("API", f"{api.url} does not answer: {error}", "look at the network, and linode:url")


# --- Region and machine types: everybody may ask ---------------------------------------------------------------------


def needed_capabilities(plan: InstancePlan) -> frozenset[Capability]:
    """What the region must be able to do for this plan."""
    needed = {Capability.METADATA, Capability.CLOUD_FIREWALL}
    needed.add(Capability.VPC if plan.network.mode.value is NetworkMode.VPC else Capability.VLAN)
    if plan.volumes:
        needed.add(Capability.BLOCK_STORAGE)
    if plan.balancer:
        needed.add(Capability.NODEBALANCER)
    if plan.apart:
        needed.add(Capability.PLACEMENT_GROUP)
    if any(group.machine.family is MachineFamily.PREMIUM for group in plan.groups):
        needed.add(Capability.PREMIUM)
    if plan.region.name in _storage_regions(plan):
        needed.add(Capability.OBJECT_STORAGE)
    return frozenset(needed)


def _linode_stores(plan: InstancePlan) -> list[MediaPlan | BackupPlan]:
    stores: list[MediaPlan | BackupPlan] = [plan.media, *([plan.backups] if plan.backups.is_enabled else [])]
    return [one for one in stores if one.provider is StorageProvider.LINODE]


def _storage_regions(plan: InstancePlan) -> set[str]:
    return {one.region for one in _linode_stores(plan)}


def _region(plan: InstancePlan, api: Api) -> Iterator[Check]:
    answer = api.get(f"/regions/{plan.region.name}")
    if not answer.is_fine:
        remedy = "choose another: mastodon-infra facts --table regions"
        yield LINODE.failed("region", f"Linode knows no region {plan.region.name} ({answer.said()})", remedy)
        return
    told = answer.data()
    if told.get("status", "ok") != "ok":
        yield LINODE.warn("region", f"{plan.region.name} is in trouble: {told['status']}", "wait: status.linode.com")
    able = {capability for capability, word in API_WORDS.items() if word in told.get("capabilities", ())}
    missing = needed_capabilities(plan) - able
    if missing:
        yield LINODE.failed(
            "region's capabilities",
            f"{plan.region.name} cannot do what the plan needs: {_words(missing)}",
            "choose another region, or a plan without it (network.mode: vlan does without a VPC)",
        )
    elif able != plan.region.capabilities:
        gained, lost = able - plan.region.capabilities, plan.region.capabilities - able
        parts = [f"also {_words(gained)}" if gained else "", f"not {_words(lost)}" if lost else ""]
        yield LINODE.warn(
            "region's capabilities",
            f"the catalog of {plan.region.as_of.isoformat()} is old: the region can {', '.join(filter(None, parts))}",
            "docs/how-to/keep-facts-fresh.md; what an instance has does not change with it",
        )
    else:
        yield LINODE.ok("region's capabilities", f"{plan.region.name} has what the catalog says")


def _words(capabilities: Iterable[Capability]) -> str:
    return ", ".join(sorted(API_WORDS[capability] for capability in capabilities))


def _types(plan: InstancePlan, api: Api) -> Iterator[Check]:
    answer = api.get("/linode/types", query={"page_size": LARGEST_PAGE})
    known = {str(row.get("id")): row for row in _rows(answer)}
    if not known:
        yield LINODE.warn("machine types", f"Linode lists none ({answer.said()})", "run it again later")
        return
    for machine in {group.machine.name: group.machine for group in plan.groups}.values():
        yield _type(plan, machine, known.get(machine.name))


def _type(plan: InstancePlan, machine: MachineType, row: dict[str, Any] | None) -> Check:
    name = f"machine type {machine.name}"
    fresh = "docs/how-to/keep-facts-fresh.md"
    if row is None:
        return LINODE.failed(name, "Linode sells it no more", "choose another under nodes, or update the catalog")
    planned = machine.price_usd_month * plan.region.price_factor
    real = _price(row, plan.region.name)
    if (row.get("vcpus"), row.get("memory")) != (machine.vcpus, machine.memory_mib):
        return LINODE.warn(name, f"has {row.get('vcpus')} vCPUs and {row.get('memory')} MiB, not as planned", fresh)
    if real is not None and real != planned:
        return LINODE.warn(name, f"costs ${real} a month; the catalog says ${planned.normalize():f}", fresh)
    return LINODE.ok(name, f"${planned.normalize():f} a month, as the catalog says")


def _price(row: dict[str, Any], region: str) -> Decimal | None:
    """The monthly price, the region's own where it has one."""
    own = [price for price in row.get("region_prices") or () if price.get("id") == region]
    monthly = (own[0] if own else row.get("price") or {}).get("monthly")
    return None if monthly is None else Decimal(str(monthly)).normalize()


def _rows(answer: Answer) -> list[dict[str, Any]]:
    rows = answer.data().get("data")
    return [row for row in rows if isinstance(row, dict)] if answer.is_fine and isinstance(rows, list) else []


# --- The token and its account ---------------------------------------------------------------------------------------


def needed_scopes(plan: InstancePlan) -> tuple[str, ...]:
    """The rights that a token needs for this plan, as Linode names them."""
    scopes = [
        "linodes:read_write",
        "volumes:read_write",
        "firewall:read_write",
        "account:read_only",
        "events:read_only",
    ]
    if plan.network.mode.value is NetworkMode.VPC:
        scopes.append("vpc:read_write")
    if plan.balancer:
        scopes.append("nodebalancers:read_write")
    if plan.reserved:
        scopes.append("ips:read_write")
    if plan.dns.provider is DnsProvider.LINODE:
        scopes.append("domains:read_write")
    if _storage_regions(plan):
        scopes.append("object_storage:read_write")
    return tuple(sorted(scopes))


def _token(plan: InstancePlan, api: Api) -> Iterator[Check]:
    answer = api.get("/profile")
    if not answer.is_fine:
        remedy = f"if it ended or may not read the account, {WHERE_TOKENS_ARE}"
        yield LINODE.failed("token", f"Linode refuses it: {answer.said()}", remedy)
        return
    yield LINODE.ok("token", f"belongs to {answer.data().get('username', 'somebody')}")
    told = answer.headers.get(SCOPES_HEADER)
    rights = ", ".join(needed_scopes(plan))
    if told is None:
        yield LINODE.warn("token's rights", "Linode did not tell them", f"it needs {rights}")
        return
    granted = set(told.replace(",", " ").split())
    missing = [] if EVERYTHING in granted else [scope for scope in needed_scopes(plan) if not _holds(granted, scope)]
    if missing:
        remedy = f"make a token with {rights}, and: pulumi config set --secret linode:token"
        yield LINODE.failed("token's rights", f"it may not {', '.join(missing)}", remedy)
    elif EVERYTHING in granted:
        remedy = f"a token with these rights is enough: {rights}"
        yield LINODE.warn("token's rights", "it may do everything in the account", remedy)
    else:
        yield LINODE.ok("token's rights", "it may do what the plan needs")


def _holds(granted: set[str], scope: str) -> bool:
    kind, _, right = scope.partition(":")
    return bool(granted & {scope, f"{kind}:read_write", f"{kind}:*"}) or (right == "read_only" and kind in granted)


def _account(plan: InstancePlan, api: Api) -> Iterator[Check]:
    settings = api.get("/account/settings")
    if not settings.is_fine:
        remedy = "give the token account:read_only"
        yield LINODE.skipped("account", f"its settings may not be read: {settings.said()}", remedy)
        return
    told = settings.data()
    generation = str(told.get("interfaces_for_new_linodes", ""))
    forbidden = ONLY_LEGACY if plan.network.mode.value is NetworkMode.VPC else ONLY_LINODE
    where = "cloud.linode.com, Account Settings, Network Interface Type: allow both"
    if generation == forbidden:
        yield LINODE.failed("network interfaces", f"the account is set to {generation}, which refuses ours", where)
    else:
        yield LINODE.ok("network interfaces", "the account allows the kind that the plan uses")
    if _storage_regions(plan) and told.get("object_storage") == "suspended":
        yield LINODE.failed("object storage", "the account's object storage is suspended", "ask Linode's support")
    yield LINODE.skipped(
        "quotas",
        f"Linode's API tells no limit on machines and volumes; {_made_words(plan)}",
        "a new account may hold few, and is told so only when it makes one too many: ask support to raise the limit",
    )


def _buckets(plan: InstancePlan, api: Api) -> Iterator[Check]:
    """Whether the account may hold the buckets that the plan makes: a limit for each place that keeps them."""
    needed = Counter(one.endpoint for one in _linode_stores(plan))
    answer = api.get("/object-storage/quotas", query={"page_size": LARGEST_PAGE})
    limits = {
        str(row.get("s3_endpoint")): str(row.get("quota_id"))
        for row in _rows(answer)
        if row.get("resource_metric") == "bucket"
    }
    for endpoint, count in needed.items():
        name = f"buckets at {endpoint}"
        told = api.get(f"/object-storage/quotas/{limits[endpoint]}/usage").data() if endpoint in limits else {}
        limit, used = told.get("quota_limit"), told.get("usage")
        if not isinstance(limit, int) or not isinstance(used, int):
            yield LINODE.skipped(name, f"Linode tells no limit ({answer.said()})")
        elif limit - used < count:
            seen = f"the account holds {used} of {limit}, and the plan makes {count}"
            yield LINODE.failed(name, seen, "delete one there, or ask Linode's support to raise the limit")
        else:
            yield LINODE.ok(name, f"{count} can be made; the account holds {used} of {limit}")


def _made_words(plan: InstancePlan) -> str:
    """How much of what accounts limit the plan makes."""
    cpus = sum(node.machine.vcpus for node in plan.nodes)
    gib = sum(volume.size.value for volume in plan.volumes)
    return f"the plan makes {len(plan.nodes)} machines with {cpus} vCPUs, and {len(plan.volumes)} volumes of {gib} GiB"


def _taken(plan: InstancePlan, api: Api) -> Iterator[Check]:
    """Names that the account uses already, for a stack that has made nothing yet: Linode would refuse a second one."""
    remedy = "left over from another stack? Delete them there, or import them: pulumi import"
    kinds = (
        ("machines' labels", "/linode/instances", [node.label for node in plan.nodes]),
        ("volumes' labels", "/volumes", [volume.label for volume in plan.volumes]),
    )
    for name, path, labels in kinds:
        if not labels:
            continue
        answer = api.get(path, filtered={"+or": [{"label": label} for label in labels]})
        used = sorted({str(row.get("label")) for row in _rows(answer)} & set(labels))
        if used:
            yield LINODE.failed(name, f"taken already: {', '.join(used)}", remedy)
        elif answer.is_fine:
            yield LINODE.ok(name, f"{len(labels)} are free")
        else:
            yield LINODE.skipped(name, f"may not be read: {answer.said()}")


DNS = Group("dns")


def linode_zone(plan: InstancePlan, api: Api, *, is_deployed: bool) -> Check:
    """Whether the zone can be made, or is there already where the stack has made it."""
    zone = plan.dns.zone
    if not api.token:
        return DNS.skipped("zone", "needs the token for Linode")
    answer = api.get("/domains", filtered={"domain": zone})
    found = [row for row in _rows(answer) if row.get("domain") == zone]
    if not answer.is_fine:
        may = "give the token domains:read_write" if answer.status in _REFUSED else "run it again later"
        return DNS.failed("zone", f"Linode's zones may not be read: {answer.said()}", may)
    if is_deployed:
        gone = f"pulumi refresh, then up; set the name servers of {zone} to Linode's at its registrar"
        return DNS.ok("zone", f"{zone} is there") if found else DNS.warn("zone", f"{zone} is not there", gone)
    if found:
        number = found[0].get("id")
        take = f"delete it there, or take it over: pulumi import linode:index/domain:Domain zone {number}"
        return DNS.failed("zone", f"the account has a zone {zone} already, and its records", take)
    return DNS.ok("zone", f"{zone} can be made (whether another account has it, only making it tells)")


_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
