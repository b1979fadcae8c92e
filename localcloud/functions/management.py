"""The operations that create, change, show and delete functions. moto keeps the records.

A record also has members that moto's lacks: `revision_id`, and `has_environment`, which says whether a
request gave one. An update is complete when it is answered, so none is refused because another is in
progress.
"""

import base64
import hashlib
import json
import logging
import threading
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.functions import permissions
from localcloud.functions.absent import MISSING, missing
from localcloud.functions.configuration import check_request
from localcloud.functions.descriptions import (
    describe,
    describe_created,
    describe_in_list,
    describe_updated,
)
from localcloud.functions.errors import NOT_ASSUMABLE, LambdaError, invalid_parameter
from localcloud.functions.names import LATEST, FunctionReference
from localcloud.functions.packages import package_of
from localcloud.functions.pool import LAMBDA
from localcloud.iam import NotAssumable, require_trust
from localcloud.moto_backends import backend_of
from localcloud.protocol.errors import InvalidRequest
from localcloud.protocol.pages import page
from localcloud.protocol.validation import require_supported

log = logging.getLogger(__name__)

MAX_NAME_LENGTH = 64
CONCURRENT_EXECUTIONS = 1000
MIN_UNRESERVED = 100
"""An account's default quota, and the part of it that no function may reserve."""
SETTINGS = {
    "Description": "description",
    "Handler": "handler",
    "MemorySize": "memory_size",
    "Role": "role",
    "Runtime": "run_time",
    "Timeout": "timeout",
    "TracingConfig": "tracing_config",
}
"""Members of UpdateFunctionConfiguration that replace an attribute of moto's records."""
MAX_ITEMS = 50
MAX_TAGS = 50


