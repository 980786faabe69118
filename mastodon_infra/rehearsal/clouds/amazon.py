"""Amazon's S3, identities and mail; and Wasabi, which speaks the same language with gaps."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from typing import Any
from urllib.parse import urlsplit

from mastodon_infra.rehearsal.kinds import (
    EVERYTHING,
    Account,
    ApiError,
    Call,
    Kind,
    Rule,
    any_of,
    known,
    length,
    one_of,
)
from mastodon_infra.rehearsal.provider import Cloud
from mastodon_infra.rehearsal.world import Thing, Values, World

BUCKET = "aws:s3/bucket:Bucket"
OBJECT = "aws:s3/bucketObjectv2:BucketObjectv2"
OPENED = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BUCKET_CORS = "aws:s3/bucketCorsConfiguration:BucketCorsConfiguration"
USER, USER_POLICY, ACCESS_KEY = (
    "aws:iam/user:User",
    "aws:iam/userPolicy:UserPolicy",
    "aws:iam/accessKey:AccessKey",
)
IDENTITY = "aws:sesv2/emailIdentity:EmailIdentity"
MOST_KEYS_PER_USER = 2

# --- Who is at the other end ----------------------------------------------------------------------------------------


def _is_amazon(call: Call) -> bool:
    """Whether the provider was left with Amazon's own endpoints."""
    return not call.account.settings.get("endpoints")


def _only_amazon_has_it(call: Call) -> None:
    if not _is_amazon(call):
        raise ApiError("NotImplemented: only Amazon's S3 has this call", status=501)


def _no_tags(call: Call) -> None:
    if not _is_amazon(call) and (call.get("tags") or call.account.settings.get("defaultTags")):
        raise ApiError("tagging goes over S3 Control, which only Amazon has", status=501)


def _no_forced_deletion(call: Call) -> None:
    """It lists SSH keys and signing certificates, which Wasabi does not list among its calls."""
    if not _is_amazon(call) and call.get("forceDestroy"):
        raise ApiError("forceDestroy of a user lists what only Amazon has")


def _region_is_configured(call: Call) -> None:
    if not call.account.settings.get("region"):
        raise ApiError("the provider has no region")


# --- Buckets --------------------------------------------------------------------------------------------------------


def _bucket_name(value: Any) -> str | None:
    is_fine = re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", value) and ".." not in value
    return None if is_fine else f"{value!r} is no name of a bucket: 3 to 63 of a-z, 0-9, hyphen and dot"


def _endpoint(call: Call) -> str:
    """The host that the provider asks for buckets."""
    named = [urlsplit(one["s3"]).hostname for one in call.account.settings.get("endpoints") or () if one.get("s3")]
    return named[0] if named and named[0] else f"s3.{call.account.settings.get('region')}.amazonaws.com"


def _bucket(call: Call) -> Values:
    """As the vendor tells it; the SDK knows no ``endpoint``, which is for whoever plays the store."""
    name, where = call.inputs["bucket"], call.account.settings.get("region")
    return {
        "arn": f"arn:aws:s3:::{name}",
        "region": where,
        "bucketDomainName": f"{name}.s3.amazonaws.com",
        "bucketRegionalDomainName": f"{name}.s3.{where}.amazonaws.com",
        "endpoint": _endpoint(call),
    }


def _bucket_is_there(call: Call) -> None:
    call.needs(BUCKET, call.inputs["bucket"], "NoSuchBucket:")


def _bucket_is_empty_or_emptied(world: World, thing: Thing, _account: Account) -> None:
    held = [one for one in world.all(OBJECT) if one.inputs["bucket"] == thing.id]
    if held and not thing.inputs.get("forceDestroy"):
        raise ApiError(f"BucketNotEmpty: {thing.id} holds {len(held)} objects", status=409)
    for one in held:
        world.remove(OBJECT, one.id)


def _policy(value: Any) -> str | None:
    try:
        policy = json.loads(value)
    except ValueError as error:
        return f"is no JSON: {error}"
    if not isinstance(policy, dict) or policy.get("Version") not in {"2012-10-17", "2008-10-17"}:
        return "needs Version 2012-10-17"
    for statement in policy.get("Statement") or [{}]:
        if statement.get("Effect") not in {"Allow", "Deny"} or not statement.get("Action"):
            return "each statement needs Effect (Allow or Deny) and Action"
        if not statement.get("Resource"):
            return "each statement needs Resource"
    return None


