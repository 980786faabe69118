"""The command line's entry: every verb by its name, and the one place where an error becomes an exit code.

0 fine, 1 the operator's input, 2 usage, 3 a missing tool or credential, 4 a machine that is not well, 70 a bug of ours,
130 interrupted.
"""

from __future__ import annotations

import gc
import sys
from typing import Annotated, Any

import typer
from typer.main import get_command

from mastodon_infra import __version__
from mastodon_infra.cli import console
from mastodon_infra.cli.check import check
from mastodon_infra.cli.converge import converge
from mastodon_infra.cli.cost import cost
from mastodon_infra.cli.demo import demo
from mastodon_infra.cli.destroy import destroy
from mastodon_infra.cli.diff import diff
from mastodon_infra.cli.escrow import escrow
from mastodon_infra.cli.explain import explain
from mastodon_infra.cli.facts import facts
from mastodon_infra.cli.logs import logs
from mastodon_infra.cli.new import new
from mastodon_infra.cli.plan import plan
from mastodon_infra.cli.preflight import preflight
from mastodon_infra.cli.preview import preview
from mastodon_infra.cli.refresh import refresh
from mastodon_infra.cli.rehearse import rehearse
from mastodon_infra.cli.render import render
from mastodon_infra.cli.schema import schema
from mastodon_infra.cli.secrets import secrets
from mastodon_infra.cli.snapshot import pull_request, snapshot
from mastodon_infra.cli.ssh import ssh
from mastodon_infra.cli.status import status
from mastodon_infra.cli.tiers import tiers
from mastodon_infra.cli.up import up
from mastodon_infra.cli.verify import verify
from mastodon_infra.errors import MastodonInfraError, Problem

PROGRAM = "mastodon-infra"
OBJECTS_BEFORE_GC = 50_000
"""A command lives for a moment: looking for garbage every 700 objects would only slow its imports down."""

EXIT_BUG = 70
EXIT_INTERRUPTED = 130

UsageError: Any = typer.BadParameter.__mro__[1]
"""What Typer raises for a command line that it cannot read; it exports only this subclass of it."""

app = typer.Typer(
    name=PROGRAM,
    add_completion=True,
    no_args_is_help=False,
    invoke_without_command=True,
    pretty_exceptions_show_locals=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.say(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of a bug.")] = False,
) -> None:
    """Plan, price and preview a Mastodon instance on Linode, from one box to many.

    Start with: mastodon-infra new STACK, then check, plan, explain and cost.
    """
    if context.invoked_subcommand is None:
        console.say(context.get_help())


for verb, summary in (
    (new, "Write a new stack file."),
    (check, "Check a stack file."),
    (plan, "Show what would be built and carried."),
    (explain, "Say why a number is what it is."),
    (cost, "Show what it costs a month."),
    (render, "Write the files of every machine."),
    (preview, "Show what would be made at the cloud."),
    (up, "Deploy a stack, after a preview."),
    (converge, "Bring running machines up to date."),
    (verify, "Look whether all is as planned."),
    (status, "Look at it quickly."),
    (ssh, "Log in to a machine."),
    (logs, "Show a machine's journal."),
    (refresh, "Write down what the clouds say."),
    (destroy, "Take a stack away again."),
    (preflight, "Check tokens, region, zone, state."),
    (escrow, "Keep the life-long keys in a file."),
    (diff, "Show what a change changes."),
    (snapshot, "Keep what stacks are now, to compare."),
    (pull_request, "Say what a change does, as a comment."),
    (tiers, "Show the sizes side by side."),
    (facts, "List prices and limits with dates."),
    (schema, "Print the JSON Schema of a stack file."),
    (rehearse, "Boot a stack on this computer."),
    (demo, "Take the shipped stack through it all."),
):
    app.command(short_help=summary)(verb)
app.add_typer(secrets, name="secrets", short_help="List secrets, and adopt them.")


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(words: list[str]) -> int:
    """Run the command line that the words make, and give its exit code."""
    gc.set_threshold(OBJECTS_BEFORE_GC)
    console.prepare()
    debug = "--debug" in words
    as_json = "--json" in words
    try:
        code = get_command(app)([word for word in words if word != "--debug"], PROGRAM, standalone_mode=False)
    except UsageError as error:
        _refuse_usage(error, as_json=as_json)
        return int(error.exit_code)
    except MastodonInfraError as error:
        console.refuse(error.problems, as_json=as_json)
        if debug:
            _trace(error)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        console.tell("")
        return EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001  # whatever it is, people are told in one line what to do
        return _own_up(error, debug=debug)
    return code if isinstance(code, int) else 0


def _refuse_usage(error: Any, *, as_json: bool) -> None:
    """Say what is wrong with the words of the command line in the three lines that every problem has."""
    said = " ".join(error.format_message().split()).rstrip(".")
    command = error.ctx.command_path if error.ctx else PROGRAM
    problem = Problem((), f"{said[:1].lower()}{said[1:]}", f"{command} --help shows what it takes", command)
    console.refuse([problem], as_json=as_json)


def _own_up(error: Exception, *, debug: bool) -> int:
    if debug:
        _trace(error)
    kind = type(error).__name__
    said = " ".join(str(error).split())[:200]
    console.tell(f"{PROGRAM} has a bug: {kind}: {said}" if said else f"{PROGRAM} has a bug: {kind}")
    again = "the lines above" if debug else "the same command with --debug"
    console.tell(f"  hint: please report it with {again} and the stack file (it holds no secrets in clear)")
    return EXIT_BUG


def _trace(error: Exception) -> None:
    import traceback  # noqa: PLC0415  # only where it was asked for

    console.tell("".join(traceback.format_exception(error)))
