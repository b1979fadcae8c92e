"""Finds the route of an HTTP API for a request.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
"""

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

DEFAULT = "$default"
ANY = "ANY"
# moto keeps the OpenAPI names of an imported definition.
IMPORTED_ANY = "X-AMAZON-APIGATEWAY-ANY-METHOD"
PARAMETER = re.compile(r"\{([\w.:-]+)(\+?)\}", re.ASCII)


@dataclass(frozen=True)
class Match:
    """A route and the path parameters that the request gave it."""

    route: Any
    key: str
    parameters: dict[str, str]


def match(routes: Iterable[Any], method: str, path: str) -> Match | None:
    """The most specific of moto's `routes` for a request: first by path, then its own method before ANY.

    A full match goes before a greedy one, and $default comes last. Among either, the path decides whose first
    different segment is no parameter. A slash at the end of a request's path is significant.
    """
    path = f"/{path.lstrip('/')}"
    found: list[tuple[tuple[Any, ...], Match]] = []
    for route in routes:
        key = route_key(route)
        if key == DEFAULT:
            found.append(((1,), Match(route, key, {})))
            continue
        compiled = _compiled(key)
        if compiled.method not in (method, ANY):
            continue
        if fitting := compiled.pattern.fullmatch(path):
            parameters = dict(zip(compiled.names, fitting.groups(), strict=True))
            found.append((compiled.rank, Match(route, key, parameters)))
    return min(found, key=lambda ranked: ranked[0])[1] if found else None


def route_key(route: Any) -> str:
    """The route's key as API Gateway shows it: "POST /predict", "ANY /items/{id}" or "$default"."""
    method, _, path = route.route_key.partition(" ")
    if method == DEFAULT or path == f"/{DEFAULT}":
        return DEFAULT
    return f"{ANY if method == IMPORTED_ANY else method} {path}"


@dataclass(frozen=True)
class _Compiled:
    """What the key of a route says: its method, its path as a pattern, and what goes before what."""

    method: str
    pattern: re.Pattern[str]
    names: tuple[str, ...]
    rank: tuple[Any, ...]


@functools.lru_cache(maxsize=1024)
def _compiled(key: str) -> _Compiled:
    method, path = key.split(" ", 1)
    names = tuple(parameter[1] for parameter in PARAMETER.finditer(path))
    rank = (0, path.endswith("+}"), _specificity(path), method == ANY)
    return _Compiled(method, _pattern(path), names, rank)


def _specificity(path: str) -> list[int]:
    """Orders paths segment by segment: literal, parameter, greedy parameter."""
    return [(2 if found[2] else 1) if (found := PARAMETER.fullmatch(part)) else 0 for part in path.split("/")]


def _pattern(path: str) -> re.Pattern[str]:
    pattern, end = "", 0
    for parameter in PARAMETER.finditer(path):
        pattern += re.escape(path[end : parameter.start()]) + ("((?s:.*))" if parameter[2] else "([^/]+)")
        end = parameter.end()
    return re.compile(pattern + re.escape(path[end:]))
