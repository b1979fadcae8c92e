"""The guard: refuses requests for operations that AWS's models do not have, or that localcloud does not
support.

It comes before the services, so that neither they nor moto have to guess what a request means. moto gets only
reviewed operations (moto_operations.py), or those that the user wants as mere records.
"""

import functools
import logging
import threading
from collections.abc import Collection
from typing import Any, cast

import werkzeug
from werkzeug.test import run_wsgi_app

from localcloud.alarms import correct_searches, keep_states
from localcloud.metric_queries import correct_queries
from localcloud.moto_answers import REVISED, revised, revised_headers
from localcloud.moto_items import correct_transactions
from localcloud.moto_kms import complete_keys
from localcloud.moto_members import refuse_members
from localcloud.moto_messages import correct_queues
from localcloud.moto_operations import MOTO, RECORDS
from localcloud.moto_requests import check_constraints
from localcloud.protocol import ApiError
from localcloud.protocol.calls import Target, form_of, form_of_call, names_its_operation, target_of
from localcloud.protocol.errors import denial
from localcloud.regions import known_regions
from localcloud.routing import APIS, DATA_PLANE, LOCALCLOUD, Destination

log = logging.getLogger(__name__)

UNSUPPORTED_STATUS = 400
"""Clients do not retry after this status."""
PAGE = b"<!doctype html"


class Guard:
    """Guards one cloud. `records` are names of RECORDS, whose operations moto may keep as mere records."""

    def __init__(self, records: Collection[str] = ()):
        self._records = {name: RECORDS[name] for name in records}
        self._recorded = {record.signing_name for record in self._records.values()}

    def refuse(self, request: werkzeug.Request, destination: Destination) -> werkzeug.Response | None:
        """The answer to a request that is no operation of a supported service; None for all others."""
        service = destination.service
        if service in (*DATA_PLANE, LOCALCLOUD):
            return None
        if destination.signature and destination.signature.region not in known_regions():
            return _no_region(request, destination.signature.region)
        target = target_of(request, service)
        if service not in APIS and service not in self._recorded:
            return _unsupported(request, _named(service, target))
        form = form_of_call(request, service)
        if service in APIS and form not in APIS[service]:
            return _unsupported(request, f"requests of the form {form} to {service}")
        if target.service is None:
            return _unsupported(request, _named(service, target))
        if names_its_operation(request, service) and request.method != "POST":
            return _unsupported(request, f"{request.method} for {_named(service, target)}")
        return None

    def answer_of_moto(self, request: werkzeug.Request, destination: Destination) -> Any:
        """The WSGI application for a request that no service has answered: moto's, or a refusal."""
        if destination.service in (*DATA_PLANE, LOCALCLOUD):
            return werkzeug.Response("There is nothing here.", 404)
        target = target_of(request, destination.service)
        if (backend := self._backend(target)) is None:
            return _unsupported(request, _named(destination.service, target))
        try:
            check_constraints(request, destination.service, target)
            refuse_members(request, destination.service, target, is_recorded=target.service in self._records)
        except ApiError as error:
            return denial(form_of(request), error.code, error.message, request, UNSUPPORTED_STATUS)
        request.environ["wsgi.input"].seek(0)  # the checks may have read it
        return functools.partial(_answer, _moto(backend), request, target)

    def _backend(self, target: Target) -> str | None:
        """moto's backend for an operation that it may answer; None for any other."""
        reviewed = MOTO.get(target.service or "")
        if reviewed and target.operation in reviewed.all:
            return reviewed.backend
        record = self._records.get(target.service or "")
        return record.backend if record and record.has(target.operation) else None


def unsupported_by_moto(request: werkzeug.Request, destination: Destination) -> werkzeug.Response:
    """The refusal of an operation that moto lacks."""
    return _unsupported(request, _named(destination.service, target_of(request, destination.service)))


def _named(service: str, target: Target) -> str:
    record = RECORDS.get(target.service or "")
    hint = ""
    if record and record.has(target.operation):
        hint = (
            f". Started with --records {target.service}, it stores and shows what such requests say, without "
            "carrying them out"
        )
    return f"the {target.service or service} operation {target.operation}{hint}"


def _unsupported(request: werkzeug.Request, what: str) -> werkzeug.Response:
    message = f"localcloud does not support {what}."
    return denial(form_of(request), "UnsupportedOperation", message, request, UNSUPPORTED_STATUS)


def _no_region(request: werkzeug.Request, region: str) -> werkzeug.Response:
    form = form_of(request)
    code = "InvalidSignature" if form in ("json", "rest-json", "cbor") else "SignatureDoesNotMatch"
    message = f"Credential should be scoped to a valid region, not '{region}'."
    return denial(form, code, message, request, 403)


def _answer(
    application: Any, request: werkzeug.Request, target: Target, environ: dict[str, Any], start_response: Any
) -> Any:
    """moto's answer. Raises NotImplementedError if it is an HTML page, which clients cannot read.

    A request at which moto fails is refused: these are malformed ones, which AWS refuses in words of its own.
    """
    try:
        pieces, status, headers = run_wsgi_app(application, environ)
    except (NotImplementedError, RecursionError):
        raise
    except Exception as error:
        log.exception("moto failed at %s %s", target.service, target.operation)
        what = f"this request for {_named(target.service or '', target)} ({type(error).__name__}: {error})"
        return _unsupported(request, what)(environ, start_response)
    if status.startswith(("4", "5")):
        pieces = [b"".join(pieces)]
        if pieces[0][: len(PAGE)].lower() == PAGE:
            raise NotImplementedError(f"moto has no {target.operation}")
    if target.service in REVISED:
        pieces = [b"".join(pieces)]
        request.environ["wsgi.input"].seek(0)
        if answer := revised(request, target, werkzeug.Response(pieces, status, headers)):
            return answer(environ, start_response)
    start_response(status, revised_headers(target, headers))
    return pieces


_creating = threading.Lock()


def _moto(backend: str) -> Any:
    """moto's WSGI application for one backend, whichever moto itself would choose for a request.

    The records of moto are global to the process.
    """
    with _creating:
        return _create_application(backend)


@functools.cache
def _create_application(backend: str) -> Any:
    from moto.moto_server import werkzeug_app
    from moto.moto_server.utilities import RegexConverter

    class MultilineRegexConverter(RegexConverter):
        """Matches the newlines of an S3 key, too."""

        def __init__(self, url_map: Any, *items: Any):
            super().__init__(url_map, *items)
            self.regex = f"(?s:{self.regex})"

    vars(werkzeug_app)["RegexConverter"] = MultilineRegexConverter
    # Only a bucket's own configuration says which pages may read an answer.
    vars(werkzeug_app)["DISABLE_GLOBAL_CORS"] = True
    if backend == "s3":
        from moto.s3 import notifications

        # If a bucket's notifications are records, moto would run their functions in Docker.
        vars(notifications)["_invoke_awslambda"] = lambda *_: None
    if backend == "cloudwatch":
        keep_states()
        correct_queries()
        correct_searches()
    if backend == "dynamodb":
        correct_transactions()
    if backend == "kms":
        complete_keys()
    if backend == "sqs":
        correct_queues()
    return werkzeug_app.create_backend_app(cast(Any, backend))  # moto's type of names lacks some
