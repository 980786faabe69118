"""``escrow``: keep the life-long keys in one encrypted file, outside the state."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import Page
from mastodon_infra.cli.stacks import StackArgument, StacksDirOption, load
from mastodon_infra.errors import SpecError, ToolError

if TYPE_CHECKING:
    from mastodon_infra.cli.stacks import Loaded
    from mastodon_infra.operate.escrow import Escrow
    from mastodon_infra.program.outputs import StackOutputs

PASSPHRASE_VARIABLE = "MASTODON_INFRA_ESCROW_PASSPHRASE"  # noqa: S105  # a variable's name
OWNER_ONLY = 0o600


def escrow(  # noqa: PLR0917  # Typer passes them by name
    stack: StackArgument,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write the keys into this new file.")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="Open this file and compare its keys with the stack's."),
    ] = None,
    give: Annotated[
        Path | None,
        typer.Option(
            "--give", metavar="FILE", help="Give this file's keys to a new stack: the old one's state is lost."
        ),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file", metavar="FILE", help=f"Its first line is the passphrase; or {PASSPHRASE_VARIABLE}."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Keep the keys that exist nowhere but in the state: one file, encrypted with a passphrase of its own.

    The stack's file is told which keys were kept; up of a stack that is not disposable refuses while others are in use.

    Example: mastodon-infra escrow social --out social.escrow
    """
    if sum(file is not None for file in (out, check, give)) != 1:
        hint = f"mastodon-infra escrow {stack} --out FILE"
        raise SpecError("say one of --out, --check and --give", hint=hint, where="escrow")
    loaded = load(stack, stacks_dir)
    if out is not None:
        _write(loaded, out, passphrase_file, force=force)
    elif check is not None:
        _check(loaded, check, passphrase_file)
    elif give is not None:
        _give(loaded, give, passphrase_file)


def _write(loaded: Loaded, out: Path, passphrase_file: Path | None, *, force: bool) -> None:
    from datetime import UTC, datetime

    from mastodon_infra.operate.escrow import differences, escrow_of, opened, sealed
    from mastodon_infra.stackfile.escrow import record

    if out.exists() and not force:
        raise SpecError("the file is there already", hint="another name, or --force to write over it", where=str(out))
    outputs = _outputs(loaded)
    assert outputs.wiring is not None
    passphrase = _passphrase(passphrase_file, is_new=True)
    today = datetime.now(UTC).date().isoformat()
    kept = escrow_of(outputs.wiring, domain=loaded.plan.spec.domain, stack=loaded.name, date=today)
    _save(out, sealed(kept, passphrase))
    # A copy that nobody has opened is none.
    again = opened(out.read_text(encoding="utf-8"), passphrase, name=str(out))
    if differences(again, outputs.key_fingerprints):
        raise ToolError("the written file holds other keys than the stack", hint="deploy once more, then escrow again")
    record(Path(loaded.file.name), again.record)
    _say(
        f"wrote {len(again.keys)} keys of {again.domain} into {out}, and {loaded.file.name} tells of it",
        "keep two copies of the file and the passphrase apart from it, outside the cloud account;",
        f"to see that a copy is good: mastodon-infra escrow {loaded.name} --check {out}",
    )


def _check(loaded: Loaded, file: Path, passphrase_file: Path | None) -> None:
    from mastodon_infra.operate.escrow import EscrowError, differences

    outputs = _outputs(loaded)
    kept = _opened(file, passphrase_file)
    others = differences(kept, outputs.key_fingerprints)
    if others:
        raise EscrowError(
            f"the escrow of {kept.domain} of {kept.date} holds other keys than the stack: {', '.join(others)}",
            hint=f"write a new one: mastodon-infra escrow {loaded.name} --out FILE",
            where=str(file),
        )
    _say(f"ok: {file} of {kept.date} holds the {len(kept.keys)} keys that {kept.domain} uses")


def _give(loaded: Loaded, file: Path, passphrase_file: Path | None) -> None:
    from mastodon_infra.operate.adoption import give
    from mastodon_infra.operate.engine import find_engine
    from mastodon_infra.operate.escrow import EscrowError
    from mastodon_infra.stackfile.escrow import record

    kept, path = _opened(file, passphrase_file), Path(loaded.file.name)
    if kept.domain != loaded.plan.spec.domain:
        raise EscrowError(
            f"the escrow is of {kept.domain}, and the stack of {loaded.plan.spec.domain}",
            hint="an instance's keys are of no use to another",
            where=str(file),
        )
    give(find_engine(stack=loaded.name, file=path), kept.keys)
    record(path, kept.record)
    _say(f"{path} gives the {len(kept.keys)} keys of the escrow of {kept.date} now; the next up uses them")


def _say(done: str, *further: str) -> None:
    """What was done, and below it what comes next, within the terminal's width."""
    page = Page(console.width(), console.is_plain())
    page.text(done, indent=0, hang=2)
    for line in further:
        page.text(line, hang=2)
    console.say(str(page))


def _opened(file: Path, passphrase_file: Path | None) -> Escrow:
    from mastodon_infra.operate.escrow import EscrowError, opened

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise EscrowError("the file cannot be read", hint="look at its name and mode", where=str(file)) from None
    return opened(text, _passphrase(passphrase_file, is_new=False), name=str(file))


def _outputs(loaded: Loaded) -> StackOutputs:
    """The stack's outputs with its secrets; raises ToolError where there are none."""
    from mastodon_infra.operate.engine import find_engine
    from mastodon_infra.program.outputs import read_outputs

    outputs = read_outputs(find_engine(stack=loaded.name, file=Path(loaded.file.name)).outputs())
    if outputs.wiring is None:
        raise ToolError("the stack's secrets could not be read", hint="set the passphrase of the stack")
    return outputs


def _passphrase(file: Path | None, *, is_new: bool) -> str:
    """From the file, the variable, or a person, who types a new one twice; never from the command line."""
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            raise ToolError(
                "the passphrase's file cannot be read", hint="look at its name and mode", where=str(file)
            ) from None
        return lines[0] if lines else ""
    told = os.environ.get(PASSPHRASE_VARIABLE)
    if told is not None:
        return told
    if not console.is_interactive():
        raise ToolError(
            "there is nobody to ask for the passphrase", hint=f"give --passphrase-file, or set {PASSPHRASE_VARIABLE}"
        )
    asked = "Passphrase for the escrow" if is_new else "Passphrase of the escrow"
    return str(typer.prompt(asked, hide_input=True, confirmation_prompt=is_new, err=True))


def _save(out: Path, text: str) -> None:
    """Write the file whole or not at all, for its owner's eyes only."""
    spare = out.with_name(f".{out.name}.new")
    try:
        spare.unlink(missing_ok=True)
        with os.fdopen(os.open(spare, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        spare.replace(out)
    except OSError as error:
        raise SpecError(f"the file cannot be written: {error.strerror}", hint="another place", where=str(out)) from None