def _bucket_policy_names_the_bucket(call: Call) -> None:
    own = f"arn:aws:s3:::{call.inputs['bucket']}"
    for statement in json.loads(call.inputs["policy"])["Statement"]:
        named = statement["Resource"]
        for resource in [named] if isinstance(named, str) else named:
            if resource != own and not resource.startswith(f"{own}/"):
                raise ApiError(f"MalformedPolicy: {resource} is not in this bucket")
        if not statement.get("Principal"):
            raise ApiError("MalformedPolicy: a bucket's policy needs a Principal")


def _public_policy_is_opened(call: Call) -> None:
    """Amazon blocks public policies on new buckets until it is told otherwise."""
    statements = json.loads(call.inputs["policy"])["Statement"]
    if not _is_amazon(call) or all(one.get("Principal") != "*" for one in statements):
        return
    found = [one for one in call.world.all(OPENED) if one.inputs["bucket"] == call.inputs["bucket"]]
    if not found or found[0].inputs.get("blockPublicPolicy"):
        raise ApiError("AccessDenied: public policies are blocked by the BlockPublicPolicy setting", status=403)


def _cors_rules(inputs: Values) -> str | None:
    for rule in inputs.get("corsRules") or ():
        unknown = set(rule.get("allowedMethods") or ()) - {"GET", "HEAD", "PUT", "POST", "DELETE"}
        if unknown or not rule.get("allowedMethods") or not rule.get("allowedOrigins"):
            return f"corsRules: a rule needs allowedOrigins, and allowedMethods that are known (not {sorted(unknown)})"
    return None


def _lifecycle_rules(inputs: Values) -> str | None:
    for rule in inputs.get("rules") or ():
        if not rule.get("id") or rule.get("status") not in {"Enabled", "Disabled"}:
            return "rules: a rule needs id, and status Enabled or Disabled"
    return None


# --- Identities -----------------------------------------------------------------------------------------------------


def _user_name(value: Any) -> str | None:
    return None if re.fullmatch(r"[A-Za-z0-9+=,.@_-]{1,64}", value) else f"{value!r} is no name of a user"


def _user_is_there(call: Call) -> None:
    """By name, which may be another than when the user was made."""
    if all(one.inputs.get("name") != call.inputs["user"] for one in call.world.all(USER)):
        raise ApiError(f"NoSuchEntity: user {call.inputs['user']} not found", status=404)


def _user_has_nothing(world: World, thing: Thing, _account: Account) -> None:
    for token in (USER_POLICY, ACCESS_KEY):
        if any(one.inputs["user"] == thing.inputs.get("name") for one in world.all(token)):
            raise ApiError("DeleteConflict: the user still has policies or keys", status=409)


def _no_third_key(call: Call) -> None:
    if sum(one.inputs["user"] == call.inputs["user"] for one in call.others()) >= MOST_KEYS_PER_USER:
        raise ApiError(f"LimitExceeded: a user has at most {MOST_KEYS_PER_USER} access keys", status=409)


def _access_key(call: Call) -> Values:
    secret = secrets.token_urlsafe(30)
    where = call.account.settings.get("region") or ""
    return {"secret": secret, "sesSmtpPasswordV4": _smtp_password(secret, where), "status": "Active"}


