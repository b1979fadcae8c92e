"""Response headers policies: the security, CORS and custom headers that a distribution adds."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import werkzeug

from localcloud.addresses import localise
from localcloud.cloud import Cloud
from localcloud.iam.conditions import matches
from localcloud.protocol import ApiError

MANAGED = {
    # https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-response-headers-policies.html
    "67f7725c-6f97-4210-82d7-5512b31e9d03": {
        "Name": "Managed-SecurityHeadersPolicy",
        "SecurityHeadersConfig": {
            "XSSProtection": {"Override": False, "Protection": True, "ModeBlock": True},
            "FrameOptions": {"Override": False, "FrameOption": "SAMEORIGIN"},
            "ReferrerPolicy": {"Override": False, "ReferrerPolicy": "strict-origin-when-cross-origin"},
            "ContentTypeOptions": {"Override": True},
            "StrictTransportSecurity": {"Override": False, "AccessControlMaxAgeSec": 31536000},
        },
    },
}
_API_SOURCE = re.compile(r"https://[a-z0-9*]+\.execute-api\.[a-z0-9*-]+\.amazonaws\.com")
NOT_REMOVABLE = {"connection", "content-length", "transfer-encoding"}


def check(config: Mapping[str, Any]) -> None:
    """Raises ApiError for an unsupported configuration."""
    if (config.get("ServerTimingHeadersConfig") or {}).get("Enabled"):
        raise ApiError(
            "InvalidArgument",
            "localcloud does not support ServerTimingHeadersConfig in response headers policies.",
        )


def apply(
    cloud: Cloud, config: Mapping[str, Any], request: werkzeug.Request, response: werkzeug.Response
) -> None:
    """Adds the headers of a policy. Headers of the origin are replaced only with Override."""
    for header in (config.get("RemoveHeadersConfig") or {}).get("Items") or []:
        if header["Header"].lower() not in NOT_REMOVABLE:
            response.headers.remove(header["Header"])
    if cors := config.get("CorsConfig"):
        _cors(cors, request, response)
    for name, value, override in (
        *_security(cloud, config.get("SecurityHeadersConfig") or {}),
        *_custom(config.get("CustomHeadersConfig") or {}),
    ):
        if override or name not in response.headers:
            response.headers[name] = value


def _security(cloud: Cloud, config: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    if one := config.get("XSSProtection"):
        value = "1" if one["Protection"] else "0"
        if one["Protection"] and one.get("ModeBlock"):
            value += "; mode=block"
        elif one["Protection"] and one.get("ReportUri"):
            value += f"; report={one['ReportUri']}"
        yield "X-XSS-Protection", value, one["Override"]
    if one := config.get("FrameOptions"):
        yield "X-Frame-Options", one["FrameOption"], one["Override"]
    if one := config.get("ReferrerPolicy"):
        yield "Referrer-Policy", one["ReferrerPolicy"], one["Override"]
    if one := config.get("ContentSecurityPolicy"):
        yield "Content-Security-Policy", local_sources(cloud, one["ContentSecurityPolicy"]), one["Override"]
    if one := config.get("ContentTypeOptions"):
        yield "X-Content-Type-Options", "nosniff", one["Override"]
    if one := config.get("StrictTransportSecurity"):
        # Browsers ignore this header over HTTP, so it does no harm on 127.0.0.1.
        value = f"max-age={one['AccessControlMaxAgeSec']}"
        value += "; includeSubDomains" if one.get("IncludeSubdomains") else ""
        value += "; preload" if one.get("Preload") else ""
        yield "Strict-Transport-Security", value, one["Override"]


def _custom(config: Mapping[str, Any]) -> Iterator[tuple[str, str, bool]]:
    for one in config.get("Items") or []:
        yield one["Header"], one["Value"], one["Override"]


def _cors(config: Mapping[str, Any], request: werkzeug.Request, response: werkzeug.Response) -> None:
    origin = request.headers.get("Origin")
    allowed = config["AccessControlAllowOrigins"]["Items"]
    if origin is None or not any(matches(pattern, origin) for pattern in allowed):
        return
    if "Access-Control-Allow-Origin" in response.headers and not config["OriginOverride"]:
        return
    any_origin = "*" in allowed and not config["AccessControlAllowCredentials"]
    response.headers["Access-Control-Allow-Origin"] = "*" if any_origin else origin
    if not any_origin:
        response.headers.add("Vary", "Origin")
    if config["AccessControlAllowCredentials"]:
        response.headers["Access-Control-Allow-Credentials"] = "true"
    if exposed := (config.get("AccessControlExposeHeaders") or {}).get("Items"):
        response.headers["Access-Control-Expose-Headers"] = ", ".join(exposed)


def local_sources(cloud: Cloud, policy: str) -> str:
    """Replaces the public addresses in a content security policy by the local ones.

    An API's address becomes the origin of the front door; with a path, only that path would match.
    """
    return localise(cloud, _API_SOURCE.sub(cloud.url, policy))
