"""The front door: each request comes in here and goes to the service that it is for, or is refused."""

import io
import json
import logging
import socket
import threading
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import werkzeug
from werkzeug.serving import BaseWSGIServer, make_server

from localcloud.access import Gate
from localcloud.cloud import Cloud
from localcloud.routing import Destination, answer_of_moto, destination_of, unknown_to_us

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

    May also have `close()`, `status() -> dict` with what `localcloud status` shows, and `answers`, the set of
    destinations that it is asked about (see routing.py); without it, it is asked about all.
    """

    def handle(self, request: Request) -> werkzeug.Response | None:
        """The answer, or None for a request that is not this service's."""


class FrontDoor:
    """A WSGI application that passes on what the gate lets in; what no service claims may go to moto."""

    def __init__(self, cloud: Cloud, gate: Gate, services: Sequence[Service]):
        self.cloud = cloud
        self.services = services
        self._gate = gate

    def __call__(self, environ: dict, start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            destination = destination_of(request)
            # Before anything is read of what may not pass.
            answer = self._gate.refuse(request, destination) or self._answer(request, destination)
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            answer = error(
                500, "InternalFailure", "localcloud failed on this request; its own output says why."
            )
        return answer(environ, start_response)

    def _answer(self, request: Request, destination: Destination) -> Any:
        """A WSGI application: the answer of the service, or moto's application."""
        if request.mimetype == FORM:
            request.get_data()  # so that a service may use request.form and moto still finds the body
        if refusal := unknown_to_us(request, destination):
            return refusal
        for service in self.services:
            answers = getattr(service, "answers", None)
            is_asked = answers is None or destination.service in answers
            if is_asked and (answer := service.handle(request)) is not None:
                return answer
        return answer_of_moto(request, destination)

    def close(self) -> None:
        for service in reversed(self.services):
            if close := getattr(service, "close", None):
                close()


def error(status: int, code: str, message: str) -> werkzeug.Response:
    """An error in the form of AWS's JSON protocols."""
    body = {"__type": code, "message": message, "Message": message}
    return werkzeug.Response(
        json.dumps(body), status, {"x-amzn-ErrorType": code}, content_type="application/x-amz-json-1.1"
    )


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
