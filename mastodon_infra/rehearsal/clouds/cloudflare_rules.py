"""Cloudflare's rules: what each phase does with requests, with which parameters, and how it is told which ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mastodon_infra.rehearsal.kinds import ApiError, Call
from mastodon_infra.rehearsal.wire import is_known
from mastodon_infra.rehearsal.world import Values

_CHALLENGES = frozenset({"challenge", "js_challenge", "managed_challenge"})
ACTIONS: dict[str, frozenset[str]] = {
    "http_request_cache_settings": frozenset({"set_cache_settings"}),
    "http_request_dynamic_redirect": frozenset({"redirect"}),
    "http_config_settings": frozenset({"set_config"}),
    "http_request_origin": frozenset({"route"}),
    "http_request_transform": frozenset({"rewrite"}),
    "http_request_late_transform": frozenset({"rewrite"}),
    "http_response_headers_transform": frozenset({"rewrite"}),
    "http_request_firewall_custom": _CHALLENGES | {"block", "log", "skip"},
    "http_ratelimit": _CHALLENGES | {"block", "log"},
}
"""By phase."""

_PARAMETERS: dict[str, frozenset[str]] = {
    "set_cache_settings": frozenset({
        "additionalCacheablePorts", "browserTtl", "cache", "cacheKey", "cacheReserve", "edgeTtl",
        "originCacheControl", "originErrorPagePassthru", "originRangeRequests", "readTimeout", "respectStrongEtags",
        "serveStale", "stripEtags", "stripLastModified", "stripSetCookie", "vary",
    }),
    "redirect": frozenset({"fromList", "fromValue"}),
    "set_config": frozenset({
        "automaticHttpsRewrites", "autominify", "bic", "contentConverter", "disableApps", "disableRum",
        "disableZaraz", "emailObfuscation", "fonts", "hotlinkProtection", "mirage", "opportunisticEncryption",
        "polish", "redirectsForAiTraining", "requestBodyBuffering", "responseBodyBuffering", "rocketLoader",
        "securityLevel", "serverSideExcludes", "ssl", "sxg",
    }),
    "route": frozenset({"hostHeader", "origin", "sni"}),
    "rewrite": frozenset({"headers", "uri"}),
    "block": frozenset({"response"}),
    "skip": frozenset({"phases", "products", "rules", "ruleset", "rulesets"}),
}  # fmt: skip
"""By action. The names are the SDK's; which action each belongs to is our reading of what it says about them."""

_ALL_PARAMETERS: frozenset[str] = frozenset[str]().union(*_PARAMETERS.values())
_CHOICES = {
    "browserTtl.mode": ("respect_origin", "bypass_by_default", "override_origin", "bypass"),
    "edgeTtl.mode": ("respect_origin", "bypass_by_default", "override_origin"),
    "polish": ("off", "lossless", "lossy", "webp"),
    "securityLevel": ("off", "essentially_off", "low", "medium", "high", "under_attack"),
    "ssl": ("off", "flexible", "full", "strict", "origin_pull"),
}
"""Parameters of which the SDK documents every value."""

_TEXT = re.compile(r'\br(#*)".*?"\1|"(?:\\.|[^"\\])*"', re.DOTALL)
"""A text in an expression: a raw one, or one with backslashes before what would end it."""

_PAIRS = {")": "(", "]": "[", "}": "{"}


def rules_fit_the_phase(inputs: Values) -> str | None:
    """Each rule is whole, and does what its phase can do."""
    phase = inputs.get("phase")
    allowed = ACTIONS.get(phase or "", frozenset())
    for rule in inputs.get("rules") or ():
        if not rule.get("expression") or not rule.get("action"):
            return "rules: a rule needs action and expression"
        if isinstance(rule["action"], str) and allowed and rule["action"] not in allowed:
            return f"rules: {rule['action']} is no action of the phase {phase}"
        if phase == "http_ratelimit" and not rule.get("ratelimit"):
            return "rules: a rule of http_ratelimit needs ratelimit"
    return None


def refs_are_unique(inputs: Values) -> str | None:
    """Rules are told apart by their ``ref``."""
    refs = [rule["ref"] for rule in inputs.get("rules") or () if rule.get("ref")]
    return "rules: two rules have the same ref" if len(refs) != len(set(refs)) else None


def parameters_are_known(inputs: Values) -> str | None:
    """Names that there are for the actions of our phases, and values where the SDK documents them all."""
    for _, parameters in _parameters(inputs):
        if unknown := sorted(parameters.keys() - _ALL_PARAMETERS):
            return f"rules: unknown actionParameters {', '.join(unknown)}"
        for path, allowed in _CHOICES.items():
            value = _at(parameters, path)
            if value is not None and is_known(value) and value not in allowed:
                return f"rules: expected {path} to be one of {list(allowed)}, got {value!r}"
    return None


def parameters_belong_to_the_action(call: Call) -> None:
    """What the API says to one in the wrong place, nobody has seen."""
    for action, parameters in _parameters(call.inputs):
        if strange := sorted(parameters.keys() - _PARAMETERS.get(action, frozenset())):
            raise ApiError(f"{', '.join(strange)} are no parameters of the action {action}")


def expressions_can_be_read(call: Call) -> None:
    """Quotes and brackets pair, in what a rule matches and in what it computes."""
    for rule in call.get("rules") or ():
        target = _at(rule, "actionParameters.fromValue.targetUrl.expression")
        for expression in (rule["expression"], target):
            if expression is not None and not _is_balanced(expression):
                raise ApiError(f"filter parsing error: quotes or brackets do not pair in {expression}")


def _is_balanced(expression: str) -> bool:
    bare, opened = _TEXT.sub("", expression), []
    for letter in bare:
        if letter in _PAIRS.values():
            opened.append(letter)
        elif letter in _PAIRS and (not opened or opened.pop() != _PAIRS[letter]):
            return False
    return not opened and '"' not in bare


def _parameters(inputs: Values) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Action and parameters of each rule; in a preview either may not be known yet."""
    for rule in inputs.get("rules") or ():
        if isinstance(rule.get("actionParameters"), Mapping):
            yield rule.get("action", ""), rule["actionParameters"]


def _at(values: Any, path: str) -> Any:
    """What lies at a path of names, or None."""
    for name in path.split("."):
        values = values.get(name) if isinstance(values, Mapping) else None
    return values
