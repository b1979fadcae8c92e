"""AWS Lambda: moto keeps the functions, this runs them and refuses what it could not honour."""

import base64
import binascii
import contextlib
import os
import re
import threading
import time
import uuid
import weakref
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import unquote

import werkzeug

from localcloud import metrics
from localcloud.cloud import Cloud
from localcloud.functions.asynchronous import RETRY_SECONDS, Event, EventQueue
from localcloud.functions.configuration import Configuration, check_request
from localcloud.functions.errors import LambdaError, invalid_parameter, unsupported
from localcloud.functions.pool import LAMBDA, Pool
from localcloud.functions.runtime_api import Invocation
from localcloud.iam import NotAssumable, require_trust
from localcloud.untrusted import parse_json

MAX_REQUEST_BYTES = 6 * 1024 * 1024
MAX_EVENT_BYTES = 1024 * 1024
UNRESERVED_CONCURRENCY = 10
"""An account's quota: AWS gives a new account 10, and more would not run well on one machine."""
PLACE_SECONDS = 0.05
"""How long an event waits for a place among those that run. AWS refuses at once, and has a machine for each.
Here they share the processors with the refusals, and a place is soon free again.
"""
LOG_TAIL_BYTES = 4096
TIDY_SECONDS = 1.0

INVOKE = re.compile(r"/2015-03-31/functions/(?P<function>[^/]+)/invocations/?")
INVOKE_ASYNC = re.compile(r"/2014-11-13/functions/(?P<function>[^/]+)/invoke-async/?")
STREAMING = re.compile(r"/2021-11-15/functions/[^/]+/response-streaming-invocations/?")
CREATE = re.compile(r"/2015-03-31/functions/?")
CONFIGURE = re.compile(r"/2015-03-31/functions/[^/]+/(configuration|code)/?")
NOT_THERE = (
    (re.compile(r"/2021-10-31/functions/[^/]+/url/?"), "function URLs"),
    (re.compile(r"/2015-03-31/event-source-mappings/?.*"), "event source mappings"),
    (re.compile(r"/2019-09-30/functions/[^/]+/provisioned-concurrency/?"), "provisioned concurrency"),
    (
        re.compile(r"/2019-09-25/functions/[^/]+/event-invoke-config/?"),
        "settings for asynchronous invocation",
    ),
)
FUNCTION_NAME = re.compile(
    r"(?:(?:arn:aws:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?function:)?"
    r"(?P<name>[A-Za-z0-9_-]{1,140})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]+))?"
)


@dataclass(frozen=True)
class InvocationResult:
    """The answer to a synchronous invocation; `function_error` if the function, not the call, failed."""

    request_id: str
    payload: bytes
    function_error: str | None
    log_lines: Sequence[str]

    @property
    def log_tail(self) -> bytes:
        return "".join(f"{line}\n" for line in self.log_lines).encode()[-LOG_TAIL_BYTES:]


