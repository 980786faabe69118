"""What Cloudflare's API says of the token and of the zone."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from mastodon_infra.operate.api import Api, UnreachableError
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.plan.types import InstancePlan

DNS = Group("dns")
EDIT_RECORDS = "#dns_records:edit"
"""What a zone's answer calls the right to edit records."""

READ_PROXIED = (
    ("Zone Settings", "/settings/min_tls_version"),
    ("rules (Config, Cache, Dynamic Redirect, Transform, WAF)", "/rulesets"),
    ("Bot Management", "/bot_management"),
    ("SSL and Certificates", "/origin_tls_client_auth"),
)
"""Rights that the plan of a proxied zone needs, and what can be read only with them. That they may edit, only ``up``
tells: asking would change something."""

RIGHTS = "Zone:Read, DNS:Edit"
RIGHTS_PROXIED = (
    f"{RIGHTS}, Zone Settings:Edit, Config Rules:Edit, Cache Rules:Edit, Dynamic Redirect:Edit, Transform Rules:Edit, "
    "Zone WAF:Edit, SSL and Certificates:Edit, Bot Management:Edit"
)
WHERE_TOKENS_ARE = "dash.cloudflare.com, My Profile, API Tokens; then: pulumi config set --secret cloudflare:apiToken"


def cloudflare_checks(plan: InstancePlan, api: Api) -> Iterator[Check]:
    """The token, the zone, and what the token may do with it."""
    rights = RIGHTS_PROXIED if plan.cloudflare else RIGHTS
    if not api.token:
        remedy = f"make one with {rights}: {WHERE_TOKENS_ARE}, or set CLOUDFLARE_API_TOKEN"
        yield DNS.failed("token", "there is no token for Cloudflare", remedy)
        yield DNS.skipped("zone", "needs the token")
        return
    try:
        zones = api.get("/zones", query={"name": plan.dns.zone})
        if not zones.is_fine:
            remedy = f"make one with {rights}: {WHERE_TOKENS_ARE}"
            yield DNS.failed("token", f"Cloudflare refuses it: {zones.said()}", remedy)
            yield DNS.skipped("zone", "needs a token that works")
            return
        yield _token(api)
        found = [zone for zone in zones.data().get("result") or () if zone.get("name") == plan.dns.zone]
        if not found:
            remedy = "add the site at dash.cloudflare.com, or let the token see it (Zone Resources)"
            yield DNS.failed("zone", f"the token sees no zone {plan.dns.zone}", remedy)
            return
        yield _zone(plan, found[0])
        yield from _rights(plan, api, found[0], rights)
    except UnreachableError as error:
        yield DNS.failed("API", f"{api.url} does not answer: {error}", "look at the network")


def _token(api: Api) -> Check:
    """The token's own word; one that belongs to an account and not to a person is not known at this address."""
    answer = api.get("/user/tokens/verify")
    status = (answer.data().get("result") or {}).get("status")
    if answer.is_fine and status != "active":
        return DNS.failed("token", f"it is {status or 'of unknown standing'}", WHERE_TOKENS_ARE)
    whose = "" if answer.is_fine else ", and belongs to an account"
    return DNS.ok("token", f"it works{whose}")


def _zone(plan: InstancePlan, zone: dict[str, Any]) -> Check:
    """An active zone. Records may be made before that, so that an instance can move in; a proxy does nothing yet."""
    status, servers = zone.get("status"), ", ".join(zone.get("name_servers") or ())
    if status == "active":
        if zone.get("paused"):
            return DNS.warn("zone", f"{plan.dns.zone} is paused: nothing is proxied", "dash.cloudflare.com, Overview")
        return DNS.ok("zone", f"{plan.dns.zone} is active")
    seen, remedy = (
        f"{plan.dns.zone} is {status}",
        f"at its registrar, set the name servers to {servers or 'Cloudflare'}",
    )
    return DNS.failed("zone", seen, remedy) if plan.cloudflare else DNS.warn("zone", seen, remedy)


def _rights(plan: InstancePlan, api: Api, zone: dict[str, Any], rights: str) -> Iterator[Check]:
    wanted = (("DNS", "/dns_records"), *(READ_PROXIED if plan.cloudflare else ()))
    answers = [(name, api.get(f"/zones/{zone.get('id')}{path}")) for name, path in wanted]
    refused = [name for name, answer in answers if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}]
    told = zone.get("permissions") or []
    if not refused and told and EDIT_RECORDS not in told:
        refused = ["DNS:Edit"]
    if refused:
        yield DNS.failed("token's rights", f"it may not: {', '.join(refused)}", f"give it {rights}: {WHERE_TOKENS_ARE}")
    else:
        yield DNS.ok("token's rights", "it may read all that the plan changes")
