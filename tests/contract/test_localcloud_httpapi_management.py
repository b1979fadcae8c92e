"""What no HTTP API has, or localcloud would not carry out, is refused before it is made.

https://docs.aws.amazon.com/apigatewayv2/latest/api-reference/api-reference.html
"""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import running

from localcloud.functions import FunctionsService
from localcloud.httpapi import HttpApiService

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:f"
PROXY = {"IntegrationType": "AWS_PROXY", "IntegrationUri": FUNCTION, "PayloadFormatVersion": "2.0"}
LOG_GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:access"
PARTS = (
    "One or more path parts appear to be invalid. Parts are validated against this regular expression: "
    r"^(\{[\w.:-]+\+?\}|[a-zA-Z0-9.:_-]+)$"
)
"""In https://github.com/aws/aws-lambda-dotnet (ApiGatewayRouteConfigService.cs), AWS's own test tool; the
first sentence is API Gateway's in https://github.com/serverless/serverless/issues/10423.
"""
BAD, MISSING, CONFLICT = "BadRequestException", "NotFoundException", "ConflictException"


class Api:
    """An API with a route, an integration and a stage."""

    def __init__(self, client: Any):
        self.client = client
        self.id = client.create_api(Name="managed", ProtocolType="HTTP")["ApiId"]
        self.integration = client.create_integration(ApiId=self.id, **PROXY)["IntegrationId"]
        target = f"integrations/{self.integration}"
        self.route = client.create_route(ApiId=self.id, RouteKey="GET /films", Target=target)["RouteId"]
        client.create_stage(ApiId=self.id, StageName="test", AutoDeploy=True)
        client.create_stage(ApiId=self.id, StageName="logging", AutoDeploy=True)

    def call(self, operation: str, **request: Any) -> Any:
        """Calls an operation. In a request, "integration" and "route" are those of this API."""
        names = {"integration": self.integration, "route": self.route}
        request = {
            name: names.get(value, value) if isinstance(value, str) else value
            for name, value in request.items()
        }
        place = {} if operation == "create_api" else {"ApiId": self.id}
        return getattr(self.client, operation)(**place | request)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running(FunctionsService, HttpApiService) as account:
        for name in ("access", "other"):
            account.client("logs").create_log_group(logGroupName=name)
        config = Config(parameter_validation=False)
        yield Api(account.client("apigatewayv2", config=config))


def api_with(**more: Any) -> tuple[str, dict[str, Any]]:
    return "create_api", {"Name": "a", "ProtocolType": "HTTP", **more}


def integration_with(**more: Any) -> tuple[str, dict[str, Any]]:
    return "create_integration", {**PROXY, **more}


def route_with(**more: Any) -> tuple[str, dict[str, Any]]:
    return "create_route", {"RouteKey": "GET /new", **more}


def stage_with(**more: Any) -> tuple[str, dict[str, Any]]:
    return "create_stage", {"StageName": "new", "AutoDeploy": True, **more}


def definition_of(**operation: Any) -> tuple[str, dict[str, Any]]:
    document = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "paths": {"/": {"get": operation}},
    }
    return "reimport_api", {"Body": json.dumps(document)}


