"""AWS::Lambda::Function and AWS::Lambda::Permission."""

import io
import zipfile
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.intrinsics import has_unknown
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
    ignoring,
    pick,
    rollback_on_failure,
)
from localcloud.functions import FunctionsService, check_supported

MAX_NAME_LENGTH = 64
CONFIGURATION = (
    "Description",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
)
"""Properties with the same names in CloudFormation and in the Lambda API."""
DEFAULTS = {
    "Description": "",
    "Environment": {"Variables": {}},
    "EphemeralStorage": {"Size": 512},
    "MemorySize": 128,
    "Timeout": 3,
    "TracingConfig": {"Mode": "PassThrough"},
}
"""The defaults of properties, for those that a template no longer has."""


class Function(Provider):
    type = "AWS::Lambda::Function"
    supported = frozenset(
        {
            *CONFIGURATION,
            "Architectures",
            "Code",
            "FunctionName",
            "PackageType",
            "ReservedConcurrentExecutions",
            "Tags",
        }
    )
    attributes = frozenset({"Arn"})
    name_property = "FunctionName"

    def check(self, cloud: Cloud, properties: Properties) -> None:
        known = {name: value for name, value in properties.items() if not has_unknown(value)}
        if isinstance(logging := properties.get("LoggingConfig"), dict):
            known["LoggingConfig"] = {
                name: value for name, value in logging.items() if not has_unknown(value)
            }
        check_supported(known)

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        functions = cloud.client("lambda")
        missing = functions.exceptions.ResourceNotFoundException
        return found(missing, functions.get_function_configuration, FunctionName=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        functions = context.client("lambda")
        name = properties.get("FunctionName") or context.generated_name(MAX_NAME_LENGTH)
        tags = context.tags(properties.get("Tags"))
        arn = functions.create_function(
            FunctionName=name,
            Code=_code(properties),
            **pick(properties, *CONFIGURATION, "Architectures", "PackageType"),
            **({"Tags": tags} if tags else {}),
        )["FunctionArn"]
        FunctionsService.of(context.cloud).give_system_tags(name, context.system_tags())
        created = PhysicalResource(name, {"Arn": arn})
        if "ReservedConcurrentExecutions" in properties:
            with rollback_on_failure(created):
                functions.put_function_concurrency(
                    FunctionName=name,
                    ReservedConcurrentExecutions=properties["ReservedConcurrentExecutions"],
                )
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        functions, name = context.client("lambda"), current.physical_id
        code_keys = ("Code", "Architectures")
        if any(properties.get(key) != previous.get(key) for key in code_keys):
            functions.update_function_code(
                FunctionName=name, **_code(properties), **pick(properties, "Architectures")
            )
        settings = {
            key: properties.get(key, DEFAULTS.get(key))
            for key in CONFIGURATION
            if properties.get(key) != previous.get(key)
        }
        if "LoggingConfig" in settings:  # of which the API keeps what a request does not name
            logging = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}
            settings["LoggingConfig"] = logging | (properties.get("LoggingConfig") or {})
        if settings:
            functions.update_function_configuration(
                FunctionName=name, **{key: value for key, value in settings.items() if value is not None}
            )
        reserved = properties.get("ReservedConcurrentExecutions")
        if reserved is not None:
            functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)
        elif "ReservedConcurrentExecutions" in previous:
            functions.delete_function_concurrency(FunctionName=name)
        tags = context.tags(properties.get("Tags"))
        if gone := context.removed_tags(previous.get("Tags"), tags):
            functions.untag_resource(Resource=current.attributes["Arn"], TagKeys=gone)
        if tags:
            functions.tag_resource(Resource=current.attributes["Arn"], Tags=tags)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        functions = context.client("lambda")
        ignoring(
            functions.exceptions.ResourceNotFoundException,
            functions.delete_function,
            FunctionName=current.physical_id,
        )


def _code(properties: Properties) -> dict[str, Any]:
    """The Code of the API, with the source text of an inline function packed into a zip file."""
    code = dict(properties["Code"])
    if "ZipFile" not in code:
        return code
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        # A fixed date, so that the same text gives the same hash.
        archive.writestr(zipfile.ZipInfo("index.py"), code["ZipFile"])
    return {"ZipFile": packed.getvalue()}


class Permission(Provider):
    """A statement of a function's resource policy."""

    type = "AWS::Lambda::Permission"
    supported = frozenset(
        {
            "Action",
            "EventSourceToken",
            "FunctionName",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        }
    )
    attributes = frozenset({"Id"})

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        statement = context.generated_name(100)
        context.client("lambda").add_permission(StatementId=statement, **properties)
        return PhysicalResource(statement, {"Id": statement})

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        functions = context.client("lambda")
        ignoring(
            functions.exceptions.ResourceNotFoundException,
            functions.remove_permission,
            FunctionName=properties["FunctionName"],
            StatementId=current.physical_id,
        )


PROVIDERS = (Function(), Permission())
