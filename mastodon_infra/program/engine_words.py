"""What the engine and the providers say when something goes wrong, in three lines: what, why, what helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mastodon_infra.errors import MastodonInfraError, Problem, SpecError, ToolError
from mastodon_infra.program.engine_events import Said, Violation

LONGEST_SAID = 300
MAKES_THE_REST = "it makes only what is missing"
DELETES_THE_REST = "it deletes only what is left"
"""What the same command does when it is given again."""
MOST_ERRORS = 10

TOKENS = {
    "linode": "LINODE_TOKEN, or pulumi config set --secret linode:token",
    "cloudflare": "CLOUDFLARE_API_TOKEN, or pulumi config set --secret cloudflare:apiToken",
    "aws": "the access key of this store or mail service, in the config or in AWS_ACCESS_KEY_ID",
}


class RefusedError(MastodonInfraError):
    """A cloud refused what was asked of it; what was made before is written down."""


class UnavailableError(ToolError):
    """A cloud, a credential or the engine itself cannot be used now."""


class ProtectedError(RefusedError):
    """What was asked for would delete data."""


class PolicyError(RefusedError):
    """A policy refuses what was asked for; nothing was made."""


class StoppedError(MastodonInfraError):
    """The operator stopped a run. What was begun came to its end and is written down."""

    exit_code = 130


@dataclass(frozen=True, slots=True)
class _Remedy:
    """What happens often: how it is recognised, our words for it and what helps, with places to fill in."""

    pattern: str
    seen: str
    hint: str
    error: Callable[..., MastodonInfraError] = UnavailableError


_REMEDIES = (
    _Remedy(
        r"no stack named",
        "the state holds no stack {stack}",
        "pulumi stack init {stack}, or log in where its state is",
    ),
    _Remedy(
        r"incorrect passphrase",
        "the passphrase is not this stack's",
        "set PULUMI_CONFIG_PASSPHRASE_FILE to the right one",
    ),
    _Remedy(
        r"passphrase must be set",
        "there is no passphrase",
        "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE",
    ),
    _Remedy(
        r"PULUMI_ACCESS_TOKEN must be set|must be set for login",
        "it is not said where the state is",
        "pulumi login, or set PULUMI_BACKEND_URL",
    ),
    _Remedy(
        r"currently locked|is locked by|Another update is currently in progress",
        "another run is at work on {stack}",
        "wait for its end; if it has died: pulumi cancel --stack {stack}",
    ),
    _Remedy(
        r"[Pp]ulumi CLI version|requiredPulumiVersion|Minimum version",
        "the engine does not fit this version: {said}",
        "make engine",
    ),
    _Remedy(
        r"no resource plugin|failed to load plugin|[Cc]ould not load plugin",
        "a provider's plugin cannot be loaded: {said}",
        "pulumi plugin install, with access to the vendor; pulumi plugin ls shows what is there",
    ),
    _Remedy(
        r"marked for protection|protected resource|is protected|delete protection|[Uu]nprotect",
        "it holds data and is protected: {said}",
        "take the change back; a key that the file gives as well: mastodon-infra secrets adopt {stack}; "
        "only to delete data for good: mastodon-infra destroy {stack}",
        ProtectedError,
    ),
    _Remedy(
        r"\[?\b(401|403)\b\]?|[Ii]nvalid [Tt]oken|[Uu]nauthorized|InvalidAccessKeyId|AccessDenied",
        "the credential was refused: {said}",
        "{token}; mastodon-infra preflight {stack} tells which right it lacks",
    ),
    _Remedy(
        r"no zone|zone.*not found|[Zz]one could not be found|returned no results",
        "the zone was not found: {said}",
        "the domain's zone must be there, and the token must see it; or dns: manual",
        RefusedError,
    ),
    _Remedy(
        r"\[?\b429\b\]?|[Tt]oo many requests|[Rr]ate limit",
        "the cloud asks to go slower: {said}",
        "wait a minute and give the same command again: {rest}",
    ),
    _Remedy(
        r"\[?\b5\d\d\b\]?|[Ss]ervice [Uu]navailable|[Ii]nternal [Ss]erver [Ee]rror",
        "the cloud has a fault: {said}",
        "give the same command again later: {rest}",
    ),
    _Remedy(
        r"BucketNotEmpty|is not empty",
        "a bucket still holds objects: {said}",
        "empty it at the vendor's, and give the same command again",
        RefusedError,
    ),
    _Remedy(
        r"[Aa]ccount [Ll]imit",
        "the account may hold no more of these: {said}",
        "ask the vendor's support to raise the limit, then give the same command again: {rest}",
        RefusedError,
    ),
    _Remedy(
        r"\[4\d\d\]|\b4\d\d\b",
        "the cloud refused it: {said}",
        "mend what it names in the stack's file, and give the same command again: {rest}",
        RefusedError,
    ),
)

_NOISE = re.compile(
    r"^(update|preview|destroy|refresh) failed$|^resource .* registration|^Running program|^one or more|"
    r"^error: (update|preview) failed$"
)
_ERROR = "error: "
_ASKED = re.compile(r"^.*returned an error: ")
_URN = re.compile(r"\"?urn:pulumi:[^\s\"]*::([^\s\":]+)\"?")
_BEFORE = re.compile(r"^(error: |\d+ errors? occurred:|\* |sdk-v\S+ |creating urn:\S+: |updating urn:\S+: )+")


def refusal(errors: Sequence[Said], stderr: str, *, stack: str, rest: str = MAKES_THE_REST) -> MastodonInfraError:
    """What a failed run means, from the engine's errors or, where it told none, from its last words."""
    told = [said for said in errors if said.text and not _NOISE.search(said.text)] or [Said("error", _last(stderr))]
    found = [_translated(said, stack, rest) for said in told[:MOST_ERRORS]]
    problems = tuple(dict.fromkeys(problem for _, problem in found))
    # Where several things went wrong, the one that no other input mends says how to exit.
    kinds = [kind for kind, _ in found]
    kind = next((one for one in kinds if one is UnavailableError), kinds[0])
    error = kind(problems)
    assert isinstance(error, MastodonInfraError)
    return error


