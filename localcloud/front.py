"""The front door: each request comes in here and goes to the service that knows it, else to moto."""

import functools
import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import werkzeug

from localcloud.cloud import Cloud
from localcloud.containers.bounded_http import RequestRefused
from localcloud.http_server import receive
from localcloud.iam.calls import FORM, form_of
from localcloud.iam.denial import denial
from localcloud.quotas import body_limit

log = logging.getLogger(__name__)


class Request(werkzeug.Request):
    """A request whose body is read in whole, not parsed, but for the forms of the query protocol.

    So moto finds the fields of a browser's upload form where they were.
    """

    max_form_memory_size = None  # the body is within its quota

    @property
    def want_form_data_parsed(self) -> bool:
        return self.mimetype == FORM


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
            receive(environ, body_limit(request))
            answer = self._answer(request) or moto_app()
            environ["wsgi.input"].seek(0)  # a service may have read it
            return answer(environ, start_response)
        except RequestRefused as refused:
            answer = refusal(request, refused.status, refused.code, str(refused))
        except RecursionError:
            answer = refusal(request, 400, "ValidationError", "The request is nested too deeply.")
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            message = "localcloud failed on this request; its own output says why."
            answer = refusal(request, 500, "InternalFailure", message)
        return answer(environ, start_response)

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


def refusal(request: Request, status: int, code: str, message: str) -> werkzeug.Response:
    """An error in the form of the protocol that the request speaks."""
    return denial(form_of(request), code, message, request.method == "HEAD", status)


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
