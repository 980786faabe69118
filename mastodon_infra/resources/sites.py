"""Where machines stand, and addresses that outlive them."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
import pulumi_linode as linode

from mastodon_infra.plan.affinity import PlacementGroupPlan, ReservedAddressPlan

ANTI_AFFINITY = "anti_affinity:local"


class Sites(pulumi.ComponentResource):
    """Placement groups, and reserved public addresses.

    Pulumi type: ``mastodon:sites:Sites``

    Creates: apart-<group>-<number> - linode.PlacementGroup - one per planned group; address-<node> -
        linode.ReservedIp - one per planned address.
    Needs: their plans, and the region.
    Gives: ``apart_ids`` and ``reserved`` addresses, by node.
    Replaced when: the region changes, which up refuses. An address that is given back is lost: nobody gets it again.
        So one that is no longer planned stays reserved at Linode, unless the stack is disposable: records that were
        set by hand still lead to it.
    """

    apart_ids: Mapping[str, pulumi.Output[int]]
    reserved: Mapping[str, pulumi.Output[str]]

    def __init__(
        self,
        name: str,
        *,
        apart: tuple[PlacementGroupPlan, ...],
        reserved: tuple[ReservedAddressPlan, ...],
        region: str,
        is_disposable: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:sites:Sites", name, None, opts)
        apart_ids: dict[str, pulumi.Output[int]] = {}
        for group in apart:
            made = linode.PlacementGroup(
                group.name,
                label=group.label,
                region=region,
                placement_group_type=ANTI_AFFINITY,
                placement_group_policy=group.policy.value,
                # A label is unique in the account.
                opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
            )
            apart_ids |= dict.fromkeys(group.members, made.id.apply(int))
        self.apart_ids = apart_ids
        # In state this logical name is an address that records set by hand point at.
        kept = pulumi.ResourceOptions(parent=self, retain_on_delete=not is_disposable)
        self.reserved = {one.node: linode.ReservedIp(one.name, region=region, opts=kept).address for one in reserved}
        self.register_outputs({})
