"""S3's website endpoints, which serve public buckets with index and error documents by host name.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteHosting.html
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import werkzeug
import xmltodict
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from localcloud.addresses import WEBSITE_HOST, host_name
from localcloud.cloud import Cloud
from localcloud.front import Request
from localcloud.iam.buckets import visitor_may
from localcloud.iam.condition_keys import of_anonymous, of_request, of_s3_resource
from localcloud.iam.policy import Access
from localcloud.moto_backends import backend_of
from localcloud.routing import WEBSITE
from localcloud.s3.limits import MOVED, ignore_unusable_range
from localcloud.s3.objects import StoredObject


class WebsiteService:
    """Answers requests to `<bucket>.s3-website.localhost` and to AWS's host names for websites."""

    answers = frozenset({WEBSITE})

    def __init__(self, cloud: Cloud):
        self._cloud = cloud

    def handle(self, request: Request) -> werkzeug.Response | None:
        found = WEBSITE_HOST.fullmatch(host_name(request))
        if found is None:
            return None
        if request.method not in ("GET", "HEAD"):
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, "MethodNotAllowed", found["bucket"])
        response = self._answer(found["bucket"], request)
        if response.status_code != HTTPStatus.OK:
            return response
        ignore_unusable_range(request)
        size = len(response.get_data())
        try:
            return response.make_conditional(request, accept_ranges=True, complete_length=size)
        except RequestedRangeNotSatisfiable:
            return _error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "InvalidRange", found["bucket"])

    def _answer(self, name: str, request: Request) -> werkzeug.Response:
        from moto.s3.models import s3_backends

        bucket = backend_of(s3_backends, self._cloud.account_id, "aws").buckets.get(name)
        if bucket is None:
            return _error(HTTPStatus.NOT_FOUND, "NoSuchBucket", name)
        if bucket.website_configuration is None:
            return _error(HTTPStatus.NOT_FOUND, "NoSuchWebsiteConfiguration", name)
        settings = xmltodict.parse(bucket.website_configuration)["WebsiteConfiguration"]
        if redirect := settings.get("RedirectAllRequestsTo"):
            return _redirect(redirect, request)
        key = request.path.lstrip("/")
        index = settings["IndexDocument"]["Suffix"]
        wanted = key + index if not key or key.endswith("/") else key
        stored = self._public(request, bucket, wanted)
        if stored and (moved := stored.headers.get(MOVED)):
            return werkzeug.Response(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": moved})
        if stored:
            return stored.response()
        if wanted == key and self._public(request, bucket, f"{key}/{index}"):
            return werkzeug.Response(status=HTTPStatus.FOUND, headers={"Location": quote(f"/{key}/")})
        # Without s3:ListBucket, a missing key is answered 403.
        listable = self._may(request, bucket, "s3:ListBucket", "")
        status = HTTPStatus.NOT_FOUND if listable else HTTPStatus.FORBIDDEN
        page = self._public(request, bucket, (settings.get("ErrorDocument") or {}).get("Key", ""))
        if page is None:
            return _error(status, "NoSuchKey" if listable else "AccessDenied", name)
        response = page.response()
        response.status_code = status
        return response

    def _public(self, request: Request, bucket: Any, key: str) -> StoredObject | None:
        """The object, if it exists and everyone may read it."""
        stored = bucket.keys.get(key) if key else None
        # A deleted object of a versioned bucket is a delete marker, without a value.
        if not hasattr(stored, "value") or not self._may(request, bucket, "s3:GetObject", f"/{key}"):
            return None
        return StoredObject.of(stored)

    def _may(self, request: Request, bucket: Any, action: str, suffix: str) -> bool:
        resource = f"arn:aws:s3:::{bucket.name}{suffix}"
        context = {
            **of_request(request, self._cloud.account_id, bucket.region_name),
            **of_anonymous(),
            **of_s3_resource(self._cloud.account_id, action, resource),
        }
        return visitor_may(self._cloud, bucket, Access(action, resource, context))


def _redirect(settings: Mapping[str, str], request: Request) -> werkzeug.Response:
    """Sends a request to the same address of another host."""
    protocol = settings.get("Protocol") or request.scheme
    location = f"{protocol}://{settings['HostName']}{request.environ['RAW_URI']}"
    return werkzeug.Response(status=HTTPStatus.MOVED_PERMANENTLY, headers={"Location": location})


def _error(status: HTTPStatus, code: str, bucket: str) -> werkzeug.Response:
    title = f"{status.value} {status.phrase}"
    page = f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1><p>{code}: the bucket {bucket}"
    return werkzeug.Response(page, status, content_type="text/html; charset=utf-8")
