"""What ``new`` wants to know: one question for each flag, and the stack data that the answers make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastodon_infra.cli import keys
from mastodon_infra.errors import Problem, SpecError
from mastodon_infra.model.tier import Tier

Answers = Mapping[str, Any]
"""What was said, by the flag's name without dashes: text, several for ``ssh-key``, a switch for ``disposable``."""

MAIL_PARTS = 4


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know.

    Attributes:
        name: The flag's name without its dashes.
        what: What is asked, as it is put in a terminal.
        example: A right answer, or what right answers look like.
        path: Where in the instance the answer goes; problems found there are about this flag.
        default: What to offer in a terminal, from the other answers; empty where nothing can be guessed.
        is_needed: Whether the instance cannot be written without it.
    """

    name: str
    what: str
    example: str
    path: tuple[str, ...]
    default: Callable[[Answers], str] = lambda _: ""
    is_needed: bool = True

    @property
    def flag(self) -> str:
        """The flag as it is typed."""
        return "--mau or --tier" if self.name == "mau" else f"--{self.name}"


def login_for(owner: str) -> str:
    """A login on the machines for the owner's name, where that is one; else ``admin``."""
    from mastodon_infra.model.laws import SYSTEM_USERS  # noqa: PLC0415  # pydantic comes with it

    name = owner.lower()
    is_login = name[:1].isalpha() and name.replace("_", "").isalnum() and name.isascii()
    return name if is_login and name not in SYSTEM_USERS else "admin"


QUESTIONS = (
    Question(
        name="domain",
        what="The domain, the part behind the @ in people's handles; it can never change",
        example="social.example",
        path=("domain",),
    ),
    Question(
        name="mau",
        what="How many people will use it in a month, or a size: solo, small, medium, large, xlarge",
        example="2500",
        path=("size", "expected_monthly_active_users"),
        default=lambda _: "1000",
    ),
    Question(
        name="region",
        what="The Linode region for the machines",
        example="ap-southeast",
        path=("region",),
    ),
    Question(
        name="owner",
        what="Your user name in Mastodon, without @",
        example="admin",
        path=("owner.username",),
        default=lambda _: "admin",
    ),
    Question(
        name="email",
        what="Your mail address",
        example="admin@social.example",
        path=("owner.email",),
    ),
    Question(
        name="ssh-key",
        what="The file of your SSH public key",
        example="~/.ssh/id_ed25519.pub",
        path=("administrators.ssh_keys",),
        default=lambda _: keys.usual_file(),
    ),
    Question(
        name="mail",
        what="Who sends mail: none, ses:REGION or smtp:HOST:PORT:USER",
        example="ses:ap-southeast-2",
        path=("mail",),
        default=lambda _: "none",
    ),
    Question(
        name="storage",
        what="Who keeps the media: linode, wasabi or aws",
        example="wasabi",
        path=("storage",),
        is_needed=False,
    ),
    Question(
        name="edge",
        what="Who answers for the domain: dns-only (Linode's DNS) or cloudflare (DNS and proxy)",
        example="cloudflare",
        path=("edge",),
        is_needed=False,
    ),
    Question(
        name="admin",
        what="Your login on the machines",
        example="alice",
        path=("administrators.name", "administrators"),
        default=lambda said: login_for(str(said.get("owner", ""))),
        is_needed=False,
    ),
)
"""Every question in the order in which they are asked."""


def missing(answers: Answers) -> list[Question]:
    """The questions that must be answered and are not."""
    return [one for one in QUESTIONS if one.is_needed and not _is_said(answers, one)]


def _is_said(answers: Answers, one: Question) -> bool:
    return bool(answers.get(one.name)) or (one.name == "mau" and bool(answers.get("tier")))


def missing_problems(questions: list[Question]) -> list[Problem]:
    """One problem for each question that is open, with its flag."""
    return [
        Problem((), f"is missing: {one.what[0].lower()}{one.what[1:]}, e.g. {one.example}", where=one.flag)
        for one in questions
    ]


def stack_data(answers: Answers) -> dict[str, Any]:
    """The instance that the answers make; raises ``SpecError`` with every answer that cannot be read."""
    data, problems = readable(answers)
    if problems:
        raise SpecError(problems)
    return data


