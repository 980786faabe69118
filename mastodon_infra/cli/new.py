"""``new``: write a stack file from a few answers."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.stacks import StacksDirOption, file_name, is_path, stack_name, stacks_folder
from mastodon_infra.cli.tiers import complete_region
from mastodon_infra.errors import MastodonInfraError, Problem, SpecError, StackFileError


def _one_of(*words: str) -> Callable[[str], list[str]]:
    """Completes one of a few words."""
    return lambda incomplete: [word for word in words if word.startswith(incomplete)]


NameArgument = Annotated[str, typer.Argument(metavar="STACK", help="The new stack's name.")]
DomainOption = Annotated[str, typer.Option(metavar="DOMAIN", help="The part behind the @ in people's handles.")]
MauOption = Annotated[str, typer.Option(metavar="N", help="How many people will use it in a month.")]
_TIERS = _one_of("solo", "small", "medium", "large", "xlarge")
TierOption = Annotated[
    str,
    typer.Option(metavar="SIZE", help="Instead of --mau: solo, small, medium, large or xlarge.", autocompletion=_TIERS),
]
RegionOption = Annotated[
    str, typer.Option(metavar="REGION", help="The Linode region of the machines.", autocompletion=complete_region)
]
OwnerOption = Annotated[str, typer.Option(metavar="NAME", help="The owner's Mastodon user name.")]
EmailOption = Annotated[str, typer.Option(metavar="ADDRESS", help="The owner's mail address.")]
KeyOption = Annotated[
    list[str] | None,
    typer.Option("--ssh-key", metavar="FILE", help="Your SSH public key file (.pub); may be repeated."),
]
MailOption = Annotated[str, typer.Option(metavar="HOW", help="none, ses:REGION or smtp:HOST:PORT:USER.")]
StorageOption = Annotated[
    str,
    typer.Option(
        metavar="WHO",
        help="linode (default), wasabi or aws; linode:au-mel names a region too.",
        autocompletion=_one_of("linode", "wasabi", "aws"),
    ),
]
EdgeOption = Annotated[
    str,
    typer.Option(
        metavar="WHO",
        help="dns-only (default), or cloudflare for its DNS and proxy.",
        autocompletion=_one_of("dns-only", "cloudflare"),
    ),
]
AdminOption = Annotated[str, typer.Option(metavar="LOGIN", help="Your login on the machines.")]
DisposableOption = Annotated[bool, typer.Option("--disposable", help="A trial: nothing is protected.")]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Rewrite mastodon-infra:instance in an existing file, and nothing else.")
]


def new(
    stack: NameArgument,
    *,
    domain: DomainOption = "",
    mau: MauOption = "",
    tier: TierOption = "",
    region: RegionOption = "",
    owner: OwnerOption = "",
    email: EmailOption = "",
    ssh_key: KeyOption = None,
    mail: MailOption = "",
    storage: StorageOption = "",
    edge: EdgeOption = "",
    admin: AdminOption = "",
    disposable: DisposableOption = False,
    force: ForceOption = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Write a new stack file; in a terminal, answers that were not given are asked for.

    Example: mastodon-infra new aus --domain social.example --mau 10000 --region ap-southeast --storage wasabi
    --owner admin --email admin@social.example --ssh-key ~/.ssh/id_ed25519.pub --mail none
    """
    said = {
        "domain": domain, "mau": mau, "tier": tier, "region": region, "owner": owner, "email": email,
        "ssh-key": ssh_key or [], "mail": mail, "storage": storage, "edge": edge, "admin": admin,
        "disposable": disposable,
    }  # fmt: skip
    path = _path_for(stack, stacks_dir)
    data = _judged(_complete(said, path, force=force), path)
    if _write(path, data, force=force):
        _say_next(stack_name(stack), path)


def _path_for(stack: str, stacks_dir: Path | None) -> Path:
    """Where the new file goes; a path must have the name that the engine looks for."""
    if not is_path(stack):
        return (stacks_dir or stacks_folder()) / file_name(stack)
    path = Path(stack)
    if path.name != file_name(stack_name(stack)):
        hint = f"name it {path.parent / file_name(path.stem)}"
        raise StackFileError("the engine reads only files called Pulumi.<stack>.yaml", hint=hint, where=stack)
    return path


