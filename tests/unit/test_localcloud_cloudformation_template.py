"""Reading templates, parameters and intrinsic functions, and checking properties against AWS's schemas."""

import re

import pytest
from botocore.exceptions import ClientError

from localcloud.cloudformation import failures, property_checks, schemas, template
from localcloud.cloudformation.dynamic_references import is_reference
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.intrinsics import UNKNOWN, Evaluator, references
from localcloud.cloudformation.resources import PROVIDERS
from localcloud.cloudformation.template_references import _variables as sub_variables
from localcloud.cloudformation.template_references import check_references, check_types
from localcloud.cloudformation.transform import expand
from localcloud.protocol import ApiError

BUCKET = "Resources:\n  Bucket:\n    Type: AWS::S3::Bucket\n"


def evaluator(document=None, **parameters):
    def unknown(*names):
        raise ValidationError(f"unknown {names}")

    return Evaluator(
        template=document or {},
        parameters=parameters,
        pseudo={"AWS::Region": "eu-central-1", "AWS::StackName": "shop"},
        ref=lambda name: {"Bucket": "shop-bucket"}.get(name) or unknown(name),
        attribute=lambda name, attribute: f"{name}!{attribute}",
        imported=lambda name: f"imported {name}",
    )


def test_short_forms_and_dates_are_read_as_cloudformation_reads_them():
    document = template.load(
        """
AWSTemplateFormatVersion: 2010-09-09
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties: &unused
      BucketName: !Sub "${AWS::StackName}-x"
      Tags: [{Key: arn, Value: !GetAtt Other.Nested.Arn}]
"""
    )
    assert document["AWSTemplateFormatVersion"] == "2010-09-09"
    properties = document["Resources"]["Bucket"]["Properties"]
    assert properties["BucketName"] == {"Fn::Sub": "${AWS::StackName}-x"}
    assert properties["Tags"][0]["Value"] == {"Fn::GetAtt": ["Other", "Nested.Arn"]}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Resources: {}", "At least one Resources member"),
        ("Resources:\n  A: {Type: X}\n  A: {Type: Y}", "duplicate key A"),
        ("Resources:\n  A: {Typ: X}", "must contain a Type"),
        ("Resources:\n  a-b: {Type: X}", "non alphanumeric"),
        ("{not json", "Template format error"),
        ("Resources:\n  A: &a {Type: X}\n  B: *a", "YAML aliases are not allowed"),
        ("Resorces: {}", "Resorces"),
        ("Parameters: {A: {Type: String}}\nResources:\n  A: {Type: X}", "both a parameter and a resource"),
        ("Resources:\n  A: {Type: X, CreationPolicy: {}}", "CreationPolicy"),
        ("Description: {a: b}\n" + BUCKET, "Every Description member must be a string"),
        ("Description:\n" + BUCKET, r"\[/Description\] 'null' values are not allowed in templates"),
        (
            # as users of the CDK report, whose descriptions with a region become functions
            BUCKET + "Outputs: {O: {Value: x, Description: !Ref AWS::Region}}",
            "Every Description member must be a string",
        ),
        (
            "Parameters: {P: {Type: String, AllowedPattern: [a]}}\n" + BUCKET,
            "Every AllowedPattern member must be a string",
        ),
        (BUCKET + "Outputs: {O: {Value: [a]}}", r"must evaluate to a String and not a List\.$"),
        (BUCKET + "Outputs: {O: {Value: {Condition: a}}}", r"must evaluate to a String and not a Map\.$"),
    ],
)
def test_broken_templates_say_what_is_wrong(body, message):
    with pytest.raises(ValidationError, match=message):
        template.load(body)


@pytest.mark.parametrize(
    "body",
    [
        BUCKET
        + "    Metadata: {Of: !If [Never, !FindInMap [M, a, b], x]}\nConditions: {Never: !Equals [a, b]}",
        BUCKET + "Conditions: {C: !Equals [!FindInMap [M, a, b], c]}",
        BUCKET + "Mappings: {N: {a: {b: c}}}\nOutputs: {O: {Value: !FindInMap [M, a, b]}}",
    ],
)
def test_a_mapping_that_the_template_does_not_have_is_named(body):
    """The words are those that users report (README.rst of https://github.com/zalando-stups/senza)."""
    message = "Template error: Mapping named 'M' is not present in the 'Mappings' section of template."
    with pytest.raises(ValidationError, match=re.escape(message)):
        check_references(template.load(body))


