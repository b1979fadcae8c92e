"""Cross-origin resource sharing as configured on an HTTP API.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-cors.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import werkzeug

ALL_METHODS = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
PREFIX = "access-control-"


@dataclass(frozen=True)
class Cors:
    """An API's CORS configuration, which replaces the integration's own CORS headers."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None

    @classmethod
    def of(cls, configuration: Mapping[str, Any] | None, local: Callable[[str], str]) -> "Cors | None":
        """Reads moto's record. `local` gives the local origin of a page whose public origin is configured."""
        if not configuration:
            return None
        return cls(
            allow_origins=tuple(local(origin) for origin in configuration.get("allowOrigins") or ()),
            allow_methods=tuple(method.upper() for method in configuration.get("allowMethods") or ()),
            allow_headers=tuple(configuration.get("allowHeaders") or ()),
            expose_headers=tuple(configuration.get("exposeHeaders") or ()),
            allow_credentials=bool(configuration.get("allowCredentials")),
            max_age=configuration.get("maxAge"),
        )

    def preflight(self, request: werkzeug.Request) -> werkzeug.Response | None:
        """The gateway's own answer to a preflight request; None for any other request."""
        if (
            request.method != "OPTIONS"
            or "Origin" not in request.headers
            or "Access-Control-Request-Method" not in request.headers
        ):
            return None
        response = werkzeug.Response(status=204)
        response.headers.remove("Content-Type")
        if not self.add_headers(request, response):
            return response
        if self.allow_methods:
            methods = ALL_METHODS if "*" in self.allow_methods else ",".join(self.allow_methods)
            response.headers["Access-Control-Allow-Methods"] = methods
        if self.allow_headers:
            response.headers["Access-Control-Allow-Headers"] = ",".join(self.allow_headers)
        if self.max_age is not None:
            response.headers["Access-Control-Max-Age"] = str(self.max_age)
        return response

    def add_headers(self, request: werkzeug.Request, response: werkzeug.Response) -> bool:
        """Replaces any CORS headers by the configured ones; returns whether the origin is allowed."""
        for name in [name for name, _ in response.headers if name.lower().startswith(PREFIX)]:
            response.headers.remove(name)
        origin = request.headers.get("Origin")
        if origin is None or not self._allows(origin):
            return False
        if "*" in self.allow_origins:
            response.headers["Access-Control-Allow-Origin"] = "*"
        else:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers.add("Vary", "Origin")
        if self.allow_credentials:
            response.headers["Access-Control-Allow-Credentials"] = "true"
        if self.expose_headers:
            response.headers["Access-Control-Expose-Headers"] = ",".join(self.expose_headers)
        return True

    def _allows(self, origin: str) -> bool:
        """Whether an origin is allowed; `https://*` stands for every origin of that scheme."""
        for allowed in self.allow_origins:
            if allowed in ("*", origin) or (allowed.endswith("://*") and origin.startswith(allowed[:-1])):
                return True
        return False
