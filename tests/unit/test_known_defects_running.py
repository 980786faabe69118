"""Defects as in tests/unit/test_known_defects.py, of what runs: processes, images, the first start and the machine."""

from __future__ import annotations

import re
import subprocess

import pytest
from pydantic import ValidationError

from mastodon_infra.errors import PlanError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.model.role import Queue
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import SMALLEST, SPECS
from tests.unit.known_defects import (
    Check,
    bundles_of,
    every_bundle,
    every_file,
    plan_of,
    put_into,
)

KNOWN: dict[str, Check] = {}
LEAST_STOP_SECONDS = 35
known = put_into(KNOWN)


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
