"""The supported configurations of distributions, and the behaviour that applies to a request."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.iam.conditions import matches
from localcloud.protocol import ApiError

Config = Mapping[str, Any]

S3_HOST = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]+?)\.s3(?:[.-][a-z0-9-]+)?\.amazonaws\.com")
SERVED_METHODS = {"GET", "HEAD", "OPTIONS"}
BEHAVIOR_REFUSED = (
    ("TrustedSigners", "Quantity"),
    ("TrustedKeyGroups", "Quantity"),
    ("LambdaFunctionAssociations", "Quantity"),
    ("FunctionAssociations", "Quantity"),
    ("FieldLevelEncryptionId", None),
    ("RealtimeLogConfigArn", None),
    ("GrpcConfig", "Enabled"),
)
DISTRIBUTION_REFUSED = (
    ("Aliases", "Quantity"),
    ("OriginGroups", "Quantity"),
    ("Logging", "Enabled"),
    ("WebACLId", None),
    ("ContinuousDeploymentPolicyId", None),
    ("Staging", None),
    ("AnycastIpListId", None),
    ("TenantConfig", None),
    ("ViewerMtlsConfig", None),
    ("ConnectionFunctionAssociation", None),
)
ORIGIN_REFUSED = (
    ("CustomHeaders", "Quantity"),
    ("CustomOriginConfig", None),
    ("VpcOriginConfig", None),
    ("OriginShield", "Enabled"),
)
"""Unsupported members, and the part of each that makes it effective. PriceClass, HttpVersion, IsIPV6Enabled
and cache policies are stored without effect, since nothing is cached, and this machine is the only edge."""


@dataclass(frozen=True)
class Origin:
    """An S3 bucket as an origin."""

    bucket: str
    path: str
    """The prefix of every key, which begins with a slash or is empty."""
    access_control_id: str | None


@dataclass(frozen=True)
class Behavior:
    """How requests to a path pattern are answered."""

    origin: Origin
    compress: bool
    headers_policy_id: str | None


def check(config: Config) -> None:
    """Raises ApiError for an unsupported or contradictory configuration."""
    check_members(config)
    for origin in config["Origins"]["Items"]:
        if not S3_HOST.fullmatch(origin["DomainName"]):
            raise _unsupported(f"the origin {origin['DomainName']}, only S3 buckets,")
    ids = {origin["Id"] for origin in config["Origins"]["Items"]}
    for behavior in behaviors(config):
        if behavior["TargetOriginId"] not in ids:
            raise ApiError("NoSuchOrigin", f"There is no origin {behavior['TargetOriginId']!r}.")
    if config.get("DefaultRootObject", "").startswith("/"):
        raise ApiError("InvalidDefaultRootObject", "DefaultRootObject must not begin with a slash.")


def check_members(config: Config) -> None:
    """Raises ApiError for unsupported members, whatever the hosts of the origins are."""
    for what in _refused(config):
        raise _unsupported(what)


def _unsupported(what: str) -> ApiError:
    return ApiError("InvalidArgument", f"localcloud does not support {what} in distributions.")


def _refused(config: Config) -> Iterator[str]:
    yield from _set_members(config, DISTRIBUTION_REFUSED)
    certificate = config.get("ViewerCertificate") or {}
    if certificate.get("ACMCertificateArn") or certificate.get("IAMCertificateId"):
        yield "a ViewerCertificate of your own"
    if (config.get("Restrictions") or {}).get("GeoRestriction", {}).get("RestrictionType", "none") != "none":
        yield "GeoRestriction"
    for origin in (config.get("Origins") or {}).get("Items") or []:
        yield from _set_members(origin, ORIGIN_REFUSED)
        if identity := (origin.get("S3OriginConfig") or {}).get("OriginAccessIdentity"):
            yield f"the OriginAccessIdentity {identity} (use an origin access control)"
    for behavior in behaviors(config):
        yield from _set_members(behavior, BEHAVIOR_REFUSED)
        methods = set((behavior.get("AllowedMethods") or {}).get("Items") or [])
        if others := sorted(methods - SERVED_METHODS):
            yield f"the AllowedMethods {others}"


def _set_members(config: Config, members: tuple[tuple[str, str | None], ...]) -> Iterator[str]:
    for name, decisive in members:
        value = config.get(name)
        if value and (decisive is None or value.get(decisive)):
            yield name


def behaviors(config: Config) -> list[Config]:
    """All behaviours: those with a path pattern, in order, then the default."""
    return [*((config.get("CacheBehaviors") or {}).get("Items") or []), config["DefaultCacheBehavior"]]


def behavior_for(config: Config, path: str) -> Behavior:
    """The behaviour that applies to a path without its first slash."""
    chosen = next(
        one
        for one in behaviors(config)
        if "PathPattern" not in one or matches(one["PathPattern"].lstrip("/"), path)
    )
    origin = next(one for one in config["Origins"]["Items"] if one["Id"] == chosen["TargetOriginId"])
    return Behavior(
        origin=Origin(
            _bucket(origin["DomainName"]),
            origin.get("OriginPath") or "",
            origin.get("OriginAccessControlId") or None,
        ),
        compress=bool(chosen.get("Compress")),
        headers_policy_id=chosen.get("ResponseHeadersPolicyId") or None,
    )


def _bucket(domain_name: str) -> str:
    """The bucket of an origin. Raises ApiError for any other host name."""
    if (found := S3_HOST.fullmatch(domain_name)) is None:
        raise ApiError(
            "InvalidArgument", f"localcloud supports only S3 buckets as origins, not {domain_name}."
        )
    return found["bucket"]