class Management:
    """Carries out the operations on the functions of one cloud.

    `find` gives, for a function's name and qualifier, the reference and moto's record; it raises LambdaError.
    """

    def __init__(
        self,
        cloud: Cloud,
        find: Callable[[str, str | None], tuple[FunctionReference, Any]],
    ):
        self._cloud = cloud
        self._look_up = find
        self._changing = threading.RLock()  # a function is not seen before its record is complete

    def create_function(self, **request: Any) -> dict[str, Any]:
        reference = self._parse(request["FunctionName"], None)
        name = reference.name
        if reference.account != self._cloud.account_id:
            raise LambdaError(
                "AccessDeniedException",
                f"User: arn:aws:iam::{self._cloud.account_id}:root is not authorized to perform: "
                f"lambda:CreateFunction on resource: {reference.arn} because no resource-based policy allows "
                "the lambda:CreateFunction action",
                status=403,
            )
        if len(name) > MAX_NAME_LENGTH:
            raise invalid_parameter(
                f"1 validation error detected: Value '{request['FunctionName']}' at 'functionName' failed to "
                f"satisfy constraint: Member must have length less than or equal to {MAX_NAME_LENGTH}"
            )
        check_request(request)
        if not request.get("Runtime") or not request.get("Handler"):
            raise invalid_parameter(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages."
            )
        _check_tags(request.get("Tags") or {})
        self._check_role(name, request["Role"])
        content = package_of(self._cloud, request["Code"])
        packed = base64.b64encode(content).decode()
        with self._changing:
            if any(one.function_name == name for one in self._functions()):
                raise LambdaError("ResourceConflictException", f"Function already exist: {name}", status=409)
            record = self._backend().create_function(
                {**request, "FunctionName": name, "Code": {"ZipFile": packed}, "Publish": False}
            )
            del record.code["ZipFile"]  # moto has unpacked it
            record.has_environment = "Environment" in request
            _set_log_group(record, request)
            return describe_created(record)

    def update_function_code(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        _, record = self._find(FunctionName, None)
        check_request(request)
        _check_revision(record, request.get("RevisionId"))
        content = package_of(self._cloud, request)
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        if request.get("DryRun"):
            return describe(record) | {"CodeSha256": digest, "CodeSize": len(content)}
        record.code_bytes, record.code_size, record.code_sha_256 = content, len(content), digest
        record.code_digest = hashlib.sha256(content).hexdigest()
        record.architectures = request.get("Architectures", record.architectures)
        return describe_updated(record)

    def update_function_configuration(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        reference, record = self._find(FunctionName, None)
        check_request(request)
        _check_revision(record, request.get("RevisionId"))
        if "Role" in request:
            self._check_role(reference.name, request["Role"])
        for member, attribute in SETTINGS.items():
            if member in request:
                setattr(record, attribute, request[member])
        if "EphemeralStorage" in request:
            record.ephemeral_storage = request["EphemeralStorage"]["Size"]
        if "Environment" in request:
            record.environment_vars = request["Environment"].get("Variables") or {}
            record.has_environment = True
        _set_log_group(record, request)
        return describe_updated(record)

    def get_function(self, FunctionName: str, Qualifier: str | None = None) -> dict[str, Any]:
        reference, record = self._find(FunctionName, Qualifier)
        answer = {
            "Configuration": describe(record, reference),
            "Code": {"RepositoryType": "S3", "Location": _location(record)},
        }
        if record.tags:
            answer["Tags"] = record.tags
        if record.reserved_concurrency is not None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": int(record.reserved_concurrency)}
        return answer

    def get_function_configuration(self, FunctionName: str, Qualifier: str | None = None) -> dict[str, Any]:
        reference, record = self._find(FunctionName, Qualifier)
        return describe(record, reference)

    def list_functions(
        self,
        FunctionVersion: str | None = None,
        Marker: str | None = None,
        MaxItems: int = MAX_ITEMS,
        **others: Any,
    ) -> dict[str, Any]:
        require_supported("ListFunctions", others, {})
        suffix = f":{LATEST}" if FunctionVersion == "ALL" else ""
        records = sorted(self._functions(), key=lambda record: str(record.function_name))
        return _page("Functions", [describe_in_list(record, suffix) for record in records], Marker, MaxItems)

    def list_versions_by_function(
        self, FunctionName: str, Marker: str | None = None, MaxItems: int = MAX_ITEMS
    ) -> dict[str, Any]:
        _, record = self._find(FunctionName, None)
        return _page("Versions", [describe_in_list(record, f":{LATEST}")], Marker, MaxItems)

    def delete_function(self, FunctionName: str, Qualifier: str | None = None) -> dict[str, Any]:
        reference = self._parse(FunctionName, Qualifier)
        if reference.qualifier == LATEST:
            raise invalid_parameter("$LATEST version cannot be deleted without deleting the function.")
        self._find(reference.arn, None)
        is_version = (reference.qualifier or "").isdecimal()
        if not is_version:  # there are none, and AWS accepts that one that does not exist is deleted
            self._find(FunctionName, Qualifier)
            self._backend().delete_function(reference.name)
        return {"StatusCode": 204}

    def add_permission(
        self, FunctionName: str, Qualifier: str | None = None, **request: Any
    ) -> dict[str, Any]:
        permissions.check_qualifier(self._parse(FunctionName, Qualifier))
        reference, record = self._find(FunctionName, Qualifier)
        with self._changing:
            _check_revision(record, request.get("RevisionId"))
            statement = permissions.add(self._cloud, record, reference, request)
            record.revision_id = str(uuid.uuid4())
        return {"Statement": json.dumps(statement, separators=(",", ":"))}

    def remove_permission(
        self, FunctionName: str, StatementId: str, Qualifier: str | None = None, RevisionId: str | None = None
    ) -> dict[str, Any]:
        reference = self._parse(FunctionName, Qualifier)
        permissions.check_qualifier(reference)
        if not any(one.function_name == reference.name for one in self._functions()):
            raise missing(f"No policy found for: {reference.qualified_arn}")
        _, record = self._find(FunctionName, Qualifier)
        with self._changing:
            _check_revision(record, RevisionId)
            permissions.remove(record, StatementId)
            record.revision_id = str(uuid.uuid4())
        return {}

    def get_policy(self, FunctionName: str, Qualifier: str | None = None) -> dict[str, Any]:
        reference = self._parse(FunctionName, Qualifier)
        _, record = self._find(reference.arn, None)
        if reference.qualifier not in (None, LATEST):
            raise missing(MISSING)
        return {"Policy": permissions.policy_of(record), "RevisionId": record.revision_id}

    def put_function_concurrency(
        self, FunctionName: str, ReservedConcurrentExecutions: int
    ) -> dict[str, Any]:
        reference = self._parse(FunctionName, None)
        if reference.qualifier is not None:
            raise invalid_parameter(
                "This operation is permitted on Lambda functions only. Aliases and versions do not support "
                "this operation. Please specify either a function name or an unqualified function ARN."
            )
        _, record = self._find(reference.arn, LATEST)
        others = (one.reserved_concurrency for one in self._functions() if one is not record)
        reserved = sum(int(one) for one in others if one is not None) + ReservedConcurrentExecutions
        if reserved > CONCURRENT_EXECUTIONS - MIN_UNRESERVED:
            raise invalid_parameter(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{MIN_UNRESERVED}]."
            )
        record.reserved_concurrency = ReservedConcurrentExecutions
        return {"ReservedConcurrentExecutions": ReservedConcurrentExecutions}

    def get_function_concurrency(self, FunctionName: str) -> dict[str, Any]:
        _, record = self._find(FunctionName, None)
        if record.reserved_concurrency is None:
            return {}
        return {"ReservedConcurrentExecutions": int(record.reserved_concurrency)}

    def delete_function_concurrency(self, FunctionName: str) -> dict[str, Any]:
        _, record = self._find(FunctionName, None)
        record.reserved_concurrency = None
        return {}

    def list_tags(self, Resource: str) -> dict[str, Any]:
        _, record = self._tagged(Resource)
        return {"Tags": dict(record.tags)}

    def tag_resource(self, Resource: str, Tags: dict[str, str]) -> dict[str, Any]:
        _, record = self._tagged(Resource)
        if not Tags:
            raise invalid_parameter("An error occurred and the request cannot be processed.")
        with self._changing:
            _check_tags({key: value for key, value in record.tags.items() if not _is_reserved(key)} | Tags)
            record.tags = {**record.tags, **Tags}
            record.revision_id = str(uuid.uuid4())
        return {}

    def give_system_tags(self, function: str, tags: Mapping[str, str]) -> None:
        """Gives a function, by its name, tags that only AWS can give."""
        _, record = self._find(function, None)
        with self._changing:
            record.tags = {**record.tags, **tags}

    def untag_resource(self, Resource: str, TagKeys: list[str]) -> dict[str, Any]:
        _, record = self._tagged(Resource)
        if not TagKeys:
            raise InvalidRequest(
                "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: "
                "Member must not be null"
            )
        _check_tags(dict.fromkeys(TagKeys, ""))
        with self._changing:
            record.tags = {key: value for key, value in record.tags.items() if key not in TagKeys}
            record.revision_id = str(uuid.uuid4())
        return {}

    def _tagged(self, arn: str) -> tuple[FunctionReference, Any]:
        if ":function:" not in arn:  # of a kind of resource that does not exist here
            raise missing(MISSING)
        if self._parse(arn, None).qualifier is not None:
            raise invalid_parameter(
                "Tags on function aliases and versions are not supported. Please specify a function ARN."
            )
        return self._find(arn, None)

    def _parse(self, name: str, qualifier: str | None) -> FunctionReference:
        return FunctionReference.parse(self._cloud, name, qualifier)

    def _find(self, name: str, qualifier: str | None) -> tuple[FunctionReference, Any]:
        with self._changing:
            return self._look_up(name, qualifier)

    def _backend(self) -> Any:
        from moto.awslambda.models import lambda_backends

        return backend_of(lambda_backends, self._cloud.account_id, self._cloud.region)

    def _functions(self) -> list[Any]:
        with self._changing:
            return list(self._backend().list_functions(None))

    def _check_role(self, function: str, role: str) -> None:
        if role.split(":")[4] != self._cloud.account_id:
            raise LambdaError("AccessDeniedException", "Cross-account pass role is not allowed.", status=403)
        try:
            require_trust(self._cloud, role, LAMBDA)
        except NotAssumable as error:
            log.warning("function %s: %s", function, error)
            raise invalid_parameter(NOT_ASSUMABLE) from error


def _set_log_group(record: Any, request: Mapping[str, Any]) -> None:
    """Changes the group only if the request names one, whatever else its LoggingConfig says."""
    if name := (request.get("LoggingConfig") or {}).get("LogGroup"):
        record.logs_group_name = name


def _check_tags(tags: Mapping[str, str]) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html"""
    if len(tags) > MAX_TAGS:
        raise invalid_parameter("Number of tags exceeds resource tag limit.")
    for key in tags:
        if _is_reserved(key):
            raise invalid_parameter(f"A tag's key does not begin with aws:, which is reserved: {key!r:.80}")


def _is_reserved(key: str) -> bool:
    """Whether only AWS can give and take tags with this key, which do not count towards the quota."""
    return key.lower().startswith("aws:")


def _check_revision(record: Any, revision: str | None) -> None:
    if revision is not None and revision != record.revision_id:
        raise LambdaError(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias. "
            "Call the GetFunction or the GetAlias API to retrieve the latest RevisionId for your resource.",
            status=412,
        )


def _page(name: str, items: list[dict[str, Any]], marker: str | None, size: int) -> dict[str, Any]:
    """The answer with a page of at most `size` items, after the marker."""
    try:
        shown, following = page(items, marker, size)
    except InvalidRequest:
        raise invalid_parameter("Invalid pagination token") from None
    return {name: shown} | ({"NextMarker": following} if following else {})


def _location(record: Any) -> str:
    """An address like AWS's, from which nothing can be downloaded here."""
    bucket = f"awslambda-{record.region}-tasks"
    return f"https://{bucket}.s3.{record.region}.amazonaws.com/{record.code['S3Key']}"
