"""Objects of S3 as HTTP responses, for websites and for CloudFront."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import werkzeug

PASSED_ON = {"cache-control", "content-disposition", "content-encoding", "content-language", "expires"}


@dataclass(frozen=True)
class StoredObject:
    """An object of S3."""

    body: bytes
    headers: Mapping[str, str]
    """The stored headers, with names in lower case."""
    etag: str
    last_modified: datetime

    @classmethod
    def of(cls, stored: Any) -> "StoredObject":
        """Converts moto's record of an object."""
        headers = {name.lower(): str(value) for name, value in stored.metadata.items()}
        return cls(stored.value, headers, stored.etag.strip('"'), stored.last_modified.replace(tzinfo=UTC))

    def response(self) -> werkzeug.Response:
        """The object with its stored headers as an HTTP response."""
        response = werkzeug.Response(self.body)
        # The default of S3, which does not guess a type from the name.
        response.headers["Content-Type"] = self.headers.get("content-type", "binary/octet-stream")
        for name, value in self.headers.items():
            if name in PASSED_ON or name.startswith("x-amz-meta-"):
                response.headers[name] = value
        response.set_etag(self.etag)
        response.last_modified = self.last_modified
        return response
