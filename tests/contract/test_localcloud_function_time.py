"""The time that functions have, for their initialisation and for each event, and what ends a runtime."""

import concurrent.futures
import re
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psutil
import pytest
from localcloud_lambda_fixtures import Account, Listener, invoke, listener, running, tail

from localcloud.functions import FunctionsService, sandbox

__all__ = ["listener"]

WAITING = """
import socket
socket.create_connection(("127.0.0.1", {})).recv(1)
def handler(event, context):
    return context.get_remaining_time_in_millis()
"""
"""A function whose initialisation waits for the listener on a port."""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(FunctionsService) as account:
        yield account


class Clock:
    """The time of sandboxes, which a test sets ahead so that none waits for a time-out, or gets one early."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("localcloud.functions.pool.Sandbox", partial(sandbox.Sandbox, clock=clock))
    return clock


def timed_out(
    account: Account, name: str, event: dict, listener: Listener, clock: Clock, seconds: float
) -> dict[str, Any]:
    """The answer to an event that a function holds, telling the listener, until its time has passed."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        answer = threads.submit(invoke, account, name, event, LogType="Tail")
        with listener.accept():
            clock.ahead += seconds
            return answer.result()


def test_the_first_report_says_how_long_initialisation_took(account: Account) -> None:
    account.function("cold", source="import time; time.sleep(0.3)\ndef handler(event, context): return 1")
    first, second = (tail(invoke(account, "cold", {}, LogType="Tail")) for _ in range(2))
    init = re.search(r"Init Duration: ([\d.]+) ms", first)
    assert init and float(init[1]) >= 300
    assert "INIT_START Runtime Version: python:3." in first
    assert "Init Duration" not in second


def test_a_crash_or_a_time_out_ends_the_runtime_and_keeps_its_files(
    account: Account, listener: Listener, clock: Clock
) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html, and what localstack
    recorded in test_lambda_invoke_timed_out_environment_reuse.
    """
    source = """
import os, socket, tempfile

calls = 0
place = os.path.join(tempfile.gettempdir(), "kept")

def handler(event, context):
    global calls
    calls += 1
    open(place, "a").write(event["how"])
    if event["how"] == "exit":
        os._exit(3)
    if event["how"] == "hold":
        socket.create_connection(("127.0.0.1", event["port"])).recv(1)
    return calls, open(place).read(), os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
"""
    account.function("keeping", source)
    first, second, crash, third = (
        invoke(account, "keeping", {"how": how}) for how in ("a", "b", "exit", "c")
    )
    held = {"how": "hold", "port": listener.port}
    time_out = timed_out(account, "keeping", held, listener, clock, seconds=10)
    fourth = invoke(account, "keeping", {"how": "d"})
    assert (crash["FunctionError"], time_out["FunctionError"]) == ("Unhandled", "Unhandled")
    stream = first["result"][2]
    assert second["result"] == [2, "ab", stream]
    assert third["result"] == [1, "abexitc", stream]
    assert fourth["result"] == [1, "abexitcholdd", stream]


def test_a_time_out_ends_the_sandbox(account: Account, listener: Listener, clock: Clock) -> None:
    account.function("slow", Timeout=20)
    before = invoke(account, "slow", {})["result"]["pid"]
    answer = timed_out(account, "slow", {"hold": listener.port}, listener, clock, seconds=20)
    assert answer["FunctionError"] == "Unhandled"
    assert re.fullmatch(
        r"RequestId: \S+ Error: Task timed out after 20.00 seconds", answer["result"]["errorMessage"]
    )
    assert "Task timed out after 20.00 seconds" in tail(answer)
    assert "Status: timeout" in tail(answer)
    assert not psutil.pid_exists(before)
    assert invoke(account, "slow", {})["result"]["calls"] == 1


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
    account: Account, source: str, handler: str, error_type: str, message: str
) -> None:
    name = re.sub(r"\W", "-", error_type)
    account.function(name, source=source, Handler=handler)
    answer = invoke(account, name, {})
    assert answer["FunctionError"] == "Unhandled"
    assert answer["result"]["errorType"] == error_type
    assert message in answer["result"]["errorMessage"]


def test_a_functions_time_begins_after_its_initialisation(
    account: Account, listener: Listener, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("localcloud.functions.sandbox.INIT_SECONDS", 60)
    account.function("slow-start", WAITING.format(listener.port), Timeout=10)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        answer = threads.submit(invoke, account, "slow-start", {})
        with listener.accept():
            clock.ahead += 20
        assert 0 < answer.result()["result"] <= 10_000


def test_an_initialisation_that_takes_too_long_is_begun_again_within_the_functions_time(
    account: Account, listener: Listener, clock: Clock
) -> None:
    """What the first one printed last is a line of its own."""
    account.function("too-slow-start", f"print('begun', end='')\n{WAITING.format(listener.port)}", Timeout=20)
    with concurrent.futures.ThreadPoolExecutor() as threads:
        answering = threads.submit(invoke, account, "too-slow-start", {}, LogType="Tail")
        with listener.accept():
            clock.ahead += 10
            with listener.accept():
                clock.ahead += 20
                answer = answering.result()
    assert answer["result"]["errorType"] == "Sandbox.Timedout"
    assert answer["result"]["errorMessage"].endswith("Task timed out after 20.00 seconds")
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
