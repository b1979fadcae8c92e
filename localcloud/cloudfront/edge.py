"""Serves one distribution: GET and HEAD of objects that the bucket's policy allows CloudFront to read."""

import gzip
import html
import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import werkzeug
from werkzeug.exceptions import RequestedRangeNotSatisfiable

from localcloud.access import Refusal, check_peer
from localcloud.cloud import Cloud
from localcloud.cloudfront import response_headers
from localcloud.cloudfront.configuration import Behavior, behavior_for
from localcloud.cloudfront.origin import ObjectRefused, read
from localcloud.http_server import make_front_server, serve_in_thread
from localcloud.listening import reachable
from localcloud.protocol import ApiError
from localcloud.s3.limits import ignore_unusable_range

log = logging.getLogger(__name__)

SEARCHED_PORTS = 200
MAX_URL_BYTES = 8_192
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html"""
COMPRESSIBLE_BYTES = range(1_000, 10_000_000 + 1)
COMPRESSIBLE_TYPES = (
    "text/",
    "application/javascript",
    "application/json",
    "application/xml",
    "image/svg+xml",
)
"""https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/ServingCompressedFiles.html"""

Policies = Callable[[str], Mapping[str, Any] | None]


class Edge:
    """The server of a distribution. It has a port of its own, so that browsers apply CORS."""

    def __init__(self, cloud: Cloud, arn: str, config: Mapping[str, Any], policies: Policies):
        self._cloud = cloud
        self._arn = arn
        self._policies = policies
        self.config = config
        """Replaced by an update of the distribution; a running request keeps the old one."""
        self._server = _listen(cloud, self._application)
        serve_in_thread(self._server)

    @property
    def url(self) -> str:
        return f"http://{reachable(self._cloud.host)}:{self._server.port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _application(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = werkzeug.Request(environ)
        try:
            check_peer(self._cloud, request)
            response = self._answer(request)
        except Refusal as refusal:
            response = _plain_error(HTTPStatus.FORBIDDEN, str(refusal))
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            response = _plain_error(HTTPStatus.INTERNAL_SERVER_ERROR, "localcloud's own output says why.")
        return response(environ, start_response)

    def _answer(self, request: werkzeug.Request) -> werkzeug.Response:
        config = self.config
        path = request.path.lstrip("/")
        if len(request.environ["RAW_URI"]) > MAX_URL_BYTES:
            return _plain_error(HTTPStatus.REQUEST_URI_TOO_LONG, "The request URL is too long.")
        if request.method not in ("GET", "HEAD"):
            return _plain_error(
                HTTPStatus.FORBIDDEN, "This distribution is not configured to allow this HTTP request method."
            )
        behavior = behavior_for(config, path)
        try:
            response = self._object_response(behavior, path or config.get("DefaultRootObject") or "")
        except ObjectRefused as refused:
            response = self._error_response(config, refused)
        if response.status_code == HTTPStatus.OK:
            response = _in_part(request, response)
            response.headers.remove("Date")  # the server sends it with every answer
            if behavior.compress and response.status_code == HTTPStatus.OK:
                _compress(request, response)
        if policy := behavior.headers_policy_id and self._policies(behavior.headers_policy_id):
            response_headers.apply(self._cloud, policy, request, response)
        return response

    def _object_response(self, behavior: Behavior, path: str) -> werkzeug.Response:
        key = f"{behavior.origin.path}/{path}".lstrip("/")
        return read(self._cloud, behavior.origin, key, self._arn).response()

    def _error_response(self, config: Mapping[str, Any], refused: ObjectRefused) -> werkzeug.Response:
        """The configured error page for a status, or S3's own error."""
        for rule in (config.get("CustomErrorResponses") or {}).get("Items") or []:
            if rule["ErrorCode"] != refused.status or not rule.get("ResponsePagePath"):
                continue
            page = unquote(rule["ResponsePagePath"]).lstrip("/")
            try:
                response = self._object_response(behavior_for(config, page), page)
            except ObjectRefused:
                break  # as in CloudFront: if the page is missing, the origin's error is sent
            response.status_code = int(rule.get("ResponseCode") or refused.status)
            return response
        return refused.response()


def _listen(cloud: Cloud, application: Any) -> Any:
    """Listens on the first free port after the cloud's own, so that the first page has a known address."""
    for port in range(cloud.port + 1, min(cloud.port + 1 + SEARCHED_PORTS, 65_536)):
        try:
            return make_front_server(cloud.host, port, application)
        except OSError:
            continue
    raise ApiError("TooManyDistributions", f"No port after {cloud.port} is free to serve a distribution on.")


def _in_part(request: werkzeug.Request, response: werkzeug.Response) -> werkzeug.Response:
    """The part of an object that a request asks for, or nothing of one that the client has."""
    ignore_unusable_range(request)
    size = response.content_length
    try:
        return response.make_conditional(request, accept_ranges=True, complete_length=size)
    except RequestedRangeNotSatisfiable:
        refused = ObjectRefused(416, "InvalidRange", "The requested range is not satisfiable")
        return refused.response()


def _compress(request: werkzeug.Request, response: werkzeug.Response) -> None:
    if (
        not request.accept_encodings.quality("gzip")
        or "Content-Encoding" in response.headers
        or response.content_length not in COMPRESSIBLE_BYTES
        or not response.content_type.startswith(COMPRESSIBLE_TYPES)
    ):
        return
    response.set_data(gzip.compress(response.get_data(), mtime=0))
    response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding")
    etag, _ = response.get_etag()
    if etag:
        response.set_etag(etag, weak=True)  # the same content in other bytes


def _plain_error(status: HTTPStatus, message: str) -> werkzeug.Response:
    title = f"{status.value} {status.phrase}"
    page = f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1><p>{html.escape(message)}"
    return werkzeug.Response(page, status, content_type="text/html; charset=utf-8")