def test_parameters_take_given_previous_and_default_values():
    document = template.load(
        "Parameters:\n"
        "  A: {Type: String, Default: a}\n"
        "  B: {Type: Number}\n"
        "  C: {Type: String, Default: c}\n" + BUCKET
    )
    given = [
        {"ParameterKey": "B", "UsePreviousValue": True},
        {"ParameterKey": "C", "ParameterValue": ""},
    ]
    assert template.parameter_values(None, document, given, {"B": "5"}) == {"A": "a", "B": "5", "C": ""}


@pytest.mark.parametrize(
    ("value", "message"),
    [("7", "AllowedValues"), ("", "AllowedValues"), ("x", "AllowedValues")],
)
def test_values_that_are_not_allowed_are_refused(value, message):
    document = template.load("Parameters:\n  Size: {Type: Number, AllowedValues: [1, 2]}\n" + BUCKET)
    with pytest.raises(ValidationError, match=message):
        template.parameter_values(None, document, [{"ParameterKey": "Size", "ParameterValue": value}], {})


def test_missing_and_unknown_parameters_are_named():
    document = template.load("Parameters:\n  Size: {Type: Number}\n" + BUCKET)
    with pytest.raises(ValidationError, match=r"\[Size\] must have values"):
        template.parameter_values(None, document, [], {})
    with pytest.raises(ValidationError, match=r"\[Sise\] do not exist"):
        template.parameter_values(None, document, [{"ParameterKey": "Sise", "ParameterValue": "1"}], {})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Bucket"}, "shop-bucket"),
        ({"Ref": "AWS::Region"}, "eu-central-1"),
        (
            {"Fn::Sub": "${Bucket}/${Bucket.Arn}/${!literal}/${AWS::StackName}"},
            "shop-bucket/Bucket!Arn/${literal}/shop",
        ),
        ({"Fn::Sub": ["${x}-${Size}", {"x": {"Ref": "Bucket"}}]}, "shop-bucket-3"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}]]}, "a-3"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::If": ["Big", "big", "small"]}, "small"),
        ({"Fn::If": ["Small", {"Fn::GetAtt": ["Bucket", "Arn"]}, {"Ref": "Nowhere"}]}, "Bucket!Arn"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Fn::FindInMap": ["Sizes", "eu-central-1", "n"]}, 4),
        ({"Fn::ImportValue": {"Fn::Sub": "${AWS::StackName}-vpc"}}, "imported shop-vpc"),
        ({"Fn::Base64": "hi"}, "aGk="),
    ],
)
def test_intrinsic_functions(expression, value):
    document = {
        "Conditions": {
            "Big": {"Fn::Equals": [{"Ref": "Size"}, "4"]},
            "Small": {"Fn::And": [{"Fn::Not": [{"Condition": "Big"}]}, {"Fn::Equals": [3, {"Ref": "Size"}]}]},
        },
        "Mappings": {"Sizes": {"eu-central-1": {"n": 4}}},
    }
    assert evaluator(document, Size="3").value(expression) == value


def test_unknown_functions_and_wrong_arguments_are_errors():
    with pytest.raises(ValidationError, match="Fn::Transform"):
        evaluator().value({"Fn::Transform": {}})
    with pytest.raises(ValidationError, match="Fn::Select"):
        evaluator().value({"Fn::Select": [5, ["a"]]})


def test_references_are_found_in_taken_branches_only():
    document = {"Conditions": {"No": {"Fn::Equals": ["a", "b"]}}}
    expression = [
        {"Fn::If": ["No", {"Ref": "Skipped"}, {"Fn::GetAtt": "Taken.Arn"}]},
        {"Fn::Sub": ["${InText.Arn} ${local}", {"local": {"Ref": "Mapped"}}]},
    ]
    assert references(expression, evaluator(document)) == {"Taken", "InText", "Mapped"}


@pytest.mark.slow
def test_values_get_the_types_of_the_schema():
    typed = schemas.typed(
        "AWS::Lambda::Function",
        {"Timeout": "29", "Environment": {"Variables": {"N": 5, "B": True}}, "Architectures": ["arm64"]},
    )
    assert typed["Timeout"] == 29
    assert typed["Environment"]["Variables"] == {"N": "5", "B": "true"}
    with pytest.raises(ResourceFailed, match="Timeout"):
        schemas.typed("AWS::Lambda::Function", {"Timeout": "long"})


