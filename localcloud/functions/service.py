"""The Lambda API: `management.py` keeps the functions, `execution.py` runs them."""

import base64
import binascii
import functools
import json
import re
import threading
import time
import uuid
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import werkzeug
from botocore import xform_name
from moto.core.model import ServiceModel

from localcloud.cloud import Cloud
from localcloud.functions.absent import Absent
from localcloud.functions.asynchronous import RETRY_SECONDS, Event, EventQueue
from localcloud.functions.configuration import Configuration
from localcloud.functions.errors import LambdaError, unsupported
from localcloud.functions.execution import Admission, Executor, check_size
from localcloud.functions.management import Management
from localcloud.functions.names import LATEST, FunctionReference
from localcloud.moto_backends import backend_of
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.service import ModelledService, Operation
from localcloud.protocol.validation import Violations, require_supported
from localcloud.quotas import MAX_INVOCATION_BYTES
from localcloud.untrusted import parse_json

MAX_EVENT_BYTES = 1024 * 1024
TIDY_SECONDS = 1.0

UNSUPPORTED = {
    "CreateEventSourceMapping": "event source mappings",
    "CreateFunctionUrlConfig": "function URLs",
    "InvokeWithResponseStream": "response streaming (InvokeWithResponseStream)",
    "PutFunctionEventInvokeConfig": "settings for asynchronous invocation",
    "PutProvisionedConcurrencyConfig": "provisioned concurrency",
    "UpdateEventSourceMapping": "event source mappings",
    "UpdateFunctionEventInvokeConfig": "settings for asynchronous invocation",
    "UpdateFunctionUrlConfig": "function URLs",
}
"""Operations that are refused with a message that names the feature."""
UNSUPPORTED_SETTINGS = frozenset(
    {
        "AcceleratorConfig",
        "ImageConfig",
        "LoggingConfig.ApplicationLogLevel",
        "LoggingConfig.SystemLogLevel",
        "RuntimeConfig",
        "VpcConfig.Ipv6AllowedForDualStack",
        "VpcConfig.SecurityGroupIds",
    }
)
"""Members of functions' configurations. Log levels are for logs in JSON, an ImageConfig for images."""
UNKNOWN_RUNTIME = re.compile(
    r"1 validation error detected: Value '(?P<value>\S+)' at 'runtime' "
    r"(?P<rule>failed to satisfy constraint: Member must satisfy enum value set: \[[^\]]*\])"
)