def _complete(said: dict[str, Any], path: Path, *, force: bool) -> dict[str, Any]:
    """The answers, asked for where a person is there; raises ``SpecError`` with all that are missing otherwise."""
    from mastodon_infra.cli.answers import missing, missing_problems

    open_questions = missing(said)
    if not open_questions:
        return said
    if not console.is_interactive():
        raise SpecError([*missing_problems(open_questions), *_wrong(said, path)])
    if path.exists() and not force:
        raise _exists(path, "")
    from mastodon_infra.cli.ask import ask_all

    return ask_all(said, path)


def _wrong(said: dict[str, Any], path: Path) -> list[Problem]:
    """What is wrong with the answers that were given, as far as that can be seen without the others."""
    from mastodon_infra.cli.ask import problems_of

    return problems_of(said, path)


def _judged(said: dict[str, Any], path: Path) -> dict[str, Any]:
    """The instance's data, after the same checks that ``check`` makes; problems name their flags."""
    from mastodon_infra.cli.answers import by_flag, stack_data
    from mastodon_infra.plan.instance import plan_instance
    from mastodon_infra.stackfile.verdict import spec_from

    wrong = _wrong(said, path)
    if wrong:
        raise SpecError(wrong)
    data = stack_data(said)
    try:
        plan_instance(spec_from(data))
    except MastodonInfraError as error:
        raise SpecError([by_flag(problem, path) for problem in error.problems]) from None
    return data


def _write(path: Path, data: dict[str, Any], *, force: bool) -> bool:
    """Write the file; False where it said the same already."""
    from mastodon_infra.stackfile.read import read_text
    from mastodon_infra.stackfile.write import replace_instance, save, stack_text

    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, stack_text(data))
        console.say(f"wrote {path}")
        return True
    text = read_text(path)
    other = _differences(text, data, path)
    if other == []:
        console.say(f"{path} says this already; nothing to do")
        return False
    if not force:
        raise _exists(path, f" in {', '.join(other)}" if other else "")
    save(path, replace_instance(text, data, name=str(path)))
    console.say(f"rewrote mastodon-infra:instance in {path}; everything outside it is as it was")
    if other:
        console.say(f"  different in it now, or no longer there: {', '.join(other)}")
    return True


def _differences(text: str, data: dict[str, Any], path: Path) -> list[str] | None:
    """The keys in which a file's instance differs; None where the file cannot be read."""
    from mastodon_infra.stackfile.document import parse
    from mastodon_infra.stackfile.names import INSTANCE_KEY
    from mastodon_infra.stackfile.write import in_order

    try:
        document = parse(text, name=str(path)).data
    except StackFileError:
        return None
    config = document.get("config") if isinstance(document, dict) else None
    there = config.get(INSTANCE_KEY) if isinstance(config, dict) else None
    if not isinstance(there, dict):
        return None
    wanted = in_order(data)
    return [key for key in {**wanted, **there} if there.get(key) != wanted.get(key)]


def _exists(path: Path, differs: str) -> StackFileError:
    return StackFileError(
        "the file exists already and is left alone" + (f"; it differs{differs}" if differs else ""),
        hint="edit it, or rewrite its mastodon-infra:instance with --force",
        where=str(path),
    )


def _say_next(stack: str, path: Path) -> None:
    name = stack if path == stacks_folder() / file_name(stack) else str(path)
    console.say("Next:")
    for verb, what in (
        ("check", "is it sound?"),
        ("plan", "what would be built, and what it carries"),
        ("explain", "why each number is what it is"),
        ("cost", "what it costs a month"),
        ("preview", "what would be made at the cloud"),
    ):
        command = f"mastodon-infra {verb} {name}" + (" --offline" if verb == "preview" else "")
        console.say(f"  {command:<{len(name) + 36}}  {what}")
