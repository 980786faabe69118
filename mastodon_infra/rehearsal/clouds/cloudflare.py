"""Cloudflare: records, one ruleset per phase, settings, and certificates between its edge and the origin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from mastodon_infra.rehearsal.clouds.cloudflare_keys import keep_pull_key, origin_authority, pull_key
from mastodon_infra.rehearsal.clouds.cloudflare_rules import (
    ACTIONS,
    expressions_can_be_read,
    parameters_are_known,
    parameters_belong_to_the_action,
    refs_are_unique,
    rules_fit_the_phase,
)
from mastodon_infra.rehearsal.clouds.cloudflare_settings import setting_is_known, value_is_known
from mastodon_infra.rehearsal.clouds.records import fits_type
from mastodon_infra.rehearsal.kinds import EVERYTHING, ApiError, Call, Kind, between, known, one_of
from mastodon_infra.rehearsal.provider import Cloud
from mastodon_infra.rehearsal.world import Values, World

ZONE = "cloudflare:index/zone:Zone"
"""Zones are there before the program: whoever rehearses puts them into the world."""
RECORD, SETTING = "cloudflare:index/dnsRecord:DnsRecord", "cloudflare:index/zoneSetting:ZoneSetting"
RULESET = "cloudflare:index/ruleset:Ruleset"
PULL_SETTINGS = "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings"

AUTOMATIC_TTL, LEAST_TTL, MOST_TTL = 1, 30, 86400
RECORD_TYPES = ("A", "AAAA", "CAA", "CNAME", "HTTPS", "MX", "NS", "PTR", "SRV", "SVCB", "TLSA", "TXT")
PROXIABLE = frozenset({"A", "AAAA", "CNAME"})
VALIDITIES = (7, 30, 90, 365, 730, 1095, 5475)
_KEYS: dict[str, type] = {"origin-ecc": ec.EllipticCurvePublicKey, "origin-rsa": rsa.RSAPublicKey}


def _identity(call: Call) -> str:
    return f"{call.number:032x}"


def _zone_is_there(call: Call) -> None:
    call.needs(ZONE, call.inputs["zoneId"], "zone")


# --- Records --------------------------------------------------------------------------------------------------------


def _ttl(inputs: Values) -> str | None:
    ttl = inputs.get("ttl")
    if not isinstance(ttl, int):
        return None
    if inputs.get("proxied") and ttl != AUTOMATIC_TTL:
        return f"ttl: a proxied record needs {AUTOMATIC_TTL} (automatic), has {ttl}"
    if ttl != AUTOMATIC_TTL and not LEAST_TTL <= ttl <= MOST_TTL:
        return f"ttl: {ttl} is neither {AUTOMATIC_TTL} nor {LEAST_TTL} to {MOST_TTL}"
    return None


def _content_or_data(inputs: Values) -> str | None:
    if (inputs.get("content") is None) == (inputs.get("data") is None):
        return "exactly one of content and data is required"
    return None


def _can_be_proxied(inputs: Values) -> str | None:
    if inputs.get("proxied") and inputs.get("type") not in PROXIABLE:
        return f"proxied: a record of type {inputs.get('type')} cannot be"
    return None


def _priority_where_needed(inputs: Values) -> str | None:
    return "priority: required for MX" if inputs.get("type") == "MX" and inputs.get("priority") is None else None


def _record_is_in_zone(call: Call) -> None:
    zone = call.needs(ZONE, call.inputs["zoneId"], "zone").inputs["name"]
    if call.inputs["name"] != zone and not call.inputs["name"].endswith(f".{zone}"):
        raise ApiError(f"{call.inputs['name']} is not in the zone {zone}")


def _record_is_alone(call: Call) -> None:
    for other in call.others():
        if any(other.inputs[name] != call.inputs[name] for name in ("zoneId", "name")):
            continue
        if "CNAME" in {other.inputs["type"], call.inputs["type"]}:
            raise ApiError(f"{call.inputs['name']} has another record: a CNAME stands alone")
        if all(other.inputs.get(name) == call.get(name) for name in ("type", "content", "data")):
            raise ApiError("an identical record already exists")


# --- Rulesets -------------------------------------------------------------------------------------------------------


def _phase_is_free(call: Call) -> None:
    for other in call.others():
        if all(other.inputs.get(name) == call.get(name) for name in ("zoneId", "accountId", "phase")):
            raise ApiError(f"a similar configuration with rules already exists in the phase {call.get('phase')}")


# --- Settings and certificates --------------------------------------------------------------------------------------


def _request(value: Any) -> str | None:
    try:
        return None if x509.load_pem_x509_csr(value.encode()).is_signature_valid else "is not signed by its own key"
    except (ValueError, InvalidSignature):
        return "is no certificate request in PEM"


def _key_fits_type(inputs: Values) -> str | None:
    try:
        key = x509.load_pem_x509_csr(inputs["csr"].encode()).public_key()
    except (KeyError, ValueError, AttributeError):
        return None  # said elsewhere, or not known yet
    wanted = _KEYS.get(inputs.get("requestType") or "", object)
    return None if isinstance(key, wanted) else f"requestType: {inputs.get('requestType')} does not fit the key"


def _hosts_are_in_zones(call: Call) -> None:
    zones = [zone.inputs["name"] for zone in call.world.all(ZONE)]
    for host in call.get("hostnames") or ():
        name = host.removeprefix("*.")
        if not any(name == zone or name.endswith(f".{zone}") for zone in zones):
            raise ApiError(f"{host} is in no zone of this account")


def _signed(call: Call) -> Values:
    """By the authority of Cloudflare's own that its proxies trust."""
    request = x509.load_pem_x509_csr(call.inputs["csr"].encode())
    authority, begin = origin_authority(call.world), datetime.now(UTC).replace(microsecond=0)
    end = begin + timedelta(days=call.get("requestedValidity") or max(VALIDITIES))
    made = (
        x509.CertificateBuilder()
        .subject_name(request.subject)
        .issuer_name(authority.certificate.subject)
        .public_key(request.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in call.inputs["hostnames"]]), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    return {"certificate": made.public_bytes(serialization.Encoding.PEM).decode(), "expiresOn": end.isoformat()}