class FunctionsService(ModelledService):
    """Runs Lambda functions. `handle` answers HTTP requests; other services call `admit`."""

    service_name = "lambda"
    malformed_code = "InvalidRequestContentException"
    answers = frozenset({service_name})
    regional = True
    unsupported_members: ClassVar = {
        "AddPermission": frozenset({"InvokedViaFunctionUrl"}),
        "CreateFunction": frozenset(
            {
                *UNSUPPORTED_SETTINGS,
                "Code.S3ObjectStorageMode=COPY",
                "Code.SourceKMSKeyArn",
                "PublishTo",
                "TenancyConfig",
            }
        ),
        "UpdateFunctionCode": frozenset({"PublishTo", "S3ObjectStorageMode=COPY", "SourceKMSKeyArn"}),
        "UpdateFunctionConfiguration": UNSUPPORTED_SETTINGS,
    }

    _running: ClassVar[weakref.WeakValueDictionary[tuple[str, str], "FunctionsService"]] = (
        weakref.WeakValueDictionary()
    )

    def __init__(self, cloud: Cloud, retry_seconds: Sequence[float] = RETRY_SECONDS):
        self._cloud = cloud
        self._executor = Executor(cloud)
        self._events = EventQueue(self._run_event, retry_seconds)
        self._closing = threading.Event()
        self._operations: Mapping[str, Operation] = {
            "Invoke": self._invoke,
            "InvokeAsync": self._invoke_async,
        }
        self._management = Management(cloud, self._look_up)
        self._absent = Absent(cloud, self._look_up)
        threading.Thread(target=self._tidy, daemon=True).start()
        FunctionsService._running[cloud.url, cloud.region] = self

    @classmethod
    def of(cls, cloud: Cloud) -> "FunctionsService":
        """The functions of a cloud in its region, for its other services."""
        return cls._running[cloud.url, cloud.region]

    def operation(self, name: str) -> Operation | None:
        if what := UNSUPPORTED.get(name):
            return functools.partial(_refuse, what)
        if operation := self._operations.get(name):
            return operation
        method = xform_name(name)
        return getattr(self._management, method, None) or getattr(self._absent, method, None)

    def operations(self) -> dict[str, set[str]]:
        return {name: found - UNSUPPORTED.keys() for name, found in super().operations().items()}

    def invalid(self, operation: str, error: InvalidRequest) -> ApiError:
        message = error.worded(never_null=True) if isinstance(error, Violations) else error.message
        return ApiError(self.validation_code, message)

    def refuse(self, model: ServiceModel, error: ApiError) -> werkzeug.Response:
        if found := UNKNOWN_RUNTIME.fullmatch(error.message):
            # Lambda checks it by a rule that its model lacks.
            message = f"Value {found['value']} at 'runtime' {found['rule']} or be a valid ARN"
            error = ApiError("InvalidParameterValueException", message)
        error.members.setdefault("Type", "User" if (error.status or 400) < 500 else "Service")
        return super().refuse(model, error)

    def admit(self, function: str) -> Admission:
        """Takes a place for an event of a function, given by name or ARN, before that event is made.

        Raises LambdaError for an unknown function, and for throttling.
        """
        return self._executor.admit(*self._find(function))

    def give_system_tags(self, function: str, tags: Mapping[str, str]) -> None:
        """Gives a function, by its name, tags that only AWS can give."""
        self._management.give_system_tags(function, tags)

    def status(self) -> dict[str, Any]:
        """For `localcloud status`: the number of sandboxes of each function that has any."""
        return {"functions": self._executor.sizes()}

    def close(self) -> None:
        self._closing.set()
        self._events.close()
        self._executor.close()

    def _invoke(
        self,
        FunctionName: str,
        InvocationType: str = "RequestResponse",
        LogType: str = "None",
        ClientContext: str | None = None,
        Payload: bytes = b"{}",
        Qualifier: str | None = None,
        **others: Any,
    ) -> dict[str, Any]:
        require_supported("Invoke", others, {})
        reference, record = self._find(FunctionName, Qualifier)
        request_id = str(uuid.uuid4())
        context = _client_context(ClientContext)
        metadata = {"RequestId": request_id}
        if InvocationType == "Event":
            self._start_event(reference, record, Payload, request_id, context)
            return {"StatusCode": 202, "ResponseMetadata": metadata}
        if InvocationType == "DryRun":
            Configuration.of(record)
            return {"StatusCode": 204, "ResponseMetadata": metadata}
        _check_payload(Payload, MAX_INVOCATION_BYTES)
        result = self._executor.admit(reference, record).run(Payload, request_id, context)
        return {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "FunctionError": result.function_error,
            "LogResult": base64.b64encode(result.log_tail).decode() if LogType == "Tail" else None,
            "Payload": result.payload,
            "ResponseMetadata": metadata,
        }

    def _invoke_async(self, FunctionName: str, InvokeArgs: bytes = b"{}") -> dict[str, Any]:
        self._start_event(*self._find(FunctionName), InvokeArgs, str(uuid.uuid4()), None)
        return {"Status": 202}

    def _look_up(self, function: str, qualifier: str | None = None) -> tuple[FunctionReference, Any]:
        """The reference of a request to a function, and moto's record of it. Raises LambdaError."""
        from moto.awslambda.models import lambda_backends

        reference = FunctionReference.parse(self._cloud, function, qualifier)
        if reference.account == self._cloud.account_id and reference.qualifier in (None, LATEST):
            for record in backend_of(lambda_backends, reference.account, reference.region).list_functions(
                None
            ):
                if record.function_name == reference.name:
                    return reference, record
        raise LambdaError(
            "ResourceNotFoundException", f"Function not found: {reference.qualified_arn}", status=404
        )

    def _find(self, function: str, qualifier: str | None = None) -> tuple[FunctionReference, Any]:
        """The reference to a function to invoke, and moto's record of it."""
        reference = FunctionReference.parse(self._cloud, function, qualifier)
        if reference.qualifier not in (None, LATEST):
            raise unsupported(
                f"versions and aliases (Qualifier {reference.qualifier}); only $LATEST can be invoked"
            )
        return reference, self._look_up(reference.arn, LATEST)[1]

    def _start_event(
        self,
        reference: FunctionReference,
        record: Any,
        payload: bytes,
        request_id: str,
        client_context: str | None,
    ) -> None:
        """Accepts an asynchronous event, which runs later and whose result is dropped."""
        _check_payload(payload, MAX_EVENT_BYTES)
        Configuration.of(record)
        self._events.add(reference.qualified_arn, payload, request_id, client_context)

    def _run_event(self, event: Event) -> bool:
        admission = self._executor.admit(*self._find(event.function))
        result = admission.run(event.payload, event.request_id, event.client_context)
        return result.function_error is None

    def _tidy(self) -> None:
        """Every second, runs due events and closes what is idle, deleted or outdated."""
        while not self._closing.wait(TIDY_SECONDS):
            now = time.monotonic()
            self._events.run_due(now)
            self._executor.tidy(now, self._version_of)

    def _version_of(self, arn: str) -> str | None:
        """The version of a function's current configuration; None if the function has been deleted."""
        try:
            return Configuration.of(self._find(arn)[1]).version
        except LambdaError:
            return None


def _check_payload(payload: bytes, limit: int) -> None:
    check_size(payload, limit)
    try:
        parse_json(payload)
    except ValueError as error:
        raise LambdaError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from error


def _client_context(header: str | None) -> str | None:
    """The context that a caller gives, as JSON that fits into a header."""
    if header is None:
        return None
    try:
        context = parse_json(base64.b64decode(header, validate=True).decode())
    except (binascii.Error, ValueError) as error:
        raise LambdaError(
            "InvalidRequestContentException", "Client context must be valid JSON, encoded as base64."
        ) from error
    return json.dumps(context)


def _refuse(what: str, **request: Any) -> None:
    raise unsupported(what)