def integrated(**more: Any) -> dict[str, Any]:
    members = {"type": "aws_proxy", "uri": FUNCTION, "payloadFormatVersion": "2.0"}
    return {"x-amazon-apigateway-integration": {**members, **more}}


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (api_with(Name="n" * 129), BAD, "'name' failed to satisfy constraint: Member must have length less"),
        (
            api_with(RouteSelectionExpression="$request.body.a"),
            BAD,
            "RouteSelectionExpression is for WebSocket",
        ),
        (api_with(ApiKeySelectionExpression="$request.header.k"), BAD, "is for WebSocket APIs"),
        (api_with(DisableSchemaValidation=True), BAD, "is for WebSocket APIs"),
        (integration_with(PayloadFormatVersion="1.0"), BAD, "payload format version 1.0"),
        (integration_with(PayloadFormatVersion=None), BAD, "payload format version 1.0"),
        (integration_with(PayloadFormatVersion="3.0"), BAD, "payload format version 3.0"),
        (integration_with(IntegrationType="HTTP_PROXY"), BAD, "HTTP_PROXY integrations"),
        (integration_with(IntegrationType="MOCK"), BAD, "MOCK integrations"),
        (integration_with(IntegrationSubtype="SQS-SendMessage"), BAD, "SQS-SendMessage integrations"),
        (
            integration_with(CredentialsArn="arn:aws:iam::*:user/*"),
            BAD,
            "CredentialsArn 'arn:aws:iam::*:user/*'",
        ),
        (integration_with(IntegrationUri=None), BAD, "the integration URI ''"),
        (integration_with(IntegrationUri="somewhere"), BAD, "the integration URI 'somewhere'"),
        (integration_with(TimeoutInMillis=40_000), BAD, "Value '40000' at 'timeoutInMillis'"),
        (integration_with(TimeoutInMillis=10), BAD, "Value '10' at 'timeoutInMillis'"),
        (integration_with(ConnectionType="VPC_LINK", ConnectionId="c"), BAD, "property ConnectionId"),
        (integration_with(RequestParameters={"overwrite:path": "/x"}), BAD, "parameter mapping"),
        (integration_with(ResponseParameters={"200": {"append:header.x": "y"}}), BAD, "parameter mapping"),
        (integration_with(TlsConfig={"ServerNameToVerify": "x"}), BAD, "property TlsConfig"),
        (integration_with(RequestTemplates={"a": "b"}), BAD, "property RequestTemplates"),
        (integration_with(ApiId="none"), MISSING, "Invalid API identifier specified none"),
        (("update_integration", {"IntegrationId": "none"}), MISSING, "Invalid Integration identifier"),
        (
            ("update_integration", {"IntegrationId": "integration", "PayloadFormatVersion": "1.0"}),
            BAD,
            "payload format version 1.0",
        ),
        (("delete_integration", {"IntegrationId": "none"}), MISSING, "Invalid Integration identifier"),
        (("delete_integration", {"IntegrationId": "integration"}), CONFLICT, "is the Target of route"),
        (route_with(AuthorizationType="AWS_IAM"), BAD, "routes with authorization (AWS_IAM)"),
        (route_with(AuthorizationType="JWT"), BAD, "routes with authorization (JWT)"),
        (route_with(ApiKeyRequired=True), BAD, "property ApiKeyRequired"),
        (route_with(AuthorizationScopes=["films"]), BAD, "property AuthorizationScopes"),
        (
            route_with(RequestParameters={"route.request.header.a": {"Required": True}}),
            BAD,
            "RequestParameters",
        ),
        (route_with(RouteKey="GET /{name+}/end"), BAD, "greedy variable is the last segment"),
        (route_with(RouteKey="GET /{a}/{a}"), BAD, "variables of a route have different names"),
        (route_with(RouteKey="GET /x{a}"), BAD, PARTS),
        (route_with(RouteKey="GET /{a"), BAD, PARTS),
        (route_with(RouteKey="GET /{a}.json"), BAD, PARTS),
        (route_with(RouteKey="GET /a/"), BAD, PARTS),
        (route_with(RouteKey="GET /a//b"), BAD, PARTS),
        (route_with(RouteKey="GET /a/*"), BAD, PARTS),
        (route_with(RouteKey="GET /a?b=c"), BAD, PARTS),
        (route_with(RouteKey="GET /ü"), BAD, PARTS),
        (route_with(RouteKey="get /a"), BAD, "route key is not formatted properly for HTTP protocol"),
        (route_with(RouteKey="GET"), BAD, "route key is not formatted properly for HTTP protocol"),
        (("delete_route", {"RouteId": "none"}), MISSING, "Invalid Route identifier specified none"),
        (("update_route", {"RouteId": "none"}), MISSING, "Invalid Route identifier specified none"),
        (("update_route", {"RouteId": "route", "ApiKeyRequired": True}), BAD, "property ApiKeyRequired"),
        (stage_with(StageName="test"), CONFLICT, "Stage already exists"),
        (stage_with(StageName="a b"), BAD, "The name of a stage"),
        (stage_with(StageName="$live"), BAD, "The name of a stage"),
        (stage_with(AutoDeploy=False), BAD, "does not support stages without AutoDeploy"),
        (("create_stage", {"StageName": "new"}), BAD, "does not support stages without AutoDeploy"),
        (("update_stage", {"StageName": "test", "AutoDeploy": False}), BAD, "stages without AutoDeploy"),
        (stage_with(ClientCertificateId="c"), BAD, "property ClientCertificateId"),
        (stage_with(StageVariables={"a b": "c"}), BAD, "Stage variable names"),
        (stage_with(StageVariables={"a": "b c"}), BAD, "value of stage variable a"),
        (stage_with(DefaultRouteSettings={"ThrottlingRateLimit": -1.0}), BAD, "must not be negative"),
        (stage_with(DefaultRouteSettings={"LoggingLevel": "INFO"}), BAD, "DefaultRouteSettings.LoggingLevel"),
        (stage_with(DefaultRouteSettings={"DataTraceEnabled": True}), BAD, "DataTraceEnabled"),
        (
            stage_with(RouteSettings={"GET /none": {"ThrottlingRateLimit": 1.0}}),
            MISSING,
            "Unable to find Route by key GET /none within the provided RouteSettings",
        ),
        (("update_stage", {"StageName": "test", "DeploymentId": "d"}), BAD, "DeploymentId"),
        (
            ("update_stage", {"StageName": "test", "DefaultRouteSettings": {"ThrottlingBurstLimit": -1}}),
            BAD,
            "must not be negative",
        ),
        (("delete_stage", {"StageName": "none"}), MISSING, "Invalid stage identifier specified"),
        (("delete_route_settings", {"StageName": "test", "RouteKey": "GET /none"}), MISSING, "GET /none"),
        (("delete_api", {"ApiId": "none"}), MISSING, "Invalid API identifier specified none"),
        (("delete_cors_configuration", {"ApiId": "none"}), MISSING, "Invalid API identifier specified none"),
        (("update_api", {"ApiId": "none"}), MISSING, "Invalid API identifier specified none"),
        (("reimport_api", {"Body": "{"}), BAD, "neither JSON nor YAML"),
        (("reimport_api", {"Body": "{}"}), BAD, "OpenAPI 3.0"),
        (("reimport_api", {"Body": "openapi: 3.0.1\npaths: [a]"}), BAD, "paths is not an object"),
        (("reimport_api", {"Body": "openapi: 3.0.1\npaths: {/a: b}"}), BAD, "path /a is not an object"),
        (definition_of(), BAD, "has no x-amazon-apigateway-integration"),
        (definition_of(**integrated(payloadFormatVersion="1.0")), BAD, "payload format version 1.0"),
        (definition_of(**integrated(timeoutInMillis=100)), BAD, "timeoutInMillis"),
        (definition_of(**integrated(), security=[{"keys": []}]), BAD, "does not support authorizers"),
    ],
    ids=str,
)
def test_what_would_be_ignored_or_fail_is_refused(
    api: Api, call: tuple[str, dict[str, Any]], code: str, message: str
) -> None:
    operation, request = call
    with pytest.raises(ClientError) as caught:
        api.call(operation, **request)
    error = caught.value.response["Error"]
    assert error["Code"] == code
    assert message in error["Message"]


