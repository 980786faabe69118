"""Specs for the tests of the plan: a small one to start from, and every kind of one for the laws."""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st

from mastodon_infra.catalog.limits import BUCKET_NAME
from mastodon_infra.catalog.machine_types import MACHINE_TYPES
from mastodon_infra.catalog.regions import REGIONS
from mastodon_infra.catalog.rows import Capability, MachineFamily, Region
from mastodon_infra.catalog.storage import nearest_region
from mastodon_infra.catalog.tiers import TIER_GROUPS
from mastodon_infra.errors import PlanError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import REQUIRED_ROLES, SINGLE_ROLES, Queue, Role
from mastodon_infra.model.tier import LARGEST_MAU, Tier, tier_for
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGBRzNtFJ6eTCPAzvjRIaPQrDCJCXZvfdIWFcdyCzJ9L demo"

PHASES = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]

LAW = settings(max_examples=30, phases=PHASES)
"""How often a law about one plan is tried."""

LAW_OF_TWO = settings(max_examples=20, phases=PHASES)
"""How often a law that compares plans is tried."""

Said = dict[str, Any]
"""A stack file's words."""


def said(**more: Any) -> Said:
    """The smallest file: Melbourne, which has a VPC and object storage, and no mail."""
    return {
        "domain": "social.example",
        "region": "au-mel",
        "owner": {"username": "admin", "email": "admin@social.example"},
        "administrators": [{"name": "alice", "ssh_keys": [KEY]}],
        "mail": "none",
    } | more


def spec_of(**more: Any) -> InstanceSpec:
    """The smallest spec and what is said beyond it."""
    return InstanceSpec.model_validate(said(**more))


def plan_of(**more: Any) -> InstancePlan:
    """The plan of the smallest spec and what is said beyond it."""
    return plan_instance(spec_of(**more))


def plan_for(users: int, **more: Any) -> InstancePlan:
    """The plan for so many people."""
    return plan_of(expected_monthly_active_users=users, **more)


# --- Parts of a file ------------------------------------------------------------------------------------------------

USERS = st.one_of(
    st.integers(1, LARGEST_MAU),
    st.integers(1, 3_000),
    st.sampled_from([edge + step for tier in Tier for edge in (tier.monthly_active_users,) for step in (-1, 0, 1)]),
    st.just(LARGEST_MAU),
)

REGION_ROWS = {row.name: row for row in REGIONS}

DOMAINS = st.sampled_from(
    [
        "social.example",
        "xn--bcher-kva.example",
        "a.example",
        "social.town.region.example",
        "the-very-longest-community-name-that-we-know.social.example",
    ]
)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    """Any region; Melbourne, Sydney and Newark, which differ most, more often than the others."""
    often = st.sampled_from(["au-mel", "ap-southeast", "us-east"])
    return REGION_ROWS[draw(st.one_of(often, st.sampled_from(sorted(REGION_ROWS))))]


@st.composite
def storages(draw: st.DrawFn, region: Region) -> Said:
    """A media bucket that can be had from that region, and where backups go."""
    provider = draw(st.sampled_from(["linode", "wasabi", "aws"]))
    storage: Said = {"provider": provider}
    if provider == "linode" and not region.can(Capability.OBJECT_STORAGE):
        storage["region"] = nearest_region("linode", region.name)
    backups: Said = {"retention_days": draw(st.sampled_from([1, 14, 365]))}
    if draw(st.booleans()):
        backups["provider"] = draw(st.sampled_from(["wasabi", "aws"]))
    return {"storage": storage, "backups": backups}


@st.composite
def edges(draw: st.DrawFn, domain: str) -> Said:
    """DNS, proxy, media front, and names of their own."""
    edge: Said = draw(
        st.sampled_from(
            [
                {},
                {"dns": "manual"},
                {"dns": "cloudflare"},
                {"dns": "cloudflare", "media": "cloudflare"},
                {"dns": "cloudflare", "proxied": True},
                {"dns": "cloudflare", "proxied": True, "media": "cloudflare"},
            ]
        )
    )
    edge = dict(edge)
    words: Said = {}
    if draw(st.booleans()):
        words["web_domain"] = f"www.{domain}"
        edge["serve_local_domain"] = draw(st.booleans())
    if draw(st.booleans()):
        edge["streaming_domain"] = f"streaming.{domain}"
    if draw(st.booleans()):
        edge["media_domain"] = f"media.{domain}"
    if domain.count(".") > 1 and draw(st.booleans()):
        edge["zone"] = domain.partition(".")[2]
    if draw(st.booleans()):
        words["mastodon"] = {
            "alternate_domains": draw(st.sampled_from([[], ["other.example"], [f"m.{domain}", "other.example"]])),
            "remote_media_retention_days": draw(st.sampled_from([1, 14, 365])),
        }
    host = edge.get("media_domain") or f"files.{words.get('web_domain', domain)}"
    if edge.get("media") == "cloudflare" and len(host) > BUCKET_NAME.value:
        # Cloudflare finds the bucket by its host's name, which must not be longer than a bucket's.
        edge["media"] = "nginx"
    return words | {"edge": edge}


