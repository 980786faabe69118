"""Defects that other ways of hosting Mastodon were seen to have, one in a line, and what shows that they are not here.

Of processes, the first start and the machine tells tests/unit/test_known_defects_running.py. What shows itself only
when it runs is tested where it runs, and in no table: a second run keeps the rows
(tests/parsers/test_first_start.py, tests/machines/test_orders.py), a drain finishes its jobs
(tests/parsers/test_drain.py, tests/machines/bad_days), headers come with the answer
(tests/parsers/test_media_host.py), a reboot keeps the firewall (tests/machines/test_split.py, by verify).
"""

from __future__ import annotations

import base64
import re
from dataclasses import fields

import pulumi
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from mastodon_infra.errors import TemplateError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.program.given import wrong_secrets
from mastodon_infra.program.offline import preview_offline, record
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.env import ProcessKind, env_lines
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.resources import vapid
from mastodon_infra.resources.secrets import GivenSecrets, Secrets
from tests.parsers.cases import SMALLEST, SPECS
from tests.unit.known_defects import (
    Check,
    bundles_of,
    every_bundle,
    every_environment,
    every_file,
    plan_of,
    put_into,
    settings_of,
    user_data_of,
)
from tests.unit.test_every_field_counts import CHANGES, GROUPS, ONE_ANSWER, paths_of

KNOWN: dict[str, Check] = {}
SECRET = re.compile(r"<<[^<>\n]*(password|secret|private|passphrase|_salt|_key\b|access_key|_url)[^<>\n]*>>")
"""A placeholder of something that nobody else may read."""
RFC_8291_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
RFC_8291_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
"""The receiver's pair of the worked example in appendix A."""
known = put_into(KNOWN)


# --- Keys and secrets -----------------------------------------------------------------------------------------------


@known("the public Web Push key is not the private one's: push never works")
def _() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    private = vapid.private_from_pem(pem.decode())
    raw = base64.urlsafe_b64decode(vapid.public_from_private(private) + "=")
    assert ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw).public_numbers() == (
        key.public_key().public_numbers()
    )


@known("a Web Push key that is brought along gets a public half that is not its own")
def _() -> None:
    def program() -> None:
        given = GivenSecrets(vapid_private_key=pulumi.Output.secret(RFC_8291_PRIVATE))
        pulumi.export("public", Secrets("secrets", given=given, is_protected=True).vapid_public_key)

    assert record(program).outputs == {"public": RFC_8291_PUBLIC}
    for path, settings in every_environment():
        if path.endswith(("web.env", "sidekiq.env")):
            assert settings["VAPID_PRIVATE_KEY"] == "<<vapid_private_key>>", path
            assert settings["VAPID_PUBLIC_KEY"] == "<<vapid_public_key>>", path


@known("an encryption key is a list written as text, or cut short")
def _() -> None:
    plan = plan_of("solo")
    for value in ('["T7xGm0cV2nQeKd81LZsYwHa4PbRu6JfO"]', "T7xGm0cV", ""):
        assert list(wrong_secrets(plan, {"encryptionPrimaryKey": value}.get)), value


@known("the names of variables are passed where keys should be")
def _() -> None:
    plan = plan_of("solo")
    for key in ("encryptionPrimaryKey", "encryptionDeterministicKey", "encryptionKeyDerivationSalt", "secretKeyBase"):
        assert list(wrong_secrets(plan, {key: "ACTIVE_RECORD_ENCRYPTION_DETERMINISTIC_KEY"}.get)), key


@known("there are no encryption keys at all, or they differ from host to host")
def _() -> None:
    names = ("PRIMARY_KEY", "DETERMINISTIC_KEY", "KEY_DERIVATION_SALT")
    for path, settings in every_environment():
        if not path.endswith("streaming.env"):
            for name in names:
                value = settings[f"ACTIVE_RECORD_ENCRYPTION_{name}"]
                assert value == f"<<encryption_{name.lower()}>>", path


@known("secrets are readable by everyone on the machine")
def _() -> None:
    for file in every_file():
        if SECRET.search(file.content):
            assert file.mode & 0o007 == 0, file.path
            assert file.is_secret, file.path


@known("secrets stand on command lines or in units, where ps and systemctl show them")
def _() -> None:
    for file in every_file():
        if file.defines_units or file.mode & 0o111:
            assert not SECRET.search(file.content), file.path


