"""Evaluates the CORS configuration of a bucket: which web pages may do what.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import werkzeug

from localcloud.protocol.calls import call_of, form_of_call

OF_OBJECTS = frozenset(
    {
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "DeleteObject",
        "GetObject",
        "HeadObject",
        "ListObjects",
        "ListObjectsV2",
        "ListParts",
        "PostObject",
        "PutObject",
        "UploadPart",
    }
)
"""The operations that a page may call; the settings of a bucket are the control plane's."""
NAMES_HOST = re.compile(r"[^*]*|[^*]+://[^*/]+:\*|[^*]+://\*(\.[^.*/]+){2,}(:\d+)?")
"""Patterns of origins whose wildcards stand only for a port, or for sub-domains."""


@dataclass(frozen=True)
class CorsRule:
    """A rule of a bucket's configuration."""

    origins: Sequence[str]
    methods: Sequence[str]
    headers: Sequence[str]
    exposed: Sequence[str]
    max_age: str | None

    def admits(self, origin: str, method: str, headers: Iterable[str]) -> bool:
        """Whether the rule allows a page of the origin this method with these headers."""
        return (
            method in self.methods
            and any(_origin_matches(pattern, origin) for pattern in self.origins)
            and all(any(_matches(pattern.lower(), name) for pattern in self.headers) for name in headers)
        )

    def answer_headers(self, origin: str, requested: str | None = None) -> dict[str, str]:
        """The headers that tell a browser what the rule allows; `requested` are those of a preflight."""
        everyone = "*" in self.origins
        answer = {
            "Access-Control-Allow-Origin": "*" if everyone else origin,
            "Access-Control-Allow-Methods": ", ".join(self.methods),
            "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
        }
        if not everyone:
            answer["Access-Control-Allow-Credentials"] = "true"
        if requested:
            answer["Access-Control-Allow-Headers"] = requested.lower()
        if self.exposed:
            answer["Access-Control-Expose-Headers"] = ", ".join(self.exposed)
        if self.max_age:
            answer["Access-Control-Max-Age"] = self.max_age
        return answer


def is_preflight(request: werkzeug.Request) -> bool:
    """Whether a browser asks if a page may make a request."""
    headers = request.headers
    return request.method == "OPTIONS" and "Origin" in headers and "Access-Control-Request-Method" in headers


def rule_for(bucket: Any, request: werkzeug.Request) -> CorsRule | None:
    """The first rule of moto's `bucket` that admits a page's request for objects; None if there is none."""
    preflight = is_preflight(request)
    if not preflight and not (
        form_of_call(request, "s3") == "s3" and call_of(request, "s3").operation in OF_OBJECTS
    ):
        return None
    method = request.headers["Access-Control-Request-Method"] if preflight else request.method
    asked = request.headers.get("Access-Control-Request-Headers", "") if preflight else ""
    names = [name.strip().lower() for name in asked.split(",") if name.strip()]
    origin = request.headers.get("Origin", "")
    for rule in map(_read, bucket.cors):
        if rule.admits(origin, method, names):
            return rule
    return None


def _read(rule: Any) -> CorsRule:
    age = rule.max_age_seconds
    return CorsRule(
        _texts(rule.allowed_origins),
        _texts(rule.allowed_methods),
        _texts(rule.allowed_headers),
        _texts(rule.exposed_headers),
        None if age is None else str(age),
    )


def _texts(value: str | Sequence[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def _origin_matches(pattern: str, origin: str) -> bool:
    """Whether a pattern matches an origin; a pattern without a host matches only pages of this machine.

    On AWS, the signature, which only the page's owner can create, keeps others out. Here it is not verified.
    """
    if not _matches(pattern, origin):
        return False
    return NAMES_HOST.fullmatch(pattern) is not None or _is_of_this_machine(origin)


def _matches(pattern: str, text: str) -> bool:
    before, star, after = pattern.partition("*")
    if not star:
        return text == pattern
    return len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)


def _is_of_this_machine(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return re.fullmatch(r"(.+\.)?localhost", host) is not None
