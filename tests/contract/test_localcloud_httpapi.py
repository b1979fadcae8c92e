"""HTTP APIs answer over HTTP: from the route to the function and back, errors and limits included."""

import concurrent.futures
import http.client
import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import botocore.exceptions
import pytest
import requests
from localcloud_lambda_fixtures import Account, allow, running

from localcloud.functions import FunctionsService
from localcloud.httpapi import HttpApiService
from localcloud.iam import IamEnforcement

MEGABYTE = 2**20
EVENT = "def handler(event, context): return event"
BY_BODY = """
import json, time
def handler(event, context):
    body = event.get("body", "")
    if body == "raise": raise ValueError("a secret detail")
    if body == "sleep": time.sleep(20)
    if body == "malformed": return {"statusCode": "no"}
    if body == "exit": raise SystemExit(1)
    if body == "continue": return {"statusCode": 100}
    if body == "name": return {"statusCode": 200, "headers": {"日本": "x"}}
    if body == "blank": return {"statusCode": 200, "headers": {"X Y": "x"}}
    if body == "half": return {"statusCode": 200, "body": "a\\ud800b"}
    if body == "euro": return {"statusCode": 200, "headers": {"X-Price": "ü€"}, "body": "paid"}
    headers = {"content-type": "application/json", "Access-Control-Allow-Origin": "*"}
    return {"statusCode": 200, "headers": headers,
            "body": json.dumps({"length": len(body), "encoded": event["isBase64Encoded"]})}
"""


now = [0.0]
"""The throttle's clock, in seconds."""


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement, FunctionsService, partial(HttpApiService, clock=lambda: now[0])) as account:
        yield account


