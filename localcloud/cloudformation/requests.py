"""Reads the template, parameters and tags of a request into the source of a stack."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.exceptions import ClientError

from localcloud.cloud import Cloud
from localcloud.cloudformation import template as templates
from localcloud.cloudformation import transform
from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.stacks import Source
from localcloud.protocol import ApiError

IAM_TYPES = {
    "AWS::IAM::AccessKey",
    "AWS::IAM::Group",
    "AWS::IAM::InstanceProfile",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::User",
    "AWS::IAM::UserToGroupAddition",
}
S3_HOST = re.compile(r"(?:(?P<bucket>.+)\.)?s3[.-](?:[a-z0-9-]+\.)*(?:amazonaws\.com|localhost.*)")
LOCAL_NAMES = ("127.0.0.1", "::1", "localhost")
NAME_PROPERTIES = {"GroupName", "InstanceProfileName", "ManagedPolicyName", "RoleName", "UserName"}


def read_source(cloud: Cloud, request: Mapping[str, Any], previous: Source | None, *, direct: bool) -> Source:
    """Reads the source of a stack from a request, whose UsePrevious... members refer to the previous source.

    `direct` means CreateStack or UpdateStack, which must acknowledge transforms. Raises ValidationError, and
    ApiError with the code InsufficientCapabilitiesException.
    """
    body = template_body(cloud, request, previous)
    template = templates.load(body)
    given = request.get("Parameters") or []
    parameters = templates.parameter_values(cloud, template, given, previous.parameters if previous else {})
    expanded = transform.expand(template, parameters, cloud.region)
    given_tags = request.get("Tags")
    tags = {tag["Key"]: tag["Value"] for tag in given_tags or []}
    if any(key.lower().startswith("aws:") for key in tags):
        raise ValidationError("aws: prefixed tag key names are not allowed for external use.")
    source = Source(
        body=body,
        template=template,
        expanded=expanded,
        parameters=parameters,
        stored=templates.stored_values(cloud, template, parameters),
        tags=previous.tags if given_tags is None and previous else tags,
        capabilities=_shown_capabilities(request, previous if direct else None),
        role_arn=request.get("RoleARN") or (previous.role_arn if previous else None),
        notification_arns=request.get("NotificationARNs") or [],
    )
    _check_capabilities(source, request.get("Capabilities") or [], direct)
    return source


def _shown_capabilities(request: Mapping[str, Any], previous: Source | None) -> list[str]:
    """Those that DescribeStacks shows: UpdateStack without any leaves the previous ones."""
    return request.get("Capabilities") or (previous.capabilities if previous else [])


def template_body(cloud: Cloud, request: Mapping[str, Any], previous: Source | None) -> str:
    """The template's text, from the request itself or from S3. Raises ValidationError."""
    body: str = request.get("TemplateBody") or ""
    url: str = request.get("TemplateURL") or ""
    if request.get("UsePreviousTemplate"):
        if body or url:
            raise ValidationError("UsePreviousTemplate cannot be given with a TemplateBody or TemplateURL.")
        if previous is None:
            raise ValidationError("There is no previous template to use.")
        return previous.body
    if bool(body) == bool(url):
        raise ValidationError("Either Template URL or Template Body must be specified.")
    if body:
        if len(body.encode()) > templates.MAX_BODY_BYTES:
            raise ValidationError(
                f"1 validation error detected: Value '{body}' at 'templateBody' failed to satisfy "
                f"constraint: Member must have length less than or equal to {templates.MAX_BODY_BYTES}"
            )
        return body
    return download(cloud, url, "TemplateURL")


def required_capabilities(expanded: Mapping[str, Any]) -> list[str]:
    """The capabilities that must be acknowledged for the IAM resources of a template."""
    if not iam_types(expanded):
        return []
    iam = [one for one in expanded["Resources"].values() if one["Type"] in IAM_TYPES]
    named = any(NAME_PROPERTIES & set(one.get("Properties") or {}) for one in iam)
    return ["CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"]


def iam_types(template: Mapping[str, Any]) -> list[str]:
    """The types of a template's IAM resources, sorted."""
    return sorted({one["Type"] for one in template["Resources"].values()} & IAM_TYPES)


def _check_capabilities(source: Source, given: list[str], direct: bool) -> None:
    missing = [
        one
        for one in required_capabilities(source.expanded)
        if one not in given and "CAPABILITY_NAMED_IAM" not in given
    ]
    if direct and transform.declared(source.template) and "CAPABILITY_AUTO_EXPAND" not in given:
        missing.append("CAPABILITY_AUTO_EXPAND")
    if missing:
        raise ApiError("InsufficientCapabilitiesException", f"Requires capabilities : [{', '.join(missing)}]")


def download(cloud: Cloud, url: str, member: str) -> str:
    """Downloads a template or a stack policy from this cloud's S3, by path or by the bucket's host name.

    `member` is the member of the request that has the URL. Raises ValidationError.
    """
    unsupported = ValidationError(f"{member} must be a supported URL.")
    try:
        parts = urlsplit(url)
        is_local = parts.port == cloud.port or parts.hostname in LOCAL_NAMES
    except ValueError as malformed:
        raise unsupported from malformed
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    if parts.scheme == "s3":
        raise ValidationError(f"S3 error: Domain name specified in {host} is not a valid S3 domain")
    of_s3 = S3_HOST.fullmatch(host)
    if parts.scheme not in ("http", "https") or not (of_s3 or is_local):
        raise unsupported
    if of_s3 and of_s3["bucket"]:
        bucket, key = of_s3["bucket"], path
    else:
        bucket, _, key = path.partition("/")
    if not bucket or not key:
        raise ValidationError(f"{member} must reference a valid S3 object to which you have access: {url}")
    versions = parse_qs(parts.query).get("versionId")
    version = {"VersionId": versions[0]} if versions else {}
    try:
        answer = cloud.client("s3").get_object(Bucket=bucket, Key=key, **version)
    except ClientError as failed:
        raise ValidationError(f"S3 error: {failed.response['Error'].get('Message')} ({url})") from failed
    if answer["ContentLength"] > templates.MAX_STORED_BYTES:
        raise ValidationError(
            f"{member} must reference an object of at most {templates.MAX_STORED_BYTES} bytes: {url}"
        )
    try:
        text: str = answer["Body"].read().decode()
    except UnicodeDecodeError as error:
        raise ValidationError(f"{member} must reference text in UTF-8: {url}") from error
    return text
