import pytest

from mastodon_infra.cli import console

PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nVERYSECRETVERYSECRET\n-----END OPENSSH PRIVATE KEY-----\n"


def answers(key_file, **other):
    """The flags of the example in the help text, with some of them changed or (None) left out."""
    said: dict[str, str | None] = {
        "domain": "social.example",
        "mau": "10000",
        "region": "ap-southeast",
        "storage": "wasabi",
        "owner": "admin",
        "email": "admin@social.example",
        "ssh-key": str(key_file),
        "mail": "none",
    }
    said.update({name.replace("_", "-"): value for name, value in other.items()})
    return [word for name, value in said.items() if value is not None for word in (f"--{name}", value)]


def test_new_writes_a_file_that_check_likes(cli, folder, key_file, golden):
    outcome = cli("new", "aus", *answers(key_file))

    assert (outcome.code, outcome.err) == (0, "")
    golden("cli/new.txt", outcome.out)
    golden("cli/new-file.yaml", (folder / "stacks/Pulumi.aus.yaml").read_text())
    assert cli("check", "aus").code == 0


def test_new_twice_changes_nothing(cli, folder, key_file):
    cli("new", "aus", *answers(key_file))
    path = folder / "stacks/Pulumi.aus.yaml"
    before = (path.stat().st_mtime_ns, path.stat().st_ino)

    outcome = cli("new", "aus", *answers(key_file))

    assert (outcome.code, outcome.out) == (0, "stacks/Pulumi.aus.yaml says this already; nothing to do\n")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_new_leaves_an_existing_file_alone(cli, folder, key_file):
    path = folder / "stacks/Pulumi.aus.yaml"
    path.write_text("# mine\nconfig:\n  linode:token: {secure: v1:abc}\n")

    outcome = cli("new", "aus", *answers(key_file))

    assert outcome.code == 1
    assert outcome.err.startswith("stacks/Pulumi.aus.yaml\n  the file exists already and is left alone")
    assert path.read_text() == "# mine\nconfig:\n  linode:token: {secure: v1:abc}\n"


def test_new_says_in_what_an_existing_file_differs(cli, key_file):
    cli("new", "aus", *answers(key_file))

    outcome = cli("new", "aus", *answers(key_file, mau="2000", mail="ses:ap-southeast-2"))

    assert "it differs in expected_monthly_active_users, mail" in outcome.err


def test_new_by_force_keeps_every_other_byte(cli, folder, key_file):
    cli("new", "aus", *answers(key_file))
    path = folder / "stacks/Pulumi.aus.yaml"
    others = "  # the token\n  linode:token:\n    secure: v1:abc   # kept\nencryptionsalt: v1:xyz\n"
    path.write_text(path.read_text() + others)

    outcome = cli("new", "aus", *answers(key_file, mau="2000"), "--force")

    assert outcome.code == 0
    assert path.read_text().endswith(others)
    assert "expected_monthly_active_users: 2000" in path.read_text()


def test_new_without_a_terminal_lists_every_missing_answer(cli, folder, golden):
    outcome = cli("new", "aus", "--domain", "Social.example", "--storage", "minio")

    assert outcome.code == 1
    assert not list((folder / "stacks").iterdir())
    golden("cli/new-missing.txt", outcome.err)


@pytest.mark.parametrize(
    ("flag", "value", "said"),
    [
        ("domain", "https://social.example", "is an address, not a domain"),
        ("domain", "localhost", "is not a domain name"),
        ("mau", "lots", "is no size"),
        ("mau", "0", "mau"),
        ("mau", "200000", "mau"),
        ("region", "sydney", "ap-southeast"),
        ("region", "ap-souteast", "ap-southeast"),
        ("owner", "@admin", "a Mastodon user name"),
        ("email", "admin", "is not an e-mail address"),
        ("mail", "sendgrid", "does not say who sends mail"),
        ("mail", "ses", "does not say who sends mail"),
        ("mail", "smtp:smtp.relay.example:587:me", "Linode blocks outgoing port 587"),
        ("mail", "smtp:smtp.relay.example:x:me", "does not say who sends mail"),
        ("storage", "linode", "has no object storage"),
        ("storage", "minio", "minio"),
        ("edge", "akamai", "is no edge"),
        ("admin", "root", "is a system account"),
        ("ssh-key", "nowhere.pub", "there is no file"),
        ("ssh-key", ".", "is a folder"),
    ],
)
def test_new_names_the_flag_whose_answer_is_wrong(cli, folder, key_file, flag, value, said):  # noqa: PLR0917
    outcome = cli("new", "aus", *answers(key_file, **{flag: value}))

    assert outcome.code == 1
    assert said in outcome.err
    assert f"--{flag}" in outcome.err.splitlines()[0]
    assert not list((folder / "stacks").iterdir())


