"""Exceptions, crashes, time-outs and failed initialisations of functions are reported in Lambda's form."""

import re
import signal
from collections.abc import Iterator

import psutil
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


def test_a_crash_or_a_time_out_ends_the_runtime_and_keeps_its_files(account: Account) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, and what localstack
    recorded in test_lambda_invoke_timed_out_environment_reuse.
    """
    source = """
import os, tempfile, time

calls = 0
place = os.path.join(tempfile.gettempdir(), "kept")

def handler(event, context):
    global calls
    calls += 1
    open(place, "a").write(event["how"])
    if event["how"] == "exit":
        os._exit(3)
    if event["how"] == "sleep":
        time.sleep(30)
    return calls, open(place).read(), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""
    account.function("keeping", source, Timeout=1)
    first, second, crash, third, time_out, fourth = (
        invoke(account, "keeping", {"how": how}) for how in ("a", "b", "exit", "c", "sleep", "d")
    )
    assert (crash["FunctionError"], time_out["FunctionError"]) == ("Unhandled", "Unhandled")
    stream = first["result"][2]
    assert second["result"] == [2, "ab", stream]
    assert third["result"] == [1, "abexitc", stream]
    assert fourth["result"] == [1, "abexitcsleepd", stream]


def test_a_time_out_ends_the_sandbox(account: Account) -> None:
    account.function("slow", Timeout=1)
    before = invoke(account, "slow", {})["result"]["pid"]
    answer = invoke(account, "slow", {"sleep": 30}, LogType="Tail")
    assert answer["FunctionError"] == "Unhandled"
    assert re.fullmatch(
        r"RequestId: \S+ Error: Task timed out after 1.00 seconds", answer["result"]["errorMessage"]
    )
    assert "Task timed out after 1.00 seconds" in tail(answer)
    assert "Status: timeout" in tail(answer)
    assert not psutil.pid_exists(before)
    assert invoke(account, "slow", {})["result"]["calls"] == 1


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


@pytest.mark.parametrize(
    ("source", "handler", "error_type", "message"),
    [
        ("import missing_package", "app.handler", "Runtime.ImportModuleError", "missing_package"),
        ("def handler(", "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app'"),
        ("pass", "app.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("pass", "nothing", "Runtime.MalformedHandlerName", "Bad handler 'nothing'"),
        ("raise SystemExit(4)", "app.handler", "Runtime.ExitError", "exit status 4"),
    ],
)
def test_what_went_wrong_in_initialisation_is_reported(
    account: Account, echo: str, source: str, handler: str, error_type: str, message: str
) -> None:
    name = re.sub(r"\W", "-", error_type)
    account.function(name, source=source, Handler=handler)
    answer = invoke(account, name, {})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["result"]["errorType"] == error_type
    assert message in answer["result"]["errorMessage"]


def test_a_functions_time_begins_after_its_initialisation(account: Account) -> None:
    source = "import time; time.sleep(1.5)\ndef handler(event, context): "
    account.function("slow-start", source + "return context.get_remaining_time_in_millis()", Timeout=1)
    assert 0 < invoke(account, "slow-start", {})["result"] <= 1000


def test_an_initialisation_that_takes_too_long_is_begun_again_within_the_functions_time(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough for a busy machine to start the runtime, both times.
    monkeypatch.setattr("localcloud.functions.sandbox.INIT_SECONDS", 5)
    source = "import time; print('begun'); time.sleep(60)\ndef handler(event, context): return 1"
    account.function("too-slow-start", source, Timeout=5)
    answer = invoke(account, "too-slow-start", {}, LogType="Tail")
    assert answer["result"]["errorType"] == "Sandbox.Timedout"
    assert answer["result"]["errorMessage"].endswith("Task timed out after 5.00 seconds")
    text = tail(answer)
    assert text.count("begun\n") == 2
    assert re.search(r"INIT_REPORT .*Phase: init\tStatus: timeout", text)
    assert re.search(r"INIT_REPORT .*Phase: invoke\tStatus: timeout", text)


def test_an_initialisation_that_succeeds_when_it_is_begun_again_is_forgiven(account: Account) -> None:
    source = """
import os, tempfile
mark = os.path.join(tempfile.gettempdir(), "begun")
if not os.path.exists(mark):
    open(mark, "w").close()
    raise RuntimeError("not yet")
def handler(event, context):
    return os.getpid()
"""
    account.function("second-try", source)
    first, second = (invoke(account, "second-try", {}) for _ in range(2))
    assert "FunctionError" not in first
    assert first["result"] == second["result"]