class FunctionsService:
    """Runs Lambda functions; HTTP requests come in by `handle`, other services call `invoke`."""

    answers = frozenset({"lambda"})

    _running: ClassVar[weakref.WeakValueDictionary[str, "FunctionsService"]] = weakref.WeakValueDictionary()

    def __init__(self, cloud: Cloud, retry_seconds: Sequence[float] = RETRY_SECONDS):
        self._cloud = cloud
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._busy: Counter[str] = Counter()
        self._waiting: Counter[str] = Counter()
        self._freed: dict[str, threading.Condition] = {}
        self._events = EventQueue(self._run_event, retry_seconds)
        self._closing = threading.Event()
        threading.Thread(target=self._tidy, daemon=True).start()
        FunctionsService._running[cloud.url] = self

    @classmethod
    def of(cls, cloud: Cloud) -> "FunctionsService":
        """The functions of this cloud, for another of its services."""
        return cls._running[cloud.url]

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        request_id = str(uuid.uuid4())
        try:
            return self._answer(request, request_id)
        except LambdaError as error:
            return error.response(request_id)

    def invoke(
        self,
        function: str,
        payload: bytes,
        *,
        qualifier: str | None = None,
        request_id: str | None = None,
        client_context: str | None = None,
    ) -> InvocationResult:
        """Runs a function, given by name or ARN, on a JSON payload and waits for its answer.

        Raises LambdaError when Lambda would refuse the call: unknown function, payload too large, throttled.
        """
        record = self._find(function, qualifier)
        _check_payload(payload, MAX_REQUEST_BYTES)
        return self._run(record, payload, request_id or str(uuid.uuid4()), client_context)

    def status(self) -> dict[str, Any]:
        """For `localcloud status`: the functions that have sandboxes, and how many."""
        with self._lock:
            pools = list(self._pools.values())
        return {"functions": {pool.configuration.name: pool.size() for pool in pools if pool.size()}}

    def close(self) -> None:
        self._closing.set()
        self._events.close()
        with self._lock:
            pools = list(self._pools.values())
            self._pools.clear()
        for pool in pools:
            pool.close()

    def _answer(self, request: werkzeug.Request, request_id: str) -> werkzeug.Response | None:
        path = unquote(request.path)
        if request.method == "POST" and (found := INVOKE.fullmatch(path)):
            return self._invoke_over_http(request, found["function"], request_id)
        if request.method == "POST" and (found := INVOKE_ASYNC.fullmatch(path)):
            self._start_event(self._find(found["function"]), request.get_data() or b"{}", request_id, None)
            return _json_answer(202, b'{"Status": 202}', request_id)
        if request.method == "POST" and STREAMING.fullmatch(path):
            raise unsupported("response streaming (InvokeWithResponseStream)")
        if (request.method == "POST" and CREATE.fullmatch(path)) or (
            request.method == "PUT" and CONFIGURE.fullmatch(path)
        ):
            self._check(request)
        for pattern, what in NOT_THERE:
            if request.method in ("POST", "PUT") and pattern.fullmatch(path):
                raise unsupported(what)
        return None

    def _check(self, request: werkzeug.Request) -> None:
        try:
            wanted = parse_json(request.get_data() or b"{}")
        except ValueError as error:
            raise LambdaError(
                400, "InvalidRequestContentException", f"Could not parse request body into json: {error}"
            ) from error
        check_request(wanted)
        if role := wanted.get("Role"):
            try:
                require_trust(self._cloud, role, LAMBDA)
            except NotAssumable as error:
                raise invalid_parameter(
                    f"The role defined for the function cannot be assumed by Lambda. {error}"
                ) from error

    def _invoke_over_http(
        self, request: werkzeug.Request, function: str, request_id: str
    ) -> werkzeug.Response:
        record = self._find(function, request.args.get("Qualifier"))
        payload = request.get_data() or b"{}"
        context = _client_context(request.headers.get("X-Amz-Client-Context"))
        match request.headers.get("X-Amz-Invocation-Type", "RequestResponse"):
            case "RequestResponse":
                _check_payload(payload, MAX_REQUEST_BYTES)
                result = self._run(record, payload, request_id, context)
                answer = _json_answer(200, result.payload, request_id)
                answer.headers["X-Amz-Executed-Version"] = "$LATEST"
                if result.function_error:
                    answer.headers["X-Amz-Function-Error"] = result.function_error
                if request.headers.get("X-Amz-Log-Type") == "Tail":
                    answer.headers["X-Amz-Log-Result"] = base64.b64encode(result.log_tail).decode()
                return answer
            case "Event":
                self._start_event(record, payload, request_id, context)
                return _json_answer(202, b"", request_id)
            case "DryRun":
                Configuration.of(record)
                return _json_answer(204, b"", request_id)
            case other:
                raise invalid_parameter(
                    f"{other} is not an invocation type: RequestResponse, Event or DryRun."
                )

    def _find(self, function: str, qualifier: str | None = None) -> Any:
        """moto's record of a function given by name, partial ARN or ARN."""
        from moto.awslambda.models import lambda_backends

        found = FUNCTION_NAME.fullmatch(function)
        if not found:
            raise LambdaError(
                400, "ValidationException", f"{function!r} is not the name or ARN of a function."
            )
        qualifier = qualifier or found["qualifier"]
        if qualifier not in (None, "$LATEST"):
            raise unsupported(f"versions and aliases (Qualifier {qualifier}); only $LATEST can be invoked")
        account, region = found["account"] or self._cloud.account_id, found["region"] or self._cloud.region
        arn = f"arn:aws:lambda:{region}:{account}:function:{found['name']}"
        backends = lambda_backends[account]
        for record in backends[region].list_functions(None) if region in backends else ():
            if record.function_name == found["name"]:
                return record
        raise LambdaError(404, "ResourceNotFoundException", f"Function not found: {arn}")

    def _run(
        self, record: Any, payload: bytes, request_id: str, client_context: str | None
    ) -> InvocationResult:
        configuration = Configuration.of(record)
        with self._slot(configuration, record.reserved_concurrency):
            invocation = Invocation(
                request_id=request_id,
                payload=payload,
                function_arn=configuration.arn,
                trace_id=_trace_id(),
                client_context=client_context,
            )
            with self._pool(configuration, record.code_bytes) as pool:
                outcome, lines = pool.run(invocation)
        error = "Unhandled" if outcome.error_type else None
        self._measure(
            configuration,
            Invocations=(1, "Count"),
            Errors=(int(error is not None), "Count"),
            Throttles=(0, "Count"),
            Duration=(outcome.duration_ms, "Milliseconds"),
        )
        return InvocationResult(request_id, outcome.payload, error, lines)

    @contextlib.contextmanager
    def _slot(self, configuration: Configuration, reserved: int | str | None) -> Iterator[None]:
        """One of the executions allowed at the same time: of the function's own, else of the account's."""
        owner = "" if reserved is None else configuration.arn
        limit = UNRESERVED_CONCURRENCY if reserved is None else int(reserved)
        with self._lock:
            freed = self._freed.setdefault(owner, threading.Condition(self._lock))
            # As many may wait as run: of more, most would be refused later, and nobody sooner.
            seconds = PLACE_SECONDS if self._waiting[owner] < limit else 0
            self._waiting[owner] += 1
            has_place = freed.wait_for(lambda: self._busy[owner] < limit, seconds)
            self._waiting[owner] -= 1
            if not has_place:
                self._measure(configuration, Throttles=(1, "Count"))
                scope = "Reserved" if owner else ""
                reason = f"{scope}{'Function' if owner else ''}ConcurrentInvocationLimitExceeded"
                raise LambdaError(429, "TooManyRequestsException", "Rate Exceeded.", Reason=reason)
            self._busy[owner] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[owner] -= 1
                freed.notify()

    def _measure(self, configuration: Configuration, **values: tuple[float, str]) -> None:
        metrics.record(self._cloud, "AWS/Lambda", {"FunctionName": configuration.name}, values)

    @contextlib.contextmanager
    def _pool(self, configuration: Configuration, code: bytes) -> Iterator[Pool]:
        """The pool of the function as it is now; an update since the last event retires the former one."""
        former = None
        with self._lock:
            pool = self._pools.get(configuration.arn)
            if pool is None or pool.configuration.version != configuration.version:
                former = pool
                pool = self._pools[configuration.arn] = Pool(self._cloud, configuration, code)
            pool.enter()
        try:
            if former:
                former.close()
            yield pool
        finally:
            pool.leave()

    def _start_event(self, record: Any, payload: bytes, request_id: str, client_context: str | None) -> None:
        """Accepts an asynchronous event: it runs later, and its answer is dropped."""
        _check_payload(payload, MAX_EVENT_BYTES)
        Configuration.of(record)
        self._events.add(record.function_arn, payload, request_id, client_context)

    def _run_event(self, event: Event) -> bool:
        result = self._run(self._find(event.function), event.payload, event.request_id, event.client_context)
        return result.function_error is None

    def _tidy(self) -> None:
        """Every second: runs events whose wait is over, ends what is idle, deleted or outdated."""
        while not self._closing.wait(TIDY_SECONDS):
            now = time.monotonic()
            self._events.run_due(now)
            with self._lock:
                pools = list(self._pools.items())
            for arn, pool in pools:
                if self._is_current(arn, pool):
                    pool.close_idle(now)
                    continue
                with self._lock:
                    if self._pools.get(arn) is pool:
                        del self._pools[arn]
                pool.close()

    def _is_current(self, arn: str, pool: Pool) -> bool:
        try:
            return Configuration.of(self._find(arn)).version == pool.configuration.version
        except LambdaError:
            return False


def _check_payload(payload: bytes, limit: int) -> None:
    if len(payload) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise LambdaError(413, "RequestTooLargeException", message)
    try:
        parse_json(payload)
    except ValueError as error:
        raise LambdaError(
            400, "InvalidRequestContentException", f"Could not parse request body into json: {error}"
        ) from error


def _client_context(header: str | None) -> str | None:
    if header is None:
        return None
    try:
        text = base64.b64decode(header, validate=True).decode()
        parse_json(text)
    except (binascii.Error, ValueError) as error:
        raise LambdaError(
            400, "InvalidRequestContentException", "Client context must be valid JSON, encoded as base64."
        ) from error
    return text


def _trace_id() -> str:
    return f"Root=1-{int(time.time()):08x}-{os.urandom(12).hex()};Parent={os.urandom(8).hex()};Sampled=0"


def _json_answer(status: int, body: bytes, request_id: str) -> werkzeug.Response:
    return werkzeug.Response(
        body,
        status,
        {"x-amzn-RequestId": request_id},
        "application/json",
    )