def readable(answers: Answers) -> tuple[dict[str, Any], list[Problem]]:
    """The instance as far as the answers can be read, and what is wrong with the others."""
    data: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, put in _WRITERS.items():
        if answers.get(name):
            try:
                put(data, answers[name], answers)
            except SpecError as error:
                problems.extend(problem for problem in error.problems if problem not in problems)
    if answers.get("disposable"):
        data["disposable"] = True
    return data, problems


def _domain(data: dict[str, Any], said: str, _: Answers) -> None:
    data["domain"] = said


def _size(data: dict[str, Any], said: str, answers: Answers) -> None:
    text = str(said).replace(",", "").replace("_", "").strip()
    if answers.get("tier") and answers.get("mau"):
        raise _refused("--mau", "both a number of people and a size are given", "keep one of --mau and --tier")
    if text.isdecimal() and text.isascii():
        data["expected_monthly_active_users"] = int(text)
    elif text in {tier.value for tier in Tier}:
        data["size"] = text
    else:
        sizes = ", ".join(tier.value for tier in Tier)
        raise _refused(
            "--tier" if answers.get("tier") else "--mau",
            f"{text[:40]!r} is no size",
            f"a number of people, or one of {sizes}",
        )


def _region(data: dict[str, Any], said: str, _: Answers) -> None:
    data["region"] = said


def _owner(data: dict[str, Any], said: str, _: Answers) -> None:
    data.setdefault("owner", {})["username"] = said


def _email(data: dict[str, Any], said: str, _: Answers) -> None:
    data.setdefault("owner", {})["email"] = said


def _ssh_key(data: dict[str, Any], said: list[str], answers: Answers) -> None:
    lines = [line for name in said for line in keys.public_keys(name)]
    login = answers.get("admin") or login_for(str(answers.get("owner", "")))
    data["administrators"] = [{"name": login, "ssh_keys": list(dict.fromkeys(lines))}]


def _mail(data: dict[str, Any], said: str, _: Answers) -> None:
    kind, *rest = said.split(":")
    if said == "none":
        data["mail"] = "none"
    elif kind == "ses" and len(rest) == 1 and rest[0]:
        data["mail"] = {"provider": "ses", "region": rest[0]}
    elif kind == "smtp" and len(rest) == MAIL_PARTS - 1 and all(rest) and rest[1].isdecimal():
        data["mail"] = {"provider": "smtp", "host": rest[0], "port": int(rest[1]), "username": rest[2]}
    else:
        hint = "none, ses:REGION (ses:ap-southeast-2) or smtp:HOST:PORT:USER (smtp:smtp.relay.example:2525:me)"
        raise _refused("--mail", f"{said[:60]!r} does not say who sends mail", hint)


def _storage(data: dict[str, Any], said: str, _: Answers) -> None:
    provider, _colon, region = said.partition(":")
    data["storage"] = {"provider": provider, "region": region} if region else {"provider": provider}


def _edge(data: dict[str, Any], said: str, _: Answers) -> None:
    if said == "cloudflare":
        data["edge"] = {"dns": "cloudflare", "proxied": True}
    elif said != "dns-only":
        raise _refused("--edge", f"{said[:40]!r} is no edge", "dns-only, or cloudflare for its DNS and its proxy")


_WRITERS: dict[str, Callable[[dict[str, Any], Any, Answers], None]] = {
    "domain": _domain,
    "region": _region,
    "mau": _size,
    "tier": _size,
    "owner": _owner,
    "email": _email,
    "ssh-key": _ssh_key,
    "mail": _mail,
    "storage": _storage,
    "edge": _edge,
}


def by_flag(problem: Problem, file: Path | None = None) -> Problem:
    """A problem of the instance, located at the flag that it is about; else at its key in the file."""
    keyed = ".".join(part for part in problem.path if isinstance(part, str))
    for one in QUESTIONS:
        if any(keyed == path or keyed.startswith(f"{path}.") for path in one.path):
            return Problem((), problem.message, problem.hint, one.flag)
    return Problem(problem.path, problem.message, problem.hint, str(file or ""))


def _refused(flag: str, message: str, hint: str) -> SpecError:
    return SpecError(message, hint=hint, where=flag)
