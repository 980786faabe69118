"""The engine, the state, the passphrase, the secrets that were given, and whether the keys are kept elsewhere too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mastodon_infra.errors import Problem
from mastodon_infra.operate.adoption import given_as_in_use
from mastodon_infra.operate.checks import Check, Group
from mastodon_infra.operate.engine import WANTED, PassphraseError, fits
from mastodon_infra.operate.escrow import escrow_verdict
from mastodon_infra.operate.keys import CONFIG_KEYS, LOGICAL_NAMES
from mastodon_infra.operate.situation import Situation
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.given import wrong_secrets
from mastodon_infra.render.fingerprints import fingerprint

ENGINE, STATE, SECRETS = Group("engine"), Group("state"), Group("secrets")
FILE_BACKEND = "file://"
OURS = "mastodon-infra"
KEPT_TWICE = "generated keys"
REGION = "region"


def state_checks(plan: InstancePlan, situation: Situation, *, stack: str) -> Iterator[Check]:
    """Everything around the engine, in the order in which one thing needs the other."""
    trouble = situation.troubles.get("engine")
    if trouble:
        yield ENGINE.failed("pulumi", *_words(trouble.problems))
        yield STATE.skipped("state", "needs the engine")
        return
    yield _version(situation.version)
    if not fits(situation.version):
        yield STATE.skipped("state", "needs an engine that fits")
        return
    yield from _state(plan, situation)
    yield from _secrets(plan, situation, stack)
    is_disposable = not plan.media.is_protected
    if "outputs" not in situation.troubles and situation.config is not None:
        yield escrow_verdict(situation.fingerprints, situation.recorded, is_disposable=is_disposable, stack=stack)


def _words(problems: tuple[Problem, ...]) -> tuple[str, str]:
    return problems[0].message, problems[0].hint


def _version(seen: str) -> Check:
    if fits(seen):
        return ENGINE.ok("pulumi", f"version {seen} fits the SDK's {WANTED}")
    return ENGINE.failed("pulumi", f"version {seen or 'unknown'} does not fit the SDK's {WANTED}", "make engine")


def _state(plan: InstancePlan, situation: Situation) -> Iterator[Check]:
    trouble = situation.troubles.get("backend")
    if trouble:
        yield STATE.failed("backend", *_words(trouble.problems))
        return
    if situation.backend.startswith(FILE_BACKEND) and plan.media.is_protected:
        remedy = "keep it in a versioned bucket outside this stack: pulumi login s3://..."
        yield STATE.warn("backend", "the state is a plain file on this machine, and lost with it", remedy)
    else:
        yield STATE.ok("backend", "it answers")
    config, outputs = situation.troubles.get("config"), situation.troubles.get("outputs")
    # A config without secrets can be read with any passphrase: then only the outputs tell a wrong one.
    closed = outputs if isinstance(outputs, PassphraseError) else config
    if closed:
        yield STATE.failed("passphrase", *_words(closed.problems))
        return
    yield STATE.ok("passphrase", "the stack's secrets can be read")
    if situation.region and situation.region != plan.region.name:
        seen = f"the stack is in {situation.region}, and its file asks for {plan.region.name}: no volume moves there"
        remedy = f"keep region: {situation.region}; another region is another stack, which gets its data from a backup"
        yield STATE.failed(REGION, seen, remedy)
    if outputs:
        yield STATE.failed("outputs", *_words(outputs.problems))


def _secrets(plan: InstancePlan, situation: Situation, stack: str) -> Iterator[Check]:
    """Given secrets are there, well-formed, and the ones in use where the instance already runs with some."""
    config = situation.config
    if config is None:
        yield SECRETS.skipped("given secrets", "the config could not be read")
        return
    from mastodon_infra.program.config import needed_secrets  # noqa: PLC0415  # Pulumi comes with it, and takes a second

    needed = needed_secrets(plan)
    for key in needed:
        if not config.get(f"{OURS}:{key}"):
            remedy = f"pulumi config set --secret {OURS}:{key}"
            yield SECRETS.failed(key, "is missing", remedy)
    wrong = list(wrong_secrets(plan, lambda key: config.get(f"{OURS}:{key}")))
    for problem in wrong:
        name = problem.message.removeprefix(f"the secret {OURS}:").partition(" ")[0]
        yield SECRETS.failed(name, problem.message, problem.hint)
    yield from _exchanged(config, situation, stack)
    yield from _kept_twice(config, situation, stack)
    if not wrong and all(config.get(f"{OURS}:{key}") for key in needed):
        yield SECRETS.ok("given secrets", f"{len(needed)} are needed and there" if needed else "none is needed")


def _exchanged(config: Mapping[str, str], situation: Situation, stack: str) -> Iterator[Check]:
    """A life-long key in the config that is not the one in use would lock the instance out of its own data."""
    for name, digits in (situation.fingerprints or {}).items():
        given = config.get(CONFIG_KEYS.get(name, ""))
        if given is not None and fingerprint(name, given) != digits:
            remedy = f"take it out of {stack}'s file again; to keep the one in use as given: secrets adopt"
            yield SECRETS.failed(name, "the config gives another value than the one in use", remedy)


def _kept_twice(config: Mapping[str, str], situation: Situation, stack: str) -> Iterator[Check]:
    """Keys that the state generates and protects while the file gives them too: the engine refuses each."""
    given = given_as_in_use(config, situation.fingerprints or {}) & situation.protected
    keys = [CONFIG_KEYS[name].rpartition(":")[2] for name, logical in LOGICAL_NAMES.items() if logical in given]
    if keys:
        seen = f"the stack's file gives what the state generates and protects: {', '.join(keys)}"
        remedy = "; ".join(f"mastodon-infra secrets adopt {stack} {key}" for key in keys)
        yield SECRETS.failed(KEPT_TWICE, seen, remedy)
