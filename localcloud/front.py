"""The front door: each request comes in here and goes to the service that knows it, else to moto."""

import functools
import io
import json
import logging
import socket
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import werkzeug
from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.cloud import Cloud

log = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"


class Request(werkzeug.Request):
    """A request whose body can be read here and still be read by moto afterwards."""

    def get_data(self, *args: Any, **kwargs: Any) -> Any:
        data = super().get_data(*args, **kwargs)
        whole = data if isinstance(data, bytes) else super().get_data()
        self.environ["wsgi.input"] = io.BytesIO(whole)
        return data


class Service(Protocol):
    """Answers the requests it knows.

    May also have `close()`, `status() -> dict` with what `localcloud status` shows, and
    `for_web_pages = True` if it answers what browsers send for a page.
    """

    def handle(self, request: Request) -> werkzeug.Response | None:
        """The answer, or None for a request that is not this service's."""


class FrontDoor:
    """A WSGI application that asks each service in turn; what none claims goes to moto."""

    def __init__(self, cloud: Cloud, services: Sequence[Service]):
        self.cloud = cloud
        self.services = services

    def __call__(self, environ: dict, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            answer = self._answer(request)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = error(
                500, "InternalFailure", "localcloud failed on this request; its own output says why."
            )
        return (answer or moto_app())(environ, start_response)

    def _answer(self, request: Request) -> werkzeug.Response | None:
        if request.mimetype == FORM:
            request.get_data()  # so that a service may use request.form and moto still finds the body
        from_a_web_page = _from_a_web_page(request)
        for service in self.services:
            if from_a_web_page and not getattr(service, "for_web_pages", False):
                continue
            if (answer := service.handle(request)) is not None:
                return answer
        if from_a_web_page:
            message = "Only APIs and websites answer web pages, not the cloud's control plane."
            return error(403, "AccessDenied", message)
        return None

    def close(self) -> None:
        for service in reversed(self.services):
            if close := getattr(service, "close", None):
                close()


def _from_a_web_page(request: Request) -> bool:
    """Whether a browser sent this for a page: then any site the person visits could run code on this machine.

    No AWS client sends Origin; browsers send it with every request that could change something. Which host
    the request names proves nothing: anyone's DNS may give any name the address of this machine.
    """
    return "Origin" in request.headers


def error(status: int, code: str, message: str) -> werkzeug.Response:
    """An error in the form of AWS's JSON protocols."""
    body = {"__type": code, "message": message, "Message": message}
    return werkzeug.Response(
        json.dumps(body), status, {"x-amzn-ErrorType": code}, content_type="application/x-amz-json-1.1"
    )


@functools.cache
def moto_app() -> Any:
    """moto's own WSGI application. Its records are global to the process."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    return DomainDispatcherApplication(create_backend_app)


def make_front_server(host: str, port: int, app: Any) -> BaseWSGIServer:
    """A threaded HTTP/1.1 server, bound and not yet serving. Raises OSError when the address is taken."""
    from moto.moto_server.werkzeug_app import MotoRequestHandler

    class Handler(MotoRequestHandler):
        # Head and body are written apart: Nagle's algorithm would hold the body for a delayed ACK (40 ms).
        disable_nagle_algorithm = True

        def log_request(self, *args: Any) -> None:
            log.debug("%s %s", self.requestline, args)

    # Bound here because werkzeug's own way to report a port that is taken is to end the process.
    with socket.create_server((host, port), backlog=128) as listening:
        return make_server(host, port, app, threaded=True, request_handler=Handler, fd=listening.fileno())


def serve_in_thread(server: BaseWSGIServer) -> threading.Thread:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    return thread
