"""Metrics that localcloud's services write about functions and APIs, and those in functions' logs."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from localcloud_lambda_fixtures import Account, running

from localcloud.functions import FunctionsService
from localcloud.httpapi import HttpApiService
from localcloud.iam import IamEnforcement

SOURCE = """
import json, time

def handler(event, context):
    if event.get("rawPath") == "/raise":
        raise ValueError("no")
    name = event.get("metric", "Pages")
    metrics = [{"Name": name, "Unit": "Count"}]
    directive = {"Namespace": "Own", "Dimensions": [["Kind"], []], "Metrics": metrics}
    line = {"_aws": {"Timestamp": 10 ** 400, "CloudWatchMetrics": [directive]}, "Kind": "book", "Pages": 1}
    print(json.dumps(line))  # recorded by nobody, and the next one is
    line = {"_aws": {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]},
            "Kind": "book", "Pages": [3, 4], "Title": "text"}
    print(json.dumps(line))
    print('{"_aws": 5}')
    print('any text with "_aws" in it')
    return {"statusCode": 200, "body": "ok"}
"""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, FunctionsService, HttpApiService) as account:
        yield account


@pytest.fixture(scope="module")
def function(account: Account) -> str:
    return account.function("measured", SOURCE)


def total(account: Account, namespace: str, metric: str, statistic: str = "Sum", **dimensions: str) -> float:
    now = datetime.datetime.now(datetime.UTC)
    points = account.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime=now - datetime.timedelta(minutes=10),
        EndTime=now + datetime.timedelta(minutes=10),
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    return sum(point[statistic] for point in points)


def invoke(account: Account, event: dict[str, Any]) -> None:
    account.client("lambda").invoke(FunctionName="measured", Payload=json.dumps(event))


def test_invocations_errors_and_durations_of_a_function(account, function):
    before = total(account, "AWS/Lambda", "Invocations", FunctionName="measured")
    invoke(account, {})
    invoke(account, {"rawPath": "/raise"})
    assert total(account, "AWS/Lambda", "Invocations", FunctionName="measured") == before + 2
    assert total(account, "AWS/Lambda", "Errors", FunctionName="measured") == 1
    assert 0 < total(account, "AWS/Lambda", "Duration", "Maximum", FunctionName="measured") < 10_000

    account.client("lambda").put_function_concurrency(FunctionName="measured", ReservedConcurrentExecutions=0)
    with pytest.raises(account.client("lambda").exceptions.TooManyRequestsException):
        invoke(account, {})
    account.client("lambda").delete_function_concurrency(FunctionName="measured")
    assert total(account, "AWS/Lambda", "Throttles", FunctionName="measured") == 1


def test_metrics_that_a_function_embeds_in_its_log(account, function):
    before = total(account, "Own", "Pages", Kind="book")
    invoke(account, {})
    assert total(account, "Own", "Pages", Kind="book") == before + 7
    # Broken by the rules of the format: no number, no such member.
    for metric in ("Title", "Missing"):
        invoke(account, {"metric": metric})
        assert total(account, "Own", metric, Kind="book") == 0


def test_requests_and_errors_of_an_api(account, function):
    client = account.client("apigatewayv2")
    api = client.create_api(Name="measured", ProtocolType="HTTP")["ApiId"]
    integration = client.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=function, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    client.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
    client.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    account.client("lambda").add_permission(
        FunctionName="measured",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    url = f"{account.cloud.url}/_aws/execute-api/{api}"
    statuses = [requests.get(url + path, timeout=30).status_code for path in ("/", "/raise", "/")]
    assert statuses == [200, 500, 200]
    assert total(account, "AWS/ApiGateway", "Count", ApiId=api) == 3
    assert total(account, "AWS/ApiGateway", "5xx", ApiId=api) == 1
    assert total(account, "AWS/ApiGateway", "5xx", ApiId=api, Stage="$default") == 1
    assert total(account, "AWS/ApiGateway", "4xx", ApiId=api) == 0
    assert total(account, "AWS/ApiGateway", "IntegrationLatency", "Maximum", ApiId=api) > 0