def _key_fits_certificate(inputs: Values) -> str | None:
    try:
        certificate = x509.load_pem_x509_certificate(inputs["certificate"].encode())
        key = serialization.load_pem_private_key(inputs["privateKey"].encode(), password=None)
    except KeyError:
        return None
    except ValueError:
        # Not known yet in a preview looks like this as well, so only what begins like PEM is judged.
        begins = all(str(inputs[name]).startswith("-----BEGIN") for name in ("certificate", "privateKey"))
        return "certificate and privateKey have to be PEM" if begins else None
    return None if certificate.public_key() == key.public_key() else "privateKey does not belong to certificate"


def _certificate_is_there(call: Call) -> None:
    uploaded = {thing.id for token in (PULL_CERTIFICATE, _HOST_CERTIFICATE) for thing in call.world.all(token)}
    for config in call.get("configs") or ():
        if config.get("certId") not in uploaded:
            raise ApiError(f"certificate {config.get('certId')} not found", status=404)


def _zone(world: World, arguments: Values) -> Values:
    wanted = arguments.get("zoneId"), (arguments.get("filter") or {}).get("name")
    for zone in world.all(ZONE):
        if zone.id == wanted[0] or zone.inputs["name"] == wanted[1]:
            return {"id": zone.id, "zoneId": zone.id, "name": zone.inputs["name"], "status": "active"}
    raise ApiError(f"no zone {wanted[1] or wanted[0]} in this account", status=404)


PULL_CERTIFICATE = "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate"
_HOST_CERTIFICATE = (
    "cloudflare:index/authenticatedOriginPullsHostnameCertificate:AuthenticatedOriginPullsHostnameCertificate"
)


def _uploaded(call: Call) -> Values:
    """The key is kept where nobody asks: the proxies of a rehearsal show the certificate to machines."""
    keep_pull_key(call.world, _identity(call), call.inputs["privateKey"])
    return {"certificateId": _identity(call), "status": "active"}


