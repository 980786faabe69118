"""What Cloudflare does with requests for the zone. Imported only where it is used: it takes two seconds."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_cloudflare as cloudflare

from mastodon_infra.plan.cloudflare_types import CloudflarePlan, EdgeRule, PhaseRules, plain
from mastodon_infra.resources.keys import KeyPair


class CloudflareZone(pulumi.ComponentResource):
    """The rules and settings of a zone that is already there.

    Pulumi type: ``mastodon:cloudflare:CloudflareZone``

    A zone has one list of rules per phase: these own it whole, and a rule made by hand is taken away again. Settings
    stay at Cloudflare when they are deleted here.

    Creates: rules-<phase> - cloudflare.Ruleset - one per phase with rules; setting-<name> - cloudflare.ZoneSetting -
        one per setting; bots - cloudflare.BotManagement; tiered-cache - cloudflare.TieredCache; origin-pull -
        cloudflare.AuthenticatedOriginPullsCertificate and cloudflare.AuthenticatedOriginPullsSettings - where web
        traffic is proxied.
    Needs: the zone's id, the plan of rules and settings, the certificate that Cloudflare shows our machines.
    Gives: nothing.
    Replaced when: the zone changes; the certificate also when it is renewed.
    """

    def __init__(
        self,
        name: str,
        *,
        zone_id: pulumi.Output[str],
        plan: CloudflarePlan,
        pull: KeyPair | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mastodon:cloudflare:CloudflareZone", name, None, opts)
        self._zone_id, self._own = zone_id, pulumi.ResourceOptions(parent=self)
        for phase in plan.phases:
            self._rules(phase)
        for setting in plan.settings:
            cloudflare.ZoneSetting(
                f"setting-{setting.name.replace('_', '-')}",
                zone_id=zone_id,
                setting_id=setting.name,
                value=setting.value.value,
                opts=self._own,
            )
        cloudflare.BotManagement("bots", zone_id=zone_id, fight_mode=plan.fight_bots.value, opts=self._own)
        cached = "on" if plan.tiered_cache.value else "off"
        cloudflare.TieredCache("tiered-cache", zone_id=zone_id, value=cached, opts=self._own)
        if pull is not None:
            self._origin_pulls(pull)
        self.register_outputs({})

    def _rules(self, phase: PhaseRules) -> None:
        # In state: a second list for a phase is refused, so the name says the phase and nothing else.
        cloudflare.Ruleset(
            f"rules-{phase.name}",
            zone_id=self._zone_id,
            kind="zone",
            name=f"mastodon-infra {phase.name}",
            phase=phase.phase.value,
            rules=[_rule(rule) for rule in phase.rules],
            opts=self._own,
        )

    def _origin_pulls(self, pull: KeyPair) -> None:
        """The certificate first: without one Cloudflare would show the one that all its customers share."""
        certificate = cloudflare.AuthenticatedOriginPullsCertificate(
            "origin-pull",
            zone_id=self._zone_id,
            certificate=pull.public,
            private_key=pull.private,
            opts=self._own,
        )
        cloudflare.AuthenticatedOriginPullsSettings(
            "origin-pull",
            zone_id=self._zone_id,
            enabled=True,
            opts=pulumi.ResourceOptions.merge(self._own, pulumi.ResourceOptions(depends_on=[certificate])),
        )


def _rule(rule: EdgeRule) -> Any:
    """A rule as the provider takes it; what is empty is left out, for the API would not give it back."""
    told: dict[str, Any] = {
        "ref": rule.name,
        "expression": rule.expression,
        "action": rule.action,
        "description": rule.why,
        "enabled": True,
    }
    if rule.parameters:
        told["action_parameters"] = plain(rule.parameters)
    if rule.rate:
        told["ratelimit"] = plain(rule.rate)
    return told
