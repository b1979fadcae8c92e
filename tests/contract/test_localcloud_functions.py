"""Lambda functions are really run: through boto3, over HTTP, in sandboxes of the genuine runtime client."""

import base64
import concurrent.futures
import io
import json
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import pytest
import requests
from localcloud_lambda_fixtures import (
    Account,
    Listener,
    allow,
    echo,
    invoke,
    listener,
    package,
    refusal,
    running,
    tail,
)

from localcloud.functions import FunctionsService, concurrency
from localcloud.functions.file_system import has_own_file_systems
from localcloud.iam import IamEnforcement

__all__ = ["echo", "listener"]

MEGABYTE = 2**20


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, partial(FunctionsService, retry_seconds=(0.1, 0.1))) as account:
        yield account


def eventually(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def test_an_event_reaches_the_handler_and_its_answer_comes_back(account: Account, echo: str) -> None:
    answer = invoke(account, "echo", {"text": "žluťoučký 🐎"})
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "FunctionError" not in answer
    assert answer["result"]["echo"] == {"text": "žluťoučký 🐎"}
    assert answer["result"]["arn"] == echo
    assert 0 < answer["result"]["remaining"] <= 10_000


@pytest.mark.parametrize("name", ["arn", "123456789012:function:echo", "function:echo", "echo:$LATEST"])
def test_a_function_is_found_by_every_form_of_its_name(account: Account, echo: str, name: str) -> None:
    """The handler sees the qualifier that the caller gave, as in localstack's
    test_lambda_common.snapshot.json.
    """
    qualifier = ":$LATEST" if "$" in name else ""
    found = invoke(account, echo if name == "arn" else name, {})["result"]["arn"]
    assert found == echo + qualifier


def test_a_sandbox_is_used_again(account: Account) -> None:
    account.function("warm")
    first, second = (invoke(account, "warm", {})["result"] for _ in range(2))
    assert second["pid"] == first["pid"]
    assert (first["calls"], second["calls"]) == (1, 2)


def test_events_at_the_same_time_run_in_sandboxes_of_their_own(account: Account) -> None:
    account.function("parallel")
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda n: invoke(account, "parallel", {"sleep": 1, "n": n}), range(5)))
    assert [answer["result"]["echo"]["n"] for answer in answers] == list(range(5))
    assert len({answer["result"]["pid"] for answer in answers}) == 5


def test_many_events_in_parallel_each_get_their_own_answer(account: Account, echo: str) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: invoke(account, "echo", {"n": n}), range(120)))
    assert [answer["result"]["echo"]["n"] for answer in answers] == list(range(120))


def test_an_answer_may_have_six_megabytes_and_no_more(account: Account, echo: str) -> None:
    assert len(invoke(account, "echo", {"characters": 6 * MEGABYTE - 2})["result"]) == 6 * MEGABYTE - 2
    answer = invoke(account, "echo", {"characters": 6 * MEGABYTE + 100})
    assert answer["result"]["errorType"] == "Function.ResponseSizeTooLarge"


def test_an_event_may_have_six_megabytes_and_no_more(account: Account, echo: str) -> None:
    client = account.client("lambda")
    largest = b'{"characters": 1, "x": "' + b"x" * (6 * MEGABYTE - 26) + b'"}'
    assert len(largest) == 6 * MEGABYTE
    assert client.invoke(FunctionName="echo", Payload=largest)["StatusCode"] == 200
    error = refusal(lambda: client.invoke(FunctionName="echo", Payload=largest + b" "))
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 413
    assert error["Error"]["Code"] == "RequestTooLargeException"
    assert "6291456 bytes" in error["Error"]["Message"]


def test_an_event_must_be_json(account: Account, echo: str) -> None:
    error = refusal(lambda: account.client("lambda").invoke(FunctionName="echo", Payload=b"{'a': 1}"))
    assert error["Error"]["Code"] == "InvalidRequestContentException"
    assert "into json: Could not parse payload into json: " in error["Error"]["Message"]