def broken_policies(violations: Sequence[Violation]) -> PolicyError:
    """What policies refuse, each with the resource that it is about."""
    return PolicyError(
        Problem(
            (),
            f"the policy {one.policy} refuses it: {' '.join(one.text.split())[:LONGEST_SAID]}",
            "change the stack, or the policy with everybody's consent: docs/how-to/pull-requests.md, Policies",
            _name_of(one.urn),
        )
        for one in violations[:MOST_ERRORS]
    )


def _translated(said: Said, stack: str, rest: str) -> tuple[Callable[..., MastodonInfraError], Problem]:
    text, name, vendor = _one_line(said.text), _name_of(said.urn), _vendor_of(said)
    whole = " ".join(said.text.split())
    for one in _REMEDIES:
        if re.search(one.pattern, whole):
            token = TOKENS.get(vendor, "look at the credentials")
            filled = {"stack": stack, "said": text, "token": token, "rest": rest}
            return one.error, Problem((), one.seen.format(**filled), one.hint.format(**filled), name)
    kind = RefusedError if said.urn else SpecError
    return kind, Problem((), text, "pulumi preview -s " + stack + " tells more" if not said.urn else "", name)


def _one_line(text: str) -> str:
    """The first line that says something, without the engine's words before it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    useful = [line for line in lines if not _NOISE.search(line) and not line.endswith("occurred:")]
    shown = (
        useful[-1] if any(line.startswith("Traceback") for line in lines) and useful else (useful or lines or [""])[0]
    )
    named = _URN.sub(lambda found: found[1], _BEFORE.sub("", _ASKED.sub("", shown)))
    return named[:LONGEST_SAID] or "the engine gave no reason"


def _last(stderr: str) -> str:
    """The engine's last error and what it said after it; without any, its last line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    began = next((number for number in reversed(range(len(lines))) if _ERROR in lines[number]), None)
    if began is None:
        return lines[-1] if lines else ""
    return "\n".join([_ERROR + lines[began].partition(_ERROR)[2], *lines[began + 1 :]])


def _name_of(urn: str) -> str:
    """``linode Instance web-1``."""
    if urn.count("::") < 3:  # noqa: PLR2004  # a URN has four parts
        return ""
    kind, name = urn.split("::", 3)[2].rpartition("$")[2], urn.split("::", 3)[3]
    return "" if kind.startswith("pulumi:pulumi") else f"{kind.partition(':')[0]} {kind.rpartition(':')[2]} {name}"


def _vendor_of(said: Said) -> str:
    where = f"{said.urn} {said.text}"
    return next((vendor for vendor in TOKENS if f"{vendor}:" in where or f" {vendor}" in where), "")
