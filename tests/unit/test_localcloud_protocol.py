"""localcloud's protocol layer: requests checked by botocore's models, errors in each protocol's form."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.paginate import TokenDecoder
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.utils import get_service_model
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from localcloud.cloud import Cloud
from localcloud.moto_requests import invalid_for_iam
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.calls import call_of
from localcloud.protocol.errors import error_response
from localcloud.protocol.pages import page
from localcloud.protocol.service import ModelledService
from localcloud.protocol.validation import Violations, validate
from localcloud.sagemaker import SageMakerService


def check(operation: str, **request: Any) -> None:
    validate(get_service_model("sagemaker").operation_model(operation).input_shape, request)


def test_requests_are_checked_against_the_apis_own_description():
    for message, operation, request in (
        ("Value null at 'endpointConfigName'", "CreateEndpoint", {"EndpointName": "e"}),
        ("regular expression", "CreateEndpoint", {"EndpointName": "not_this", "EndpointConfigName": "c"}),
        ("enum value set", "ListEndpoints", {"SortOrder": "Sideways"}),
        ("less than or equal to 100", "ListEndpoints", {"MaxResults": 101}),
        ("Unknown member 'surprise'", "ListEndpoints", {"Surprise": 1}),
    ):
        with pytest.raises(InvalidRequest, match=message):
            check(operation, **request)
    check("CreateEndpoint", EndpointName="e", EndpointConfigName="c")


def test_a_service_may_have_limits_of_its_own():
    shape = get_service_model("apigatewayv2").operation_model("CreateStage").input_shape
    request = {"ApiId": "a", "StageName": "s", "AccessLogSettings": {"Format": "x" * 2000}}
    validate(shape, request, "apigatewayv2")
    with pytest.raises(InvalidRequest, match=r"'accessLogSettings\.format' .* less than or equal to 1024"):
        validate(shape, request, "another-service")


def test_keys_of_maps_and_of_tags_are_checked():
    job = {"TrainingJobName": "j", "AlgorithmSpecification": {"TrainingInputMode": "File"}}
    for members, message in (
        (
            {"Environment": {"1a": "x"}},
            r"Value '\{1a=x\}' at 'environment'.*Map keys must satisfy constraint",
        ),
        ({"HyperParameters": {"h" * 257: "x"}}, "Map keys .*length less than or equal to 256"),
        # The words that SageMaker's users report.
        (
            {"HyperParameters": {"h": "x" * 2501}},
            r"at 'hyperParameters' failed to satisfy constraint: Map value must satisfy constraint: \[Member "
            r"must have length less than or equal to 2500, Member must have length greater than or equal to "
            r"0, Member must satisfy regular expression pattern: \.\*\]",
        ),
        ({"Tags": [{"Key": "a", "Value": ""}] * 2}, "Duplicate tag keys are not allowed: a"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            check("CreateTrainingJob", **job, **members)
    check("CreateExperiment", ExperimentName="e", Tags=[{"Key": key, "Value": ""} for key in "ab"])


def test_what_a_value_says_changes_no_words_of_its_error():
    """Services word these errors differently. To take messages apart by patterns let values change the words,
    and a value of 280 KB kept the cloud busy for a minute."""
    rules = (
        "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must "
        "have length greater than or equal to 1, Member must satisfy regular expression pattern: "
        r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+"
    )
    shape = get_service_model("iam").operation_model("UntagRole").input_shape
    for key in (
        "*' at 'tagKeys",
        "*Value 'x' at 'y'",
        "*" * 200 + "Member must satisfy constraint: [z]; Value",
        "*Duplicate tag keys are not allowed",
    ):
        with pytest.raises(Violations) as refused:
            validate(shape, {"RoleName": "r", "TagKeys": [key]})
        error = invalid_for_iam("UntagRole", refused.value)
        assert (error.code, error.message) == (
            "ValidationError",
            "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: "
            f"{rules}, Member must not be null]",
        )
        assert refused.value.worded(never_null=True) == refused.value.message.removesuffix("]") + (
            ", Member must not be null]"
        )
        assert f"Value '[{key}]' at" in refused.value.message
    with pytest.raises(Violations) as refused:
        validate(shape, {"TagKeys": ["a"]})
    assert "Value null at 'roleName'" in invalid_for_iam("UntagRole", refused.value).message


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        # The words of AWS's JSON protocols: https://github.com/aws/aws-cdk/pull/27087
        ({"MaxResults": "5"}, "STRING_VALUE can not be converted to an Integer"),
        ({"NameContains": 5}, "NUMBER_VALUE can not be converted to a String"),
        ({"NameContains": True}, "TRUE_VALUE can not be converted to a String"),
        ({"NameContains": {}}, "Start of structure or map found where not expected"),
        ({"MaxResults": []}, "Start of list found where not expected"),
        ({"NameContains": 1}, "NUMBER_VALUE can not be converted to a String"),
    ],
)
def test_a_value_of_a_wrong_type_is_refused_before_anything_looks_at_it(request_, message):
    with pytest.raises(ApiError, match=message) as refused:
        check("ListEndpoints", **request_)
    assert refused.value.code == "SerializationException"


def test_a_null_in_a_list_is_called_that():
    for operation, member, kind in (("DeleteTags", "TagKeys", "String"), ("AddTags", "Tags", "structure")):
        with pytest.raises(ApiError, match=f"NULL_VALUE can not be converted to a {kind}"):
            check(operation, **{"ResourceArn": "arn:aws:sagemaker:us-east-1:1:x/y", member: [None]})


class Shop(ModelledService):
    """Stands in for the services, one of each protocol."""

    def __init__(self, service_name: str, validation_code: str = "ValidationException"):
        self.service_name = service_name
        self.validation_code = validation_code

    def describe_stacks(self, **request: Any) -> dict[str, Any]:
        raise ApiError("ChangeSetNotFound", "not <here>")

    def describe_endpoint(self, **request: Any) -> dict[str, Any]:
        raise ApiError("ResourceNotFound", "not <here>")

    def get_distribution(self, **request: Any) -> dict[str, Any]:
        raise ApiError("NoSuchDistribution", "not <here>")

    def invoke(self, **request: Any) -> dict[str, Any]:
        raise ApiError("TooManyRequestsException", "not <here>", Reason="busy")

    update_termination_protection = create_invalidation = describe_stacks


def ask(shop: Shop, method: str = "POST", path: str = "/", **request: Any) -> Response:
    answer = shop.handle(Request(EnvironBuilder(path=path, method=method, **request).get_environ()))
    assert answer is not None
    return answer


def text(answer: Response) -> str:
    return answer.get_data(as_text=True)


def document(answer: Response) -> dict[str, Any]:
    return json.loads(text(answer))


SAGEMAKER = {"X-Amz-Target": "SageMaker.DescribeEndpoint"}


def test_an_error_has_the_form_and_the_status_of_its_protocol():
    answer = ask(Shop("cloudformation"), data={"Action": "DescribeStacks", "Version": "2010-05-15"})
    assert (answer.status_code, answer.mimetype) == (404, "text/xml")
    assert "<Code>ChangeSetNotFound</Code><Message>not &lt;here&gt;</Message>" in text(answer)
    answer = ask(Shop("cloudfront"), "GET", "/2020-05-31/distribution/E1")
    assert (answer.status_code, answer.mimetype) == (404, "text/xml")
    assert "<Code>NoSuchDistribution</Code>" in text(answer)
    answer = ask(Shop("sagemaker"), headers=SAGEMAKER, data='{"EndpointName": "e"}')
    assert (answer.status_code, answer.mimetype) == (400, "application/x-amz-json-1.1")
    assert document(answer) == {
        "__type": "ResourceNotFound",
        "message": "not <here>",
        "Message": "not <here>",
    }
    answer = ask(Shop("lambda"), path="/2015-03-31/functions/f/invocations", data="{}")
    assert (answer.status_code, answer.mimetype) == (429, "application/json")
    assert answer.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    assert document(answer) == {"message": "not <here>", "Message": "not <here>", "Reason": "busy"}


def test_what_breaks_a_model_is_answered_with_the_services_own_code():
    form = {"Action": "UpdateTerminationProtection", "Version": "2010-05-15"}
    form["EnableTerminationProtection"] = "true"
    answer = ask(Shop("cloudformation", "ValidationError"), data=form)
    assert "<Code>ValidationError</Code>" in text(answer)
    assert "1 validation error detected: Value null at 'stackName' failed" in text(answer)
    # https://github.com/aws/aws-sdk-php/issues/1973
    answer = ask(Shop("cloudfront", "MalformedXML"), path="/2020-05-31/distribution/E1/invalidation")
    assert "<Code>MalformedXML</Code>" in text(answer)
    missing = "Value null at 'invalidationBatch' failed to satisfy constraint: Member must not be null"
    assert missing in text(answer)
    answer = ask(Shop("sagemaker"), headers=SAGEMAKER, data="{}")
    assert document(answer)["__type"] == "ValidationException"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/2015-03-31/functions", '{"Timeout": "soon"}'),
        ("PUT", "/2017-10-31/functions/f/concurrency", '{"ReservedConcurrentExecutions": {}}'),
    ],
)
def test_a_rest_request_with_a_value_of_a_wrong_type_is_refused(method, path, body):
    shop = Shop("lambda")
    shop.create_function = shop.put_function_concurrency = shop.invoke
    answer = ask(shop, method, path, data=body)
    assert (answer.status_code, answer.headers["x-amzn-ErrorType"]) == (400, "SerializationException")


def test_forms_and_documents_that_cannot_be_read_are_refused():
    shop = Shop("cloudformation", "ValidationError")
    shop.malformed_code = "ValidationError"
    shop.create_stack = shop.describe_stacks
    form = {"Action": "CreateStack", "Version": "2010-05-15", "StackName": "s", "TimeoutInMinutes": "soon"}
    answer = ask(shop, data=form)
    assert (answer.status_code, "<Code>ValidationError</Code>" in text(answer)) == (400, True)
    shop = Shop("cloudfront", "MalformedXML")
    shop.malformed_code = "MalformedXML"
    answer = ask(shop, path="/2020-05-31/distribution/E1/invalidation", data="<broken")
    assert (answer.status_code, "<Code>MalformedXML</Code>" in text(answer)) == (400, True)


@pytest.mark.parametrize("body", ["{", "[]", "[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused(body):
    answer = ask(Shop("sagemaker"), headers=SAGEMAKER, data=body)
    assert (answer.status_code, document(answer)["__type"]) == (400, "SerializationException")


@pytest.mark.parametrize(
    "members", ['"CreationTimeAfter": 1e300', '"CreationTimeAfter": -1e12', '"MaxResults": 1e999']
)
def test_a_number_that_is_too_large_for_what_it_means_is_refused(members):
    shop = Shop("sagemaker")
    shop.list_training_jobs = lambda **request: {"TrainingJobSummaries": []}
    answer = ask(shop, headers={"X-Amz-Target": "SageMaker.ListTrainingJobs"}, data=f"{{{members}}}")
    assert answer.status_code == 400
    assert document(answer)["__type"] in ("SerializationException", "ValidationException")


def test_json_has_texts_for_what_is_no_number():
    """As the protocols say: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html"""
    shop = Shop("sagemaker")
    values = (math.nan, math.inf, -math.inf, 1.5)
    metrics = [{"MetricName": "NaN", "Value": value, "Timestamp": 1} for value in values]
    shop.describe_training_job = lambda **request: {"FinalMetricDataList": metrics}
    answer = ask(
        shop, headers={"X-Amz-Target": "SageMaker.DescribeTrainingJob"}, data='{"TrainingJobName": "j"}'
    )
    told = json.loads(text(answer), parse_constant=pytest.fail)["FinalMetricDataList"]
    assert [each["Value"] for each in told] == ["NaN", "Infinity", "-Infinity", 1.5]


@pytest.mark.parametrize(
    ("service", "operation", "path", "members", "data"),
    [
        ("lambda", "invoke", "/2015-03-31/functions/f/invocations", {"Payload": b"NaN \xff"}, b"NaN \xff"),
        (
            "apigatewayv2",
            "export_api",
            "/v2/apis/a/exports/OAS30?outputType=YAML",
            {"body": b"default: NaN"},
            b"default: NaN",
        ),
    ],
)
def test_an_answer_that_is_data_stays_as_it_is(service, operation, path, members, data):
    shop = Shop(service)
    setattr(shop, operation, lambda **request: members)
    assert ask(shop, method="POST" if service == "lambda" else "GET", path=path).get_data() == data


@pytest.mark.parametrize("error", [NotImplementedError, RecursionError])
def test_what_the_front_door_answers_is_no_malformed_request(monkeypatch, error):
    class Parser:
        def __init__(self, model: Any):
            pass

        def parse(self, request: Any) -> Any:
            raise error

    monkeypatch.setitem(PROTOCOL_PARSERS, "json", Parser)
    with pytest.raises(error):
        ask(Shop("sagemaker"), headers=SAGEMAKER, data='{"EndpointName": "e"}')


def test_an_operation_that_is_missing_is_left_to_the_front_door():
    target = {"X-Amz-Target": "SageMaker.CreateLabelingJob"}
    request = Request(EnvironBuilder(method="POST", headers=target, data="{}").get_environ())
    assert Shop("sagemaker").handle(request) is None


def test_a_target_does_not_turn_an_invocation_into_another_call_for_iam(tmp_path):
    service = SageMakerService(Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None))
    builder = EnvironBuilder(path="/endpoints/e/invocations", method="POST", data="{}")
    request = Request(builder.get_environ())
    assert (call_of(request, "sagemaker").operation, service.handle(request).status_code) == (
        "InvokeEndpoint",
        400,
    )
    builder.headers["X-Amz-Target"] = "Anything.ListModels"
    request = Request(builder.get_environ())
    assert (call_of(request, "sagemaker").operation, service.handle(request)) == ("ListModels", None)


def test_cbor_and_s3_have_forms_of_their_own():
    error = ApiError("AccessDenied", "no", status=403)
    assert error_response("cbor", error).get_data().startswith(b"\xa2\x79\x00\x06__type")
    assert "<Error><Code>AccessDenied</Code>" in text(error_response("s3", error))
    assert error_response("s3", error, is_head=True).get_data() == b""
    assert document(error_response("json", error))["__type"] == "AccessDenied"


def test_pages_follow_each_other_to_the_end():
    first, token = page("abcde", None, 2)
    second, token = page("abcde", token, 2)
    last, end = page("abcde", token, 2)
    assert (first, second, last, end) == (["a", "b"], ["c", "d"], ["e"], None)
    for wrong in ("?", "LTE=", "a"):
        with pytest.raises(InvalidRequest, match="NextToken"):
            page("abcde", wrong, 2)


def test_an_invalid_host_name_is_ignored():
    headers = {"Host": f"{'a' * 64}.localhost"}
    request = Request(EnvironBuilder(path="/2015-03-31/functions", headers=headers).get_environ())
    assert call_of(request, "lambda").operation == "GET /2015-03-31/functions"


def test_botocore_takes_the_token_of_a_page_as_its_starting_token():
    shown, token = page(range(20), None, 10)
    assert shown == list(range(10)) and token is not None
    with pytest.raises(ValueError, match="Expecting value"):  # which botocore takes for a service's own token
        TokenDecoder().decode(token)
    assert page(range(20), token, 10) == (list(range(10, 20)), None)
