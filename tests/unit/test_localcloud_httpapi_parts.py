"""Routing, events, responses, CORS and throttling of HTTP APIs, each by itself."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from localcloud.httpapi.cors import Cors
from localcloud.httpapi.events import MalformedResponse, RequestContext, to_event, to_response
from localcloud.httpapi.routes import match
from localcloud.httpapi.throttle import Throttle, limits

CONTEXT = RequestContext(
    account_id="123456789012",
    api_id="abc123",
    region="us-east-1",
    stage="$default",
    route_key="POST /predict",
    request_id="JKJaXmPLvHcESHA=",
    trace_id="Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
    path="/predict",
    time=1583348638.39,
)


def request(method: str = "POST", path: str = "/predict", **more: Any) -> Request:
    environ = EnvironBuilder(method=method, path=path, environ_overrides={"REMOTE_ADDR": "192.0.2.1"}, **more)
    return Request(environ.get_environ())


def event(body: bytes = b"", **more: Any) -> dict[str, Any]:
    return to_event(request(**more), body, CONTEXT, {}, {})


@pytest.mark.parametrize(
    ("method", "path", "key", "parameters"),
    [
        ("GET", "/films", "GET /films", {}),
        ("GET", "//films", "GET /films", {}),
        ("GET", "/films/", "ANY /films/{rest+}", {"rest": ""}),
        ("POST", "/films", "ANY /films", {}),
        ("GET", "/films/top", "GET /films/top", {}),
        ("GET", "/films/12", "GET /films/{id}", {"id": "12"}),
        ("PUT", "/films/top", "$default", {}),
        ("GET", "/films/12/reviews", "GET /films/{id}/reviews", {"id": "12"}),
        ("GET", "/films/12/cast/3", "ANY /films/{rest+}", {"rest": "12/cast/3"}),
        ("DELETE", "/films/12", "ANY /films/{rest+}", {"rest": "12"}),
        ("GET", "/films.old", "$default", {}),
        ("GET", "/nowhere", "$default", {}),
    ],
)
def test_the_most_specific_route_is_taken(method: str, path: str, key: str, parameters: dict) -> None:
    keys = [
        "$default",
        "ANY /films/{rest+}",
        "GET /films/{id}",
        "GET /films/{id}/reviews",
        "ANY /films",
        "GET /films",
        "GET /films/top",
    ]
    if (method, path) == ("PUT", "/films/top"):
        keys.remove("ANY /films/{rest+}")
    found = match([SimpleNamespace(route_key=key) for key in keys], method, path)
    assert found is not None
    assert (found.key, found.parameters) == (key, parameters)


def chosen(method: str, path: str, *keys: str) -> str | None:
    """The key of the route for a request, in whatever order the routes were made."""
    either = [
        match([SimpleNamespace(route_key=key) for key in order], method, path) for order in (keys, keys[::-1])
    ]
    first, second = (found and found.key for found in either)
    assert first == second
    return first


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
    ],
)
def test_the_example_of_awss_guide(method: str, path: str, key: str) -> None:
    """https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html
    ("Routing API requests")
    """
    keys = ("GET /pets/dog/1", "GET /pets/dog/{id}", "GET /pets/{proxy+}", "ANY /{proxy+}", "$default")
    assert chosen(method, path, *keys) == key


def test_a_full_match_goes_before_a_greedy_one_and_that_before_the_default() -> None:
    """The guide's order; a full match may have more variables than a greedy one has."""
    keys = ("GET /pets/{kind}/{id}", "GET /pets/dog/{proxy+}", "$default")
    assert chosen("GET", "/pets/dog/1", *keys) == "GET /pets/{kind}/{id}"
    assert chosen("GET", "/pets/dog/1/owner", *keys) == "GET /pets/dog/{proxy+}"
    assert chosen("POST", "/pets/dog/1", *keys) == "$default"


def test_a_greedy_variable_takes_newlines() -> None:
    assert chosen("GET", "/files/a\nb", "GET /files/{path+}") == "GET /files/{path+}"


def test_a_routes_own_method_goes_before_any() -> None:
    assert chosen("GET", "/pets/1", "GET /pets/{id}", "ANY /pets/{id}") == "GET /pets/{id}"
    assert chosen("PUT", "/pets/1", "GET /pets/{id}", "ANY /pets/{id}") == "ANY /pets/{id}"
    assert chosen("GET", "/pets/dog", "GET /pets/{kind}", "ANY /pets/{name}") == "GET /pets/{kind}"


