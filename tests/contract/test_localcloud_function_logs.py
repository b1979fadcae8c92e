"""What functions print and log is in the answer's tail and in CloudWatch Logs, whole and in order."""

import re
from collections.abc import Iterator

import pytest
from localcloud_lambda_fixtures import Account, echo, invoke, running, tail, trust

from localcloud.functions import FunctionsService, sandbox
from localcloud.iam import IamEnforcement

__all__ = ["echo"]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, FunctionsService) as account:
        yield account


def test_logs_are_in_the_answers_tail_and_in_cloudwatch(account: Account, echo: str) -> None:
    answer = invoke(account, "echo", {"log": "needle 1"}, LogType="Tail")
    text = tail(answer)
    request_id = answer["result"]["request_id"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] == request_id
    assert f"START RequestId: {request_id} Version: $LATEST\n" in text
    assert re.search(rf"\[WARNING\]\t\S+Z\t{request_id}\tneedle 1\nprinted needle 1\nEND RequestId", text)
    assert re.search(
        r"REPORT .*Duration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 512 MB\tMax M[^\n]*\t\n", text
    )
    logs = account.client("logs")
    streams = logs.describe_log_streams(logGroupName="/aws/lambda/echo")["logStreams"]
    assert all(
        re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", one["logStreamName"]) for one in streams
    )
    events = logs.filter_log_events(logGroupName="/aws/lambda/echo", filterPattern="needle")["events"]
    assert [event["message"] for event in events][-1] == "printed needle 1\n"


def test_a_record_of_logging_is_one_event_and_what_is_printed_one_per_line(account: Account) -> None:
    """As in localstack's recordings, test_multi_line_prints and test_invocation_type_event_error."""
    source = """
import logging

def handler(event, context):
    print("one\\ntwo\\rstill two", end="")
    logging.getLogger().warning("three\\nstill three")
    print(" and two")
    raise ValueError("four")
"""
    account.function("prolix", source)
    answer = invoke(account, "prolix", {}, LogType="Tail")
    found = account.client("logs").filter_log_events(logGroupName="/aws/lambda/prolix")["events"]
    messages = [event["message"] for event in found]
    start = next(number for number, message in enumerate(messages) if message.startswith("START"))
    first, record, second, error, end = messages[start + 1 : start + 6]
    assert (first, second) == ("one\n", "two\rstill two and two\n")
    assert record.startswith("[WARNING]\t") and record.endswith("\tthree\nstill three\n")
    assert error.startswith("[ERROR] ValueError: four\nTraceback (most recent call last):\n")
    assert error.endswith('raise ValueError("four")')
    assert end.startswith("END") and record in tail(answer)


def test_functions_may_share_a_log_group(account: Account) -> None:
    source = "def handler(event, context): print('here', context.log_group_name)"
    for name in ("sharing-a", "sharing-b"):
        account.function(name, source, LoggingConfig={"LogGroup": "/shared"})
        invoke(account, name, {})
    found = account.client("logs").filter_log_events(logGroupName="/shared", filterPattern="here")["events"]
    assert [event["message"] for event in found] == ["here /shared\n"] * 2
    streams = [re.sub(r"[0-9/]{11}|[0-9a-f]{32}", "", event["logStreamName"]) for event in found]
    assert streams == ["sharing-a[$LATEST]", "sharing-b[$LATEST]"]
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/sharing")
    assert groups["logGroups"] == []


def test_what_a_function_prints_between_events_is_not_lost(account: Account) -> None:
    """One that goes on printing while its answer is on its way, in megabytes."""
    source = """
import threading, time

lines = 400

def talk():
    for number in range(lines):
        print("line", number, "x" * 20_000, flush=True)
        time.sleep(0.001)

talker = threading.Thread(target=talk)
talker.start()

def handler(event, context):
    time.sleep(0.05)
    return talker.is_alive()
"""
    account.function("talker", source)
    while invoke(account, "talker", {})["result"]:
        pass
    found = account.client("logs").filter_log_events(logGroupName="/aws/lambda/talker")["events"]
    lines = [event["message"].split() for event in found if event["message"].startswith("line")]
    assert [int(number) for _, number, _ in lines] == list(range(400))


def test_a_sandbox_that_has_printed_much_is_replaced(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "MAX_OUTPUT_BYTES", 10_000)
    account.function("wordy")
    first, second, third = (invoke(account, "wordy", {"log": "x" * 3_000})["result"] for _ in range(3))
    assert first["pid"] == second["pid"] != third["pid"]
    found = account.client("logs").filter_log_events(logGroupName="/aws/lambda/wordy")["events"]
    assert sum("x" * 3_000 in event["message"] for event in found) == 6


def test_a_role_that_may_not_write_logs_leaves_none(account: Account) -> None:
    iam = account.client("iam")
    role = iam.create_role(
        RoleName="mute", AssumeRolePolicyDocument=trust({"Service": "lambda.amazonaws.com"})
    )["Role"]["Arn"]
    account.function("mute", Role=role)
    assert "needle" in tail(invoke(account, "mute", {"log": "needle"}, LogType="Tail"))
    groups = account.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/mute")["logGroups"]
    assert groups == []
