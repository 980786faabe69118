"""Defects that other ways of hosting Mastodon were seen to have, one in a line, and what shows that they are not here.

What shows itself only when it runs is tested there, and not in this table: a second run keeps the rows
(tests/parsers/test_first_start.py, tests/machines/test_orders.py), a drain finishes its jobs
(tests/parsers/test_drain.py, tests/machines/bad_days), headers come with the answer
(tests/parsers/test_front.py), a reboot keeps the firewall (tests/machines/test_split.py, by verify).
"""

from __future__ import annotations

import base64
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import cache

import pulumi
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import ValidationError

from mastodon_infra.errors import PlanError, TemplateError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.plan.types import InstancePlan
from mastodon_infra.program.given import wrong_secrets
from mastodon_infra.program.offline import preview_offline, record
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import BundleFile, NodeBundle
from mastodon_infra.render.env import ProcessKind, env_lines
from mastodon_infra.render.user_data import user_data
from mastodon_infra.render.wiring import Wiring
from mastodon_infra.resources import vapid
from mastodon_infra.resources.secrets import GivenSecrets, Secrets
from tests.parsers.cases import SMALLEST, SPECS
from tests.unit.test_every_field_counts import CHANGES, GROUPS, ONE_ANSWER, paths_of

Check = Callable[[], None]

KNOWN: dict[str, Check] = {}
SECRET = re.compile(r"<<[^<>\n]*(password|secret|private|passphrase|_salt|_key\b|access_key|_url)[^<>\n]*>>")
"""A placeholder of something that nobody else may read."""
LEAST_STOP_SECONDS = 35
RFC_8291_PRIVATE = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
RFC_8291_PUBLIC = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
"""The receiver's pair of the worked example in appendix A."""


def known(defect: str) -> Callable[[Check], Check]:
    """Put a check into the table under the defect that it would catch."""

    def put(check: Check) -> Check:
        KNOWN[defect] = check
        return check

    return put


# --- What the checks look at ----------------------------------------------------------------------------------------


@cache
def plan_of(case: str) -> InstancePlan:
    return plan_instance(InstanceSpec.model_validate(SMALLEST | SPECS[case]))


@cache
def bundles_of(case: str) -> tuple[NodeBundle, ...]:
    plan = plan_of(case)
    return tuple(bundle(plan, node, Wiring.placeholder(plan)) for node in plan.nodes)


def user_data_of(case: str) -> str:
    plan = plan_of(case)
    wiring = Wiring.placeholder(plan)
    return "".join(user_data(plan, node, wiring).text for node in plan.nodes)


def every_bundle() -> Iterator[NodeBundle]:
    for case in SPECS:
        yield from bundles_of(case)


def every_file() -> Iterator[BundleFile]:
    for made in every_bundle():
        yield from made.files


def settings_of(file: BundleFile) -> dict[str, str]:
    """An environment file as podman reads it: to the first equals sign, and all that follows."""
    lines = (line for line in file.content.splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


def every_environment() -> Iterator[tuple[str, dict[str, str]]]:
    for file in every_file():
        if re.fullmatch(r"/etc/mastodon/[a-z]+\.env", file.path):
            yield file.path, settings_of(file)


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


# --- Processes and images -------------------------------------------------------------------------------------------


@known("an override of the image is a literal text that is never looked up")
def _() -> None:
    digest = "sha256:" + "ab" * 32
    spec = {"mastodon": {"version": "v4.7.3", "image_digest": digest, "streaming_image_digest": digest}}
    plan = plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "solo"} | spec))
    made = bundle(plan, plan.nodes[0], Wiring.placeholder(plan))
    images = {line for file in made.files for line in file.content.splitlines() if line.startswith("Image=")}
    assert len(images) == 2
    assert all("v4.7.3" in image and image.endswith(f"@{digest}") for image in images)


@known("streaming runs another release than the web processes")
def _() -> None:
    for case in SPECS:
        mastodon = plan_of(case).mastodon
        assert (
            mastodon.web_image.rpartition(":")[2]
            == mastodon.streaming_image.rpartition(":")[2]
            == mastodon.version.value
        )


@known("something updates pinned containers behind everyone's back, through the container socket")
def _() -> None:
    for file in every_file():
        assert not re.search(r"watchtower|podman-auto-update|AutoUpdate=|(docker|podman)\.sock", file.content), (
            file.path
        )
        if file.path.startswith("/etc/containers/systemd/"):
            assert not re.search(r"^Image=.*(:latest)?$(?<!\d)", file.content, re.MULTILINE), file.path


@known("two processes run the scheduler, or none does")
def _() -> None:
    for case in SPECS:
        plan = plan_of(case)
        schedules = {unit.name for unit in plan.sidekiq if Queue.SCHEDULER in {queue for queue, _ in unit.queues}}
        assert sum(one.unit in schedules for node in plan.nodes for one in node.sidekiq) == 1, case
    for units in (
        {"a": {"queues": list(Queue)}, "b": {"queues": ["scheduler"]}},
        {"a": {"queues": list(Queue), "processes": 2}},
        {"a": {"queues": [queue for queue in Queue if queue is not Queue.SCHEDULER]}},
    ):
        with pytest.raises((ValidationError, ValueError)):
            plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "solo", "sidekiq": {"units": units}}))


