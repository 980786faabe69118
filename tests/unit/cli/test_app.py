import os
import pty
import subprocess
import sys

import pytest

from mastodon_infra import __version__
from mastodon_infra.cli import check, console
from mastodon_infra.errors import Problem, ToolError

VERBS = (
    *("new", "check", "plan", "explain", "cost", "render", "preview", "up", "converge", "verify", "status", "ssh"),
    *("logs", "refresh", "destroy", "preflight", "escrow", "diff", "snapshot", "pull-request", "tiers", "facts"),
    *("schema", "rehearse", "demo", "secrets"),
)
COMMAND = [sys.executable, "-m", "mastodon_infra"]


def test_help_names_every_verb(cli):
    outcome = cli("--help")

    listed = [line.split()[0] for line in outcome.out.partition("Commands:\n")[2].splitlines() if line.strip()]
    assert outcome.code == 0
    assert listed == list(VERBS)


def test_without_a_verb_help_is_shown(cli):
    assert cli().out == cli("--help").out


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_each_verb_has_an_example_that_names_it(cli, verb):
    outcome = cli(verb, "--help")

    assert outcome.code == 0
    assert f"Example: mastodon-infra {verb}" in " ".join(outcome.out.split())
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_version_is_printed(cli):
    assert cli("--version").out == f"mastodon-infra {__version__}\n"


@pytest.mark.parametrize(
    ("words", "command", "said"),
    [
        (("plna",), "mastodon-infra", "no such command 'plna'"),
        (("plan",), "mastodon-infra plan", "missing argument 'STACK'"),
        (("plan", "demo", "--nope"), "mastodon-infra plan", "no such option: --nope"),
        (("plan", "demo", "extra"), "mastodon-infra plan", "got unexpected extra argument"),
        (("plan", "demo", "--mau", "few"), "mastodon-infra plan", "invalid value for '--mau': "),
        (("--nope",), "mastodon-infra", "no such option: --nope"),
    ],
)
def test_wrong_usage_exits_with_2_in_three_lines_that_name_the_help(cli, words, command, said):
    outcome = cli(*words)

    where, message, hint = outcome.err.splitlines()
    assert (outcome.code, outcome.out) == (2, "")
    assert where == command
    assert message.startswith(f"  {said}")
    assert hint == f"  hint: {command} --help shows what it takes"


def test_wrong_usage_as_data_is_a_problem_on_standard_output(cli):
    outcome = cli("plan", "--json")

    assert (outcome.code, outcome.err) == (2, "")
    assert '"problems"' in outcome.out


def test_missing_tool_exits_with_3(cli, stack, monkeypatch):
    stack("social")
    monkeypatch.setattr(check, "load", _raising(ToolError("pulumi is not installed", hint="install it")))

    outcome = cli("check", "social")

    assert (outcome.code, outcome.err) == (3, "pulumi is not installed\n  hint: install it\n")


def test_bug_exits_with_70_and_says_how_to_report_it(cli, stack, monkeypatch):
    stack("social")
    monkeypatch.setattr(check, "load", _raising(ZeroDivisionError("division\nby zero")))

    outcome = cli("check", "social")

    assert outcome.code == 70
    assert outcome.err.startswith(
        "mastodon-infra has a bug: ZeroDivisionError: division by zero\n  hint: please report"
    )
    assert "Traceback" not in outcome.err
    assert "Traceback" in cli("check", "social", "--debug").err


def test_interrupt_exits_with_130_quietly(cli, stack, monkeypatch):
    stack("social")
    monkeypatch.setattr(check, "load", _raising(KeyboardInterrupt()))

    outcome = cli("check", "social")

    assert (outcome.code, outcome.out, outcome.err.strip()) == (130, "", "")


def _raising(error):
    def fail(*_, **__):
        raise error

    return fail


def test_reader_that_leaves_early_is_no_error(stack, folder):
    stack("social")
    for verb in (["plan", "social"], ["explain", "social", "--json"]):
        process = subprocess.Popen([*COMMAND, *verb], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder)
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait() == 141


def test_terminal_gets_bold_headings_unless_it_wants_none(stack, folder):
    stack("social")

    assert b"\x1b[1m" in _in_terminal(folder, TERM="xterm")
    assert b"\x1b" not in _in_terminal(folder, TERM="xterm", NO_COLOR="1")
    assert b"\x1b" not in _in_terminal(folder, TERM="dumb")


def _in_terminal(folder, **environment):
    main, terminal = pty.openpty()
    base = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    process = subprocess.Popen(
        [*COMMAND, "plan", "social"], stdout=terminal, stdin=terminal, cwd=folder, env={**base, **environment}
    )
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(main, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    process.wait()
    os.close(main)
    return shown


def test_letters_that_the_terminal_lacks_are_replaced(stack, folder):
    stack("social", region="br-gru")

    run = subprocess.run(
        [*COMMAND, "plan", "social"],
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        check=False,
    )

    assert (run.returncode, run.stderr) == (0, b"")
    assert b"S?o Paulo" in run.stdout


def test_starting_imports_nothing_heavy():
    code = "import sys, mastodon_infra.cli.app; print(*sorted(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(run.stdout.split())

    heavy = ("pulumi", "pydantic", "jinja2", "ruamel", "rich", "mastodon_infra.model.instance", "mastodon_infra.plan.")
    assert not sorted(name for name in modules if name.startswith(heavy))


@pytest.mark.parametrize(("typed", "offered"), [("", {"aus", "demo"}), ("d", {"demo"}), ("x", set())])
def test_shell_completes_names_of_stacks(stack, folder, typed, offered):
    stack("aus")
    stack("demo")

    run = subprocess.run(
        COMMAND,
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={
            **os.environ,
            "_MASTODON_INFRA_COMPLETE": "complete_bash",
            "COMP_WORDS": f"mastodon-infra plan {typed}",
            "COMP_CWORD": "2",
        },
    )

    assert set(run.stdout.split()) == offered


def test_problem_without_a_place_is_one_sentence(capsys):
    console.refuse([Problem((), "it rains", "take an umbrella")], as_json=False)

    assert capsys.readouterr().err == "it rains\n  hint: take an umbrella\n"
