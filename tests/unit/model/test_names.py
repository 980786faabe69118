"""Constrained strings: what each accepts, and what it says about the rest."""

import pytest
from pydantic import TypeAdapter, ValidationError

from mastodon_infra.model import names
from tests.unit.plan.specs import KEY

LONG = "a" * 63

ACCEPTED = [
    (names.Domain, "social.example", "the usual"),
    (names.Domain, "a.b", "the shortest"),
    (names.Domain, "xn--bcher-kva.example", "an international name in its ASCII form"),
    (names.Domain, f"{LONG}.example", "a part has up to 63 characters"),
    (names.Domain, "1and1.example", "may start with a digit"),
    (names.Email, "a.b+c_d-e@mail.example.org", "all that settings files carry"),
    (names.OneLine, "Grüße, 世界", "any printable text"),
    (names.Network, "203.0.113.0/24", "IPv4"),
    (names.Network, "203.0.113.7/32", "one address"),
    (names.Network, "2001:db8::/32", "IPv6"),
    (names.Network, "::/0", "everywhere"),
    (names.SshPublicKey, KEY, "with a comment"),
    (names.SshPublicKey, KEY.rpartition(" ")[0], "without a comment"),
    (names.Slug, "a", "one letter"),
    (names.Slug, "default-2", "digits and hyphens inside"),
    (names.Slug, "abcdefghijklmnopqrstuvwx", "24 characters"),
    (names.UserName, "alice_b-2", "a login"),
    (names.UserName, "_svc", "may start with an underscore"),
    (names.Handle, "Alice_2", "capitals are fine in Mastodon"),
    (names.RecordName, "s1._domainkey.social.example", "underscores"),
    (names.RelayLogin, "apikey", "a word"),
    (names.RelayLogin, "user@relay.example/+=", "all that survives unquoted"),
    (names.BucketName, "abc", "three characters"),
    (names.BucketName, LONG, "63 characters"),
    (names.MachineTypeName, "g6-standard-4", "a plan row"),
    (names.MachineTypeName, "g8-dedicated-16-8", "a newer one"),
    (names.RegionName, "ap-southeast", "an old one"),
    (names.RegionName, "in-bom-2", "a numbered one"),
]


@pytest.mark.parametrize(("kind", "text", "why"), ACCEPTED)
def test_a_good_name_is_kept_as_it_is(kind, text, why):
    assert TypeAdapter(kind).validate_python(text) == text, why


