"""The plan of a whole instance: every decision, in the order in which they depend on each other."""

from __future__ import annotations

from mastodon_infra.catalog.regions import region
from mastodon_infra.catalog.rows import Region
from mastodon_infra.errors import SpecError
from mastodon_infra.model import laws
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Role
from mastodon_infra.plan import edge, feasibility, services
from mastodon_infra.plan.advice import notes_on
from mastodon_infra.plan.affinity import plan_placement_groups, plan_reserved_addresses
from mastodon_infra.plan.alerts import alert_groups
from mastodon_infra.plan.capacity import Built, capacity_of
from mastodon_infra.plan.cloudflare import notes_on_zone, plan_cloudflare
from mastodon_infra.plan.frame import Frame, frame_of, tuned_postgres
from mastodon_infra.plan.network import plan_network, plan_openings
from mastodon_infra.plan.nodes import database_memory_mib, plan_node
from mastodon_infra.plan.types import InstancePlan, NodePlan, VolumePlan


def plan_instance(spec: InstanceSpec) -> InstancePlan:
    """Decide everything about an instance.

    Raises SpecError when the spec breaks a law, and PlanError when no plan fits: by how much, and what would.
    """
    place = _checked(spec)
    frame = frame_of(spec)
    volumes = _volumes(frame)
    nodes = _nodes(frame, volumes)
    network = plan_network(spec, region=place, slug=frame.slug, nodes=nodes)
    balancer = services.plan_balancer(spec, slug=frame.slug, web_nodes=frame.web_nodes, demand=frame.sizing.demand)
    tls = edge.plan_tls(spec, leader=frame.leader, web_nodes=frame.web_nodes)
    firewall, listeners = plan_openings(
        frame, nodes=nodes, network=network, balancer=balancer, shares_certificate=tls.shares
    )
    mail = edge.plan_mail(spec)
    media = edge.plan_media(
        spec,
        slug=frame.slug,
        region=feasibility.media_region(spec) or "",
        media_gb_day=frame.sizing.demand.media_gb_day,
    )
    web_targets = balancer.names if balancer else (frame.leader,)
    capacity = capacity_of(
        Built(frame.groups, nodes, frame.sizing.units, frame.sizing.redis, volumes, balancer, media, mail,
              database_memory_mib(frame.database_site))
    )  # fmt: skip
    database_volume_gib = next((one.size.value for one in volumes if one.name == "data-postgres"), 0)
    backups = services.plan_backups(
        spec,
        slug=frame.slug,
        region=feasibility.backup_region(spec) or "",
        demand=frame.sizing.demand,
        volume_gib=database_volume_gib,
        vcpus=next(node.machine.vcpus for node in nodes if Role.POSTGRES in node.roles),
    )
    postgres = tuned_postgres(frame, database_volume_gib)
    watched = alert_groups(
        spec,
        nodes=nodes,
        volumes=volumes,
        backups=backups,
        data_gib=frame.sizing.demand.database_gib.value,
        units=frame.sizing.units,
        postgres=postgres,
        redis=frame.sizing.redis,
    )
    cloudflare = plan_cloudflare(spec, names=tls.names)
    return InstancePlan(
        spec=spec,
        slug=frame.slug,
        region=place,
        tier=frame.sizing.tier,
        demand=frame.sizing.demand,
        groups=frame.groups,
        nodes=nodes,
        leader=frame.leader,
        jump=frame.first_node(Role.MONITORING),
        network=network,
        firewall=firewall,
        listeners=listeners,
        volumes=volumes,
        balancer=balancer,
        apart=plan_placement_groups(region=place, slug=frame.slug, groups=_members(frame, nodes)),
        reserved=plan_reserved_addresses(spec, front_node=None if balancer else frame.leader),
        tls=tls,
        dns=edge.plan_dns(spec, tls=tls, mail=mail, media=media, web_targets=web_targets),
        cloudflare=cloudflare,
        media=media,
        backups=backups,
        mail=mail,
        monitoring=services.plan_monitoring(spec, nodes=nodes, listeners=listeners, groups=watched, media=media),
        mastodon=services.plan_mastodon(spec, media_days=media.remote_retention_days),
        sidekiq=frame.sizing.units,
        pooler=frame.pooler,
        connections=frame.connections,
        postgres=postgres,
        redis=frame.sizing.redis,
        capacity=capacity,
        notes=(
            *notes_on(
                spec,
                groups=frame.groups,
                nodes=nodes,
                units=frame.sizing.units,
                network=network,
                media=media,
                capacity=capacity,
            ),
            *notes_on_zone(spec, cloudflare),
        ),
    )


def _checked(spec: InstanceSpec) -> Region:
    """The region's row, once the spec keeps every law."""
    broken = (*laws.problems(spec), *feasibility.problems(spec))
    row = region(spec.region)
    if broken or row is None:
        raise SpecError(broken)
    return row


def _volumes(frame: Frame) -> tuple[VolumePlan, ...]:
    return services.plan_volumes(
        frame.spec,
        slug=frame.slug,
        sizes=services.volume_sizes(frame.spec, demand=frame.sizing.demand, redis=frame.sizing.redis),
        holders={role: frame.first_node(role) for role in (Role.POSTGRES, Role.REDIS)},
    )


def _nodes(frame: Frame, volumes: tuple[VolumePlan, ...]) -> tuple[NodePlan, ...]:
    poolers = {pooler.node: pooler for pooler in frame.poolers}
    held: dict[str, tuple[str, ...]] = {}
    for volume in volumes:
        held[volume.node] = (*held.get(volume.node, ()), volume.name)
    return tuple(
        plan_node(
            frame.sizing,
            site,
            slug=frame.slug,
            leader=frame.leader,
            volumes=held.get(site.name, ()),
            pgbouncer=poolers.get(site.name),
            web_nodes=len(frame.web_nodes),
        )
        for site in frame.sites
    )


def _members(frame: Frame, nodes: tuple[NodePlan, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((group.name, tuple(node.name for node in nodes if node.group == group.name)) for group in frame.groups)
