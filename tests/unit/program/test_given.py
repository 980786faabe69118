"""Secrets that an operator brings along: refused early and unseen when a machine could not carry them."""

import pytest

from mastodon_infra.model.instance import InstanceSpec
from mastodon_infra.plan.instance import plan_instance
from mastodon_infra.program.given import wrong_secrets
from mastodon_infra.render.env import is_literal
from tests.parsers.cases import SMALLEST

HOSTS = {"webhook_host": "hooks.chat.example", "heartbeat_host": "ping.watch.example"}
PLAN = plan_instance(InstanceSpec.model_validate(SMALLEST | {"size": "solo", "alerts": HOSTS}))
# RFC 8291, appendix A
VAPID = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
GOOD = {
    "secretKeyBase": "0123456789abcdef" * 8,
    "encryptionPrimaryKey": "T7xGm0cV2nQeKd81LZsYwHa4PbRu6JfO",
    "encryptionDeterministicKey": "A7xGm0cV2nQeKd81LZsYwHa4PbRu6JfO",
    "encryptionKeyDerivationSalt": "B7xGm0cV2nQeKd81LZsYwHa4PbRu6JfO",
    "vapidPrivateKey": VAPID,
    "backupCipherPassphrase": "hJk+Ry/0Zp7=hJk+Ry/0Zp7=",
    "smtpPassword": "BExample+/=!%&*()[]{}<>|~^,.;:?@_-",
    "alertWebhook": "https://hooks.chat.example/services/T0/B1?token=abc",
    "alertHeartbeat": "https://ping.watch.example/0f1e2d",
}
FREE = [key for key in GOOD if key not in {"vapidPrivateKey", "alertWebhook", "alertHeartbeat"}]


def told(**values):
    return [problem.message for problem in wrong_secrets(PLAN, (GOOD | values).get)]


def test_values_of_the_usual_form_are_taken():
    assert told() == []
    assert told(vapidPrivateKey=f"{VAPID}=") == []
    assert list(wrong_secrets(PLAN, lambda _: None)) == []


@pytest.mark.parametrize("key", GOOD)
@pytest.mark.parametrize(
    "name", ["ACTIVE_RECORD_ENCRYPTION_PRIMARY_KEY", "$SMTP_PASSWORD", "${VAPID_PRIVATE_KEY}", "%SECRET_KEY_BASE%"]
)
def test_the_name_of_a_variable_is_no_value(key, name):
    (message,) = told(**{key: name})

    assert message == f"the secret mastodon-infra:{key} is the name of a variable, not its value"


@pytest.mark.parametrize("key", FREE)
@pytest.mark.parametrize("character", [*"\"'\\$#` \t\n\r\0", "é", "\u202e", "\U0001f418"], ids=repr)
def test_a_character_that_formats_read_differently_is_refused_and_the_value_not_shown(key, character):
    value = f"correct-horse{character}battery-staple-{'x' * 64}"

    (message,) = told(**{key: value})

    assert not is_literal(value)
    assert "settings files read in different ways" in message
    assert "horse" not in message
    assert "battery" not in message


@pytest.mark.parametrize("key", [*FREE, "vapidPrivateKey"])
def test_an_empty_or_cut_secret_is_refused(key):
    assert len(told(**{key: ""})) == 1
    if key != "smtpPassword":
        assert len(told(**{key: GOOD[key][:11]})) == 1


@pytest.mark.parametrize(
    "text", ["A" * 43, "_" * 43, VAPID[:-1], f"{VAPID}==", VAPID.replace("-", "+"), "zz" * 30], ids=str
)
def test_a_web_push_key_off_the_curve_or_of_another_form_is_refused(text):
    assert "is no Web Push key" in told(vapidPrivateKey=text)[0]


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.chat.example/x", "https://elsewhere.example/x", "https://me:pw@hooks.chat.example/x",
        "hooks.chat.example", "https://[", "https://hooks.chat.example.evil.example/",
    ],
)  # fmt: skip
def test_a_webhook_elsewhere_is_refused(address):
    (message,) = told(alertWebhook=address)

    assert message.startswith("the secret mastodon-infra:alertWebhook is n")
