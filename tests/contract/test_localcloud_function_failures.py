"""Exceptions and crashes of functions are reported in Lambda's form."""

import signal
from collections.abc import Iterator

import pytest
from localcloud_lambda_fixtures import Account, echo, invoke, running, tail

from localcloud.functions import FunctionsService
from localcloud.iam import IamEnforcement

__all__ = ["echo"]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, FunctionsService) as account:
        yield account


def test_an_exception_is_a_function_error(account: Account, echo: str) -> None:
    answer = invoke(account, "echo", {"raise": "no such film"})
    assert answer["StatusCode"] == 200
    assert answer["FunctionError"] == "Unhandled"
    assert answer["result"]["errorType"] == "ValueError"
    assert answer["result"]["errorMessage"] == "no such film"
    assert "in handler" in answer["result"]["stackTrace"][0]


@pytest.mark.parametrize(
    ("source", "error_type"),
    [
        ("def handler(event, context):\n    return handler(event, context)", "RecursionError"),
        ("def handler(event, context):\n    raise ValueError('m' * 300_000)", "ValueError"),
    ],
    ids=["trace", "message"],
)
def test_an_error_may_say_much(account: Account, source: str, error_type: str) -> None:
    name = f"says-much-{error_type}"
    account.function(name, source=source)
    assert invoke(account, name, {})["result"]["errorType"] == error_type


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"exit": 3}, "Runtime exited with error: exit status 3"),
        ({"exit": 0}, "Runtime exited without providing a reason"),
        ({"allocate_mb": 700}, "Runtime exited with error: signal: killed"),
        ({"signal": signal.SIGSEGV}, "Runtime exited with error: signal: segmentation fault"),
        ({"signal": signal.SIGABRT}, "Runtime exited with error: signal: aborted"),
    ],
    ids=["exit status", "no reason", "out of memory", "segmentation fault", "aborted"],
)
def test_a_crash_is_reported_and_the_next_event_runs(
    account: Account, echo: str, event: dict, reason: str
) -> None:
    answer = invoke(account, "echo", event, LogType="Tail")
    assert answer["result"]["errorType"] == "Runtime.ExitError"
    assert answer["result"]["errorMessage"].endswith(f"Error: {reason}")
    assert "Status: error" in tail(answer)
    logged, _ = tail(answer).split("END RequestId")
    assert logged.endswith(f"{answer['result']['errorMessage']}\nRuntime.ExitError\n")
    assert invoke(account, "echo", {})["result"]["echo"] == {}
