"""The front door: it receives all requests, and passes each to the service that it is for, or refuses it."""

import logging
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Protocol

import werkzeug

from localcloud.access import Gate
from localcloud.cloud import Cloud
from localcloud.containers.bounded_http import RequestRefused
from localcloud.guard import Guard, unsupported_by_moto
from localcloud.http_server import receive
from localcloud.log_streams import write_pending
from localcloud.protocol.calls import FORM, as_form, form_of
from localcloud.protocol.errors import denial
from localcloud.quotas import body_limit, check_head, too_large
from localcloud.routing import Destination, destination_of

log = logging.getLogger(__name__)

SEE_LOGS = frozenset({"iam", "logs", "monitoring"})
"""Services that show logs and the metrics in them, or change who may write them: those that are to be written
soon are written before."""


class Request(werkzeug.Request):
    """A request whose body is read completely, but parsed only for the query protocol.

    So moto can still parse a browser's upload form.
    """

    max_form_memory_size = None  # the body is within its quota

    @property
    def want_form_data_parsed(self) -> bool:
        return self.mimetype == FORM


class Service(Protocol):
    """A service, which answers the requests that it knows.

    It may also have `close()`, `status() -> dict` for `localcloud status`, `operations() -> dict` with the
    names of the operations that it carries out, by service, and `stored() -> dict` with those of them that
    only keep and show something. Its class may have `answers`, the set of destinations that it gets requests
    for (see routing.py; by default all), and `regional`, which gives it an instance for each region (see
    regions.py).
    """

    def handle(self, request: Request) -> werkzeug.Response | None:
        """The answer, or None if the request is not for this service."""


class FrontDoor:
    """A WSGI application that passes on the requests that the gate and the guard admit.

    Requests that no service answers may go to moto.
    """

    def __init__(self, cloud: Cloud, gate: Gate, guard: Guard, services: Sequence[Service]):
        self.cloud = cloud
        self.services = services
        self._gate = gate
        self._guard = guard

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        request = Request(environ)
        try:
            destination = destination_of(request)
            # Checked first, so that nothing is read of a request that is refused.
            if (answer := self._gate.refuse(request, destination)) is None:
                if not destination.is_data_plane:
                    check_head(request)
                receive(environ, body_limit(request))
                request = as_form(request, destination.service)
                answer = self._answer(request, destination)
                environ["wsgi.input"].seek(0)  # a service may have read it
            return answer(environ, start_response)
        except RequestRefused as refused:
            is_too_large = refused.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            words = too_large(request, refused) if is_too_large else (refused.code, str(refused))
            answer = refusal(request, refused.status, *words)
        except NotImplementedError:  # moto's
            answer = unsupported_by_moto(request, destination)
        except RecursionError:
            answer = refusal(request, 400, "ValidationError", "The request is nested too deeply.")
        except Exception:
            log.exception("%s %s failed", request.method, request.path)
            message = "localcloud failed on this request; its own output says why."
            answer = refusal(request, 500, "InternalFailure", message)
        return answer(environ, start_response)

    def _answer(self, request: Request, destination: Destination) -> Any:
        """A WSGI application: the answer of the service, or moto's application."""
        if destination.service in SEE_LOGS:
            write_pending()
        if request.mimetype == FORM:
            request.get_data()  # so that a service may use request.form and moto still finds the body
        if (answer := self._guard.refuse(request, destination)) is not None:
            return answer
        for service in self.services:
            answers = getattr(service, "answers", None)
            is_asked = answers is None or destination.service in answers
            if is_asked and (answer := service.handle(request)) is not None:
                return answer
        return self._guard.answer_of_moto(request, destination)

    def close(self) -> None:
        """Closes the services in reverse order."""
        for service in reversed(self.services):
            if close := getattr(service, "close", None):
                close()


def refusal(request: Request, status: int, code: str, message: str) -> werkzeug.Response:
    """An error in the form of the protocol that the request speaks."""
    return denial(form_of(request), code, message, request, status)