class Api:
    """An HTTP API with one function behind its routes, and requests to it."""

    def __init__(
        self, account: Account, name: str, source: str, *keys: str, permitted: bool = True, **settings: Any
    ):
        self.account = account
        self.client = account.client("apigatewayv2")
        arn = account.function(name, source=source)
        api = self.client.create_api(Name=name, ProtocolType="HTTP", **settings.pop("api", {}))
        self.id = api["ApiId"]
        integration = {"PayloadFormatVersion": "2.0"} | settings.pop("integration", {})
        self.integration = self.client.create_integration(
            ApiId=self.id, IntegrationType="AWS_PROXY", IntegrationUri=arn, **integration
        )["IntegrationId"]
        for key in keys:
            self.client.create_route(ApiId=self.id, RouteKey=key, Target=f"integrations/{self.integration}")
        stage = settings.pop("stage", "$default")
        self.client.create_stage(ApiId=self.id, StageName=stage, AutoDeploy=True, **settings)
        if permitted:
            account.client("lambda").add_permission(
                FunctionName=name,
                StatementId="api",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
                SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{self.id}/*",
            )

    @property
    def url(self) -> str:
        return f"{self.account.cloud.url}/_aws/execute-api/{self.id}"

    def post(self, path: str = "/predict", data: Any = "", **more: Any) -> requests.Response:
        headers = {"Content-Type": "text/plain"} | more.pop("headers", {})
        return requests.post(self.url + path, data=data, headers=headers, timeout=30, **more)


@pytest.fixture(scope="module")
def echo(account: Account) -> Api:
    return Api(account, "events", EVENT, "POST /predict", "GET /films/{id}", "ANY /rest/{proxy+}", "$default")


@pytest.fixture(scope="module")
def behaving(account: Account) -> Api:
    cors = {
        "AllowOrigins": ["http://page.example"],
        "AllowMethods": ["POST"],
        "AllowHeaders": ["content-type"],
    }
    return Api(
        account, "behaving", BY_BODY, "POST /predict", api={"CorsConfiguration": cors | {"MaxAge": 60}}
    )


def message(response: requests.Response) -> tuple[int, dict]:
    return response.status_code, response.json()


def test_a_request_becomes_an_event_and_its_answer_a_response(echo: Api) -> None:
    response = echo.post(
        "/predict?a=1&a=2", data='{"review": "good"}', headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    event = response.json()
    assert response.headers["apigw-requestid"] == event["requestContext"]["requestId"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == "POST /predict"
    assert event["rawPath"] == "/predict"
    assert event["queryStringParameters"] == {"a": "1,2"}
    assert event["body"] == '{"review": "good"}'
    assert event["headers"]["content-length"] == "18"


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/films/7", "GET /films/{id}", {"id": "7"}),
        ("PATCH", "/rest/a/b", "ANY /rest/{proxy+}", {"proxy": "a/b"}),
        ("GET", "/films/a%20b", "GET /films/{id}", {"id": "a b"}),
        ("GET", "/", "$default", None),
        ("DELETE", "/predict", "$default", None),
    ],
)
def test_routes(echo: Api, method: str, path: str, key: str, parameters: dict | None) -> None:
    event = requests.request(method, echo.url + path, timeout=30).json()
    assert event["routeKey"] == key
    assert event.get("pathParameters") == parameters
    assert event["requestContext"]["http"]["method"] == method


def test_the_default_stage_may_be_named_or_not_and_the_host_name_works_too(echo: Api) -> None:
    named = requests.get(f"{echo.url}/$default/films/1", timeout=30).json()
    by_host = requests.get(
        f"{echo.account.cloud.url}/films/1",
        headers={"Host": f"{echo.id}.execute-api.us-east-1.amazonaws.com"},
        timeout=30,
    ).json()
    assert named["rawPath"] == by_host["rawPath"] == "/films/1"
    assert named["requestContext"]["stage"] == by_host["requestContext"]["stage"] == "$default"


def test_another_stage_is_part_of_the_path(account: Account) -> None:
    api = Api(account, "staged", EVENT, "POST /predict", stage="prod", StageVariables={"color": "blue"})
    event = api.post("/prod/predict").json()
    assert event["rawPath"] == "/prod/predict"
    assert event["requestContext"]["stage"] == "prod"
    assert event["stageVariables"] == {"color": "blue"}
    assert message(api.post("/predict")) == (404, {"message": "Not Found"})


def test_bodies_are_safe_byte_for_byte(echo: Api) -> None:
    import base64

    every_byte = bytes(range(256)) * 40
    event = echo.post(data=every_byte, headers={"Content-Type": "application/octet-stream"}).json()
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == every_byte
    assert echo.post(data="ž🐎\r\n".encode()).json()["body"] == "ž🐎\r\n"


def test_a_request_without_a_route_is_refused(behaving: Api) -> None:
    assert message(behaving.post("/other")) == (404, {"message": "Not Found"})
    assert requests.get(behaving.url + "/predict", timeout=30).status_code == 404
    unknown = requests.get(f"{behaving.account.cloud.url}/_aws/execute-api/nothing1/x", timeout=30)
    assert message(unknown) == (404, {"message": "Not Found"})


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ("raise", 500, "Internal Server Error"),
        ("malformed", 500, "Internal Server Error"),
        ("continue", 500, "Internal Server Error"),
        ("name", 500, "Internal Server Error"),
        ("blank", 500, "Internal Server Error"),
        ("exit", 500, "Internal Server Error"),
    ],
)
def test_what_goes_wrong_behind_the_gateway_is_its_own_error(
    behaving: Api, body: str, status: int, text: str
) -> None:
    assert message(behaving.post(data=body)) == (status, {"message": text})


def test_any_text_may_stand_in_a_header(behaving: Api) -> None:
    answer = behaving.post(data="euro")
    assert answer.text == "paid"
    assert answer.headers["X-Price"].encode("latin-1").decode() == "ü€"


def test_half_a_character_is_answered(behaving: Api) -> None:
    assert behaving.post(data="half").text == "a?b"


def test_a_head_has_the_gateways_limit(behaving: Api) -> None:
    answer = behaving.post(headers={"X-Long": "a" * 10_240})
    assert message(answer) == (431, {"message": "Request Header Fields Too Large"})
    assert behaving.post(headers={"X-Long": "a" * 9_000}).status_code == 200
    answer = behaving.post("/predict?long=" + "a" * 10_240)
    assert message(answer) == (431, {"message": "Request Header Fields Too Large"})
    assert behaving.post("/predict?long=" + "a" * 9_000).status_code == 200
    assert behaving.post(headers={f"X-{number}": "a" for number in range(200)}).status_code == 200


def test_an_integration_has_its_own_time_out(account: Account) -> None:
    """The function's time-out of 10 s would be answered with a 500."""
    api = Api(account, "sleeping", BY_BODY, "POST /predict", integration={"TimeoutInMillis": 1000})
    assert message(api.post(data="sleep")) == (503, {"message": "Service Unavailable"})


@pytest.mark.parametrize(
    ("size", "status"),
    [(5 * MEGABYTE, 200), (7 * MEGABYTE, 413), (10 * MEGABYTE + 1, 413), (12 * MEGABYTE, 413)],
)
def test_payload_limits(behaving: Api, size: int, status: int) -> None:
    response = behaving.post(data="x" * size, headers={"Origin": "http://page.example"})
    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert response.json() == (
        {"length": size, "encoded": False} if status == 200 else {"message": "Request Entity Too Large"}
    )


def test_cors_is_the_configured_not_the_functions(behaving: Api) -> None:
    asked = {"Origin": "http://page.example", "Access-Control-Request-Method": "POST"}
    preflight = requests.options(behaving.url + "/predict", headers=asked, timeout=30)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "http://page.example"
    assert preflight.headers["Access-Control-Allow-Methods"] == "POST"
    assert preflight.headers["Access-Control-Max-Age"] == "60"
    elsewhere = behaving.post(data="x", headers={"Origin": "http://other.example"})
    assert elsewhere.status_code == 200
    assert "Access-Control-Allow-Origin" not in elsewhere.headers


def test_throttling(account: Account) -> None:
    api = Api(
        account,
        "throttled",
        EVENT,
        "POST /predict",
        DefaultRouteSettings={"ThrottlingBurstLimit": 3, "ThrottlingRateLimit": 1.0},
    )
    answers = [api.post() for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[-1].json() == {"message": "Too Many Requests"}
    now[0] += 1
    assert api.post().status_code == 200


def test_update_stage_changes_what_it_names_from_the_next_request_on(account: Account) -> None:
    api = Api(account, "restaged", EVENT, "POST /predict", StageVariables={"kept": "yes"})
    stage = {"ApiId": api.id, "StageName": "$default"}
    before = api.client.get_stage(**stage)
    assert [api.post().status_code for _ in range(2)] == [200, 200]
    throttle = {"ThrottlingBurstLimit": 1, "ThrottlingRateLimit": 1.0}
    assert api.client.update_stage(**stage, DefaultRouteSettings=throttle)["DefaultRouteSettings"] == throttle
    assert [api.post().status_code for _ in range(2)] == [200, 429]
    api.client.update_stage(**stage, RouteSettings={"POST /predict": {"ThrottlingBurstLimit": 2}})
    assert [api.post().status_code for _ in range(3)] == [200, 200, 429]
    after = api.client.get_stage(**stage)
    for name in ("StageVariables", "CreatedDate"):
        assert after[name] == before[name]
    assert after["DefaultRouteSettings"] == throttle


def test_update_stage_refuses_what_it_cannot_do(account: Account) -> None:
    api = Api(account, "stageless", EVENT)
    for stage, more, said in (
        ({"ApiId": api.id, "StageName": "other"}, {}, "NotFoundException.*stage identifier"),
        ({"ApiId": "other", "StageName": "$default"}, {}, "NotFoundException.*API identifier"),
        ({"ApiId": api.id, "StageName": "$default"}, {"DeploymentId": "d"}, "does not support.*DeploymentId"),
    ):
        with pytest.raises(botocore.exceptions.ClientError, match=said):
            api.client.update_stage(**stage, **more)


def test_a_function_must_permit_the_gateway(account: Account) -> None:
    api = Api(account, "forbidden", EVENT, "POST /predict", permitted=False)
    assert message(api.post()) == (500, {"message": "Internal Server Error"})
    permit = partial(
        account.client("lambda").add_permission,
        FunctionName="forbidden",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    permit(StatementId="other", SourceArn="arn:aws:execute-api:us-east-1:123456789012:other/*")
    assert api.post().status_code == 500
    permit(StatementId="own", SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{api.id}/*/POST/predict")
    assert api.post().status_code == 200


def test_credentials_of_an_integration_replace_the_permission(account: Account) -> None:
    role = account.role(
        "gateway", allow("lambda:InvokeFunction"), trusts={"Service": "apigateway.amazonaws.com"}
    )
    api = Api(
        account, "by-role", EVENT, "POST /predict", permitted=False, integration={"CredentialsArn": role}
    )
    assert api.post().status_code == 200
    account.client("iam").delete_role_policy(RoleName="gateway", PolicyName="own")
    assert api.post().status_code == 500


def test_a_throttled_function_makes_the_service_unavailable(
    account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    api = Api(account, "busy", EVENT, "POST /predict")
    account.client("lambda").put_function_concurrency(FunctionName="busy", ReservedConcurrentExecutions=0)
    for _ in range(20):
        assert message(api.post()) == (503, {"message": "Service Unavailable"})
    # Not a line for each, which would fill the screen.
    assert 1 <= caplog.text.count("Rate Exceeded.") < 5


def test_access_logs(account: Account) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/api/access")
    fields = {
        "id": "$context.requestId",
        "route": "$context.routeKey",
        "status": "$context.status",
        "x": "$context.authorizer.no",
        "error": "$context.integrationErrorMessage",
    }
    api = Api(
        account,
        "logged",
        BY_BODY.replace('"a secret detail"', "'a \"quoted\" detail'"),
        "POST /predict",
        AccessLogSettings={
            "DestinationArn": "arn:aws:logs:us-east-1:123456789012:log-group:/api/access",
            "Format": json.dumps(fields),
        },
    )
    request_id = api.post().headers["apigw-requestid"]
    api.post("/other")
    api.post(data="raise")
    messages = [
        json.loads(event["message"]) for event in logs.filter_log_events(logGroupName="/api/access")["events"]
    ]
    nothing = {"x": "-", "error": "-"}
    assert messages[0] == {"id": request_id, "route": "POST /predict", "status": "200", **nothing}
    assert messages[1]["status"] == "404"
    assert "detail" in messages[2]["error"]


def test_access_logs_tell_lambdas_status_from_the_functions(account: Account) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-logging-variables.html

    The time is in seconds, as recorded on AWS ("logs-full-cohort-1-access-0"):
    https://github.com/radkawar/stackd/blob/main/testdata/aws/apigateway/http_logs.json
    """
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/api/statuses")
    names = (
        "requestId",
        "integration.status",
        "integration.integrationStatus",
        "integrationStatus",
        "status",
    )
    Api(
        account,
        "statuses",
        'def handler(event, context): return {"statusCode": 418}',
        "POST /predict",
        AccessLogSettings={
            "DestinationArn": "arn:aws:logs:us-east-1:123456789012:log-group:/api/statuses:*",
            "Format": " ".join(f"$context.{name}" for name in (*names, "requestTimeEpoch")),
        },
    ).post()
    [event] = logs.filter_log_events(logGroupName="/api/statuses")["events"]
    _, *statuses, epoch = event["message"].split()
    assert statuses == ["418", "200", "200", "418"]
    assert len(epoch) == len("1790327772")


def test_an_imported_definition_serves(account: Account) -> None:
    arn = account.function("imported", source=EVENT)
    account.client("lambda").add_permission(
        FunctionName="imported",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    integration = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri, "payloadFormatVersion": "2.0"}
    definition = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "paths": {"/predict": {"post": {"x-amazon-apigateway-integration": integration, "responses": {}}}},
        "x-amazon-apigateway-cors": {"allowOrigins": ["*"]},
    }
    client = account.client("apigatewayv2")
    api_id = client.create_api(Name="t", ProtocolType="HTTP")["ApiId"]
    client.reimport_api(ApiId=api_id, Body=json.dumps(definition))
    client.create_stage(ApiId=api_id, StageName="$default", AutoDeploy=True)
    url = f"{account.cloud.url}/_aws/execute-api/{api_id}/predict"
    response = requests.post(url, data="x", headers={"Origin": "http://a.example"}, timeout=30)
    assert response.json()["routeKey"] == "POST /predict"
    assert response.headers["Access-Control-Allow-Origin"] == "*"


def test_several_cookie_headers_are_several_cookies(echo: Api) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", echo.account.cloud.port, timeout=30)
    connection.putrequest("GET", f"/_aws/execute-api/{echo.id}/films/1")
    for cookies in ("a=1", "b=2; c=3"):
        connection.putheader("Cookie", cookies)
    connection.endheaders()
    assert json.loads(connection.getresponse().read())["cookies"] == ["a=1", "b=2", "c=3"]
    connection.close()


def test_an_api_of_a_function_serves_as_soon_as_it_is_created(account: Account) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop.html ("quick create")"""
    arn = account.function("quick", source=EVENT)
    client = account.client("apigatewayv2")
    api = client.create_api(Name="quick", ProtocolType="HTTP", Target=arn)
    account.client("lambda").add_permission(
        FunctionName="quick",
        StatementId="api",
        Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
        SourceArn=f"arn:aws:execute-api:us-east-1:123456789012:{api['ApiId']}/*",
    )
    event = requests.get(f"{account.cloud.url}/_aws/execute-api/{api['ApiId']}/any", timeout=30).json()
    assert (event["routeKey"], event["rawPath"]) == ("$default", "/any")
    named = client.create_api(Name="q", ProtocolType="HTTP", Target=arn, RouteKey="GET /film")["ApiId"]
    [route] = client.get_routes(ApiId=named)["Items"]
    assert route["RouteKey"] == "GET /film"
    assert requests.get(f"{account.cloud.url}/_aws/execute-api/{named}/any", timeout=30).status_code == 404


@pytest.mark.parametrize(
    ("code", "message", "request_"),
    [
        ("NotFoundException", "Integration identifier specified", {"Target": "integrations/none"}),
        ("NotFoundException", "Authorizer identifier", {"AuthorizationType": "JWT", "AuthorizerId": "none"}),
        ("NotFoundException", "Invalid API identifier", {"ApiId": "none"}),
        ("BadRequestException", "enum value set", {"AuthorizationType": "PASSWORD"}),
        ("BadRequestException", "route key is not formatted properly", {"RouteKey": "/films"}),
        ("BadRequestException", "route key is not formatted properly", {"RouteKey": "FETCH /films"}),
        ("ConflictException", "already exists for this API", {"RouteKey": "GET /films/{id}"}),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(
    echo: Api, code: str, message: str, request_: dict[str, str]
) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match=message) as refused:
        echo.client.create_route(**{"ApiId": echo.id, "RouteKey": "GET /new"} | request_)
    assert refused.value.response["Error"]["Code"] == code
    if "ApiId" not in request_ and code != "ConflictException":
        [route] = [r for r in echo.client.get_routes(ApiId=echo.id)["Items"] if r["RouteKey"] == "$default"]
        with pytest.raises(botocore.exceptions.ClientError, match=message):
            echo.client.update_route(ApiId=echo.id, RouteId=route["RouteId"], **request_)


@pytest.mark.parametrize(
    ("cors", "message"),
    [
        # https://github.com/aws/aws-cdk/issues/9076
        (
            {"AllowOrigins": ["*"], "AllowCredentials": True},
            "allow-credentials is not supported if 'allow-origin' is *",
        ),
        ({"AllowOrigins": ["page.example"]}, "Invalid format for origin page.example"),
        ({"AllowMethods": ["FETCH"]}, "Invalid method FETCH"),
    ],
)
def test_cors_that_contradicts_itself_is_refused(echo: Api, cors: dict[str, Any], message: str) -> None:
    for call, request in (
        (echo.client.create_api, {"Name": "no", "ProtocolType": "HTTP"}),
        (echo.client.update_api, {"ApiId": echo.id}),
    ):
        with pytest.raises(botocore.exceptions.ClientError, match=re.escape(message)):
            call(**request, CorsConfiguration=cors)


def test_many_requests_at_the_same_time_each_get_their_own_answer(echo: Api) -> None:
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda n: echo.post(data=f"review {n}").json()["body"], range(160)))
    assert bodies == [f"review {n}" for n in range(160)]
