"""Growing adds, and neither replaces nor deletes what holds data."""

import pytest

DATA = {("Volume", "data-postgres"), ("Volume", "data-redis")}
LOSING = {"delete", "replace", "create-replacement", "delete-replaced"}


def test_third_web_node_is_all_that_comes(copy_of):
    stack = copy_of("medium")
    stack.ask({"size": "medium", "nodes": {"web": {"count": 2}}})
    stack.up()

    stack.ask({"size": "medium", "nodes": {"web": {"count": 3}}})
    changes = stack.preview()

    assert changes == {
        ("Instance", "web-3"): "create",
        ("PrivateKey", "host-key-web-3"): "create",
        ("NodeBalancerNode", "balancer-1-443-web-3"): "create",
        ("NodeBalancerNode", "balancer-1-80-web-3"): "create",
        **{key: op for key, op in changes.items() if key[0] in {"ObjectStorageObject", "Stack"}},
    }
    stack.up()
    assert stack.preview() == {}


@pytest.mark.parametrize(("smaller", "larger"), [("solo", "small"), ("small", "medium"), ("medium", "large")])
def test_next_size_loses_nothing_that_holds_data(smaller, larger, copy_of):
    stack = copy_of(smaller)
    disks = {thing.id: thing.inputs["label"] for thing in stack.world.all("linode:index/volume:Volume")}

    stack.ask({"size": larger})
    changes = stack.preview()
    stack.up()

    assert changes
    assert not {key for key in DATA if changes.get(key) in LOSING}
    assert not {key for key, op in changes.items() if op in LOSING and key[0] in {"Instance", "ObjectStorageBucket"}}
    now = {thing.id: thing.inputs["label"] for thing in stack.world.all("linode:index/volume:Volume")}
    assert disks.items() <= now.items()
    assert stack.preview() == {}
