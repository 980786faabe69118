"""``rehearse``: a whole instance on this computer, from nothing to all green, and away again."""

# ruff: noqa: PLC0415  # a verb imports what it needs when it runs, so that the others start quickly

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Annotated

import typer

from mastodon_infra.cli import console
from mastodon_infra.cli.layout import listed
from mastodon_infra.cli.stacks import StackArgument, StacksDirOption
from mastodon_infra.errors import SpecError, ToolError

if TYPE_CHECKING:
    from mastodon_infra.cli.stacks import Loaded
    from mastodon_infra.rehearsal.machines.bed import Parts
    from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal
    from mastodon_infra.rehearsal.machines.settling import State

DEMO = "demo"
BUILD = Path("build", "rehearsal")
PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "dpkg-scanpackages": "dpkg-dev",
    "ip": "iproute2",
    "losetup": "mount",
    "nsenter": "util-linux",
    "curl": "curl",
}
"""What a rehearsal needs of this computer, and the Debian packages that have it."""
MAKING = {"go": "golang-go"}
"""What is needed beside, where what machines boot from has yet to be made."""

WATCHES_PER_MACHINE = 8
WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
"""For how many programs the kernel watches files; systemd and dbus of each machine are six of them."""

INSTALL_SECONDS, LOOK_SECONDS, PATIENCE_SECONDS = 900, 2, 240
VERIFY = ["verify", "--patience", str(PATIENCE_SECONDS), "--send-mail"]
"""All of it. A mail that is sent here goes to no stranger: the relay keeps it."""


def rehearse(
    stack: StackArgument,
    verb: Annotated[
        list[str] | None,
        typer.Argument(metavar="[-- VERB...]", help="Run a verb in the rehearsal: -- verify, or -- ssh web-1"),
    ] = None,
    *,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the machines up at the end.")] = False,
    down: Annotated[bool, typer.Option("--down", help="Take a rehearsal away, also after a crash.")] = False,
    folder: Annotated[
        Path | None, typer.Option("--folder", metavar="DIR", help="Where it lives; by default build/rehearsal/STACK.")
    ] = None,
    real_image: Annotated[
        bool, typer.Option("--real-image", help="Pull Mastodon's own image, instead of playing it by a stand-in.")
    ] = False,
    stacks_dir: StacksDirOption = None,
) -> None:
    """Boot a stack on this computer: real machines in a local cloud, verified, and taken away again.

    STACK may also be a size: then it is the demonstration in that size. Needs root and a Linux with systemd. Nothing
    leaves this computer, and no account is used.

    Example: mastodon-infra rehearse demo --keep, then mastodon-infra rehearse demo -- verify
    """
    from mastodon_infra.cli.stacks import stack_name
    from mastodon_infra.rehearsal.machines.rehearsal import Rehearsal

    name = stack_name(stack)
    rehearsal = Rehearsal(folder or BUILD / name, name)
    _needs_this_computer(_programs(is_whole=not (down or verb), real_image=real_image))
    if down:
        _take_down(rehearsal)
    elif verb:
        raise typer.Exit(_run_verb(rehearsal, verb))
    else:
        raise typer.Exit(_whole(rehearsal, _loaded(stack, stacks_dir), keep=keep, real_image=real_image))


def _loaded(stack: str, stacks_dir: Path | None) -> Loaded:
    """A stack; or, where there is none of that name, the demonstration in the size that is called so."""
    from mastodon_infra.cli.stacks import known_stacks, load, stacks_folder
    from mastodon_infra.model.tier import Tier

    is_size = stack in set(Tier) and stack not in known_stacks(stacks_dir or stacks_folder())
    return load(DEMO, stacks_dir, changes={"size": stack}) if is_size else load(stack, stacks_dir)


def _programs(*, is_whole: bool, real_image: bool) -> dict[str, str]:
    making = MAKING if is_whole and not _has_parts() else {}
    return PROGRAMS | making | ({"skopeo": "skopeo"} if real_image else {})


