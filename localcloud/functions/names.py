"""The forms in which requests name a function: name, partial ARN or ARN, each with or without a qualifier.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html ("Name formats")
"""

import re
from dataclasses import dataclass

from localcloud.cloud import Cloud
from localcloud.functions.errors import LambdaError, invalid_parameter

LATEST = "$LATEST"
FUNCTION_NAME = re.compile(
    r"(?:(?:arn:aws:lambda:(?P<region>[a-z0-9-]+):)?(?:(?P<account>\d{12}):)?(?:function:)?)?"
    r"(?P<name>[A-Za-z0-9_.-]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[A-Za-z0-9_-]+))?"
)
"""Some operations take names with a dot, too, though no function has such a name."""
ALIAS = re.compile(r"(?!\d+$)[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class FunctionReference:
    """The function that a request names, and the version or alias of it, if it names one."""

    account: str
    region: str
    name: str
    qualifier: str | None

    @classmethod
    def parse(cls, cloud: Cloud, text: str, qualifier: str | None = None) -> "FunctionReference":
        """Reads the members FunctionName and Qualifier of a request to the cloud's region.

        Raises LambdaError in AWS's words.
        """
        found = FUNCTION_NAME.fullmatch(text)
        if found is None:
            raise LambdaError("ValidationException", f"{text!r} is not the name or ARN of a function.")
        if qualifier and found["qualifier"] and qualifier != found["qualifier"]:
            raise invalid_parameter(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        if found["region"] not in (None, cloud.region):
            raise LambdaError(
                "ResourceNotFoundException",
                f"Functions from '{found['region']}' are not reachable in this region ('{cloud.region}')",
                status=404,
            )
        return cls(
            found["account"] or cloud.account_id,
            cloud.region,
            found["name"],
            qualifier or found["qualifier"],
        )

    @property
    def arn(self) -> str:
        """The ARN of the function, without a qualifier."""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{self.name}"

    @property
    def qualified_arn(self) -> str:
        return f"{self.arn}:{self.qualifier}" if self.qualifier else self.arn

    @property
    def has_alias(self) -> bool:
        """Whether the qualifier has the form of an alias."""
        return ALIAS.fullmatch(self.qualifier or "") is not None
