"""Checks what moto's S3 does not: response headers that a request asks for.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

import werkzeug

from localcloud.cloud import Cloud
from localcloud.front import Request
from localcloud.protocol.calls import form_of
from localcloud.protocol.errors import denial

OVERRIDE = "response-"


class S3Service:
    """Refuses invalid requests; moto answers all others."""

    def __init__(self, cloud: Cloud):
        pass

    def handle(self, request: Request) -> werkzeug.Response | None:
        if request.method not in ("GET", "HEAD") or form_of(request) != "s3":
            return None
        for name, value in request.args.items(multi=True):
            if name.startswith(OVERRIDE) and not _latin_1(value):
                message = "Header value cannot be represented using ISO-8859-1."
                return denial("s3", "InvalidArgument", message, request.method == "HEAD", status=400)
        return None


def _latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