def test_reserved_concurrency_throttles(account: Account, listener: Listener) -> None:
    account.function("scarce")
    client = account.client("lambda")
    client.put_function_concurrency(FunctionName="scarce", ReservedConcurrentExecutions=1)
    invoke(account, "scarce", {})
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        busy = pool.submit(invoke, account, "scarce", {"hold": listener.port})
        with listener.accept():
            error = refusal(lambda: invoke(account, "scarce", {}))
        assert error["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert error["Error"]["Code"] == "TooManyRequestsException"
        assert error["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert "FunctionError" not in busy.result()
    client.put_function_concurrency(FunctionName="scarce", ReservedConcurrentExecutions=0)
    assert refusal(lambda: invoke(account, "scarce", {}))["Error"]["Code"] == "TooManyRequestsException"
    client.delete_function_concurrency(FunctionName="scarce")
    assert invoke(account, "scarce", {})["StatusCode"] == 200


def test_of_more_events_than_may_wait_the_others_are_refused_at_once(
    account: Account, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concurrency, "SLOT_SECONDS", 3600)
    account.function("waited-for")
    client = account.client("lambda")
    client.put_function_concurrency(FunctionName="waited-for", ReservedConcurrentExecutions=1)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        running = pool.submit(invoke, account, "waited-for", {"hold": listener.port})
        with listener.accept():
            both = [pool.submit(invoke, account, "waited-for", {}) for _ in range(2)]
            concurrent.futures.wait(both, timeout=60, return_when=concurrent.futures.FIRST_COMPLETED)
            refused = [one for one in both if one.done()]
        assert [type(one.exception()) for one in refused] == [client.exceptions.TooManyRequestsException]
        [waited] = set(both) - set(refused)
        assert "FunctionError" not in waited.result() and "FunctionError" not in running.result()


def test_an_asynchronous_event_is_accepted_run_and_tried_again_twice(
    account: Account, listener: Listener
) -> None:
    account.function("background")
    answer = invoke(account, "background", {"report": listener.port}, InvocationType="Event")
    assert (answer["StatusCode"], answer["result"]) == (202, None)
    tries = []
    for _ in range(3):
        with listener.accept() as connection:
            tries.append(connection.recv(100))
    with pytest.raises(TimeoutError):
        listener.accept(1.3)
    assert len(set(tries)) == 1, "every try has the same request id"


def test_invoke_async_runs_an_event_too(account: Account, listener: Listener) -> None:
    account.function("older-call")
    event = json.dumps({"report": listener.port}).encode()
    assert account.client("lambda").invoke_async(FunctionName="older-call", InvokeArgs=event)["Status"] == 202
    listener.accept().close()


def test_the_callers_client_context_reaches_the_handler(account: Account) -> None:
    source = "def handler(event, context): return context.client_context.custom"
    account.function("context", source=source)
    context = base64.b64encode(json.dumps({"custom": {"page": "7"}}).encode()).decode()
    assert invoke(account, "context", {}, ClientContext=context)["result"] == {"page": "7"}
    lines = json.dumps({"custom": {"page": "7 \u20ac"}}, indent=1, ensure_ascii=False)
    context = base64.b64encode(lines.encode()).decode()
    assert invoke(account, "context", {}, ClientContext=context)["result"] == {"page": "7 \u20ac"}
    wrong = base64.b64encode(b"no json").decode()
    error = refusal(lambda: invoke(account, "context", {}, ClientContext=wrong))
    assert error["Error"]["Code"] == "InvalidRequestContentException"


def test_the_clouds_status_lists_what_is_kept_warm(account: Account) -> None:
    account.function("shown")
    invoke(account, "shown", {})
    status = requests.get(f"{account.cloud.url}/_localcloud/status", timeout=10).json()
    assert status["running"]["functions"]["shown"] == 1


def test_an_idle_sandbox_ends(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    account.function("idle")
    pid = invoke(account, "idle", {})["result"]["pid"]
    monkeypatch.setattr("localcloud.functions.pool.IDLE_SECONDS", 0.1)
    eventually(lambda: not psutil.pid_exists(pid))
    assert invoke(account, "idle", {})["result"]["calls"] == 1


def test_a_sandbox_that_was_killed_while_idle_costs_no_event(account: Account) -> None:
    account.function("killed")
    for _ in range(3):
        pid = invoke(account, "killed", {})["result"]["pid"]
        runtime = psutil.Process(pid)
        runtime.kill()
        runtime.wait(30)
        answer = invoke(account, "killed", {})
        assert "FunctionError" not in answer
        assert answer["result"]["pid"] != pid


FILES = """
import errno, os

def attempt(path, size=1):
    try:
        with open(path, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
        return "written"
    except OSError as error:
        return errno.errorcode[error.errno]

def handler(event, context):
    before = sorted(os.listdir("/tmp"))
    code = attempt(os.path.join(os.environ["LAMBDA_TASK_ROOT"], "app.py"))
    return before, attempt("/tmp/mine"), code, attempt("/var/lib/x"), attempt("/tmp/large", event["size"])
"""


@pytest.mark.skipif(not has_own_file_systems(), reason="there are no namespaces for its file system")
def test_a_sandbox_has_a_tmp_of_its_own_and_can_write_nothing_else(account: Account) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-ephemeral-storage.html"""

    def files(function: str, size: int) -> tuple[list[str], list[str]]:
        kept, *written = invoke(account, function, {"size": size})["result"]
        # A clone in /tmp lies there, too, as may its interpreter.
        programs = sys.executable, concurrency.__file__
        return [name for name in kept if not any(f"/tmp/{name}/" in path for path in programs)], written

    small, large = 400 * MEGABYTE, 600 * MEGABYTE
    account.function("files-a", FILES)
    account.function("files-b", FILES, EphemeralStorage={"Size": 700})
    read_only = ["EROFS", "EROFS"]
    assert files("files-a", small) == ([], ["written", *read_only, "written"])
    assert files("files-a", large) == (["large", "mine"], ["written", *read_only, "ENOSPC"])
    # Of another function, and of its new sandboxes.
    assert files("files-b", large) == ([], ["written", *read_only, "written"])
    account.client("lambda").update_function_configuration(FunctionName="files-a", Timeout=9)
    assert files("files-a", 1)[0] == []


def test_a_wrapper_starts_the_runtime(account: Account) -> None:
    """The script of https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper"""
    script = """#!/bin/bash
args=("$@")
extra_args=("-X" "importtime")
args=("${args[@]:0:$#-1}" "${extra_args[@]}" "${args[@]: -1}")
export WRAPPED=yes
exec "${args[@]}"
"""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", "import os\ndef handler(event, context): return os.environ['WRAPPED']")
        entry = zipfile.ZipInfo("wrapper")
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, script)
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}
    account.function("wrapped", Environment={"Variables": variables})
    account.client("lambda").update_function_code(FunctionName="wrapped", ZipFile=content.getvalue())
    answer = invoke(account, "wrapped", {}, LogType="Tail")
    assert answer["result"] == "yes"
    messages = account.client("logs").filter_log_events(logGroupName="/aws/lambda/wrapped")["events"]
    assert any(event["message"].startswith("import time:") for event in messages)


def test_a_dry_run_runs_nothing(account: Account, echo: str) -> None:
    assert invoke(account, "echo", {}, InvocationType="DryRun")["StatusCode"] == 204
    error = refusal(lambda: invoke(account, "nobody", {}, InvocationType="DryRun"))
    assert error["Error"]["Code"] == "ResourceNotFoundException"


def test_an_update_replaces_the_sandboxes(account: Account) -> None:
    account.function("changing", Environment={"Variables": {"GENRE": "noir"}})
    client = account.client("lambda")
    before = invoke(account, "changing", {})["result"]["pid"]
    client.update_function_configuration(FunctionName="changing", Environment={"Variables": {"GENRE": "war"}})
    assert invoke(account, "changing", {"environment": True})["result"]["GENRE"] == "war"
    client.update_function_code(
        FunctionName="changing", ZipFile=package("def handler(event, context): return 'new code'")
    )
    assert invoke(account, "changing", {})["result"] == "new code"
    eventually(lambda: not psutil.pid_exists(before))


def test_code_may_come_from_s3(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="packages")
    s3.put_object(Bucket="packages", Key="code.zip", Body=package())
    account.client("lambda").create_function(
        FunctionName="from-s3",
        Runtime="python3.11",
        Handler="app.handler",
        Role=account.role("from-s3-role"),
        Code={"S3Bucket": "packages", "S3Key": "code.zip"},
    )
    assert invoke(account, "from-s3", {"a": 1})["result"]["echo"] == {"a": 1}


def test_a_deleted_functions_sandboxes_end(account: Account) -> None:
    account.function("gone")
    pid = invoke(account, "gone", {})["result"]["pid"]
    account.client("lambda").delete_function(FunctionName="gone")
    assert refusal(lambda: invoke(account, "gone", {}))["Error"]["Code"] == "ResourceNotFoundException"
    eventually(lambda: not psutil.pid_exists(pid))


def test_the_environment_is_lambdas(account: Account, echo: str) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html"""
    environment = invoke(account, "echo", {"environment": True})["result"]
    assert environment["GREETING"] == "hello"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.11"
    assert environment["AWS_REGION"] == "us-east-1"
    assert environment["_HANDLER"] == "app.handler"
    assert environment["LAMBDA_TASK_ROOT"] == "/var/task" or not has_own_file_systems()
    assert not any("TELEMETRY" in name for name in environment)
    assert environment["PWD"] == "/var/task" or not has_own_file_systems()
    assert environment["LD_LIBRARY_PATH"].endswith(f"{environment['LAMBDA_TASK_ROOT']}/lib:/opt/lib")
    assert environment["LAMBDA_RUNTIME_DIR"] == environment["PYTHONPATH"] == "/var/runtime"
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")


def test_a_function_acts_as_its_execution_role_and_no_further(account: Account) -> None:
    account.client("s3").create_bucket(Bucket="private")
    account.client("s3").put_object(Bucket="private", Key="allowed", Body=b"the film")
    source = """
import boto3
s3 = boto3.client("s3")
def handler(event, context):
    try:
        return s3.get_object(Bucket="private", Key=event["key"])["Body"].read().decode()
    except s3.exceptions.ClientError as error:
        return str(error)
"""
    role = account.role("reader", allow("s3:GetObject", "arn:aws:s3:::private/allowed"))
    account.function("reader", source=source, Role=role)
    assert invoke(account, "reader", {"key": "allowed"})["result"] == "the film"
    denied = invoke(account, "reader", {"key": "other"})["result"]
    assert "AccessDenied" in denied
    assert "assumed-role/reader/reader is not authorized to perform: s3:GetObject" in denied


def test_a_name_that_is_too_short_for_a_session_is_made_longer(account: Account) -> None:
    """As in localstack's test_lambda.snapshot.json, test_assume_role."""
    source = (
        "import boto3\ndef handler(event, context): return boto3.client('sts').get_caller_identity()['Arn']"
    )
    account.function("f", source=source)
    assert invoke(account, "f", {})["result"].endswith(":assumed-role/f-role/f@lambda_function")


def test_a_role_that_is_gone_ends_the_invocations(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    role = account.role("short-lived")
    account.function("orphan", Role=role)
    iam = account.client("iam")
    iam.delete_role_policy(RoleName="short-lived", PolicyName="own")
    iam.delete_role(RoleName="short-lived")
    for _ in range(3):
        error = refusal(lambda: invoke(account, "orphan", {}))
        assert error["Error"]["Code"] == "AccessDeniedException"
        assert error["Error"]["Message"] == "The role defined for the function cannot be assumed by Lambda."
    assert caplog.text.count(f"function orphan: There is no role {role}.") == 1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"Runtime": "nodejs20.x"}, "nodejs20.x"),
        ({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:tools:1"]}, "layer:tools:1"),
        ({"TracingConfig": {"Mode": "Active"}}, "TracingConfig"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, "VpcConfig"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:123456789012:q"}}, "DeadLetterConfig"),
        ({"Publish": True}, "Publish"),
        ({"Timeout": 901}, "timeout"),
        ({"Environment": {"Variables": {"AWS_REGION": "eu-west-1"}}}, "AWS_REGION"),
        ({"Environment": {"Variables": {"BIG": "x" * 5000}}}, "exceeded the 4KB limit. String measured: {"),
    ],
)
def test_unsupported_functions_are_refused_by_name(
    account: Account, echo: str, settings: dict, named: str
) -> None:
    role = account.client("iam").get_role(RoleName="echo-role")["Role"]["Arn"]
    error = refusal(lambda: account.function("refused", Role=role, **settings))
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert named in error["Error"]["Message"]


def test_container_images_versions_and_urls_are_refused_by_name(account: Account, echo: str) -> None:
    client = account.client("lambda")
    role = client.get_function(FunctionName="echo")["Configuration"]["Role"]
    image = {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/x:1"}
    calls = {
        "container images": lambda: client.create_function(
            FunctionName="i", Role=role, PackageType="Image", Code=image
        ),
        "versions and aliases (Qualifier 1)": lambda: client.invoke(FunctionName="echo", Qualifier="1"),
        "function URLs": lambda: client.create_function_url_config(FunctionName="echo", AuthType="NONE"),
        "event source mappings": lambda: client.create_event_source_mapping(
            FunctionName="echo", EventSourceArn="arn:aws:sqs:us-east-1:123456789012:q"
        ),
    }
    for named, call in calls.items():
        assert f"localcloud does not support {named}" in refusal(call)["Error"]["Message"]


def test_another_python_runs_with_ours_and_says_so(account: Account) -> None:
    account.function("older", Runtime="python3.9")
    assert "runs python3.9 functions with its own Python" in tail(
        invoke(account, "older", {}, LogType="Tail")
    )


def test_nothing_is_left_when_the_cloud_ends() -> None:
    with running(FunctionsService) as account:
        account.function("brief")
        pid = invoke(account, "brief", {})["result"]["pid"]
        folder = account.cloud.state_dir
        assert any((folder / "functions").iterdir())
    assert not psutil.pid_exists(pid)
    assert not folder.exists()
