"""AWS Lambda: runs functions with the genuine runtime client, one process per sandbox."""

from localcloud.functions.configuration import check_supported
from localcloud.functions.errors import LambdaError
from localcloud.functions.execution import InvocationResult
from localcloud.functions.service import FunctionsService

__all__ = ["FunctionsService", "InvocationResult", "LambdaError", "check_supported"]