def test_misspelt_and_missing_properties_are_found_at_any_depth():
    found = property_checks.problems(
        "AWS::S3::Bucket",
        {"BucketNam": "x", "LifecycleConfiguration": {"Rules": [{"ExpirationInDay": 3}]}},
    )
    assert "Encountered unsupported property BucketNam" in found
    assert "Encountered unsupported property LifecycleConfiguration/Rules/0/ExpirationInDay" in found
    assert "#/LifecycleConfiguration/Rules/0: required key [Status] not found" in found


def test_the_schemas_know_what_replaces_a_resource():
    assert "BucketName" in schemas.create_only("AWS::S3::Bucket")
    assert "PrimaryContainer" in schemas.create_only("AWS::SageMaker::Model")
    assert "EndpointConfigName" not in schemas.create_only("AWS::SageMaker::Endpoint")


FUNCTION = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Timeout: 7}}
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: app.handler
      CodeUri: s3://bucket/code.zip
      Policies: [AmazonSageMakerReadOnly]
      Events: {Get: {Type: HttpApi, Properties: {Path: /hello, Method: GET}}}
"""


def test_the_sam_transform_expands_functions_routes_and_managed_policies():
    document = template.load(FUNCTION)
    expanded = expand(document, {}, "eu-central-1")
    types = {resource["Type"] for resource in expanded["Resources"].values()}
    assert {"AWS::Lambda::Function", "AWS::Lambda::Permission", "AWS::IAM::Role"} <= types
    assert {"AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::Stage"} <= types
    assert expanded["Resources"]["Hello"]["Properties"]["Timeout"] == 7
    assert "Transform" not in expanded
    policies = expanded["Resources"]["HelloRole"]["Properties"]["ManagedPolicyArns"]
    assert "arn:aws:iam::aws:policy/AmazonSageMakerReadOnly" in policies
    assert document == template.load(FUNCTION), "the template as written must stay as it is"


def test_sam_errors_and_other_transforms_are_reported():
    document = template.load(FUNCTION.replace("      Runtime: python3.12\n", ""))
    with pytest.raises(ValidationError, match=r"\[Hello\].*Runtime"):
        expand(document, {}, "us-east-1")
    with pytest.raises(ValidationError, match="MyMacro"):
        template.load("Transform: MyMacro\n" + BUCKET)
    without = FUNCTION.replace("Transform: AWS::Serverless-2016-10-31\n", "").replace("Globals", "Metadata")
    with pytest.raises(ValidationError, match=r"Unrecognized resource types: \[AWS::Serverless::Function\]"):
        check_types(template.load(without))


@pytest.mark.parametrize(
    ("kind", "properties", "message"),
    [
        ("AWS::Logs::LogGroup", {"RetentionInDays": 2}, "#/RetentionInDays: 2 is not a valid enum value"),
        ("AWS::Logs::LogGroup", {"RetentionInDays": "2"}, "#/RetentionInDays: 2 is not a valid enum value"),
        ("AWS::Logs::LogGroup", {"LogGroupName": "a b"}, "#/LogGroupName: failed validation constraint"),
        ("AWS::Lambda::Function", {"Timeout": 0}, "#/Timeout: 0 is not greater or equal to 1"),
        ("AWS::Lambda::Function", {"MemorySize": 64}, "#/MemorySize: 64 is not greater or equal to 128"),
        ("AWS::Lambda::Function", {"Role": "me"}, "#/Role: failed validation constraint"),
        ("AWS::CloudWatch::Alarm", {"ComparisonOperator": "Foo"}, "Foo is not a valid enum value"),
        ("AWS::CloudWatch::Alarm", {"Statistic": "Sum", "ExtendedStatistic": "p9"}, "Statistic"),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {}, "Path": "a"}, "#/Path: failed validation"),
        ("AWS::S3::Bucket", {"VersioningConfiguration": {"Status": "On"}}, "On is not a valid enum value"),
        ("AWS::S3::Bucket", {"Tags": [{"Key": "a"}]}, r"#/Tags/0: required key \[Value\] not found"),
        ("AWS::S3::Bucket", {"VersioningConfiguration": []}, "expected type: JSONObject, found: JSONArray"),
        (
            "AWS::ApiGatewayV2::Api",
            {"CorsConfiguration": {"AllowMethods": "GET"}},
            "#/CorsConfiguration/AllowMethods: expected type: JSONArray, found: String",
        ),
        (
            "AWS::SNS::Topic",
            {"DisplayName": {"a": 1}},
            "#/DisplayName: expected type: String, found: JSONObj",
        ),
    ],
)
def test_values_are_checked_by_the_schemas(kind, properties, message):
    found = property_checks.problems(kind, properties)
    assert any(re.search(message, one) for one in found), found


def test_values_that_are_not_known_yet_pass():
    unknown = {"RetentionInDays": UNKNOWN, "LogGroupName": "{{resolve:secretsmanager:a b}}"}
    assert property_checks.problems("AWS::Logs::LogGroup", unknown) == []


@pytest.mark.parametrize("kind", sorted(PROVIDERS))
def test_getatt_reads_only_what_the_type_returns(kind):
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

    returned = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).get_atts
    assert PROVIDERS[kind].attributes <= set(returned)


# https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-test-contract-errors.html
@pytest.mark.parametrize(
    ("code", "message", "handler_code"),
    [
        ("EntityAlreadyExists", "", "AlreadyExists"),
        ("BucketAlreadyOwnedByYou", "", "AlreadyExists"),
        ("NoSuchEntity", "", "NotFound"),
        ("ResourceNotFoundException", "", "NotFound"),
        ("ValidationException", 'Could not find model "arn:aws:sagemaker:x".', "NotFound"),
        ("ValidationException", "1 validation error detected", "InvalidRequest"),
        ("InvalidParameterValueException", "", "InvalidRequest"),
        ("AccessDeniedException", "", "AccessDenied"),
        ("ConflictException", "", "ResourceConflict"),
        ("ResourceConflictException", "", "ResourceConflict"),
        ("ResourceInUse", "", "ResourceConflict"),
        ("ResourceInUseException", "", "ResourceConflict"),
        ("DeleteConflict", "", "ResourceConflict"),
        ("LimitExceeded", "", "ServiceLimitExceeded"),
        ("LimitExceededException", "", "ServiceLimitExceeded"),
        ("ResourceLimitExceeded", "", "ServiceLimitExceeded"),
        ("Throttling", "", "Throttling"),
        ("ThrottlingException", "", "Throttling"),
        ("BucketNotEmpty", "", "GeneralServiceException"),
    ],
)
def test_the_error_of_a_service_has_the_code_of_a_handler(code, message, handler_code):
    answer = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    reason = failures.reason("AWS::SageMaker::Model", ClientError(answer, "DoIt"))
    assert reason.endswith(f"HandlerErrorCode: {handler_code})")


@pytest.mark.parametrize("text", ["1_000", " 7 ", "\u0663", "1.5"])
def test_a_text_that_only_python_reads_as_an_integer_is_refused(text):
    with pytest.raises(ResourceFailed, match="#/MemorySize: expected type: Integer, found: String"):
        schemas.typed("AWS::Lambda::Function", {"MemorySize": text})


def test_a_function_whose_logging_is_not_known_yet_is_not_refused():
    for logging in (UNKNOWN, {"LogFormat": UNKNOWN, "LogGroup": UNKNOWN}):
        PROVIDERS["AWS::Lambda::Function"].check(None, {"LoggingConfig": logging})
    with pytest.raises(ApiError, match="logs in JSON"):
        PROVIDERS["AWS::Lambda::Function"].check(
            None, {"LoggingConfig": {"LogFormat": "JSON", "LogGroup": UNKNOWN}}
        )


MEGABYTE = 1_000_000


def test_variables_that_are_not_closed_are_refused_in_a_megabyte_of_them():
    text = "${Name}" + "${" * (MEGABYTE // 2)
    with pytest.raises(ValidationError, match="variable names in Fn::Sub"):
        sub_variables(text)
    assert references({"Fn::Sub": text}, evaluator()) == {"Name"}
    assert evaluator({}, Name="x").value({"Fn::Sub": text}) == text.replace("${Name}", "x")


@pytest.mark.parametrize("end", ["", "}"])
def test_references_that_are_not_closed_are_none_in_a_megabyte_of_them(end):
    text = "{{resolve:ssm:a" * (MEGABYTE // 15) + end
    assert not is_reference(text)
    assert is_reference(f"{text}}}-{{{{resolve:ssm:b}}}}")