def test_new_takes_a_number_of_people_or_a_size_but_not_both(cli, key_file):
    both = cli("new", "aus", *answers(key_file, tier="large"))
    wrong = cli("new", "aus", *answers(key_file, mau=None, tier="huge"))

    assert both.err.startswith("--mau\n  both a number of people and a size are given\n")
    assert both.err.count("both a number of people") == 1
    assert wrong.err.startswith("--tier\n  'huge' is no size\n")
    assert cli("new", "aus", *answers(key_file, mau=None, tier="large")).code == 0


def test_new_reports_all_wrong_answers_at_once(cli, key_file):
    outcome = cli("new", "aus", *answers(key_file, domain="x", region="mars", mail="pigeon", edge="y"))

    flags = [line for line in outcome.err.splitlines() if line.startswith("--")]
    assert sorted(flags) == ["--domain", "--edge", "--mail", "--region"]


def test_new_refuses_a_private_key_without_showing_it(cli, folder, key_file):
    private = folder / "id"
    private.write_text(PRIVATE)

    outcome = cli("new", "aus", *answers(private))

    assert outcome.code == 1
    assert "is a private key" in outcome.err
    assert "id.pub?" in outcome.err
    assert "VERYSECRET" not in outcome.out + outcome.err


@pytest.mark.parametrize("content", ["PASSWORD=hunter2\n", "\n# nothing\n", "\x00\xff hunter2"])
def test_new_shows_nothing_of_a_file_that_holds_no_keys(cli, folder, content):
    file = folder / "other"
    file.write_bytes(content.encode("latin-1"))

    outcome = cli("new", "aus", *answers(file))

    assert outcome.code == 1
    assert "hunter2" not in outcome.out + outcome.err


def test_new_takes_every_key_of_every_file(cli, folder, key_file):
    second = folder / "more.pub"
    other = key_file.read_text().replace("gFX alice", "gFY bob")
    second.write_text(f"# two keys\n{key_file.read_text()}\n{other}")

    cli("new", "aus", *answers(key_file), "--ssh-key", str(second))

    assert (folder / "stacks/Pulumi.aus.yaml").read_text().count("ssh-ed25519") == 2


def test_new_in_a_terminal_asks_for_what_is_missing_until_it_is_right(cli, folder, key_file, monkeypatch):
    said = iter(
        ["Social.Example", "social.example", "", "ap-southeast", "", "admin@social.example", "nix", str(key_file)]
    )
    said_later = iter(["", "linode", "wasabi", ""])
    monkeypatch.setattr(console, "is_interactive", lambda: True)
    monkeypatch.setattr(
        "typer.prompt", lambda _text, default=None, **_: next(said, None) or next_or(default, said_later)
    )

    outcome = cli("new", "aus")

    assert outcome.code == 0, outcome.err
    text = (folder / "stacks/Pulumi.aus.yaml").read_text()
    assert "domain: social.example\n" in text
    assert "expected_monthly_active_users: 1000\n" in text
    assert "provider: wasabi" in text
    assert "has capital letters" in outcome.err
    assert "there is no file nix" in outcome.err


def next_or(default, later):
    """What is typed next once the first answers are used up; an empty line takes the default."""
    return default if default is not None else next(text for text in later if text)


def test_new_interrupted_writes_nothing(cli, folder, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(console, "is_interactive", lambda: True)
    monkeypatch.setattr("typer.prompt", interrupted)

    assert cli("new", "aus").code == 130
    assert not list((folder / "stacks").iterdir())
