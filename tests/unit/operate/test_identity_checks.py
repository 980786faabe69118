"""Users at Amazon's and Wasabi's access management: one is asked for, and none is made."""

from __future__ import annotations

import pytest

from mastodon_infra.operate.accounts import IAM_URLS, Accounts, KeyPair
from mastodon_infra.operate.identity_checks import identity_checks, planned_users
from tests.unit.cost.made import AWS, SES, WASABI, plan_of
from tests.unit.operate.made import by_name
from tests.unit.operate.servers import serving

ACCOUNTS = Accounts(amazon=KeyPair("amazon", "a"), wasabi=KeyPair("wasabi", "w"))
ON_WASABI = plan_of(size="small", storage=WASABI)


@pytest.mark.parametrize(
    ("status", "code", "outcome"),
    [(404, "NoSuchEntity", "ok"), (200, "", "ok"), (403, "AccessDenied", "failed"), (503, "Throttling", "warn")],
)
def test_a_planned_user_may_be_missing_and_must_not_be_out_of_reach(status, code, outcome):
    asked = []

    def iam(request):
        asked.append(request)
        return status, {}, f"<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>".encode()

    with serving(iam) as url:
        (check,) = identity_checks(ON_WASABI, ACCOUNTS, urls=dict.fromkeys(IAM_URLS, url), patience_seconds=5)

    assert (check.group, check.name, check.outcome) == ("identities", "users at wasabi", outcome)
    (request,) = asked
    assert request.method == "GET"
    assert request.query["Action"] == "GetUser"
    assert request.query["UserName"] == planned_users(ON_WASABI)["wasabi"]
    assert "Credential=wasabi/" in request.headers["authorization"]
    assert "/us-east-1/iam/aws4_request" in request.headers["authorization"]


def test_only_vendors_that_have_users_of_this_stack_are_asked():
    both = plan_of(size="small", storage=WASABI, mail=SES)

    assert set(planned_users(both)) == {"wasabi", "aws"}
    assert set(planned_users(plan_of(size="small", storage=AWS))) == {"aws"}
    assert planned_users(plan_of(size="small")) == {}
    assert list(identity_checks(both, Accounts(), urls=IAM_URLS, patience_seconds=1)) == []


def test_access_management_that_does_not_answer_fails():
    told = by_name(
        identity_checks(ON_WASABI, ACCOUNTS, urls=dict.fromkeys(IAM_URLS, "http://127.0.0.1:1"), patience_seconds=2)
    )

    assert told["users at wasabi"].outcome == "failed"
