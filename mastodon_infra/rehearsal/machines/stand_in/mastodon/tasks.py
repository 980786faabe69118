"""rails and tootctl: what is done once, from a command line."""

import re
import secrets
from collections.abc import Callable

import psycopg2

from mastodon_infra.rehearsal.machines.stand_in.mastodon import rules, schema
from mastodon_infra.rehearsal.machines.stand_in.mastodon.database import ask, connect
from mastodon_infra.rehearsal.machines.stand_in.mastodon.environment import Refused, check, setting
from mastodon_infra.rehearsal.machines.stand_in.mastodon.stores import Connection, Store, push

RAILS = {"db:prepare": schema.prepare, "db:seed": schema.seed, "db:migrate": schema.migrate}
WELCOME = "Your account is ready at https://{domain}/@{name}."


def rails(task="", *_):
    """The tasks of a first start and of an upgrade."""
    check(rules.TASKS)
    Connection().close()
    if task not in RAILS:
        raise Refused(f"the stand-in knows no rails {task}")
    RAILS[task]()


def tootctl(*words):
    """The command line. Each command refuses options that tootctl would refuse."""
    check(_kind())
    name = " ".join(words[:2])
    if name not in rules.TOOTCTL:
        raise Refused(f"the stand-in knows no tootctl {name}")
    subjects, options = _parsed(words[2:], rules.TOOTCTL[name])
    COMMANDS[name](connect(rules.TASKS), *subjects, **options)


def _kind():
    """Whose environment this is: it may be run in the container of another process too."""
    given = {name for name in rules.READERS.keys() - rules.BAKED.keys() if setting(name)}
    kinds = (rules.TASKS, rules.WEB, rules.SIDEKIQ)
    return next((kind for kind in kinds if all(kind in rules.READERS[name] for name in given)), rules.TASKS)


def _parsed(words, known):
    """What a command is about, and its options by name."""
    subjects, options, rest = [], {}, iter(words)
    for word in rest:
        option, _, value = word.replace("-c", "--concurrency", 1).partition("=") if word == "-c" else (word, "", "")
        if option.startswith("--"):
            if option not in known:
                raise Refused(f"ERROR: unknown option {option}")
            named = option.removeprefix("--").replace("-", "_")
            options[named] = next(rest) if option in rules.WITH_VALUE else value or True
        else:
            subjects.append(word)
    return subjects, options


def _nothing(*_, **__):
    print("OK")


def _create(connection, name, *, email, role=None, confirmed=False, approve=False):
    role_id = _role(connection, role)
    faults = []
    if not re.fullmatch(r"[A-Za-z0-9_]{1,30}", name):
        faults.append("account.username\n    invalid")
    normal = name.lower().translate(rules.LOOKALIKES)
    blocked = "SELECT 1 FROM username_blocks WHERE exact AND NOT allow_with_approval AND normalized_username = %s"
    if ask(connection, blocked, normal):
        faults.append("account.username\n    reserved")
    if ask(connection, "SELECT 1 FROM accounts WHERE lower(username) = lower(%s) AND domain IS NULL", name):
        faults.append("account.username\n    taken")
    if ask(connection, "SELECT 1 FROM users WHERE email = %s", email):
        faults.append("email\n    taken")
    if faults:
        raise Refused("\n".join(f"Failure/Error: {fault}" for fault in faults))
    password = secrets.token_hex(16)
    connection.autocommit = False
    with connection:
        ((account,),) = ask(connection, "INSERT INTO accounts (username) VALUES (%s) RETURNING id", name)
        ask(
            connection,
            "INSERT INTO users (email, account_id, role_id, approved, confirmed_at) VALUES (%s, %s, %s, %s, %s)",
            *(email, account, role_id, approve, "now" if confirmed else None),
        )
    if confirmed:
        _welcome(name, email)
    print(f"OK\nNew password: {password}")


def _modify(connection, name, *, role=None, confirm=False, approve=False, **options):
    found = ask(
        connection,
        "SELECT u.id, u.email, u.confirmed_at FROM users u JOIN accounts a ON a.id = u.account_id "
        "WHERE a.username = %s AND a.domain IS NULL",
        name,
    )
    if not found:
        raise Refused("No user with such username")
    user, email, confirmed_at = found[0]
    if role:
        ask(connection, "UPDATE users SET role_id = %s WHERE id = %s", _role(connection, role), user)
    if approve:
        ask(connection, "UPDATE users SET approved = true WHERE id = %s", user)
    if confirm and confirmed_at is None:
        ask(connection, "UPDATE users SET confirmed_at = now() WHERE id = %s", user)
        _welcome(name, email)
    print("OK")
    if options.get("reset_password"):
        print(f"New password: {secrets.token_hex(16)}")


def _role(connection, name):
    if name is None:
        return None
    found = ask(connection, "SELECT id FROM user_roles WHERE name = %s", name)
    if not found:
        raise Refused("Cannot find user role with that name")
    return found[0][0]


def _welcome(name, email):
    """Whoever is confirmed gets a mail, by a job: sidekiq has the relay's login."""
    text = WELCOME.format(domain=setting("LOCAL_DOMAIN"), name=name)
    push(Store("SIDEKIQ_"), "mailers", "ActionMailer::MailDeliveryJob", email, "Welcome to Mastodon", text)


def _registrations(connection, mode, **_):
    if mode not in {"open", "approved", "close"}:
        raise Refused(f"ERROR: no such mode: {mode}")
    ask(
        connection,
        "INSERT INTO settings (var, value) VALUES ('registrations_mode', %s) "
        "ON CONFLICT (var) DO UPDATE SET value = excluded.value",
        "none" if mode == "close" else mode,
    )
    print("OK")


def _token(connection, name):
    """A token of that account, as an app would get by signing in."""
    token = secrets.token_urlsafe(32)
    made = "INSERT INTO oauth_access_tokens (token, account_id, scopes) "
    made += "SELECT %s, id, 'read write push' FROM accounts WHERE username = %s AND domain IS NULL RETURNING id"
    try:
        found = ask(connection, made, token, name)
    except psycopg2.Error as error:
        raise Refused(str(error)) from error
    if not found:
        raise Refused("No user with such username")
    print(token)


COMMANDS: dict[str, Callable[..., None]] = {
    "accounts create": _create,
    "accounts modify": _modify,
    "settings registrations": _registrations,
    "media remove": _nothing,
    "preview_cards remove": _nothing,
    "stand-in token": _token,
}
