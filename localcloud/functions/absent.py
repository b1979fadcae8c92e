"""Features that no function has here: aliases, URLs, event sources and the like.

Operations that read or delete them answer as AWS does if there are none. Operations that would create or
change them are refused by name (see `UNSUPPORTED` in service.py).
"""

from collections.abc import Callable
from typing import Any

from localcloud.cloud import Cloud
from localcloud.functions.errors import LambdaError, invalid_parameter
from localcloud.functions.names import LATEST, FunctionReference

MISSING = "The resource you requested does not exist."


class Absent:
    """Answers the operations that read or delete such features.

    `find` gives, for a function's name and qualifier, the reference and moto's record; it raises LambdaError.
    """

    def __init__(self, cloud: Cloud, find: Callable[[str, str | None], tuple[FunctionReference, Any]]):
        self._cloud = cloud
        self._find = find

    def get_alias(self, FunctionName: str, Name: str) -> None:
        reference, _ = self._find(FunctionName, None)
        raise missing(f"Cannot find alias arn: {reference.arn}:{Name}")

    def list_aliases(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"Aliases": []}

    def get_function_url_config(self, FunctionName: str, Qualifier: str | None = None) -> None:
        self._parse(FunctionName, Qualifier)
        raise missing(MISSING)

    def delete_function_url_config(self, FunctionName: str, Qualifier: str | None = None) -> None:
        self.get_function_url_config(FunctionName, Qualifier)

    def list_function_url_configs(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find_or_say(FunctionName, "Function does not exist")
        return {"FunctionUrlConfigs": []}

    def get_event_source_mapping(self, UUID: str) -> None:
        raise missing(MISSING)

    def delete_event_source_mapping(self, UUID: str) -> None:
        raise missing(MISSING)

    def list_event_source_mappings(self, **request: Any) -> dict[str, Any]:
        return {"EventSourceMappings": []}

    def get_function_event_invoke_config(self, FunctionName: str, Qualifier: str | None = None) -> None:
        """Does not ask whether there is such a function, nor does AWS."""
        reference = self._parse(FunctionName, Qualifier)
        qualifier = reference.qualifier or LATEST
        raise missing(f"The function {reference.arn}:{qualifier} doesn't have an EventInvokeConfig")

    def delete_function_event_invoke_config(self, FunctionName: str, Qualifier: str | None = None) -> None:
        self.get_function_event_invoke_config(FunctionName, Qualifier)

    def list_function_event_invoke_configs(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find_or_say(FunctionName, "The function doesn't exist.")
        return {"FunctionEventInvokeConfigs": []}

    def get_provisioned_concurrency_config(self, FunctionName: str, Qualifier: str) -> None:
        reference = self._parse(FunctionName, Qualifier)
        if reference.qualifier == LATEST:
            raise invalid_parameter("The function resource provided must be an alias or a published version.")
        check_no_alias(reference)
        raise missing(f"Function not found: {reference.qualified_arn}")

    def delete_provisioned_concurrency_config(self, FunctionName: str, Qualifier: str) -> None:
        self.get_provisioned_concurrency_config(FunctionName, Qualifier)

    def list_provisioned_concurrency_configs(self, FunctionName: str, **request: Any) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {"ProvisionedConcurrencyConfigs": []}

    def get_function_code_signing_config(self, FunctionName: str) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {}

    def delete_function_code_signing_config(self, FunctionName: str) -> dict[str, Any]:
        self._find(FunctionName, None)
        return {}

    def get_code_signing_config(self, CodeSigningConfigArn: str) -> None:
        raise missing(f"The Lambda code signing configuration {CodeSigningConfigArn} can not be found.")

    def delete_code_signing_config(self, CodeSigningConfigArn: str) -> None:
        self.get_code_signing_config(CodeSigningConfigArn)

    def list_functions_by_code_signing_config(self, CodeSigningConfigArn: str, **request: Any) -> None:
        self.get_code_signing_config(CodeSigningConfigArn)

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

    def _parse(self, function: str, qualifier: str | None) -> FunctionReference:
        return FunctionReference.parse(self._cloud, function, qualifier)

    def _find_or_say(self, function: str, message: str) -> None:
        """Raises LambdaError with the operation's own message for an unknown function."""
        reference = self._parse(function, None)
        try:
            self._find(reference.arn, None)
        except LambdaError as error:
            raise missing(message) from error


def missing(message: str) -> LambdaError:
    """The error for something that does not exist."""
    return LambdaError("ResourceNotFoundException", message, status=404)


def check_no_alias(reference: FunctionReference) -> None:
    """Raises LambdaError for a qualifier in the form of an alias, since there are no aliases."""
    if reference.has_alias:
        raise missing(f"Cannot find alias arn: {reference.qualified_arn}")
