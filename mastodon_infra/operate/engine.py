"""The engine's own command line, for what is read from a stack and put into it between deployments."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from mastodon_infra.errors import ToolError

PROJECT_FILE = "Pulumi.yaml"
TOOLS = Path(".tools", "engine")
POLICIES = Path("policies")
POLICY_TOOLS = Path(".tools", "policies", "stamp")
POLICY_LAUNCHER = Path("plugins", "analyzer-policy-pyexec-v1.0.0", "pulumi-analyzer-policy-pyexec")
"""What ``scripts/policies`` makes: in the project, and where the engine keeps its plugins."""

WANTED = installed("pulumi")
"""The locked SDK's version."""

PATIENCE_SECONDS = 120
LONGEST_SAID = 300
PLACED = frozenset({"linode:index/instance:Instance", "linode:index/volume:Volume", "linode:index/vpc:Vpc"})
"""Types that are in the stack's region, and cannot leave it."""
REMEDIES = (
    ("no stack named", "the state holds no stack {stack}", "pulumi stack init {stack}, or log in elsewhere"),
    (
        "incorrect passphrase",
        "the passphrase is not this stack's",
        "set PULUMI_CONFIG_PASSPHRASE_FILE to the right one",
    ),
    (
        "passphrase must be set",
        "there is no passphrase",
        "set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE",
    ),
    ("must be set for login", "it is not said where the state is", "pulumi login, or set PULUMI_BACKEND_URL"),
)
"""What happens often: a part of the engine's own words, ours for it, and what helps."""


class EngineError(ToolError):
    """The engine refused. Its own words are in the message; they hold no secret."""


class PassphraseError(EngineError):
    """The stack's secrets stay closed: its passphrase is missing, or another."""


@dataclass(frozen=True, slots=True)
class Made:
    """A resource in the state; ``region`` is empty for those that are not in the stack's own."""

    urn: str
    is_protected: bool
    region: str = ""

    @property
    def name(self) -> str:
        """Its logical name."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, slots=True)
class Engine:
    """One stack of one project, as the engine sees it.

    Attributes:
        program: The path of ``pulumi``.
        project: The folder with Pulumi.yaml.
        stack: The stack's name.
        environment: What the engine finds in its environment: the backend, the passphrase, credentials.
    """

    program: Path
    project: Path
    stack: str
    environment: Mapping[str, str]

    def version(self) -> str:
        """The engine's version, without its ``v``."""
        return self._run("version", of_stack=False).strip().removeprefix("v")

    def backend(self) -> str:
        """The address of the state; raises EngineError where it cannot be reached."""
        return str(json.loads(self._run("whoami", "--json", of_stack=False)).get("url", ""))

    def config(self) -> dict[str, str]:
        """The stack's config in clear; structured values as JSON. Raises EngineError, for one on a wrong passphrase."""
        told = json.loads(self._run("config", "--show-secrets", "--json"))
        return {key: str(entry.get("value", "")) for key, entry in told.items()}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs in clear; empty where it was never deployed."""
        told = json.loads(self._run("stack", "output", "--json", "--show-secrets"))
        return told if isinstance(told, dict) else {}

    def policies(self) -> Path | None:
        """The project's policy pack; None where there is none, or where it was not made ready to run."""
        home = Path(self.environment.get("PULUMI_HOME") or Path(self.environment.get("HOME", "/"), ".pulumi"))
        needed = (self.project / POLICIES, self.project / POLICY_TOOLS, home / POLICY_LAUNCHER)
        return self.project / POLICIES if all(path.exists() for path in needed) else None

    def set_secret(self, key: str, value: str) -> None:
        """Encrypt a value into the stack's file. It goes in by standard input, and never over a command line."""
        self._run("config", "set", "--secret", key, stdin=value)

    def protected_named(self, name: str) -> str | None:
        """The URN of the protected resource of a logical name that a provider made; None where there is none."""
        return next((one.urn for one in self.made() if one.is_protected and one.name == name), None)

    def made(self) -> tuple[Made, ...]:
        """Everything in the state that a provider made, also after a first run that was cut short."""
        state = json.loads(self._run("stack", "export"))
        custom = (one for one in (state.get("deployment") or {}).get("resources") or () if one.get("custom"))
        return tuple(
            Made(one["urn"], bool(one.get("protect")), _region_of(one))
            for one in custom
            if "pulumi:" not in one["type"]
        )

    def unprotect(self, urn: str) -> None:
        """Let the next ``up`` delete a resource."""
        self._run("state", "unprotect", urn, "--yes")

    def _run(self, *words: str, of_stack: bool = True, stdin: str = "") -> str:
        where = ("--stack", self.stack) if of_stack else ()
        command = [
            str(self.program),
            *words,
            *where,
            "--cwd",
            str(self.project),
            "--non-interactive",
            "--color",
            "never",
        ]
        try:
            done = subprocess.run(  # noqa: S603  # words of ours; a URN comes out of the engine's own state
                command,
                env=dict(self.environment),
                input=stdin,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"pulumi {words[0]} did not end within {PATIENCE_SECONDS} seconds") from None
        if done.returncode:
            raise _refused(done.stderr or done.stdout, self.stack)
        return done.stdout


def fits(version: str) -> bool:
    """Whether an engine fits the locked SDK, as scripts/engine has it: the major version, and no lower minor one."""
    numbers = [
        [int(part) for part in text.split("-")[0].split(".")[:2] if part.isdigit()] for text in (version, WANTED)
    ]
    (major, *minor), (wanted_major, *wanted_minor) = (pair or [0] for pair in numbers)
    return major == wanted_major and minor >= wanted_minor


def _region_of(resource: Mapping[str, Any]) -> str:
    return str((resource.get("inputs") or {}).get("region", "")) if resource["type"] in PLACED else ""


def find_engine(*, stack: str, file: Path, environment: Mapping[str, str] | None = None) -> Engine:
    """The engine of the checkout that a stack's file lies in, or the one on PATH.

    Raises ToolError where there is no engine, or no Pulumi.yaml above the file.
    """
    told = dict(os.environ if environment is None else environment)
    project = next((above for above in file.resolve().parents if (above / PROJECT_FILE).is_file()), None)
    if project is None:
        raise ToolError(f"no {PROJECT_FILE} lies above {file}", hint="run it in the project's folder")
    own = project / TOOLS / "pulumi"
    found = str(own) if own.is_file() else shutil.which("pulumi", path=told.get("PATH"))
    if found is None:
        raise ToolError("there is no Pulumi engine here", hint="make engine")
    program = Path(found)
    # The interpreter comes first: the language host runs the first python that it finds.
    path = (Path(sys.executable).parent, program.parent, told.get("PATH", os.defpath))
    told["PATH"] = os.pathsep.join(map(str, path))
    told["PULUMI_SKIP_UPDATE_CHECK"] = "true"
    return Engine(program, project, stack, told)


def _refused(said: str, stack: str) -> EngineError:
    """The engine's last words as an error with a hint for what happens often."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = next((line for line in reversed(lines) if line.startswith("error:")), lines[-1] if lines else "no reason")
    text = told.removeprefix("error:").strip()[:LONGEST_SAID]
    for part, seen, hint in REMEDIES:
        if part in text:
            kind = PassphraseError if "passphrase" in part else EngineError
            return kind(seen.format(stack=stack), hint=hint.format(stack=stack))
    return EngineError(f"pulumi: {text}", hint="pulumi about tells more")
