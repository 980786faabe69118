"""What the engine and the clouds say, in our words."""

import pytest

from mastodon_infra.program.engine_events import Said, plain_text
from mastodon_infra.program.engine_words import refusal

URN = (
    "urn:pulumi:social::mastodon-infra::mastodon:instance:MastodonInstance$mastodon:nodes:Machines"
    "$linode:index/instance:Instance::web-1"
)


@pytest.mark.parametrize(
    ("said", "code", "words", "hint"),
    [
        ("[401] Invalid Token", 3, "the credential was refused", "LINODE_TOKEN"),
        ("[429] Too many requests", 3, "go slower", "again"),
        ("503 Service Unavailable", 3, "has a fault", "again later"),
        ("[400] [label] must be unique", 1, "[label] must be unique", "stack's file"),
        (f'unable to replace resource "{URN}"\nas it is currently marked for protection', 1, "is protected", "destroy"),
        ("BucketNotEmpty: media holds 3 objects", 1, "still holds objects", "empty it"),
    ],
)
def test_what_a_cloud_says_of_a_resource(said, code, words, hint):
    error = refusal([Said("error", said, URN), Said("error", "update failed")], "", stack="social")

    (problem,) = error.problems
    assert error.exit_code == code
    assert problem.where == "linode Instance web-1"
    assert words in problem.message
    assert hint in problem.hint
    assert "urn:" not in problem.message


@pytest.mark.parametrize(
    ("stderr", "hint"),
    [
        ("error: no stack named 'social' found", "pulumi stack init social"),
        ("error: incorrect passphrase", "PULUMI_CONFIG_PASSPHRASE_FILE"),
        ("error: the stack is currently locked by 1 lock(s)", "pulumi cancel --stack social"),
        ("stderr: error: the stack is currently locked by 1 lock(s)\n  file:///state/lock.json", "pulumi cancel"),
        ("error: Pulumi CLI version 3.100.0 does not satisfy the version range", "make engine"),
    ],
)
def test_what_the_engine_says_before_it_begins(stderr, hint):
    error = refusal([], f"something\n{stderr}\n", stack="social")

    assert error.exit_code == 3
    assert hint in error.problems[0].hint


def test_several_errors_are_told_once_each():
    twice = Said("error", "[400] bad", URN)

    error = refusal([twice, twice, Said("error", "[401] no", URN)], "", stack="social")

    assert [problem.message for problem in error.problems] == [
        "the cloud refused it: [400] bad",
        "the credential was refused: [401] no",
    ]
    assert error.exit_code == 3


def test_zone_that_is_not_there_is_told_once_though_the_program_tells_it_in_two_ways():
    asked = "invoke of a:b failed: invocation of a:b returned an error: [404] no zone social.example in this account"

    error = refusal([Said("error", f"Exception: {asked}"), Said("error", asked)], "", stack="social")

    (problem,) = error.problems
    assert error.exit_code == 1
    assert problem.message == "the zone was not found: [404] no zone social.example in this account"


def test_marks_for_colours_are_left_out():
    assert plain_text("<{%reset%}>a word<{%fg 1%}>!<{%reset%}>\n") == "a word!"
