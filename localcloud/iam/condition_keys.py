"""The condition keys of requests: which localcloud fills, and with what.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html#amazons3-policy-keys
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

import werkzeug

from localcloud.moto_backends import backend_of
from localcloud.protocol.calls import Call
from localcloud.protocol.s3_requests import members_of

Keys = dict[str, list[str]]

OF_ALL_REQUESTS = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:principalisawsservice",
        "aws:principaltype",
        "aws:referer",
        "aws:requestedregion",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceip",
        "aws:useragent",
        "aws:userid",
        "aws:viaawsservice",
    }
)
"""Keys that every request states, with an empty list if it has none: where one is missing, it is unknown."""
OF_CALLERS = frozenset(
    {
        "aws:multifactorauthpresent",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:tokenissuetime",
        "aws:username",
    }
)
NEVER_PRESENT = frozenset(
    {
        # No service uses the credentials of a user or role for requests of its own.
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        # There is no multi-factor authentication, no federation, no organization and no network of one's own.
        "aws:federatedprovider",
        "aws:multifactorauthage",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:resourceorgid",
        "aws:resourceorgpaths",
        "aws:sourceidentity",
        "aws:sourceorgid",
        "aws:sourceorgpaths",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpcsourceip",
        # There are no access points.
        "s3:accesspointnetworkorigin",
        "s3:dataaccesspointaccount",
        "s3:dataaccesspointarn",
    }
)
OF_SERVICES = frozenset(
    {
        "cloudwatch:namespace",
        "iam:passedtoservice",
        "iam:permissionsboundary",
        "iam:policyarn",
        "sts:externalid",
        "sts:rolesessionname",
    }
)
S3_PARAMETERS = ("delimiter", "max-keys", "prefix")
S3_HEADERS = (
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
    "x-amz-metadata-directive",
    "x-amz-object-ownership",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
    "x-amz-server-side-encryption-customer-algorithm",
    "x-amz-storage-class",
    "x-amz-website-redirect-location",
)
OF_S3 = frozenset(
    {
        *(f"s3:{name}" for name in (*S3_PARAMETERS, *S3_HEADERS)),
        "s3:authtype",
        "s3:if-match",
        "s3:if-none-match",
        "s3:requestobjecttagkeys",
        "s3:resourceaccount",
        "s3:signatureage",
        "s3:signatureversion",
        "s3:tlsversion",
        "s3:versionid",
    }
)
TAGS = ("aws:principaltag/", "s3:existingobjecttag/", "s3:requestobjecttag/")
FILLED = OF_CALLERS | NEVER_PRESENT | OF_SERVICES | OF_S3

OF_SERVICES_ALONE: Keys = {"aws:principalservicename": [], "aws:sourceaccount": [], "aws:sourcearn": []}
"""Keys of the requests that AWS's services make in their own name. All others lack them."""

OF_TAGGED_OBJECTS = frozenset(
    f"s3:{name}"
    for name in (
        "DeleteObjectTagging",
        "DeleteObjectVersionTagging",
        "GetObject",
        "GetObjectAcl",
        "GetObjectTagging",
        "GetObjectVersion",
        "GetObjectVersionAcl",
        "GetObjectVersionTagging",
        "PutObjectAcl",
        "PutObjectTagging",
        "PutObjectVersionAcl",
        "PutObjectVersionTagging",
    )
)
"""The actions that have s3:ExistingObjectTag."""
SIGNED_AT = "%Y%m%dT%H%M%SZ"


def is_known(key: str) -> bool:
    """Whether localcloud knows a key, in lower case, for the requests that have it on AWS."""
    return key in OF_ALL_REQUESTS or is_filled(key)


def is_filled(key: str) -> bool:
    """Whether localcloud fills a key, in lower case: if a request lacks it then, so would AWS's."""
    return key in FILLED or key.startswith(TAGS)


def of_place(account_id: str, region: str) -> Keys:
    """The keys of all requests that neither the caller nor the HTTP request decides."""
    now = time.time()
    return {
        "aws:currenttime": [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))],
        "aws:epochtime": [str(int(now))],
        "aws:requestedregion": [region],
        "aws:resourceaccount": [account_id],
        # Clients use HTTP within this machine, where they would use TLS with AWS.
        "aws:securetransport": ["true"],
        "aws:viaawsservice": ["false"],
    }


def of_request(request: werkzeug.Request, account_id: str, region: str) -> Keys:
    """The keys of all requests that do not depend on the caller."""
    referer = request.headers.get("Referer")
    return {
        **of_place(account_id, region),
        "aws:sourceip": [request.remote_addr or "127.0.0.1"],
        "aws:useragent": [request.headers.get("User-Agent", "")],
        "aws:referer": [referer] if referer else [],
    }


def of_service(service: str, account_id: str, region: str) -> Keys:
    """The keys of a request that an AWS service makes in its own name, for the account."""
    return {
        **of_place(account_id, region),
        "aws:principalisawsservice": ["true"],
        "aws:principalservicename": [service],
        "aws:sourceaccount": [account_id],
    }


def of_owner(account_id: str) -> Keys:
    """The keys of the account's owner as the caller."""
    root = f"arn:aws:iam::{account_id}:root"
    return of_principal(root, account_id, "Account", account_id)


def of_anonymous() -> Keys:
    """The keys of a request without a signature."""
    return {
        **OF_SERVICES_ALONE,
        "aws:principalaccount": ["anonymous"],
        "aws:principalisawsservice": [],
        "aws:principaltype": ["Anonymous"],
        "aws:userid": ["anonymous"],
    }


