"""Secrets that an operator brings along come back from every format that carries them as they were given."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mastodon_infra.errors import TemplateError
from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.render.bundle import bundle
from mastodon_infra.render.bundle_types import NodeBundle
from mastodon_infra.render.env import is_literal
from mastodon_infra.render.wiring import Wiring
from tests.parsers.cases import SMALLEST, SPECS
from tests.unit.render.structure import parsed

PLAN = plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "solo", "mail": SPECS["proxied"]["mail"]}))
LITERAL = "".join(char for char in map(chr, range(0x250)) if is_literal(char))
EVERYTHING = LITERAL
"""One value with every character."""
NAMES = {
    "secret_key_base": "SECRET_KEY_BASE",
    "encryption_primary_key": "ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY",
    "smtp_password": "SMTP_PASSWORD",
    "postgres_app_password": "DB_PASS",
    "redis_password": "REDIS_PASSWORD",
    "media_secret_access_key": "AWS_SECRET_ACCESS_KEY",
}


def rendered(**values: Any) -> NodeBundle:
    return bundle(PLAN, PLAN.nodes[0], replace(Wiring.placeholder(PLAN), **values))


def test_letters_that_are_carried_are_those_of_the_message():
    assert set(LITERAL) >= set("AZaz09!%&()*+,./:;<=>?@[]^_{|}~-")
    assert not set(LITERAL) & set("\"'`$#\\ \t\n\r\0é")


@pytest.mark.parametrize("name", NAMES)
@given(value=st.text(LITERAL, min_size=1, max_size=40))
@example(value=EVERYTHING)
@example(value="%s%i=:,{{x}}")
@settings(max_examples=8)
def test_a_setting_comes_back_from_the_environment_file(name, value):
    made = rendered(**{name: value})

    lines = made.file("/etc/mastodon/web.env").content.splitlines()
    assert dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))[NAMES[name]] == value


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("character", [*"\"'\\$#` \n\0", "é", "\u202e"], ids=ascii)
def test_a_setting_that_readers_would_take_differently_is_refused_without_being_shown(name, character):
    with pytest.raises(TemplateError) as told:
        rendered(**{name: f"hush{character}hush"})

    assert "hush" not in str(told.value)


@given(value=st.text(LITERAL, min_size=1, max_size=40))
@example(value=EVERYTHING)
@settings(max_examples=15)
def test_alertmanager_gets_the_relays_password_as_it_is(value):
    paths = {file.path: file for file in rendered(smtp_password=value).files}
    settings = parsed(paths["/etc/prometheus/alertmanager.yml"].content)

    assert value in list(texts(settings)) or value in {file.content.strip() for file in paths.values()}


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts(member)]
    if isinstance(value, list):
        return [text for member in value for text in texts(member)]
    return [str(value)]


@pytest.mark.parametrize("passphrase", ["hJk+Ry/0Zp7=hJk+Ry/0Zp7=", EVERYTHING])
def test_pgbackrest_gets_its_passphrase_as_it_is(passphrase):
    paths = {file.path: file for file in rendered(backup_cipher_passphrase=passphrase).files}
    said = "".join(file.content for path, file in paths.items() if "pgbackrest" in path and file.is_secret)

    assert re.findall(r"^repo1-cipher-pass=(.*)$", said, re.MULTILINE) == [passphrase]


@pytest.mark.parametrize("name", ["postgres_app_password", "redis_password", "postgres_exporter_password"])
def test_generated_passwords_need_no_escaping_anywhere(name):
    value = "aZ09" * 10
    found = [file for file in rendered(**{name: value}).files if value in file.content]

    assert found
    assert all(json.dumps(value) == f'"{value}"' and file.is_secret for file in found)
