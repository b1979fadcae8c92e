"""What the tests of the management of functions share: an account with a function, and Lambda's client."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, package, running

from localcloud.functions import FunctionsService

ARN = "arn:aws:lambda:us-east-1:123456789012:function:"
REVISION = (
    "The RevisionId provided does not match the latest RevisionId for the Lambda function or alias. Call the "
    "GetFunction or the GetAlias API to retrieve the latest RevisionId for your resource."
)


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(FunctionsService) as account:
        account.role("shared")
        account.function("one", Role=account.client("iam").get_role(RoleName="shared")["Role"]["Arn"])
        yield account


@pytest.fixture
def create(account: Account) -> Callable[..., dict[str, Any]]:
    role = account.client("iam").get_role(RoleName="shared")["Role"]["Arn"]

    def create(name: str, **settings: Any) -> dict[str, Any]:
        request = {"Runtime": "python3.11", "Handler": "app.handler", "Code": {"ZipFile": package()}}
        request = {"FunctionName": name, "Role": role} | request | settings
        given = {member: value for member, value in request.items() if value is not None}
        return account.client("lambda").create_function(**given)

    return create


@pytest.fixture
def functions(account: Account) -> Any:
    return account.client("lambda")


def refused(code: str, message: str, call: Callable[..., Any], *arguments: Any, **request: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **request)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == (code, message)
    assert caught.value.response["Type"] == "User"