def test_routes_that_differ_in_the_names_of_variables_conflict(api: Api) -> None:
    """In AWS's words: https://github.com/plutomi/plutomi/issues/271"""
    made = {
        key: api.call("create_route", RouteKey=key)["RouteId"]
        for key in ("GET /x/{a}", "POST /x/{b}", "ANY /x/{c}", "GET /x/{d}/y", "GET /y/{all+}", "GET /x/one")
    }
    for key, other in (
        ("GET /x/{b}", "GET /x/{a}"),
        ("ANY /x/{b}", "ANY /x/{c}"),
        ("GET /x/{a}/y", "GET /x/{d}/y"),
        ("GET /y/{rest+}", "GET /y/{all+}"),
    ):
        said = (
            f'The provided route key "{key}" has a conflicting variable on the same hierarchical level '
            f'as "{other}"'
        )
        for call in (
            partial(api.call, "create_route", RouteKey=key),
            partial(api.call, "update_route", RouteId=made["GET /x/one"], RouteKey=key),
        ):
            with pytest.raises(ClientError) as caught:
                call()
            assert caught.value.response["Error"] == {"Code": CONFLICT, "Message": said}
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    api.call("update_route", RouteId=made["GET /x/{a}"], RouteKey="GET /x/{renamed}")
    api.call("create_route", RouteKey="GET /y/{one}")
    for route in api.call("get_routes")["Items"]:
        if route["RouteId"] != api.route:
            api.call("delete_route", RouteId=route["RouteId"])


def test_a_definition_with_conflicting_routes_is_refused(api: Api) -> None:
    get = {"get": integrated()}
    document = {
        "openapi": "3.0.1",
        "info": {"title": "t", "version": "1"},
        "paths": {"/{a}": get, "/{b}": get},
    }
    with pytest.raises(ClientError, match=r'"GET /\{b\}" has a conflicting variable.* "GET /\{a\}"'):
        api.call("reimport_api", Body=json.dumps(document))
    assert [route["RouteKey"] for route in api.call("get_routes")["Items"]] == ["GET /films"]


