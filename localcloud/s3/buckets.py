"""The default settings of new buckets, and what they therefore refuse: public policies and ACLs.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/access-control-block-public-access.html
https://docs.aws.amazon.com/AmazonS3/latest/userguide/about-object-ownership.html
"""

import re
from typing import Any

import werkzeug

from localcloud.cloud import Cloud
from localcloud.iam.conditions import as_list
from localcloud.iam.principals import missing_principal
from localcloud.protocol import ApiError
from localcloud.protocol.s3_requests import copy_source_of, members_of, set_body
from localcloud.s3.policy_actions import check_actions
from localcloud.s3.policy_conditions import check_conditions
from localcloud.untrusted import parse_json

ALIAS, ALIASED = "EU", "eu-west-1"
"""The name that a region once had in location constraints, and the region."""
ALIAS_IN_BODY = re.compile(rb"(<(?:\w+:)?LocationConstraint\s*>\s*)EU(\s*<)")
MAX_POLICY_BYTES = 20 * 1024
VERSIONS = ("2008-10-17", "2012-10-17")
ENFORCED = "BucketOwnerEnforced"
OWNERSHIPS = (ENFORCED, "BucketOwnerPreferred", "ObjectWriter")
GRANTEE = re.compile(r'(?P<kind>id|uri|emailAddress)="?(?P<value>[^"]*)"?')
GRANTEE_MEMBERS = {"emailAddress": "EmailAddress", "id": "ID", "uri": "URI"}
CANONICAL_ID = re.compile(r"[0-9a-f]{64}")
GROUPS = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
    "http://acs.amazonaws.com/groups/s3/LogDelivery",
)
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
OWNERS_ACLS = ("bucket-owner-full-control", "private")
"""Canned ACLs that grant nothing that the owner lacks without them."""
CHANGING_HEADERS = (
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
"""What a copy of an object onto itself may change beside the metadata."""
FIXING_KEYS = frozenset(
    {
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceip",
        "aws:sourceowner",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:userid",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    }
)
"""Condition keys whose fixed values make a policy not public."""
NARROWING_OPERATORS = (
    "arnequals",
    "arnlike",
    "ipaddress",
    "stringequals",
    "stringequalsignorecase",
    "stringlike",
)


def give_defaults(bucket: Any) -> None:
    """Gives moto's record of a new bucket the settings that AWS gives it."""
    from moto.s3.models import PublicAccessBlock

    bucket.public_access_block = PublicAccessBlock("true", "true", "true", "true")
    give_default_encryption(bucket)
    bucket.ownership_rule = bucket.ownership_rule or ENFORCED


def give_default_encryption(bucket: Any) -> None:
    """Sets the default encryption of a bucket without settings of its own: with S3's keys."""
    algorithm = {"SSEAlgorithm": "AES256"}
    bucket.encryption = {
        "Rule": {"ApplyServerSideEncryptionByDefault": algorithm, "BucketKeyEnabled": "false"}
    }


def replace_alias(request: werkzeug.Request) -> str | None:
    """Has moto create a bucket in the region that the request names by its old name; returns that name.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    """
    settings = (members_of(request) or {}).get("CreateBucketConfiguration") or {}
    if settings.get("LocationConstraint") != ALIAS:
        return None
    set_body(request, ALIAS_IN_BODY.sub(rf"\g<1>{ALIASED}\g<2>".encode(), request.get_data()))
    return ALIAS


def check_policy(cloud: Cloud, bucket: Any, owner: str, document: bytes) -> None:
    """Raises ApiError for an invalid policy, or for a public one if the bucket blocks these."""
    if len(document) > MAX_POLICY_BYTES:
        raise _malformed("Policy exceeds the maximum allowed document size.")
    try:
        policy = parse_json(document)
    except ValueError:
        policy = None
    if not isinstance(policy, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    if policy.get("Version", VERSIONS[0]) not in VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    statements = as_list(policy.get("Statement") or [])
    if not statements:
        raise _malformed("Missing required field Statement")
    for statement in statements:
        _check_statement(cloud, statement, f"arn:aws:s3:::{bucket.name}")
    if _blocks(bucket, "block_public_policy") and any(_is_public(statement) for statement in statements):
        resource = f"arn:aws:s3:::{bucket.name}"
        raise _denied(owner, "s3:PutBucketPolicy", resource, "policies", "BlockPublicPolicy")


def _check_statement(cloud: Cloud, statement: Any, arn: str) -> None:
    if not isinstance(statement, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    for field in ("Effect", "Principal", "Action", "Resource"):
        if field not in statement and (field == "Effect" or f"Not{field}" not in statement):
            raise _malformed(f"Missing required field {field}")
        if field in statement and f"Not{field}" in statement:
            raise _malformed("Invalid policy syntax.")
    if statement["Effect"] not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement['Effect']}")
    _check_principals(cloud, statement)
    for field in ("Action", "Resource"):
        names = as_list(statement.get(field, statement.get(f"Not{field}")))
        if not names:
            raise _malformed(f"Missing required field {field} cannot be empty!")
        if not all(isinstance(name, str) for name in names):
            raise _malformed("Invalid policy syntax.")
    resources = as_list(statement.get("Resource", statement.get("NotResource")))
    if any(one != arn and not str(one).startswith(f"{arn}/") for one in resources if not _has_wildcard(one)):
        raise _malformed("Policy has invalid resource")
    check_actions(statement)
    check_conditions(statement)


def _check_principals(cloud: Cloud, statement: dict[str, Any]) -> None:
    element = statement.get("Principal", statement.get("NotPrincipal"))
    if not element or (isinstance(element, dict) and not all(element.values())):
        raise _malformed("Missing required field Principal cannot be empty!")
    if isinstance(element, dict) and "CanonicalUser" in element:
        message = "localcloud does not support CanonicalUser as a principal: name the account instead."
        raise ApiError("NotImplemented", message, status=501)
    if missing_principal(cloud, statement):
        raise _malformed("Invalid principal in policy")


def _has_wildcard(resource: Any) -> bool:
    """Whether the bucket's name in a resource has a wildcard, and so may match any bucket."""
    return any(sign in str(resource).partition("/")[0] for sign in "*?")


def check_acl(bucket: Any, owner: str, operation: str, key: str | None, request: werkzeug.Request) -> None:
    """Raises ApiError for an ACL in the headers of a request that the bucket does not allow."""
    canned = request.headers.get("x-amz-acl")
    grants = [name for name, _ in request.headers.items() if name.lower().startswith("x-amz-grant-")]
    sets_acl = operation in ("PutBucketAcl", "PutObjectAcl")
    for name in grants:
        _check_grant(name.lower(), request.headers[name])
    policy = (members_of(request) or {}).get("AccessControlPolicy") if sets_acl else None
    for grant in (policy or {}).get("Grants") or ():
        for kind, member in GRANTEE_MEMBERS.items():
            if value := (grant.get("Grantee") or {}).get(member):
                _check_grantee(kind, value)
    if sets_acl and not (canned or grants or request.get_data()):
        message = "Your request was missing a required header"
        raise ApiError("MissingSecurityHeader", message, status=400, MissingHeaderName="x-amz-acl")
    if not (canned or grants or sets_acl):
        return
    if bucket.ownership_rule == ENFORCED and (grants or sets_acl or canned not in OWNERS_ACLS):
        raise ApiError("AccessControlListNotSupported", "The bucket does not allow ACLs", status=400)
    is_public = canned in PUBLIC_ACLS or any("/global/" in request.headers[name] for name in grants)
    if is_public and _blocks(bucket, "block_public_acls"):
        resource = f"arn:aws:s3:::{bucket.name}" + (f"/{key}" if key else "")
        raise _denied(owner, f"s3:{operation}", resource, "ACLs", "BlockPublicAcls")


def _check_grant(name: str, grantees: str) -> None:
    """Raises ApiError for grantees in a header that do not exist."""
    for text in grantees.split(","):
        found = GRANTEE.fullmatch(text.strip())
        if found is None:
            raise _invalid("Argument format not recognized", name, text.strip())
        _check_grantee(found["kind"], found["value"])


def _check_grantee(kind: str, value: str) -> None:
    if kind == "emailAddress":
        message = "localcloud does not support grants by emailAddress."
        raise ApiError("NotImplemented", message, status=501)
    if kind == "uri" and value not in GROUPS:
        raise _invalid("Invalid group uri", kind, value)
    if kind == "id" and not CANONICAL_ID.fullmatch(value):
        raise _invalid("Invalid id", kind, value)


def _invalid(message: str, name: str, value: str) -> ApiError:
    return ApiError("InvalidArgument", message, status=400, ArgumentName=name, ArgumentValue=value)


def check_acl_of_new_bucket(request: werkzeug.Request) -> None:
    """Raises ApiError for an ACL that a bucket to be created could not have."""
    canned = request.headers.get("x-amz-acl", "private")
    ownership = request.headers.get("x-amz-object-ownership", ENFORCED)
    if ownership not in OWNERSHIPS:
        message = f"Invalid x-amz-object-ownership header: {ownership}"
        raise ApiError("InvalidArgument", message, status=400, ArgumentName="x-amz-object-ownership")
    if canned != "private" and ownership == ENFORCED:
        message = f"Bucket cannot have ACLs set with ObjectOwnership's {ENFORCED} setting"
        raise ApiError("InvalidBucketAclWithObjectOwnership", message, status=400)
    if canned in PUBLIC_ACLS:
        message = "Public ACLs are prevented by the BlockPublicAcls setting in S3 Block Public Access."
        raise ApiError("AccessDenied", message, status=403)


def check_copy(bucket: Any, key: str, request: werkzeug.Request) -> None:
    """Raises ApiError for a copy of an object onto itself that changes nothing.

    moto would treat the default encryption, which every bucket has, as a change.
    """
    source = copy_source_of(request)
    default = bucket.encryption["Rule"]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    stored = bucket.keys.get(key)
    changes = (
        (bucket.is_versioned and source.version)
        or default != "AES256"
        or getattr(stored, "encryption", None) not in (None, "AES256")
        or request.headers.get("x-amz-metadata-directive", "").upper() == "REPLACE"
        or any(name in request.headers for name in CHANGING_HEADERS)
    )
    if (source.bucket, source.key) == (bucket.name, key) and not changes:
        message = (
            "This copy request is illegal because it is trying to copy an object to itself without changing "
            "the object's metadata, storage class, website redirect location or encryption attributes."
        )
        raise ApiError("InvalidRequest", message, status=400)


def _is_public(statement: dict[str, Any]) -> bool:
    """Whether a statement allows everybody something, without a condition with a fixed value."""
    if statement.get("Effect") != "Allow" or "NotPrincipal" in statement:
        return statement.get("Effect") == "Allow"
    principal = statement.get("Principal")
    names = as_list(principal.get("AWS", [])) if isinstance(principal, dict) else as_list(principal)
    if "*" not in names:
        return False
    return not any(
        operator.lower() in NARROWING_OPERATORS
        and key.lower() in FIXING_KEYS
        and all(_is_fixed(value) for value in as_list(values))
        for operator, pairs in (statement.get("Condition") or {}).items()
        for key, values in pairs.items()
    )


def _is_fixed(value: Any) -> bool:
    return not any(sign in str(value) for sign in ("*", "?", "${")) and str(value) not in (
        "0.0.0.0/0",
        "::/0",
    )


def _blocks(bucket: Any, setting: str) -> bool:
    block = bucket.public_access_block
    return block is not None and bool(getattr(block, setting))


def _malformed(message: str) -> ApiError:
    return ApiError("MalformedPolicy", message, status=400)


def _denied(who: str, action: str, resource: str, what: str, setting: str) -> ApiError:
    return ApiError(
        "AccessDenied",
        f'User: {who} is not authorized to perform: {action} on resource: "{resource}" because public {what} '
        f"are prevented by the {setting} setting in S3 Block Public Access.",
        status=403,
    )
