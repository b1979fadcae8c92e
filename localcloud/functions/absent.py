"""Features that no function has here: aliases, URLs, event sources and the like.

Operations that read them answer as AWS does if there are none. Operations that would create them are refused
by name (see `UNSUPPORTED` in service.py).
"""

from collections.abc import Callable
from typing import Any

from localcloud.functions.errors import LambdaError
from localcloud.functions.names import FunctionReference

MISSING = "The resource you requested does not exist."


class Absent:
    """Answers operations that read such features; `find` raises LambdaError for an unknown function."""

    def __init__(self, find: Callable[[str, str | None], tuple[FunctionReference, Any]]):
        self._find = find

    def get_alias(self, FunctionName: str, Name: str) -> None:
        reference, _ = self._find(FunctionName, None)
        raise missing(f"Cannot find alias arn: {reference.arn}:{Name}")

    def list_aliases(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"Aliases": []}

    def get_function_url_config(self, FunctionName: str, Qualifier: str | None = None) -> None:
        raise missing(MISSING)

    def list_function_url_configs(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"FunctionUrlConfigs": []}

    def get_event_source_mapping(self, UUID: str) -> None:
        raise missing(MISSING)

    def delete_event_source_mapping(self, UUID: str) -> None:
        raise missing(MISSING)

    def list_event_source_mappings(self, **request: Any) -> dict[str, Any]:
        return {"EventSourceMappings": []}

    def get_function_event_invoke_config(self, FunctionName: str, Qualifier: str = "$LATEST") -> None:
        reference, _ = self._find(FunctionName, None)
        raise missing(f"The function {reference.arn}:{Qualifier} doesn't have an EventInvokeConfig")

    def list_function_event_invoke_configs(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"FunctionEventInvokeConfigs": []}

    def get_provisioned_concurrency_config(self, FunctionName: str, Qualifier: str) -> None:
        self._find(FunctionName, None)
        message = "No Provisioned Concurrency Config found for this function"
        raise LambdaError("ProvisionedConcurrencyConfigNotFoundException", message, status=404)

    def list_provisioned_concurrency_configs(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"ProvisionedConcurrencyConfigs": []}

    def get_function_code_signing_config(self, FunctionName: str) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {}

    def list_code_signing_configs(self, **request: Any) -> dict[str, Any]:
        return {"CodeSigningConfigs": []}

    def get_runtime_management_config(
        self, FunctionName: str, Qualifier: str | None = None
    ) -> dict[str, Any]:
        reference, _ = self._find(FunctionName, Qualifier)
        return {"UpdateRuntimeOn": "Auto", "FunctionArn": reference.arn}

    def get_function_recursion_config(self, FunctionName: str) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"RecursiveLoop": "Terminate"}


def missing(message: str) -> LambdaError:
    """The error for something that does not exist."""
    return LambdaError("ResourceNotFoundException", message, status=404)