def test_a_stage_is_changed_member_by_member(api: Api) -> None:
    update = partial(api.call, "update_stage", StageName="test")
    update(StageVariables={"a": "b"}, RouteSettings={"GET /films": {"ThrottlingRateLimit": 5.0}})
    answer = update(Description="changed", AutoDeploy=True)
    assert (answer["Description"], answer["StageVariables"]) == ("changed", {"a": "b"})
    assert answer["RouteSettings"] == {"GET /films": {"ThrottlingRateLimit": 5.0}}
    api.call("delete_route_settings", StageName="test", RouteKey="GET /films")
    assert api.call("get_stage", StageName="test")["RouteSettings"] == {}


ID = "$context.requestId"
VALUE_MISSING = "Access Log value missing. Expected destinationArn and format."
WRONG_ARN = (
    "Invalid ARN specified in the request. The ARN must be a valid CloudWatch Logs log group or Kinesis Data "
    "Firehose delivery stream ARN."
)
IN_FORMAT = "The following errors are found in Access Log Format: Access Log format must"
NO_ID = f"{IN_FORMAT} include either $context.requestId or $context.extendedRequestId : "
NO_GROUP = (
    "Cannot enable logging. LogDestination: /none does not exist (Service: AWSIngestionHub; "
    "Status Code: 400; Error Code: LogDestinationNotFoundException; Request ID: "
)


@pytest.mark.parametrize("operation", ["create_stage", "update_stage"])
@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        ({}, BAD, VALUE_MISSING),
        ({"DestinationArn": LOG_GROUP}, BAD, VALUE_MISSING),
        ({"Format": ID}, BAD, VALUE_MISSING),
        ({"DestinationArn": LOG_GROUP, "Format": ""}, BAD, VALUE_MISSING),
        ({"DestinationArn": "arn:aws:s3:::access", "Format": ID}, BAD, WRONG_ARN),
        ({"DestinationArn": "access", "Format": ID}, BAD, WRONG_ARN),
        ({"DestinationArn": f"{LOG_GROUP}:log-stream:one", "Format": ID}, BAD, WRONG_ARN),
        (
            {"DestinationArn": LOG_GROUP.replace("us-east-1", "eu-west-1"), "Format": ID},
            BAD,
            "localcloud does not support access logs in another account or region",
        ),
        (
            {"DestinationArn": LOG_GROUP.replace("123456789012", "210987654321"), "Format": ID},
            BAD,
            "localcloud does not support access logs in another account or region",
        ),
        (
            {"DestinationArn": "arn:aws:firehose:us-east-1:123456789012:deliverystream/a", "Format": ID},
            BAD,
            "localcloud does not support access logs in Kinesis Data Firehose",
        ),
        ({"DestinationArn": LOG_GROUP.replace("access", "/none"), "Format": ID}, MISSING, NO_GROUP),
        ({"DestinationArn": LOG_GROUP.replace("access", "/none:*"), "Format": ID}, MISSING, NO_GROUP),
        ({"DestinationArn": LOG_GROUP, "Format": "$context.status"}, BAD, f"{NO_ID}'$context.status'"),
        (
            {"DestinationArn": LOG_GROUP, "Format": "$context.requestIdea"},
            BAD,
            "not supported: [$context.req",
        ),
        (
            {"DestinationArn": LOG_GROUP, "Format": f"{ID}\n$context.status"},
            BAD,
            f"{IN_FORMAT} be single line: '{ID}\n$context.status'",
        ),
        (
            {"DestinationArn": LOG_GROUP, "Format": f"{ID} $context.unknown $context.resourceId"},
            BAD,
            "The following context variables are not supported: [$context.unknown, $context.resourceId]",
        ),
        (
            {"DestinationArn": LOG_GROUP, "Format": f"{ID}|$context.status|"},
            BAD,
            "The following context variables are not supported: [$context.requestId|, $context.status|]",
        ),
        ({"DestinationArn": LOG_GROUP, "Format": "${context.requestId}"}, BAD, "does not support ${context."),
        ({"DestinationArn": LOG_GROUP, "Format": ID + "x" * 3072}, BAD, "at most 3,072 bytes"),
        ({"DestinationArn": LOG_GROUP, "Format": "half \ud800"}, BAD, NO_ID),
    ],
    ids=str,
)
def test_access_logs_that_api_gateway_refuses(
    api: Api, operation: str, settings: dict[str, str], code: str, message: str
) -> None:
    """In AWS's words, as UpdateStage answered them on 2026-09-25 ("admission-..."):
    https://github.com/radkawar/stackd/blob/main/testdata/aws/apigateway/http_logs.json
    Its author saw bars refused, too (internal/services/apigatewayexec/access_log_format.go there). What
    localcloud does not support, and the limit of the size, are told in its own words.
    """
    with pytest.raises(ClientError) as caught:
        name = "new" if operation == "create_stage" else "logging"
        api.call(operation, StageName=name, AutoDeploy=True, AccessLogSettings=settings)
    error, status = caught.value.response["Error"], caught.value.response["ResponseMetadata"]
    assert (error["Code"], status["HTTPStatusCode"]) == (code, 404 if code == MISSING else 400)
    assert message in error["Message"]
    assert "new" not in {stage["StageName"] for stage in api.call("get_stages")["Items"]}
    assert "AccessLogSettings" not in api.call("get_stage", StageName="logging")