@known("keys are made anew by a later deployment")
def _() -> None:
    records = {one.name: one for one in preview_offline(plan_of("solo"))}
    for name in ("secret-key-base", "encryption-primary-key", "vapid", "backup-cipher-passphrase"):
        assert records[name].protect, name
        assert not records[name].inputs.get("keepers"), name


# --- Settings -------------------------------------------------------------------------------------------------------


@known("a variable that switches a safety check off is left behind")
def _() -> None:
    leftover = re.compile(r"DISABLE_DATABASE_ENVIRONMENT_CHECK|SKIP_POST_DEPLOYMENT_MIGRATIONS|SAFETY_ASSURED")
    for file in every_file():
        assert not leftover.search(file.content), file.path


@known("a setting of an older release stops the boot or does nothing")
def _() -> None:
    for name in ("REDIS_NAMESPACE", "ALLOW_PRIVATE_ADDRESSES", "PAPERCLIP_ROOT_PAD"):
        with pytest.raises(TemplateError, match="is no setting of Mastodon"):
            env_lines(ProcessKind.WEB, [(name, "x")])


@known("quotes around a setting become part of its value")
def _() -> None:
    for path, settings in every_environment():
        for name, value in settings.items():
            assert not re.search(r"[\"'\s\\#$`]", value), f"{path}: {name}"


@known("the defaults of another application stand in its settings")
def _() -> None:
    foreign = re.compile(r"(?i)\b(pixelfed|peertube|gotosocial|pleroma|misskey|synapse|nextcloud|lemmy|mobilizon)\b")
    for file in every_file():
        assert not foreign.search(file.content), file.path
    for name in ("APP_KEY", "DB_CONNECTION", "GTS_HOST", "NEXTCLOUD_ADMIN_USER"):
        with pytest.raises(TemplateError, match="is no setting of Mastodon"):
            env_lines(ProcessKind.WEB, [(name, "x")])


@known("single user mode is asked for and not used")
def _() -> None:
    plan = plan_instance(
        InstanceSpec.model_validate(
            SMALLEST | {"size": "solo", "mastodon": {"single_user": True, "registrations": "none"}}
        )
    )
    web = bundle(plan, plan.nodes[0], Wiring.placeholder(plan)).file("/etc/mastodon/web.env")
    assert settings_of(web)["SINGLE_USER_MODE"] == "true"


@known("something is asked for, and the answer is used for nothing")
def _() -> None:
    looked_at = set(CHANGES) | ONE_ANSWER | GROUPS
    assert set(paths_of(InstanceSpec)) == looked_at, "each has its test in test_every_field_counts.py"
    texts = "".join(file.content for file in every_file())
    texts += "".join(user_data_of(case) for case in SPECS)
    for field in fields(Wiring):
        if field.name not in {"host_keys", "server_certificates"}:
            assert f"<<{field.name}>>" in texts, field.name


@known("WEB_CONCURRENCY stands in a file that nobody reads")
def _() -> None:
    for made in every_bundle():
        for file in made.files:
            if file.path.endswith("/mastodon-web.container"):
                assert "EnvironmentFile=/etc/mastodon/web.env\n" in file.content
                assert settings_of(made.file("/etc/mastodon/web.env"))["WEB_CONCURRENCY"].isdecimal()


@known("streaming gets the Ruby processes' word for TLS, or no authority to check against")
def _() -> None:
    for path, settings in every_environment():
        if settings["DB_SSLMODE"] != "disable":
            authority = "NODE_EXTRA_CA_CERTS" if path.endswith("streaming.env") else "PGSSLROOTCERT"
            assert authority in settings, path


@known("prepared statements are used behind a pooler that lends connections")
def _() -> None:
    for path, settings in every_environment():
        if settings["DB_PORT"] == "6432" and not path.endswith("streaming.env"):
            assert settings["PREPARED_STATEMENTS"] == "false", path


@known("migrations go through the pooler")
def _() -> None:
    for path, settings in every_environment():
        if path.endswith("tasks.env"):
            assert (settings["DB_PORT"], settings["DB_SSLMODE"]) == ("5432", "verify-full")
            assert "PREPARED_STATEMENTS" not in settings


@known("large uploads to Wasabi fail or vanish")
def _() -> None:
    for made in bundles_of("sydney"):
        for file in made.files:
            if file.path == "/etc/mastodon/web.env":
                settings = settings_of(file)
                assert settings["S3_FORCE_SINGLE_REQUEST"] == "true"
                assert int(settings["S3_MULTIPART_THRESHOLD"]) > 0


@pytest.mark.parametrize("defect", KNOWN)
def test_a_known_defect_is_not_here(defect):
    KNOWN[defect]()
