"""The configuration of a function, and the checks of whether localcloud can run it."""

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from localcloud.functions.errors import LambdaError, invalid_parameter, unsupported

VARIABLE_NAME = re.compile(r"[a-zA-Z]([a-zA-Z0-9_])+")
PYTHON_RUNTIME = re.compile(r"python3\.\d+")
BLOCKED_RUNTIMES = ("python2.7", "python3.6", "python3.7")
"""https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html#runtimes-deprecated"""
IMAGES = unsupported("container images (PackageType Image); package the function as a zip file")
MAX_TIMEOUT_SECONDS = 900
MAX_MEMORY_MB = 10_240
MAX_STORAGE_MB = 10_240
MAX_ENVIRONMENT_BYTES = 4096
RESERVED_VARIABLES = frozenset(
    {
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    }
)
"""https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""


@dataclass(frozen=True)
class Configuration:
    """A function's settings. `version` is a hash of these and of the code."""

    name: str
    arn: str
    handler: str
    runtime: str
    memory_mb: int
    storage_mb: int
    timeout: float
    role: str
    region: str
    log_group: str
    environment: Mapping[str, str]
    version: str

    @property
    def log_streams(self) -> str:
        """What the names of its log streams begin with, after the date.

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-loggroups.html
        """
        own = self.log_group == f"/aws/lambda/{self.name}"
        return "[$LATEST]" if own else f"{self.name}[$LATEST]"

    @classmethod
    def of(cls, function: Any) -> "Configuration":
        """Reads moto's record of a function. Raises LambdaError if it cannot run here."""
        if function.package_type == "Image":
            raise IMAGES
        _check_layers(layer["Arn"] for layer in function.layers)
        _check_runtime(function.run_time)
        if not function.handler:
            raise invalid_parameter(f"The function {function.function_name} has no Handler.")
        return _configuration(
            function.code_sha_256,
            tuple((name, str(value)) for name, value in (function.environment_vars or {}).items()),
            name=function.function_name,
            arn=function.function_arn,
            handler=function.handler,
            runtime=function.run_time,
            # Templates may have numbers as strings.
            memory_mb=int(function.memory_size),
            storage_mb=int(function.ephemeral_storage),
            timeout=float(function.timeout),
            role=function.role,
            region=function.region,
            log_group=function.logs_group_name,
        )


@functools.lru_cache(maxsize=256)
def _configuration(code: str, environment: tuple[tuple[str, str], ...], **settings: Any) -> Configuration:
    """The configuration of these settings, which is asked for by every event."""
    described = json.dumps([settings, dict(environment), code], sort_keys=True)
    version = hashlib.sha256(described.encode()).hexdigest()
    return Configuration(**settings, environment=dict(environment), version=version)


def check_request(request: Mapping[str, Any]) -> None:
    """Raises LambdaError for a request to create or update a function that is invalid or not supported."""
    check_supported(request)
    if "Runtime" in request:
        _check_runtime(request["Runtime"])
    _check_limits(request)
    _check_environment((request.get("Environment") or {}).get("Variables") or {})


def check_supported(request: Mapping[str, Any]) -> None:
    """Raises LambdaError for a request with something that localcloud does not support.

    The members of the API are also the properties of AWS::Lambda::Function.
    """
    if request.get("PackageType") == "Image" or "ImageUri" in (request.get("Code") or request):
        raise IMAGES
    _check_layers(request.get("Layers"))
    if "Runtime" in request and request["Runtime"] not in BLOCKED_RUNTIMES:
        _check_runtime(request["Runtime"])
    for member, what in (
        ("DeadLetterConfig", "dead-letter queues"),
        ("FileSystemConfigs", "EFS file systems"),
        ("CodeSigningConfigArn", "code signing"),
        ("KMSKeyArn", "KMS keys"),
        ("CapacityProviderConfig", "capacity providers"),
        ("DurableConfig", "durable functions"),
    ):
        if any(request.get(member) or ()):
            raise unsupported(f"{what} ({member})")
    if (request.get("VpcConfig") or {}).get("SubnetIds"):
        raise unsupported("functions in a VPC (VpcConfig)")
    if (request.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise unsupported("SnapStart")
    if (request.get("TracingConfig") or {}).get("Mode", "PassThrough") != "PassThrough":
        raise unsupported("tracing by X-Ray (TracingConfig with the mode Active)")
    if (request.get("LoggingConfig") or {}).get("LogFormat", "Text") != "Text":
        raise unsupported("logs in JSON (LoggingConfig with the format JSON)")
    if request.get("Publish") in (True, "true"):
        raise unsupported("published versions (Publish); only $LATEST can be invoked")


def _check_layers(layers: Iterable[Any] | None) -> None:
    if layers := [str(layer) for layer in layers or ()]:
        raise unsupported(f"layers ({', '.join(layers)}); put their content into the function's own package")


def _check_runtime(runtime: str | None) -> None:
    if runtime in BLOCKED_RUNTIMES:
        raise invalid_parameter(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    if not PYTHON_RUNTIME.fullmatch(runtime or ""):
        raise unsupported(f"the runtime {runtime}; it runs python3.x functions")


def _check_limits(request: Mapping[str, Any]) -> None:
    """Raises LambdaError for values outside Lambda's limits, where those of its model are too wide."""
    given = {
        "timeout": (request.get("Timeout"), MAX_TIMEOUT_SECONDS),
        "memorySize": (request.get("MemorySize"), MAX_MEMORY_MB),
        "ephemeralStorage.size": ((request.get("EphemeralStorage") or {}).get("Size"), MAX_STORAGE_MB),
    }
    for member, (value, limit) in given.items():
        if value is not None and int(value) > limit:
            raise _violated(f" '{value}'", member, f"Member must have value less than or equal to {limit}")


def _violated(value: str, member: str, rule: str) -> LambdaError:
    message = f"1 validation error detected: Value{value} at '{member}' failed to satisfy constraint: {rule}"
    return LambdaError("ValidationException", message)


def _check_environment(variables: Mapping[str, Any]) -> None:
    if any(not VARIABLE_NAME.fullmatch(name) for name in variables):
        rule = f"Member must satisfy regular expression pattern: {VARIABLE_NAME.pattern}"
        raise _violated("", "environment.variables", f"Map keys must satisfy constraint: [{rule}]")
    if reserved := sorted(RESERVED_VARIABLES & variables.keys()):
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables "
            "you have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(dict(variables), separators=(",", ":"), default=str)
    if len(measured.encode()) > MAX_ENVIRONMENT_BYTES:
        raise invalid_parameter(
            "Lambda was unable to configure your environment variables because the environment variables "
            f"you have provided exceeded the 4KB limit. String measured: {measured}"
        )