def test_settings_of_access_logs_are_changed_one_by_one_until_they_are_deleted(api: Api) -> None:
    """As recorded on AWS:
    https://github.com/radkawar/stackd/blob/main/testdata/aws/apigateway/http_log_settings.json
    """

    def update(**settings: str) -> Any:
        return api.call("update_stage", StageName="logging", AccessLogSettings=settings)["AccessLogSettings"]

    other = LOG_GROUP.replace("access", "other:*")
    assert update(DestinationArn=LOG_GROUP, Format=ID) == {"DestinationArn": LOG_GROUP, "Format": ID}
    status = f"{ID} $context.status"
    assert update(Format=status) == {"DestinationArn": LOG_GROUP, "Format": status}
    assert update(DestinationArn=other) == {"DestinationArn": other, "Format": status}
    assert update() == {"DestinationArn": other, "Format": status}
    with pytest.raises(ClientError, match=VALUE_MISSING):
        update(Format="")
    answer = api.call("delete_access_log_settings", StageName="logging")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert "AccessLogSettings" not in api.call("get_stage", StageName="logging")
    with pytest.raises(ClientError, match=VALUE_MISSING):
        update(Format=ID)
    with pytest.raises(ClientError, match="Invalid stage identifier specified"):
        api.call("delete_access_log_settings", StageName="none")


def test_a_format_of_access_logs_may_be_longer_than_the_model_says(api: Api) -> None:
    """The recorded one has 1,789 characters; the quota is 3 KB:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-quotas.html
    """
    settings = {"DestinationArn": LOG_GROUP, "Format": ID + " $context.authorizer.missing" * 60}
    made = api.call("create_stage", StageName="long", AutoDeploy=True, AccessLogSettings=settings)
    assert made["AccessLogSettings"] == settings
    api.call("delete_stage", StageName="long")


def test_tags_of_apis_and_stages(api: Api) -> None:
    of_api = f"arn:aws:apigateway:us-east-1::/apis/{api.id}"
    for arn in (of_api, f"{of_api}/stages/test"):
        api.client.tag_resource(ResourceArn=arn, Tags={"genre": "noir", "year": "1944"})
        api.client.untag_resource(ResourceArn=arn, TagKeys=["genre"])
        assert api.client.get_tags(ResourceArn=arn)["Tags"] == {"year": "1944"}
    assert api.call("get_stage", StageName="test")["Tags"] == {"year": "1944"}
    with pytest.raises(ClientError, match=r"NotFoundException.*Invalid API identifier specified none"):
        api.client.tag_resource(ResourceArn="arn:aws:apigateway:us-east-1::/apis/none", Tags={"a": "b"})


def test_answers_have_api_gateways_members_statuses_and_pages(api: Api) -> None:
    """The examples of `aws apigatewayv2 help`, and the API's reference."""
    made = api.call("create_route", RouteKey="GET /paged")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert "RequestParameters" not in made
    assert api.call("get_integration", IntegrationId="integration")["ConnectionType"] == "INTERNET"
    pages = api.client.get_paginator("get_routes").paginate(ApiId=api.id, PaginationConfig={"PageSize": 1})
    keys = [route["RouteKey"] for page in pages for route in page["Items"]]
    assert len(keys) == len(api.call("get_routes")["Items"]) == len(set(keys)) > 1
    gone = api.call("delete_route", RouteId=made["RouteId"])
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