def of_principal(arn: str, account_id: str, kind: str, user_id: str, tags: Any = ()) -> Keys:
    """The keys of the caller. `tags` are those of moto's record of a user or role."""
    return {
        **OF_SERVICES_ALONE,
        "aws:principalaccount": [account_id],
        "aws:principalarn": [arn],
        "aws:principalisawsservice": ["false"],
        "aws:principaltype": [kind],
        "aws:userid": [user_id],
        **{f"aws:principaltag/{tag['Key'].lower()}": [tag["Value"]] for tag in tags},
    }


def of_session(issued: datetime) -> Keys:
    """The keys of temporary credentials. `issued` is in UTC."""
    return {
        "aws:multifactorauthpresent": ["false"],
        "aws:tokenissuetime": [issued.strftime("%Y-%m-%dT%H:%M:%SZ")],
    }


def of_iam(account_id: str, call: Call) -> Keys:
    """The keys of IAM's actions: the policy and the permissions boundary that they are about."""
    from moto.iam.models import iam_backends

    roles = backend_of(iam_backends, account_id, "aws").roles
    name = call.parameters.get("RoleName")
    own = [role.permissions_boundary_arn for role in list(roles.values()) if role.name == name]
    given = {
        "iam:permissionsboundary": call.parameters.get("PermissionsBoundary") or "".join(filter(None, own)),
        "iam:policyarn": call.parameters.get("PolicyArn"),
    }
    return {key: [value] for key, value in given.items() if value}


def of_sts(call: Call) -> Keys:
    """The keys of a request to assume a role."""
    given = {
        "sts:externalid": call.parameters.get("ExternalId"),
        "sts:rolesessionname": call.parameters.get("RoleSessionName"),
    }
    return {key: [value] for key, value in given.items() if value}


def of_s3_request(call: Call, request: werkzeug.Request) -> Keys:
    """The keys of S3's actions that parameters and headers give."""
    found = {f"s3:{name}": request.args.get(name) for name in S3_PARAMETERS}
    # Presigned URLs carry headers as parameters.
    found |= {f"s3:{name}": request.headers.get(name) or request.args.get(name) for name in S3_HEADERS}
    found |= {f"s3:{name}": request.headers.get(name) for name in ("if-match", "if-none-match")}
    if source := found["s3:x-amz-copy-source"]:
        found["s3:x-amz-copy-source"] = unquote(source).lstrip("/")
    tags = _tags_in(call, request)
    return {
        **{key: [value] for key, value in found.items() if value is not None},
        **{f"s3:requestobjecttag/{name.lower()}": [value] for name, value in tags.items()},
        **({"s3:requestobjecttagkeys": list(tags)} if tags else {}),
    }


def of_s3_signature(request: werkzeug.Request) -> Keys:
    """The keys of all of S3's actions that describe how the request is signed; none if it is not."""
    always = {"s3:tlsversion": ["1.3"]}  # as with aws:SecureTransport
    authorization = request.headers.get("Authorization")
    if authorization:
        signed_at = request.headers.get("X-Amz-Date", "")
        found = {"s3:authtype": "REST-HEADER", "s3:signatureversion": authorization.partition(" ")[0]}
    elif algorithm := request.args.get("X-Amz-Algorithm"):
        signed_at = request.args.get("X-Amz-Date", "")
        found = {"s3:authtype": "REST-QUERY-STRING", "s3:signatureversion": algorithm}
    elif "AWSAccessKeyId" in request.args:
        return always | {"s3:authtype": ["REST-QUERY-STRING"], "s3:signatureversion": ["AWS"]}
    else:
        return dict(always)
    try:
        moment = datetime.strptime(signed_at, SIGNED_AT).replace(tzinfo=UTC)
        found["s3:signatureage"] = str(int((datetime.now(UTC) - moment).total_seconds() * 1000))
    except ValueError:
        pass  # signatures are not checked, so a client may leave its date out
    return always | {key: [value] for key, value in found.items()}


def of_s3_resource(account_id: str, action: str, resource: str, version: str | None = None) -> Keys:
    """The keys of what is in an ARN of S3: its account, and the object's tags for actions that have them."""
    tags = _of_existing_object(account_id, action, resource, version)
    return {"s3:resourceaccount": [account_id], **tags}


def _of_existing_object(account_id: str, action: str, resource: str, version: str | None) -> Keys:
    if action not in OF_TAGGED_OBJECTS:
        return {}
    from moto.s3.models import s3_backends

    backend = backend_of(s3_backends, account_id, "aws")
    name, _, key = resource.removeprefix("arn:aws:s3:::").partition("/")
    if (bucket := backend.buckets.get(name)) is None:
        return {}
    versions = bucket.keys.getlist(key, default=[])
    found = [one for one in versions if version is None or str(one.version_id) == version]
    if not found or not hasattr(found[-1], "arn"):  # a delete marker has none
        return {}
    tags: Mapping[str, str] = backend.tagger.get_tag_dict_for_resource(found[-1].arn)
    return {f"s3:existingobjecttag/{tag.lower()}": [value] for tag, value in tags.items()}


def _tags_in(call: Call, request: werkzeug.Request) -> dict[str, str]:
    """The tags that a request gives an object."""
    if call.operation != "PutObjectTagging":
        return dict(parse_qsl(request.headers.get("x-amz-tagging", ""), keep_blank_values=True))
    members = members_of(request) or {"Tagging": {"TagSet": []}}
    return {tag["Key"]: tag["Value"] for tag in members["Tagging"]["TagSet"]}