def test_a_slash_at_the_end_is_significant() -> None:
    """As for AWS's own test tool, whose source says so:
    https://github.com/aws/aws-lambda-dotnet (Tools/LambdaTestTool-v2, ApiGatewayRouteConfigService.cs),
    and for an API at work: https://github.com/storacha/w3infra/pull/166
    """
    assert chosen("GET", "/pets/", "GET /pets") is None
    assert chosen("GET", "/pets/", "GET /pets", "GET /pets/{proxy+}") == "GET /pets/{proxy+}"
    assert chosen("GET", "/pets", "GET /pets/{proxy+}") is None
    assert chosen("GET", "/pets/dog/", "GET /pets/{kind}/{id}") is None
    assert chosen("GET", "/", "GET /", "GET /{proxy+}") == "GET /"
    assert chosen("GET", "/", "GET /{proxy+}") == "GET /{proxy+}"


def test_no_route_is_found_without_a_default() -> None:
    assert match([SimpleNamespace(route_key="POST /predict")], "GET", "/predict") is None
    assert match([], "GET", "/") is None


def test_routes_of_an_imported_definition() -> None:
    routes = [SimpleNamespace(route_key="X-AMAZON-APIGATEWAY-ANY-METHOD /$default")]
    found = match(routes, "GET", "/x")
    assert found is not None
    assert found.key == "$default"


def test_an_event_is_of_format_2() -> None:
    body = '{"review": "überraschend"}'.encode()
    made = event(
        body,
        query_string="a=1&a=2&b=x%20y",
        headers={
            "Content-Type": "application/json",
            "Cookie": "one=1; two=2",
            "User-Agent": "agent",
            "X-Tag": "t",
        },
    )
    headers = made.pop("headers")
    assert {
        name: headers[name] for name in ("content-type", "x-tag", "x-forwarded-for", "x-forwarded-proto")
    } == {
        "content-type": "application/json",
        "x-tag": "t",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-proto": "http",
    }
    assert "cookie" not in headers
    assert made == {
        "version": "2.0",
        "routeKey": "POST /predict",
        "rawPath": "/predict",
        "rawQueryString": "a=1&a=2&b=x%20y",
        "cookies": ["one=1", "two=2"],
        "queryStringParameters": {"a": "1,2", "b": "x y"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abc123",
            "http": {
                "method": "POST",
                "path": "/predict",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "agent",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /predict",
            "stage": "$default",
            "time": "04/Mar/2020:19:03:58 +0000",
            "timeEpoch": 1583348638390,
        },
        "body": '{"review": "überraschend"}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("text/plain; charset=utf-8", b"good", ("good", False)),
        ("application/problem+json", b"{}", ("{}", False)),
        ("application/json", b"\xff\xfe", ("//4=", True)),
        ("image/png", b"\x89PNG", ("iVBORw==", True)),
        ("application/x-www-form-urlencoded", b"a=1", ("YT0x", True)),
        (None, b"plain", ("plain", False)),
        ("image/png", b"", (None, False)),
    ],
)
def test_bodies_that_are_not_text_are_encoded(content_type: str | None, body: bytes, expected: tuple) -> None:
    made = event(body, content_type=content_type)
    assert (made.get("body"), made["isBase64Encoded"]) == expected


def answered(payload: Any) -> Response:
    return to_response(json.dumps(payload).encode())


def test_an_answer_with_status_headers_and_cookies() -> None:
    response = answered(
        {
            "statusCode": 201,
            "headers": {"content-type": "application/json", "X-Count": 3, "transfer-encoding": "chunked"},
            "cookies": ["a=1; Secure", "b=2"],
            "body": '{"ok": true}',
        }
    )
    assert response.status_code == 201
    assert response.get_data() == b'{"ok": true}'
    assert response.headers.get_all("Content-Type") == ["application/json"]
    assert response.headers["X-Count"] == "3"
    assert "Transfer-Encoding" not in response.headers
    assert response.headers.getlist("Set-Cookie") == ["a=1; Secure", "b=2"]


@pytest.mark.parametrize(
    ("payload", "body", "content_type"),
    [
        ({"sentiment": "positive"}, b'{"sentiment": "positive"}', "application/json"),
        ("Hello", b"Hello", "application/json"),
        ([1, 2], b"[1, 2]", "application/json"),
        ({"statusCode": 200, "body": "plain"}, b"plain", "text/plain;charset=UTF-8"),
        ({"statusCode": "200"}, b"", "text/plain;charset=UTF-8"),
        (
            {"statusCode": 200, "body": "//4=", "isBase64Encoded": True},
            b"\xff\xfe",
            "text/plain;charset=UTF-8",
        ),
    ],
)
def test_bodies_of_answers(payload: Any, body: bytes, content_type: str) -> None:
    response = answered(payload)
    assert response.status_code == 200
    assert response.get_data() == body
    assert response.headers["Content-Type"] == content_type