@known("sidekiq is killed before its jobs could be pushed back")
def _() -> None:
    for file in every_file():
        if re.fullmatch(r"/etc/containers/systemd/mastodon-sidekiq.*\.container", file.path):
            found = re.search(r"^StopTimeout=(\d+)$", file.content, re.MULTILINE)
            killed = re.search(r"^TimeoutStopSec=(\d+)$", file.content, re.MULTILINE)
            assert found
            assert killed
            assert LEAST_STOP_SECONDS <= int(found[1]) < int(killed[1]), file.path


@known("memory of long-lived Ruby processes grows without a limit")
def _() -> None:
    for file in every_file():
        if file.path.startswith("/etc/containers/systemd/") and "Exec=bundle exec" in file.content:
            assert re.search(r"^MemoryMax=\d+M$", file.content, re.MULTILINE), file.path


# --- First start, web and the machine -------------------------------------------------------------------------------


def first_start() -> str:
    return next(
        file.content for file in bundles_of("solo")[0].files if file.path.endswith("/mastodon-infra/first-start")
    )


@known("half a gigabyte of memory is claimed to be enough")
def _() -> None:
    one_box = SMALLEST | {"size": "solo", "nodes": {"web": {"machine_type": "g6-nanode-1"}}}
    with pytest.raises(PlanError, match=r"g6-nanode-1 has 1 GiB, and .* GiB more are needed"):
        plan_instance(InstanceSpec.model_validate(one_box))


@known("a re-run drops the database, or loads the schema over it")
def _() -> None:
    for file in every_file():
        assert not re.search(r"db:(drop|reset|setup|schema:load)|DROP DATABASE|dropdb|dropcluster", file.content), (
            file.path
        )
    script = first_start()
    assert "db:migrate" not in script
    assert script.index("pg_advisory_lock") < script.index("db:prepare")
    (prepare,) = (line for line in script.splitlines() if "db:prepare" in line)
    assert prepare.startswith("    "), "only after a question, whether the database is empty"
    if "DROP " in script:
        assert "SELECT FROM users" in script[: script.index("DROP ")], "nothing goes once anybody has signed up"


@known("the first start runs on several machines")
def _() -> None:
    for case in SPECS:
        owners = [made.node for made in bundles_of(case) if any("first-start" in file.path for file in made.files)]
        assert len(set(owners)) == 1, case


@known("a volume that holds data is formatted")
def _() -> None:
    scripts = [file.content for file in every_file() if "mkfs" in file.content]
    assert scripts
    for script in scripts:
        assert script.index("blkid") < script.rindex("mkfs"), "a signature is looked for before anything is made"


@known("the owner's first password is printed into a log")
def _() -> None:
    (function,) = re.findall(r"^hushed\(\) \{.*?^\}", first_start(), re.MULTILINE | re.DOTALL)
    assert all(line.split()[0] == "hushed" for line in first_start().splitlines() if "tootctl accounts" in line)
    for code in (0, 1):
        stub = f"mastodon() {{ echo New password: 0123456789abcdef0123456789abcdef; return {code}; }}"
        run = subprocess.run(["bash", "-c", f"{stub}\n{function}\nhushed x"], capture_output=True, check=False)
        assert run.returncode == code
        assert b"0123456789abcdef" not in run.stdout + run.stderr


@known("the web server's root is a checkout with settings in it")
def _() -> None:
    for file in every_file():
        if file.path.startswith("/etc/nginx/"):
            roots = re.findall(r"^\s*root\s+(\S+);", file.content, re.MULTILINE)
            assert not [root for root in roots if root.startswith(("/home", "/opt", "/srv", "/etc"))], file.path


@known("security headers are set on the request, where nobody sees them")
def _() -> None:
    headers = "Content-Security-Policy|X-Content-Type-Options|Strict-Transport-Security|X-Frame-Options"
    responses = 0
    for file in every_file():
        if file.path.startswith("/etc/nginx/"):
            assert not re.search(rf"proxy_set_header\s+({headers})\b", file.content, re.IGNORECASE), file.path
            responses += len(re.findall(rf"add_header\s+({headers})\b[^;]*always;", file.content, re.IGNORECASE))
    assert responses


@known("redirects loop because the app is not told that the request came by https")
def _() -> None:
    for made in every_bundle():
        text = "".join(file.content for file in made.files if file.path.startswith("/etc/nginx/"))
        if "proxy_pass" in text:
            assert re.search(r"proxy_set_header\s+X-Forwarded-Proto\s+https;", text), made.node


@known("clocks drift until every signature is refused")
def _() -> None:
    for made in every_bundle():
        assert "chrony" in made.packages
        assert "chrony.service" in {unit.name for unit in made.units}


@known("an index breaks when the C library changes its sorting")
def _() -> None:
    texts = {file.content for file in every_file() if file.path.endswith("/postgres/roles.sql")}
    assert texts
    for text in texts:
        assert "LC_COLLATE ''C''" in text
        assert "TEMPLATE template0" in text


@known("a file's change is forgotten: nothing is told to take it up")
def _() -> None:
    for file in every_file():
        if file.path.endswith(".env") and file.path.startswith("/etc/mastodon/") and "tasks" not in file.path:
            assert file.needs.unit, file.path


@pytest.mark.parametrize("defect", KNOWN)
def test_a_known_defect_is_not_here(defect):
    KNOWN[defect]()
