"""The keys of routes: their form, and which of them cannot stand side by side.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

import re
from collections.abc import Iterable

from localcloud.httpapi.errors import bad_request, conflict
from localcloud.httpapi.routes import DEFAULT, PARAMETER

METHODS = ("ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
KEY = re.compile(rf"{re.escape(DEFAULT)}|(?:{'|'.join(METHODS)}) /\S*")
PART = r"^(\{[\w.:-]+\+?\}|[a-zA-Z0-9.:_-]+)$"


def check_form(key: str) -> None:
    """Raises ApiError for a key that no route of an HTTP API may have."""
    if not KEY.fullmatch(key):
        raise bad_request(
            "The provided route key is not formatted properly for HTTP protocol. Format should be "
            '"<HTTP METHOD> /<RESOURCE PATH>" or "$default"'
        )
    path = key.partition(" ")[2]
    parts = path[1:].split("/") if path not in ("", "/") else []
    if not all(re.fullmatch(PART, part, re.ASCII) for part in parts):
        raise bad_request(
            "One or more path parts appear to be invalid. Parts are validated against this regular "
            f"expression: {PART}"
        )
    names = [found[1] for part in parts if (found := PARAMETER.fullmatch(part))]
    if len(set(names)) < len(names):
        raise bad_request(f"The variables of a route have different names: {key}")
    if any(part.endswith("+}") for part in parts[:-1]):
        raise bad_request(f"A greedy variable is the last segment of a route: {key}")


def check_beside(key: str, others: Iterable[str]) -> None:
    """Raises ApiError if one of the other keys is the same, or differs only in the names of variables."""
    for other in others:
        if other == key:
            raise conflict(f"Route with key {key} already exists for this API")
        if without_names(other) == without_names(key):
            raise conflict(
                f'The provided route key "{key}" has a conflicting variable on the same hierarchical level '
                f'as "{other}"'
            )


def without_names(key: str) -> str:
    """A key without the names of its variables: "GET /films/{}/{+}"."""
    return PARAMETER.sub(r"{\2}", key)
