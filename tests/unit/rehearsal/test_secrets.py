"""Secrets keep their marks on the way, and lie in plain nowhere but at their owner."""

import json

from mastodon_infra.rehearsal.wire import holds_secret, plain, secret
from tests.unit.rehearsal.clouds import GOOD, stand_in, token_of


def test_marked_inputs_come_back_marked(world):
    inputs = {**GOOD["Instance"], "metadatas": secret(GOOD["Instance"]["metadatas"]), "rootPass": secret("a" * 20)}

    _, properties, _ = stand_in("Instance", world).create(token_of("Instance"), inputs, is_preview=False)

    assert holds_secret(properties["metadatas"])
    assert holds_secret(properties["rootPass"])


def test_what_is_read_back_is_marked_as_it_was_before(world):
    provider, token = stand_in("Instance", world), token_of("Instance")
    inputs = {**GOOD["Instance"], "metadatas": secret(GOOD["Instance"]["metadatas"]), "rootPass": secret("a" * 20)}
    identity, properties, _ = provider.create(token, inputs, is_preview=False)

    read = provider.read(token, identity, inputs=inputs, properties=properties)

    assert read == (inputs, properties)


def test_secret_that_was_changed_elsewhere_is_marked_too(world):
    provider, token = stand_in("ObjectStorageKey", world), token_of("ObjectStorageKey")
    identity, properties, _ = provider.create(token, GOOD["ObjectStorageKey"], is_preview=False)

    read = provider.read(
        token, identity, inputs=GOOD["ObjectStorageKey"], properties={**properties, "secretKey": secret("another")}
    )

    assert holds_secret(properties["secretKey"])
    assert read is not None
    assert holds_secret(read[1]["secretKey"])
    assert plain(read[1]["secretKey"]) == plain(properties["secretKey"])


def test_password_that_no_vendor_gives_back_is_not_in_the_world(world):
    inputs = {**GOOD["Instance"], "rootPass": secret("correct horse battery")}
    identity, _, _ = stand_in("Instance", world).create(token_of("Instance"), inputs, is_preview=False)

    kept = world.get(token_of("Instance"), identity).inputs

    assert kept["rootPass"].startswith("sha256:")
    assert "correct horse" not in json.dumps(kept)


def test_random_values_and_keys_exist_nowhere_but_in_the_state(world):
    before = sorted(world.folder.rglob("*"))
    for kind in ("RandomBytes", "RandomPassword", "PrivateKey"):
        _, properties, _ = stand_in(kind, world).create(token_of(kind), GOOD[kind], is_preview=False)
        assert any(holds_secret(value) for value in properties.values())

    assert [path for path in sorted(world.folder.rglob("*")) if path not in before and path.name != ".lock"] == []