REFUSED = [
    (names.Domain, "https://social.example", "is an address, not a domain"),
    (names.Domain, "social.example/about", "is an address, not a domain"),
    (names.Domain, "Social.example", "has capital letters"),
    (names.Domain, "bücher.example", "is not in the form"),
    (names.Domain, "example", "is not a domain name"),
    (names.Domain, "-a.example", "is not a domain name"),
    (names.Domain, "a..example", "is not a domain name"),
    (names.Domain, f"{LONG}a.example", "is not a domain name"),
    (names.Domain, ".".join([LONG] * 4) + ".example", "is not a domain name"),
    (names.Domain, "192.0.2.7", "is an IP address"),
    (names.Domain, "social.example.", "is not a domain name"),
    (names.Domain, "social_.example", "is not a domain name"),
    (names.Email, "admin", "is not an e-mail address"),
    (names.Email, "@social.example", "is not an e-mail address"),
    (names.Email, "a b@social.example", "is not an e-mail address"),
    (names.Email, "a..b@social.example", "is not an e-mail address"),
    (names.Email, "a'b@social.example", "settings files and mail relays"),
    (names.Email, "admin@localhost", "is not a domain name"),
    (names.OneLine, "two\nlines", "line break or a control character"),
    (names.OneLine, "bell\x07", "line break or a control character"),
    (names.OneLine, "line\u2028separator", "line break or a control character"),
    (names.Network, "everywhere", "is not an IP network"),
    (names.Network, "203.0.113.7", "has no prefix length"),
    (names.Network, "203.0.113.7/24", "has bits set behind its prefix"),
    (names.Network, "203.0.113.0/33", "is not an IP network"),
    (names.SshPublicKey, "-----BEGIN OPENSSH PRIVATE KEY-----", "this is a private key"),
    (names.SshPublicKey, "ssh-dss AAAA", "is not a kind of SSH public key"),
    (names.SshPublicKey, "~/.ssh/id_ed25519.pub", "is not a kind of SSH public key"),
    (names.SshPublicKey, "ssh-ed25519 AAAAC3NzaC1lZDI1", "damaged or cut short"),
    (names.SshPublicKey, KEY.replace("ssh-ed25519 ", "ssh-rsa "), "damaged or cut short"),
    (names.SshPublicKey, "ssh-ed25519 not!base64", "damaged or cut short"),
    (names.SshPublicKey, f"{KEY}\nsecond line", "line break or a control character"),
    (names.Slug, "Web", "is not a short name"),
    (names.Slug, "web-", "is not a short name"),
    (names.Slug, "1web", "is not a short name"),
    (names.Slug, "abcdefghijklmnopqrstuvwxy", "is not a short name"),
    (names.Slug, "web\n", "is not a short name"),
    (names.UserName, "Alice", "is not a Unix user name"),
    (names.UserName, "a" * 32, "is not a Unix user name"),
    (names.Handle, "@alice", "is not a Mastodon user name"),
    (names.Handle, "a.b", "is not a Mastodon user name"),
    (names.Handle, "a" * 31, "is not a Mastodon user name"),
    (names.RecordName, "one-label", "is not the name of a DNS record"),
    (names.RelayLogin, 'a"b', "is not a relay login"),
    (names.RelayLogin, "a b", "is not a relay login"),
    (names.RelayLogin, "$HOME", "is not a relay login"),
    (names.BucketName, "my.bucket", "is not a bucket name"),
    (names.BucketName, "ab", "is not a bucket name"),
    (names.BucketName, "xn--abc", "is not a bucket name"),
    (names.BucketName, "Bucket", "is not a bucket name"),
    (names.MachineTypeName, "standard-4", "is not a Linode type"),
    (names.RegionName, "Sydney", "is not a region"),
]


@pytest.mark.parametrize(("kind", "text", "said"), REFUSED)
def test_a_bad_name_is_refused_with_what_is_wrong(kind, text, said):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(text)
    (error,) = caught.value.errors()
    assert error["type"] == "refused"
    assert said in error["msg"]


HINTED = [
    (names.Domain, "Social.Example", "write 'social.example'"),
    (names.Domain, "bücher.example", "xn--bcher-kva.example"),
    (names.Network, "203.0.113.7", "write 203.0.113.7/32"),
    (names.Network, "2001:db8::1", "write 2001:db8::1/128"),
    (names.Network, "203.0.113.7/24", "write 203.0.113.0/24"),
    (names.SshPublicKey, "-----BEGIN OPENSSH PRIVATE KEY-----", ".pub"),
]


@pytest.mark.parametrize(("kind", "text", "hint"), HINTED)
def test_where_the_right_form_is_known_it_is_given(kind, text, hint):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(text)
    assert hint in caught.value.errors()[0]["ctx"]["hint"]


def test_a_private_key_is_not_repeated():
    text = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE="
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(names.SshPublicKey).validate_python(text)
    assert "b3Blb" not in caught.value.errors()[0]["msg"]


def test_every_constrained_string_is_in_both_tables():
    kinds = {
        name
        for name, value in vars(names).items()
        if hasattr(value, "__metadata__") and not name.startswith("_") and name != "Annotated"
    }
    for table in (ACCEPTED, REFUSED):
        shown = {name for name in kinds for kind, _, _ in table if getattr(names, name) is kind}
        assert shown == kinds