@st.composite
def mails(draw: st.DrawFn, domain: str) -> str | Said:
    """Every way to send mail, or none."""
    kind = draw(st.sampled_from(["none", "ses", "smtp"]))
    if kind == "none":
        return kind
    mail: Said = {"provider": kind}
    if draw(st.booleans()):
        mail["from_address"] = f"hello@{draw(st.sampled_from(['', 'mail.']))}{domain}"
    if kind == "ses":
        return mail | {"region": draw(st.sampled_from(["ap-southeast-2", "us-east-1"]))}
    if draw(st.booleans()):
        mail["spf_include"] = "spf.relay.example"
    if draw(st.booleans()):
        mail["dkim"] = {f"{name}._domainkey.{domain}": f"{name}.dkim.relay.example" for name in ("s1", "s2")}
    return mail | {"host": "smtp.relay.example", "username": "social", "port": draw(st.sampled_from([2525, 2587]))}


@st.composite
def unit_maps(draw: st.DrawFn, groups: list[str]) -> Said:
    """Sidekiq units that cover all seven queues and have one scheduler."""
    names = ["scheduler", "a", "a-1", "the-unit-of-24-letters-x"][: draw(st.integers(1, 4))]
    queues: dict[str, list[str]] = {name: [] for name in names}
    for queue in Queue:
        homes = (
            [names[0]] if queue is Queue.SCHEDULER else draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
        )
        for home in homes:
            queues[home].append(queue.value)
    units: Said = {}
    for name, listed in queues.items():
        if not listed:
            continue
        weighted = draw(st.booleans())
        unit: Said = {"queues": {one: draw(st.integers(1, 9)) for one in listed} if weighted else listed}
        unit["concurrency"] = draw(st.sampled_from([1, 5, 10, 25, 50]))
        unit["processes"] = 1 if "scheduler" in listed else draw(st.integers(1, 8))
        if draw(st.booleans()):
            unit["group"] = draw(st.sampled_from(groups))
        units[name] = unit
    return units


def _machines(region: Region) -> st.SearchStrategy[str]:
    return st.sampled_from(
        [row.name for row in MACHINE_TYPES if row.family is not MachineFamily.PREMIUM or region.can(Capability.PREMIUM)]
    )


GROUP_NAMES = ["web", "app", "web-1", "db", "store", "watcher", "workers", "live", "the-name-with-24-letters"]


@st.composite
def placements(draw: st.DrawFn, region: Region) -> Said:
    """Groups with roles of their own: every role somewhere, the single ones once."""
    names = draw(st.permutations(GROUP_NAMES))
    single = [role.value for role in Role if role in SINGLE_ROLES]
    apart = draw(st.lists(st.integers(0, 2), min_size=3, max_size=3))
    roles: dict[str, list[str]] = {}
    for role, home in zip(single, apart, strict=True):
        roles.setdefault(names[home], []).append(role)
    app = [["web"], ["web", "streaming"], ["web", "streaming", "sidekiq"], ["sidekiq"], ["streaming"]]
    for name, chosen in zip(names[3:], draw(st.lists(st.sampled_from(app), max_size=4)), strict=False):
        roles[name] = list(chosen)
    held = {role for chosen in roles.values() for role in chosen}
    for role in (role for role in Role if role in REQUIRED_ROLES):
        if role.value not in held:
            roles[draw(st.sampled_from(sorted(roles)))].append(role.value)
    nodes: Said = {}
    blocks: dict[Role, list[int]] = {}
    for name in draw(st.permutations(sorted(roles))):
        group: Said = {"roles": draw(st.permutations(roles[name]))}
        first = next(role for role in Role if role.value in roles[name])
        if first not in blocks:
            blocks[first] = [0, *draw(st.permutations(range(1, 16)))]
        if block := blocks[first].pop(0):
            group["address_block"] = block
        is_single = bool(SINGLE_ROLES & {Role(role) for role in roles[name]})
        if draw(st.booleans()):
            group["count"] = 1 if is_single else draw(st.integers(1, 5))
        if draw(st.integers(0, 3)) == 0:
            group["machine_type"] = draw(_machines(region))
        nodes[name] = group
    return nodes


