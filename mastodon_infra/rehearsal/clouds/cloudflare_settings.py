"""The settings of a zone at Cloudflare, and the values that each takes: the table in the SDK's documentation."""

from __future__ import annotations

from typing import Any

from mastodon_infra.rehearsal.kinds import ApiError, Call

_SWITCHES = frozenset({
    "0rtt", "advanced_ddos", "always_online", "always_use_https", "automatic_https_rewrites", "brotli",
    "browser_check", "content_converter", "development_mode", "early_hints", "email_obfuscation",
    "hotlink_protection", "http2", "http3", "ip_geolocation", "ipv6", "mirage", "opportunistic_encryption",
    "opportunistic_onion", "orange_to_orange", "origin_error_page_pass_thru", "pre_render", "prefetch_preload",
    "privacy_pass", "redirects_for_ai_training", "replace_insecure_js", "response_buffering", "rocket_loader",
    "search_for_agents", "server_side_exclude", "sha1_support", "sort_query_string_for_cache", "tls_1_2_only",
    "tls_client_auth", "true_client_ip_header", "waf", "webmcp_enabled", "webp", "websockets",
})  # fmt: skip
_CHOICES: dict[str, tuple[str, ...]] = {
    "cache_level": ("aggressive", "basic", "simplified"),
    "cname_flattening": ("flatten_at_root", "flatten_all"),
    "h2_prioritization": ("on", "off", "custom"),
    "image_resizing": ("on", "off", "open"),
    "min_tls_version": ("1.0", "1.1", "1.2", "1.3"),
    "origin_max_http_version": ("2", "1"),
    "polish": ("off", "lossless", "lossy"),
    "pseudo_ipv4": ("off", "add_header", "overwrite_header"),
    "security_level": ("off", "essentially_off", "low", "medium", "high", "under_attack"),
    "ssl": ("off", "flexible", "full", "strict"),
    "tls_1_3": ("on", "off", "zrt"),
    "transformations": ("on", "off", "open"),
} | dict.fromkeys(_SWITCHES, ("on", "off"))
_TYPES: dict[str, type] = {
    "aegis": dict,
    "automatic_platform_optimization": dict,
    "browser_cache_ttl": int,
    "challenge_ttl": int,
    "ciphers": list,
    "edge_cache_ttl": int,
    "max_upload": int,
    "nel": dict,
    "origin_h2_max_streams": int,
    "proxy_read_timeout": int,
    "security_header": dict,
    "transformations_allowed_origins": str,
    "webmcp_mcp_url": str,
    "webmcp_packs": str,
}


def setting_is_known(call: Call) -> None:
    """A setting that there is."""
    if call.inputs["settingId"] not in _CHOICES.keys() | _TYPES.keys():
        raise ApiError(f"undefined zone setting: {call.inputs['settingId']}")


def value_is_known(call: Call) -> None:
    """A value that the setting takes."""
    name, value = call.inputs["settingId"], call.inputs["value"]
    if name in _CHOICES and value not in _CHOICES[name]:
        raise ApiError(f"invalid value for zone setting {name}: expected one of {list(_CHOICES[name])}, got {value!r}")
    if name in _TYPES and not _is_a(value, _TYPES[name]):
        raise ApiError(f"invalid value for zone setting {name}: expected {_TYPES[name].__name__}, got {value!r}")


def _is_a(value: Any, wanted: type) -> bool:
    """Python takes True for a number, Cloudflare does not."""
    return isinstance(value, wanted) and not isinstance(value, bool)
