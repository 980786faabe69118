"""Our own verbs under the real engine: preview, up, refresh and destroy, as an operator gives them."""

import json
import signal
import subprocess
import sys

import pytest

from mastodon_infra.rehearsal.world import Fault
from tests.engine.rehearsed import LIMIT_SECONDS, STACK, Rehearsed, waited
from tests.engine.searched import found, places_of, secrets_of

MACHINE = "linode:index/instance:Instance"
TWO_WEB = {"size": "medium", "nodes": {"web": {"count": 2}}}
THREE_WEB = {"size": "medium", "nodes": {"web": {"count": 3}}}
DATA = "backup,data-postgres,data-redis,media,zone,keys"
PASSPHRASE = "correct horse battery staple"


class Operator:
    """Gives our commands on a stack, where nobody can be asked, and keeps everything that was printed."""

    def __init__(self, stack: Rehearsed) -> None:
        self.stack = stack
        self.printed = ""

    def give(self, verb, *words, **other):
        """Run a verb, in an environment that is ``other`` in part: exit code, answer, errors and progress."""
        run = self.start(verb, *words, **other)
        told, problem = run.communicate(timeout=LIMIT_SECONDS)
        self.printed += told + problem
        return run.returncode, told, problem

    def start(self, verb, *words, **other):
        return subprocess.Popen(
            [sys.executable, "-m", "mastodon_infra", verb, str(file_of(self.stack)), *words],
            env={
                **self.stack.cloud.environment(),
                "PYTHONPATH": str(self.stack.package),
                "COLUMNS": "100",
                "MASTODON_INFRA_ESCROW_PASSPHRASE": PASSPHRASE,
                **other,
            },
            # Not where the tests run: what lies there would be imported before the stack's own checkout.
            cwd=self.stack.project,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def change(self, parts):
        """Ask for something else. What the file says of the escrow goes with it, so a new one is written."""
        self.stack.ask(parts)
        code, _, problem = self.give("escrow", "--out", str(self.stack.cloud.folder / "escrow"), "--force")
        assert code == 0, problem


def file_of(stack):
    return stack.project / "stacks" / f"Pulumi.{STACK}.yaml"


@pytest.fixture(scope="module")
def two_web(tmp_path_factory):
    """A stack with two web machines that ``pulumi up`` deployed, by hand."""
    stack = Rehearsed.new(tmp_path_factory.mktemp("verbs") / "rehearsal", TWO_WEB)
    stack.up()
    return stack


@pytest.fixture
def operator(two_web, tmp_path):
    return Operator(two_web.copy(tmp_path / "rehearsal"))


@pytest.fixture
def beginner(tmp_path):
    """Whose disposable stack is not deployed yet."""
    return Operator(Rehearsed.new(tmp_path / "rehearsal", {"size": "solo", "disposable": True}))


def test_a_disposable_stack_comes_stays_and_goes(beginner):
    code, told, progress = beginner.give("up", "--yes")
    assert code == 0, progress
    assert "Cost: about $" in told
    assert "curl --fail https://social.example/health" in told
    assert "created linode Instance web-1" in progress
    assert beginner.stack.preview() == {}, "pulumi by hand sees the same"

    code, told, progress = beginner.give("up", "--yes")
    assert (code, progress) == (0, "")
    assert "Nothing changes." in told

    code, told, _ = beginner.give("refresh")
    assert (code, told.strip()) == (0, "Everything is as the state says.")

    secrets = secrets_of(beginner.stack)
    assert len(secrets) > 10
    assert found(secrets, beginner.printed) is None
    assert {place.partition("/")[0] for place in places_of(secrets, beginner.stack)} == {"cloud"}, "at its owner only"

    code, _, problem = beginner.give("destroy")
    assert code == 1
    assert "--confirm-domain social.example" in problem
    code, told, _ = beginner.give("destroy", "--confirm-domain", "social.example")
    assert code == 0
    assert "Nothing of trial remains" in told
    assert beginner.stack.names() == set()
    assert not beginner.stack.world.all(MACHINE)


def test_third_web_machine_is_told_with_its_price_and_others_that_wait(operator):
    operator.change(THREE_WEB)

    code, told, _ = operator.give("preview")
    assert code == 0
    assert "create   linode Instance: web-3" in told
    assert "Cost: +$48.00 a month: from $" in told

    code, told, problem = operator.give("up", "--yes", "--json")
    data = json.loads(told)
    assert code == 0, problem
    assert {(one["operation"], one["name"]) for one in data["done"] if "Instance" in one["type"]} == {
        ("create", "web-3")
    }
    assert "web-3" not in data["awaiting_converge"]
    assert "web-1" in data["awaiting_converge"], "it lets the new machine in"
    assert "wiring" not in data["outputs"]


def test_edited_template_makes_no_machine_anew_and_up_says_which_await_converge(two_web, tmp_path, edited):
    operator = Operator(two_web.copy(tmp_path / "rehearsal", package=edited))
    operator.change(TWO_WEB)
    before = operator.stack.machines()

    code, told, problem = operator.give("up", "--yes")

    assert code == 0, problem
    names = "monitoring-1, postgres-1, redis-1, sidekiq-1, web-1 and web-2"
    assert f"{len(before)} machines await converge: {names}" in " ".join(told.split())
    assert operator.stack.machines() == before


def test_named_machine_is_made_anew_at_its_private_address(operator):
    operator.change(TWO_WEB)
    before = machines(operator.stack)

    code, told, progress = operator.give("up", "--yes", "--replace", "sidekiq-1")
    after = machines(operator.stack)

    assert code == 0, progress
    assert "The machine sidekiq-1 goes and comes back with new user data" in told
    assert {name for name in before if after[name].id != before[name].id} == {"sidekiq-1"}
    assert after["sidekiq-1"].inputs["linodeInterfaces"] == before["sidekiq-1"].inputs["linodeInterfaces"]


def test_protected_data_is_neither_replaced_nor_destroyed_by_the_way(operator):
    files = operator.stack.files()
    operator.change({**TWO_WEB, "edge": {"dns": "manual"}})

    code, _, problem = operator.give("up", "--yes")
    assert code == 1
    assert "linode Domain zone\n  it holds data and is protected" in problem
    assert operator.stack.files() == files

    operator.change(TWO_WEB)
    refused = {
        (): "mastodon-infra destroy trial --data " + DATA,
        ("--data", "data-postgres"): "volume social-example-data-redis",
        ("--data", f"{DATA},more"): "there is no protected data called more",
        ("--data", DATA): "--confirm-domain social.example",
        ("--data", DATA, "--confirm-domain", "Social.example"): "that is not social.example",
    }
    for words, said in refused.items():
        code, _, problem = operator.give("destroy", *words)
        assert code == 1, words
        assert said in problem
    assert operator.stack.files() == files
    assert operator.stack.preview() == {}, "everything is still protected"

    code, told, problem = operator.give("destroy", "--data", DATA, "--confirm-domain", "social.example")
    assert code == 0, problem
    assert "Nothing of trial remains" in told
    assert operator.stack.names() == set()
    assert {path for path in operator.stack.files() if "zone" not in path} == set(), "no bucket, no object in one"


def test_another_region_is_refused_before_anything_is_asked_of_a_cloud(operator):
    files = operator.stack.files()
    operator.change({**TWO_WEB, "region": "us-ord"})

    for verb in ("preview", "up"):
        code, told, problem = operator.give(verb, *(["--yes"] if verb == "up" else []))
        assert (code, told, len(problem.splitlines())) == (3, "", 3), problem
        assert "region: the stack is in au-mel, and its file asks for us-ord: no volume moves there" in problem
        assert "keep region: au-mel" in problem
    assert operator.stack.files() == files
    code, told, _ = operator.give("refresh")
    assert (code, told.strip()) == (0, "Everything is as the state says.")


def test_what_goes_wrong_is_told_in_three_lines_and_leaves_nothing_half_written(operator):
    operator.change(THREE_WEB)
    files, names = operator.stack.files(), operator.stack.names()

    for status, code, said in ((401, 3, "LINODE_TOKEN"), (429, 3, "go slower"), (503, 3, "has a fault")):
        operator.stack.world.plan_faults(Fault("linode", "configure", status=status))
        seen, _, problem = operator.give("up", "--yes")
        assert seen == code, problem
        assert said in problem
        assert len(problem.splitlines()) == 3

    seen, _, problem = operator.give("up", "--yes", "--replace", "web-9")
    assert (seen, len(problem.splitlines())) == (1, 3)
    assert "there is no machine web-9" in problem
    seen, _, problem = operator.give("up")
    assert seen == 1
    assert "give --yes" in problem

    wrong = {"PULUMI_CONFIG_PASSPHRASE_FILE": "", "PULUMI_CONFIG_PASSPHRASE": "another"}
    seen, _, problem = operator.give("preview", **wrong)
    assert (seen, problem.splitlines()[0]) == (3, "state")
    assert "the passphrase is not this stack's" in problem
    assert len(problem.splitlines()) == 3
    seen, told, _ = operator.give("preflight", **wrong)
    assert seen == 3
    assert "failed   passphrase: the passphrase is not this stack's" in told
    assert "ok       passphrase" not in told
    seen, _, problem = operator.give("preview", PULUMI_BACKEND_URL=f"file://{operator.stack.cloud.folder}/home")
    assert (seen, problem.splitlines()[0]) == (3, "state")
    assert "pulumi stack init trial" in problem

    assert (operator.stack.files(), operator.stack.names()) == (files, names)


def test_refusal_of_a_cloud_names_the_resource_and_the_next_run_goes_on(operator):
    operator.change(THREE_WEB)
    operator.stack.world.plan_faults(Fault(MACHINE, status=400))

    code, _, problem = operator.give("up", "--yes")
    assert code == 1
    assert "linode Instance web-3\n  the cloud refused it: [400]" in problem
    assert "Traceback" not in problem

    code, told, _ = operator.give("up", "--yes")
    assert code == 0
    assert "1 to create" in told
    assert operator.stack.preview() == {}


def test_ctrl_c_ends_in_order_and_the_same_command_goes_on(beginner):
    stack = beginner.stack
    stack.world.plan_faults(Fault(MACHINE, status=0, seconds=3))
    run = beginner.start("up", "--yes")
    assert waited(lambda: not (stack.world.faults() or stack.world.all(MACHINE)))

    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=LIMIT_SECONDS)
    made = stack.files()

    assert run.returncode == 130, said
    assert "the same command goes on from there" in said
    code, _, problem = beginner.give("up", "--yes")
    assert code == 0, problem
    assert made < stack.files()
    assert stack.preview() == {}


def machines(stack):
    return {thing.inputs["label"].removeprefix("social-example-"): thing for thing in stack.world.all(MACHINE)}