@pytest.mark.parametrize(
    "payload",
    [
        {"statusCode": 200, "body": {"not": "text"}},
        {"statusCode": "OK"},
        {"statusCode": None},
        {"statusCode": True},
        {"statusCode": 42},
        {"statusCode": 100},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": "b\r\nSet-Cookie: c=d"}},
        {"statusCode": 200, "headers": {"a": "b\0c"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\r\nX: y"]},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
    ],
)
def test_malformed_answers(payload: Any) -> None:
    with pytest.raises(MalformedResponse):
        answered(payload)


def cors(**configuration: Any) -> Cors:
    made = Cors.of(
        configuration, lambda origin: origin.replace("https://d1.cloudfront.net", "http://127.0.0.1:8001")
    )
    assert made is not None
    return made


def preflight(configured: Cors, origin: str | None) -> Response:
    headers = {"Access-Control-Request-Method": "POST"} | ({"Origin": origin} if origin else {})
    response = configured.preflight(request("OPTIONS", headers=headers))
    assert response is not None
    return response


def test_a_preflight_is_answered_for_the_pages_own_origin() -> None:
    configured = cors(
        allowOrigins=["https://d1.cloudfront.net"],
        allowMethods=["POST"],
        allowHeaders=["content-type"],
        allowCredentials=True,
        maxAge=300,
    )
    response = preflight(configured, "http://127.0.0.1:8001")
    assert response.status_code == 204
    assert dict(response.headers) == {
        "Access-Control-Allow-Origin": "http://127.0.0.1:8001",
        "Access-Control-Allow-Methods": "POST",
        "Access-Control-Allow-Headers": "content-type",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": "300",
        "Vary": "Origin",
    }


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8002", "https://evil.example", "null"])
def test_a_preflight_from_elsewhere_gets_no_permission(origin: str) -> None:
    response = preflight(cors(allowOrigins=["https://d1.cloudfront.net"], allowMethods=["POST"]), origin)
    assert response.status_code == 204
    assert not [name for name, _ in response.headers if name.startswith("Access-Control")]


def test_the_configured_headers_replace_the_integrations() -> None:
    configured = cors(allowOrigins=["https://*"], exposeHeaders=["Retry-After"])
    response = Response(
        "", headers={"Access-Control-Allow-Origin": "*", "access-control-allow-methods": "PUT"}
    )
    assert configured.add_headers(request(headers={"Origin": "https://a.example"}), response)
    assert response.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert response.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert "Access-Control-Allow-Methods" not in response.headers
    assert not configured.add_headers(request(headers={"Origin": "http://a.example"}), response)
    assert "Access-Control-Allow-Origin" not in response.headers


def test_every_origin() -> None:
    response = preflight(cors(allowOrigins=["*"], allowMethods=["*"]), "https://any.example")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Methods"] == "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"


def test_without_configuration_there_is_no_cors() -> None:
    assert Cors.of(None, str) is None
    assert (
        cors(allowOrigins=["*"]).preflight(request("OPTIONS", headers={"Origin": "https://a.example"}))
        is None
    )


def test_a_bucket_holds_its_burst_and_fills_at_its_rate() -> None:
    now = [100.0]
    throttle = Throttle(clock=lambda: now[0])
    assert [throttle.admits("a", rate=2, burst=3) for _ in range(4)] == [True, True, True, False]
    assert throttle.admits("b", rate=2, burst=3)
    now[0] += 0.5
    assert [throttle.admits("a", rate=2, burst=3) for _ in range(2)] == [True, False]
    now[0] += 60
    assert [throttle.admits("a", rate=2, burst=3) for _ in range(4)] == [True, True, True, False]


def test_a_routes_own_limits_go_before_the_stages() -> None:
    stage = SimpleNamespace(
        default_route_settings={"throttlingRateLimit": 10.0, "throttlingBurstLimit": 5},
        route_settings={"POST /predict": {"throttlingRateLimit": 1}},
    )
    assert limits(stage, "POST /predict") == ("POST /predict", 1.0, 5)
    assert limits(stage, "GET /") == ("*", 10.0, 5)
    assert limits(SimpleNamespace(default_route_settings=None, route_settings=None), "GET /") == (
        "*",
        1e4,
        5000,
    )
