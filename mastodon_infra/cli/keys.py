"""Reading SSH public keys from files. Nothing of a file is shown: it may hold a private key by mistake."""

from __future__ import annotations

from pathlib import Path

from mastodon_infra.errors import SpecError

LARGEST_BYTES = 64 * 1024
FLAG = "--ssh-key"
_KINDS = ("ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-")
_USUAL = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


def usual_file() -> str:
    """The public key file that people mostly have, as they would write it; empty when there is none."""
    try:
        folder = Path.home() / ".ssh"
    except RuntimeError:
        return ""
    return next((f"~/.ssh/{name}" for name in _USUAL if (folder / name).is_file()), "")


def public_keys(name: str) -> tuple[str, ...]:
    """The keys in a file, one a line; a key itself is taken as it is. Raises ``SpecError`` without showing content."""
    if name.startswith(_KINDS) and " " in name:
        return (name.strip(),)
    path = Path(name).expanduser()
    text = _text(path, name)
    if "PRIVATE KEY" in text or text.startswith("PuTTY-User-Key-File"):
        beside = path.with_name(f"{path.name}.pub")
        hint = f"did you mean {name}.pub?" if beside.is_file() else f"make its public half: ssh-keygen -y -f {name}"
        raise SpecError(f"{name} is a private key; it must never leave your machine", hint=hint, where=FLAG)
    if text.startswith("---- BEGIN SSH2 PUBLIC KEY"):
        hint = f"turn it into OpenSSH's form: ssh-keygen -i -f {name}"
        raise SpecError(f"{name} is a public key in another form than OpenSSH's", hint=hint, where=FLAG)
    lines = [line.strip() for line in text.splitlines()]
    found = tuple(line for line in lines if line and not line.startswith("#"))
    if not found:
        raise SpecError(f"{name} holds no key", hint="make one with: ssh-keygen -t ed25519", where=FLAG)
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith(("#", *_KINDS)):
            hint = "give a file whose lines begin with ssh-ed25519 or another kind, such as ~/.ssh/id_ed25519.pub"
            raise SpecError(f"line {number} of {name} is not an SSH public key", hint=hint, where=FLAG)
    return found


def _text(path: Path, name: str) -> str:
    hint = "give the file that ends in .pub; ssh-keygen -t ed25519 makes one"
    try:
        if path.is_dir():
            raise SpecError(f"{name} is a folder", hint=hint, where=FLAG)
        with path.open("rb") as file:
            raw = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(f"there is no file {name}", hint=hint, where=FLAG) from None
    except OSError as error:
        raise SpecError(f"{name} cannot be read: {error.strerror}", hint=hint, where=FLAG) from None
    if len(raw) > LARGEST_BYTES:
        raise SpecError(f"{name} is too large to be a file of keys", hint=hint, where=FLAG)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SpecError(f"{name} is not text", hint=hint, where=FLAG) from None
