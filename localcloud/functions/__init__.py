"""AWS Lambda that really runs: the genuine runtime client, in a process of its own for every sandbox."""

from localcloud.functions.configuration import check_request
from localcloud.functions.errors import LambdaError
from localcloud.functions.service import FunctionsService, InvocationResult

__all__ = ["FunctionsService", "InvocationResult", "LambdaError", "check_request"]