def _certificate_kind(token: str) -> Kind:
    return Kind(
        token=token,
        required=("zoneId", "certificate", "privateKey"),
        checks=(_key_fits_certificate,),
        rules=(_zone_is_there,),
        replace_on=EVERYTHING,
        write_only=frozenset({"privateKey"}),
        computed=_uploaded,
        identity=_identity,
        on_delete=lambda world, thing, _: pull_key(world, thing.id).unlink(missing_ok=True),
    )


CLOUDFLARE = Cloud(
    "cloudflare",
    (
        Kind(
            token=RECORD,
            required=("zoneId", "name", "type", "ttl"),
            checks=(
                one_of("type", *RECORD_TYPES),
                between("priority", 0, 65535),
                _ttl,
                _content_or_data,
                _can_be_proxied,
                _priority_where_needed,
                fits_type("type", "content"),
            ),
            rules=(_record_is_in_zone, _record_is_alone),
            replace_on=frozenset({"zoneId", "type"}),
            computed=lambda call: {"proxiable": call.inputs["type"] in PROXIABLE},
            identity=_identity,
        ),
        Kind(
            token=RULESET,
            required=("kind", "name", "phase"),
            checks=(
                one_of("kind", "custom", "managed", "root", "zone"),
                one_of("phase", *ACTIONS),
                rules_fit_the_phase,
                refs_are_unique,
                parameters_are_known,
            ),
            rules=(_zone_is_there, _phase_is_free, expressions_can_be_read),
            unsure=(parameters_belong_to_the_action,),
            replace_on=frozenset({"zoneId", "accountId", "kind", "name", "phase"}),
            identity=_identity,
        ),
        Kind(
            token=SETTING,
            required=("zoneId", "settingId", "value"),
            rules=(_zone_is_there, setting_is_known, value_is_known),
            replace_on=frozenset({"zoneId", "settingId"}),
            identity=lambda call: f"{call.inputs['zoneId']}/{call.inputs['settingId']}",
            stays=True,
        ),
        Kind(
            token="cloudflare:index/botManagement:BotManagement",  # noqa: S106  # a type's name
            required=("zoneId",),
            rules=(_zone_is_there,),
            replace_on=frozenset({"zoneId"}),
            identity=lambda call: str(call.inputs["zoneId"]),
            stays=True,
        ),
        Kind(
            token="cloudflare:index/tieredCache:TieredCache",  # noqa: S106  # a type's name
            required=("zoneId", "value"),
            checks=(one_of("value", "on", "off"),),
            rules=(_zone_is_there,),
            replace_on=frozenset({"zoneId"}),
            identity=lambda call: str(call.inputs["zoneId"]),
        ),
        Kind(
            token="cloudflare:index/originCaCertificate:OriginCaCertificate",  # noqa: S106  # a type's name
            required=("csr", "hostnames", "requestType"),
            checks=(
                known(_request, "csr"),
                one_of("requestType", "origin-rsa", "origin-ecc", "keyless-certificate"),
                one_of("requestedValidity", *VALIDITIES),
                _key_fits_type,
            ),
            rules=(_hosts_are_in_zones,),
            replace_on=EVERYTHING,
            computed=_signed,
            identity=_identity,
        ),
        _certificate_kind(PULL_CERTIFICATE),
        _certificate_kind(_HOST_CERTIFICATE),
        Kind(
            token=PULL_SETTINGS,
            required=("zoneId", "enabled"),
            rules=(_zone_is_there,),
            replace_on=frozenset({"zoneId"}),
            identity=lambda call: str(call.inputs["zoneId"]),
            stays=True,
        ),
        Kind(
            token="cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls",  # noqa: S106  # a type's name
            required=("zoneId", "configs"),
            rules=(_zone_is_there, _certificate_is_there),
            replace_on=frozenset({"zoneId"}),
            identity=lambda call: str(call.inputs["zoneId"]),
        ),
    ),
    invokes={"cloudflare:index/getZone:getZone": _zone},
    credentials={"apiToken": "CLOUDFLARE_API_TOKEN"},
)