@st.composite
def adjustments(draw: st.DrawFn, tier: Tier, region: Region) -> Said:
    """Counts and machine types for the tier's own groups."""
    nodes: Said = {}
    for preset in TIER_GROUPS[tier]:
        if draw(st.integers(0, 2)):
            continue
        group: Said = {}
        if not SINGLE_ROLES & set(preset.roles):
            group["count"] = draw(st.integers(1, 12))
        if draw(st.booleans()):
            group["machine_type"] = draw(_machines(region))
        if group:
            nodes[preset.name] = group
    return nodes


# --- Whole files ----------------------------------------------------------------------------------------------------


@st.composite
def untouched(draw: st.DrawFn) -> Said:
    """A file that says how large and where, with any mail, storage and edge, but leaves every size to the plan."""
    region = draw(regions())
    domain = draw(DOMAINS)
    words = said(domain=domain, region=region.name, mail=draw(mails(domain)))
    words |= draw(storages(region)) | draw(edges(domain))
    if region.can(Capability.VPC) and draw(st.booleans()):
        words["network"] = {"mode": "vlan"}
    if draw(st.booleans()):
        words["private_network"] = draw(st.sampled_from(["10.80.0.0/16", "10.96.0.0/16"]))
    if draw(st.integers(0, 4)) == 0:
        return words | {"size": draw(st.sampled_from([tier.value for tier in Tier]))}
    return words | {"expected_monthly_active_users": draw(USERS)}


def users_of(words: Said) -> int:
    """How many people a file asks for."""
    users = words.get("expected_monthly_active_users")
    return users if isinstance(users, int) else Tier(words["size"]).monthly_active_users


@st.composite
def anything(draw: st.DrawFn) -> Said:
    """Any valid file: a tier's shape, adjusted or not, or a placement of its own, and every other override."""
    words = draw(untouched())
    region = REGION_ROWS[words["region"]]
    kind = draw(st.sampled_from(["tier", "adjusted", "own", "own"]))
    tier = Tier(words["size"]) if "size" in words else tier_for(users_of(words))
    workers = [preset.name for preset in TIER_GROUPS[tier] if Role.SIDEKIQ in preset.roles]
    if kind == "adjusted":
        words["nodes"] = draw(adjustments(tier, region))
    elif kind == "own":
        words["nodes"] = draw(placements(region))
        workers = [name for name, group in words["nodes"].items() if "sidekiq" in group["roles"]]
    if draw(st.integers(0, 2)) == 0:
        words["sidekiq"] = {"units": draw(unit_maps(workers))}
    if draw(st.integers(0, 3)) == 0:
        words["web"] = {"workers": draw(st.integers(1, 12)), "threads": draw(st.integers(1, 10))}
    if draw(st.integers(0, 3)) == 0:
        words["streaming"] = {"processes": draw(st.integers(1, 4))}
    if draw(st.booleans()):
        words["postgres"] = {"pooler": draw(st.sampled_from(["none", "database-node", "app-nodes"]))}
    if draw(st.integers(0, 3)) == 0:
        words["disposable"] = True
        words["postgres"] = words.get("postgres", {}) | {"volume_gib": draw(st.sampled_from([0, 1000]))}
        words["redis"] = {"volume_gib": draw(st.sampled_from([0, 10, 40]))}
    return words


class Case:
    """A file and its plan; a failing law shows the file only."""

    def __init__(self, words: Said, plan: InstancePlan) -> None:
        self.words = words
        self.plan = plan

    def __repr__(self) -> str:
        return repr(self.words)


def plans() -> st.SearchStrategy[Case]:
    """Any valid file for which a plan fits, with the plan."""
    return anything().map(_case).filter(lambda case: case is not None).map(_sure)


def untouched_plans() -> st.SearchStrategy[Case]:
    """A file that overrides no size, with its plan: there must be one."""
    return untouched().map(lambda words: Case(words, plan_instance(InstanceSpec.model_validate(words))))


def _case(words: Said) -> Case | None:
    try:
        return Case(words, plan_instance(InstanceSpec.model_validate(words)))
    except PlanError:
        return None


def _sure(case: Case | None) -> Case:
    assert case is not None
    return case