def _smtp_password(secret: str, where: str) -> str:
    """As SES derives it: a chain of HMACs over fixed words and the region, after a version byte."""
    signature = f"AWS4{secret}".encode()
    for word in ("11111111", where, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.new(signature, word.encode(), hashlib.sha256).digest()
    return base64.b64encode(b"\x04" + signature).decode()


# --- Mail -----------------------------------------------------------------------------------------------------------


def _identity_is_there(call: Call) -> None:
    call.needs(IDENTITY, call.inputs["emailIdentity"], "NotFoundException: identity")


def _bounces_go_below_the_identity(call: Call) -> None:
    """MAIL FROM has to be a real part of the identity's domain."""
    if not str(call.get("mailFromDomain") or "").endswith(f".{call.inputs['emailIdentity']}"):
        raise ApiError(f"BadRequestException: mailFromDomain has to lie below {call.inputs['emailIdentity']}")


def _email_identity(call: Call) -> Values:
    name = call.inputs["emailIdentity"]
    tokens = [hashlib.sha256(f"{name} {call.number} {part}".encode()).hexdigest()[:32] for part in range(3)]
    return {
        "identityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
        "verifiedForSendingStatus": False,
        "dkimSigningAttributes": {"tokens": tokens, "status": "PENDING", "signingAttributesOrigin": "AWS_SES"},
    }


_ANY_BUCKET: tuple[Rule, ...] = (_region_is_configured, _bucket_is_there)

AWS = Cloud(
    "aws",
    (
        Kind(
            token=BUCKET,
            checks=(known(_bucket_name, "bucket"),),
            rules=(_region_is_configured, _no_tags),
            unique=(("bucket",),),
            replace_on=frozenset({"bucket", "objectLockEnabled"}),
            computed=_bucket,
            identity=lambda call: str(call.inputs["bucket"]),
            on_delete=_bucket_is_empty_or_emptied,
        ),
        Kind(
            token=OPENED,
            required=("bucket",),
            rules=(_only_amazon_has_it, *_ANY_BUCKET),
            replace_on=frozenset({"bucket"}),
            identity=lambda call: str(call.inputs["bucket"]),
        ),
        Kind(
            token=BUCKET_POLICY,
            required=("bucket", "policy"),
            checks=(known(_policy, "policy"),),
            rules=(*_ANY_BUCKET, _bucket_policy_names_the_bucket, _public_policy_is_opened),
            replace_on=frozenset({"bucket"}),
            identity=lambda call: str(call.inputs["bucket"]),
        ),
        Kind(
            token=BUCKET_CORS,
            required=("bucket", "corsRules"),
            checks=(length("corsRules", 1, 100), _cors_rules),
            rules=_ANY_BUCKET,
            replace_on=frozenset({"bucket", "expectedBucketOwner"}),
            identity=lambda call: str(call.inputs["bucket"]),
        ),
        Kind(
            token="aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",  # noqa: S106  # a type's name
            required=("bucket",),
            checks=(_lifecycle_rules,),
            rules=_ANY_BUCKET,
            replace_on=frozenset({"bucket", "expectedBucketOwner"}),
            identity=lambda call: str(call.inputs["bucket"]),
        ),
        Kind(
            token=OBJECT,
            required=("bucket", "key"),
            checks=(any_of("content", "contentBase64", "source"),),
            rules=(*_ANY_BUCKET, _no_tags),
            replace_on=frozenset({"bucket", "key"}),
            identity=lambda call: f"{call.inputs['bucket']}/{call.inputs['key']}",
        ),
        Kind(
            token=USER,
            checks=(known(_user_name, "name"),),
            rules=(_no_tags,),
            unsure=(_no_forced_deletion,),
            unique=(("name",),),
            computed=lambda call: {"arn": f"arn:aws:iam::000000000000:user/{call.inputs['name']}"},
            identity=lambda call: str(call.inputs["name"]),
            on_delete=_user_has_nothing,
        ),
        Kind(
            token=USER_POLICY,
            required=("user", "policy"),
            checks=(known(_policy, "policy"),),
            rules=(_user_is_there,),
            replace_on=frozenset({"name", "user"}),
            identity=lambda call: f"{call.inputs['user']}:{call.inputs['name']}",
        ),
        Kind(
            token=ACCESS_KEY,
            required=("user",),
            checks=(one_of("status", "Active", "Inactive"),),
            rules=(_user_is_there, _no_third_key),
            replace_on=frozenset({"user", "pgpKey"}),
            computed=_access_key,
            secret_outputs=frozenset({"secret", "sesSmtpPasswordV4"}),
            identity=lambda call: f"AKIA{call.number:016d}",
        ),
        Kind(
            token=IDENTITY,
            required=("emailIdentity",),
            rules=(_region_is_configured, _only_amazon_has_it),
            unique=(("emailIdentity",),),
            replace_on=frozenset({"emailIdentity"}),
            computed=_email_identity,
            identity=lambda call: str(call.inputs["emailIdentity"]),
        ),
        Kind(
            token="aws:sesv2/emailIdentityMailFromAttributes:EmailIdentityMailFromAttributes",  # noqa: S106
            required=("emailIdentity",),
            checks=(one_of("behaviorOnMxFailure", "USE_DEFAULT_VALUE", "REJECT_MESSAGE"),),
            rules=(_identity_is_there, _bounces_go_below_the_identity),
            replace_on=EVERYTHING,
            identity=lambda call: str(call.inputs["emailIdentity"]),
        ),
    ),
    credentials={"accessKey": "AWS_ACCESS_KEY_ID", "secretKey": "AWS_SECRET_ACCESS_KEY"},
)
