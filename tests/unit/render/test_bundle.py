import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from mastodon_infra.errors import TemplateError
from mastodon_infra.plan.network_types import Bind, Listener
from mastodon_infra.render.bundle import PARTS, bundle, optional_parts
from mastodon_infra.render.bundle_types import NodeBundle, Part
from mastodon_infra.render.environment import templates_dir
from mastodon_infra.render.manifest import read_manifest
from mastodon_infra.render.wiring import Wiring

PLACEHOLDER = re.compile(r"<<[^>]+>>")


def bundles_of(plan) -> list[NodeBundle]:
    return [bundle(plan, node, Wiring.placeholder(plan)) for node in plan.nodes]


def test_every_node_of_every_stack_renders_and_equal_plans_give_equal_bundles(plan):
    first, second = bundles_of(plan), bundles_of(plan)
    assert first == second
    assert len({one.digest for one in first}) == len(plan.nodes)


def test_no_template_syntax_survives(plan):
    for one in bundles_of(plan):
        for file in one.files:
            if file.path.startswith("/etc/prometheus/"):
                continue  # Prometheus and Alertmanager have templates of their own, which look like ours
            assert "{{" not in file.content, file.path
            assert "{%" not in file.content, file.path
            assert "{#" not in file.content, file.path


def test_files_end_with_one_line_end_and_have_no_blank_at_line_ends(plan):
    for one in bundles_of(plan):
        for file in one.files:
            if file.content:
                assert file.content.endswith("\n"), file.path
                assert not file.content.startswith("\n"), file.path
            assert not re.search(r"[ \t]+$", file.content, re.MULTILINE), file.path


def test_secrets_stand_only_in_files_that_are_marked_and_closed(plan):
    public = {
        *("ca_certificate", "origin_certificate", "origin_pull_ca", "site_certificate_request", "postgres certificate")
    }
    for one in bundles_of(plan):
        for file in one.files:
            secrets = {found.strip("<>") for found in PLACEHOLDER.findall(file.content)} - public
            assert file.is_secret == bool(secrets), f"{file.path}: {secrets}"
            if file.is_secret:
                assert file.mode & 0o007 == 0, file.path
                assert file.part is Part.BOOT, file.path


def test_secrets_never_stand_in_units_or_scripts(plan):
    for one in bundles_of(plan):
        for file in one.files:
            if file.mode & 0o111 or file.defines_units:
                assert not PLACEHOLDER.search(file.content), file.path


def test_the_payload_part_does_not_depend_on_the_wiring(planned):
    plan = planned("small")
    node = plan.nodes[0]

    def payload(wiring: Wiring) -> list[tuple[str, str]]:
        return [(file.path, file.content) for file in bundle(plan, node, wiring).files if file.part is Part.PAYLOAD]

    assert payload(Wiring.placeholder(plan)) == payload(Wiring.stand_in(plan))


def test_every_file_says_who_manages_it_in_its_own_comments(plan):
    silent = {".crt", ".html", ".env"}
    for one in bundles_of(plan):
        for file in one.files:
            if file.is_secret or Path(file.path).suffix in silent or file.path.startswith("/etc/mastodon-infra/"):
                continue
            assert "anaged by mastodon-infra" in "\n".join(file.content.splitlines()[:3]), file.path


def test_every_template_names_itself_and_is_used():
    used = set()
    for part in (*PARTS, *optional_parts()):
        for entry in read_manifest(part.name).manifest.files:
            used.add(f"{part.name}/{entry.template or entry.path.lstrip('/') + '.j2'}")
    found = {str(path.relative_to(templates_dir())) for path in templates_dir().rglob("*.j2")}
    assert found == used
    for name in found:
        assert (
            f"templates/{name}\n" in (templates_dir() / name).read_text(encoding="utf-8").splitlines(keepends=True)[0]
        )


ARITHMETIC = (
    nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos,
)  # fmt: skip
ARITHMETIC_FILTERS = {"abs", "round", "sum", "int", "float", "default", "d", "random", "filesizeformat"}
"""Filters that make another number of a number, or one of nothing."""


def wrong_in_template(source: str) -> list[str]:
    """What a template calculates, or takes where there is nothing."""
    tree = Environment(autoescape=False).parse(source)
    found = [type(node).__name__ for node in tree.find_all(ARITHMETIC)]
    return found + [node.name for node in tree.find_all(nodes.Filter) if node.name in ARITHMETIC_FILTERS]


def test_templates_do_no_arithmetic():
    for path in templates_dir().rglob("*.j2"):
        assert wrong_in_template(path.read_text(encoding="utf-8")) == [], path


@pytest.mark.parametrize(
    "source",
    [
        "{{ a + 1 }}",
        "{% if a % 2 %}x{% endif %}",
        "{% set b = a // 2 %}",
        "{{ -a }}",
        "{{ a | round }}",
        "{{ a | d(3) }}",
    ],
)
def test_arithmetic_in_a_template_would_be_seen(source):
    assert wrong_in_template(source)


def test_joining_texts_is_no_arithmetic():
    assert wrong_in_template("{{ a ~ '-' ~ b }}{% for x in a | join(' ') %}{{ x | shq }}{% endfor %}") == []


def test_the_package_and_the_parts_agree_on_folders():
    assert {path.name for path in templates_dir().iterdir()} == {part.name for part in (*PARTS, *optional_parts())}


def test_units_that_a_change_concerns_exist_on_the_node(plan):
    for one in bundles_of(plan):
        known = {unit.name for unit in one.units} | {Path(file.path).name for file in one.files}
        known |= {name.replace(".container", ".service") for name in known}
        for file in one.files:
            name = file.needs.unit.replace("@*.service", "@.service")
            if name and "*" not in name:
                assert name in known, f"{file.path} needs {name}"


def test_two_processes_on_one_port_are_refused(planned):
    plan = planned("small")
    clash = replace(plan, listeners=(*plan.listeners, Listener("web", "squatter", 3000, 3000, Bind.LOOPBACK)))
    with pytest.raises(TemplateError, match="puma and squatter both want port 3000"):
        bundle(clash, clash.nodes[0], Wiring.placeholder(clash))


def test_a_listener_that_nobody_brings_is_refused(planned):
    plan = planned("small")
    more = replace(plan, listeners=(*plan.listeners, Listener("web", "gopher", 70, 70, Bind.LOOPBACK)))
    with pytest.raises(TemplateError, match="a listener gopher, and no part brings it"):
        bundle(more, more.nodes[0], Wiring.placeholder(more))


def test_a_secret_file_does_not_show_itself(planned):
    plan = planned("medium")
    node_bundle = bundle(plan, plan.node("postgres-1"), Wiring.placeholder(plan))
    assert "postgres_app_password" not in repr(node_bundle)
    assert "password" not in repr(Wiring.placeholder(plan))


@pytest.mark.parametrize(("stack", "node"), [("small", "web-1"), ("medium", "postgres-1"), ("cloudflare", "web-2")])
def test_scripts_pass_shellcheck(planned, tmp_path, stack, node):
    shellcheck = shutil.which("shellcheck", path=f"{Path(sys.executable).parent}:/usr/bin")
    if shellcheck is None:
        pytest.skip("no shellcheck on this machine: the scripts of bundles were not checked")
    plan = planned(stack)
    scripts = []
    for file in bundle(plan, plan.node(node), Wiring.placeholder(plan)).files:
        if file.content.startswith(("#!/bin/bash", "#!/bin/sh")):
            scripts.append(tmp_path / file.path.replace("/", "_"))
            scripts[-1].write_text(file.content)
    assert scripts
    done = subprocess.run([shellcheck, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