def _has_parts() -> bool:
    """Whether ``scripts/machine-parts`` has made anything before, into the same cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mastodon-infra"
    return any(cache.glob("machines-*/"))


def _needs_this_computer(programs: Mapping[str, str]) -> None:
    """Refuse where machines cannot boot, and say all of what is missing."""
    if os.geteuid() != 0:
        raise ToolError("machines need root: namespaces, mounts and loop devices", hint="sudo mastodon-infra rehearse")
    missing = [package for program, package in programs.items() if shutil.which(program) is None]
    if missing:
        raise ToolError(f"this computer lacks {listed(missing)}", hint=f"apt-get install {' '.join(missing)}")
    if not Path("/run/systemd/system").exists() and not Path("/sys/fs/cgroup").exists():
        raise ToolError("this system has no control groups", hint="use a Linux with systemd")


def _needs_engine(rehearsal: Rehearsal) -> None:
    """Refuse before minutes have gone into what machines boot from."""
    if not (rehearsal.engine / "pulumi").exists():
        raise ToolError("there is no Pulumi engine in this checkout", hint="make engine")


def _needs_its_folder(rehearsal: Rehearsal) -> None:
    """Refuse a folder that is in use, by a rehearsal that runs, one whose keeper has died, or somebody else."""
    name = rehearsal.stack
    if rehearsal.keeper:
        said, hint = (
            f"a rehearsal of {name} runs already",
            f"mastodon-infra rehearse {name} --down, or -- VERB to use it",
        )
    elif rehearsal.is_there:
        said, hint = (
            f"a rehearsal of {name} has ended here",
            f"take away what it left: mastodon-infra rehearse {name} --down",
        )
    elif not rehearsal.is_free:
        said, hint = "this folder holds something else", "name one with --folder that is empty or does not exist"
    else:
        return
    raise SpecError(said, hint=hint, where=str(rehearsal.folder))


def _needs_watches(machines: int) -> None:
    """Refuse what the kernel would let boot, and then fail here and there with too many open files."""
    used = sum(_leads_to(file) == "anon_inode:inotify" for file in Path("/proc").glob("[0-9]*/fd/*"))
    most, needed = int(WATCHES.read_text(encoding="ascii")), used + machines * WATCHES_PER_MACHINE
    if needed > most:
        raise ToolError(
            f"the kernel watches files for {most} programs at most, and {needed} are needed",
            hint=f"end another rehearsal, or: sysctl fs.inotify.max_user_instances={2 * needed}",
        )


def _leads_to(link: Path) -> str:
    with suppress(OSError):
        return str(link.readlink())
    return ""


def _whole(rehearsal: Rehearsal, loaded: Loaded, *, keep: bool, real_image: bool) -> int:
    from mastodon_infra.rehearsal.machines.serving import FirstService, asking

    times: dict[str, float] = {}
    _needs_its_folder(rehearsal)
    _needs_watches(len(loaded.plan.nodes))
    _needs_engine(rehearsal)
    began = monotonic()
    with _phase("parts", "what machines boot from", times):
        parts = _parts()
    archives: dict[str, str] = {}
    if real_image:
        with _phase("image", "Mastodon's own image is pulled", times):
            archives = _pulled(loaded, parts)
    is_green = False
    service = FirstService(asking(rehearsal, loaded.plan.spec.website))
    try:
        with _phase("cloud", "the world outside", times):
            secrets = _begin(rehearsal, loaded, parts, archives)
        with service:
            with _phase("up", "the stack is deployed by the engine", times):
                _deploy(rehearsal, secrets)
            with _phase("install", "machines install themselves", times):
                _wait_for_machines(rehearsal, loaded)
            with _phase("verify", "everything is looked at", times):
                is_green = _run_verb(rehearsal, VERIFY) == 0
        _say_not_proven(real_image=real_image)
    finally:
        if not keep:
            with _phase("down", "all of it is taken away", times):
                _take_down(rehearsal)
    _say_times(times, monotonic() - began, service.seconds)
    if keep:
        console.tell(f"It is up: mastodon-infra rehearse {rehearsal.stack} -- status, and --down when you are done.")
    return 0 if is_green else 1


def _parts() -> Parts:
    from mastodon_infra.rehearsal.local_cloud import PROJECT_ROOT
    from mastodon_infra.rehearsal.machines.bed import Parts

    done = subprocess.run([PROJECT_ROOT / "scripts/machine-parts"], stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603  # our own script
    if done.returncode:
        raise ToolError("what machines boot from could not be made", hint="read the lines above")
    return Parts(Path(done.stdout.strip()))


def _pulled(loaded: Loaded, parts: Parts) -> dict[str, str]:
    """The files of the images, kept beside what machines boot from."""
    from mastodon_infra.rehearsal.machines.pulling import pull_image
    from mastodon_infra.rehearsal.machines.rehearsal import images_of

    cache = parts.folder.parent / "images"
    return {image: str(pull_image(image, cache)) for image in images_of(loaded.plan)}


def _begin(rehearsal: Rehearsal, loaded: Loaded, parts: Parts, archives: Mapping[str, str]) -> dict[str, str]:
    """Gives the secrets that an operator would have set, made up."""
    from mastodon_infra.model.services import DnsProvider
    from mastodon_infra.program.config import needed_secrets
    from mastodon_infra.rehearsal.machines.secrets import made_up

    secrets = {key: made_up(key, loaded.plan) for key in needed_secrets(loaded.plan)}

    zones = (loaded.plan.dns.zone,) if loaded.plan.dns.provider is DnsProvider.CLOUDFLARE else ()
    rehearsal.prepare(loaded.file.document.text, loaded.plan, secrets, zones=zones, archives=archives)
    rehearsal.begin(parts)
    return secrets


def _deploy(rehearsal: Rehearsal, secrets: dict[str, str]) -> None:
    environment = rehearsal.environment()
    project = str(rehearsal.folder / "project")
    engine = ["pulumi", "--cwd", project, "--non-interactive", "--color", "never", "--stack", rehearsal.stack]
    _must([*engine[:1], "stack", "init", *engine[1:]], environment)
    for key, value in secrets.items():
        _must([*engine[:1], "config", "set", "--secret", key, *engine[1:]], environment, value)
    _must(_words("up", str(rehearsal.file), "--yes"), environment)


def _must(words: list[str], environment: dict[str, str], given: str = "") -> None:
    """Run a step; what it said is shown only where it failed."""
    done = subprocess.run(  # noqa: S603  # words of ours
        words, env=environment, input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        console.tell(done.stdout)
        raise ToolError(f"{Path(words[0]).name} {words[1]} ended with {done.returncode}", hint="read the lines above")


def _words(*words: str) -> list[str]:
    return [sys.executable, "-m", "mastodon_infra", *words]


def _wait_for_machines(rehearsal: Rehearsal, loaded: Loaded) -> None:
    """Until all have installed themselves; raises ToolError for one that gave up, or when the time is over."""
    labels = {node.label: node.name for node in loaded.plan.nodes}
    told: dict[str, str] = {}
    end = monotonic() + INSTALL_SECONDS
    while True:
        if trouble := rehearsal.trouble():
            raise ToolError(f"the keeper has ended: {trouble}", hint=f"read {rehearsal.folder / 'keeper.log'}")
        states = {name: _state(rehearsal, label) for label, name in labels.items()}
        for name, state in states.items():
            if state.failed:
                raise ToolError(f"{name} gave up: {state.failed}", hint=f"look at it: -- ssh {name}")
            doing = "ready" if state.is_settled else state.waits_for
            if told.get(name) != doing:
                console.tell(f"  {name}: {doing}")
                told[name] = doing
        if all(state.is_settled for state in states.values()):
            return
        if monotonic() > end:
            late = [name for name, state in states.items() if not state.is_settled]
            raise ToolError(
                f"after {INSTALL_SECONDS} s not ready: {listed(late)}", hint=f"look at it: -- ssh {late[0]}"
            )
        sleep(LOOK_SECONDS)


def _state(rehearsal: Rehearsal, label: str) -> State:
    """How far a machine is."""
    from mastodon_infra.rehearsal.machines.settling import State, look

    machine = rehearsal.running().get(label)
    if machine is None:
        return State(waits_for="its turn")
    if not machine.is_on:
        return State(failed=f"it is off: read {rehearsal.folder}/machines/*/console.log")
    if not machine.pid or machine.trouble:
        return State(waits_for=f"booting {machine.trouble}".strip())
    return look(lambda *words: rehearsal.run(label, *words))


def _run_verb(rehearsal: Rehearsal, verb: list[str]) -> int:
    """Run a verb where the instance's visitors are; gives its exit code."""
    if not rehearsal.keeper:
        raise SpecError(
            f"no rehearsal of {rehearsal.stack} is running",
            hint=f"mastodon-infra rehearse {rehearsal.stack} --keep",
            where=str(rehearsal.folder),
        )
    words = _words(verb[0], str(rehearsal.file), *verb[1:])
    done = subprocess.run(rehearsal.command(*words), env=rehearsal.environment(), check=False)  # noqa: S603  # words of ours
    return done.returncode


def _take_down(rehearsal: Rehearsal) -> None:
    if not rehearsal.folder.exists():
        return
    if not rehearsal.is_there:
        raise SpecError(
            "this folder holds no rehearsal", hint="name the one that has given.json", where=str(rehearsal.folder)
        )
    rehearsal.end()
    rehearsal.remove()


@contextmanager
def _phase(name: str, what: str, times: dict[str, float]) -> Iterator[None]:
    console.tell(f"── {name}: {what}")
    began = monotonic()
    try:
        yield
    finally:
        times[name] = monotonic() - began


def _say_not_proven(*, real_image: bool) -> None:
    from mastodon_infra.rehearsal.machines.bed import NOT_PROVEN, STAND_IN_NOT_PROVEN

    console.tell("── not proven here, whatever was green")
    for what in (*NOT_PROVEN, *(() if real_image else (STAND_IN_NOT_PROVEN,))):
        console.tell(f"  {what}")


def _say_times(times: dict[str, float], total: float, serving: float | None) -> None:
    console.tell("── time")
    for name, seconds in {**times, "total": total}.items():
        console.tell(f"  {name:<10} {seconds:7.1f} s")
    console.tell("  nobody was served" if serving is None else f"  serving after {serving:.1f} s, from the start of up")
