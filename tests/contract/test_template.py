"""infra/template.yaml as SAM expands it: who may do what, and what is there with and without a model."""

from __future__ import annotations

import copy
import importlib.util
import json
import re
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import boto3
import pytest
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from pipeline import comparison, containers, drift, hosting, image, served, stack
from pipeline.counts import NAMESPACE
from pipeline.settings import Settings
from selfhost.feedback import DEFAULT_RETENTION_DAYS
from sentiment.evaluation.drift import ALARM_IDS, LENGTHS

INFRA = Path(__file__).resolve().parents[2] / "infra"
WRITTEN = yaml_parse((INFRA / "template.yaml").read_text())

Resources = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def resources() -> Resources:
    """The resources that CloudFormation gets."""
    template = copy.deepcopy(WRITTEN)
    template["Resources"]["ApiFunction"]["Properties"]["CodeUri"] = "s3://bucket/code.zip"
    session = boto3.Session(region_name="us-east-1")
    return Translator({}, Parser(), boto_session=session).translate(template, parameter_values={})[
        "Resources"
    ]


def of_type(resources: Resources, kind: str) -> Resources:
    found = {name: resource for name, resource in resources.items() if resource["Type"] == kind}
    assert found, kind
    return found


def statements(resources: Resources, role: str) -> Iterator[tuple[set[str], list[Any]]]:
    """What a role may do: actions, and the resources on which."""
    properties = resources[role]["Properties"]
    assert "ManagedPolicyArns" not in properties, "AWS's managed policies allow more than one stack"
    for policy in properties["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            yield as_set(statement["Action"]), as_list(statement["Resource"])


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def as_set(value: str | list[str]) -> set[str]:
    return set(as_list(value))


def test_without_a_model_there_is_what_training_and_the_page_need_and_nothing_that_answers(resources):
    always = {name for name, resource in resources.items() if "Condition" not in resource}
    assert always == {
        "DataBucket",
        "DataBucketPolicy",
        "TrainingRole",
        "ImageRepository",
        "ImageBuild",
        "ImageBuildRole",
        "ImageBuildLogGroup",
        "WebsiteBucket",
        "WebsiteBucketPolicy",
        "OriginAccessControl",
        "SecurityHeaders",
        "Distribution",
    }
    outputs = {name for name, output in WRITTEN["Outputs"].items() if "Condition" not in output}
    assert outputs == {
        "DataBucketName",
        "TrainingRoleArn",
        "ImageRepositoryUri",
        "ImageBuildName",
        "WebsiteBucketName",
        "DistributionId",
        "WebsiteUrl",
    }
    assert set(stack.BOOTSTRAPPED) < outputs, "make bootstrap looks for what training and the image need"


def test_with_a_model_the_outputs_say_where_everything_is():
    outputs = {name for name, output in WRITTEN["Outputs"].items() if output.get("Condition") == "HasModel"}
    assert outputs == {"ApiUrl", "EndpointName", "FunctionName", "ModelName", "ContainerName"}
    assert not WRITTEN["Outputs"]["ApiUrl"]["Value"]["Fn::Sub"].endswith("/")


def test_every_parameter_has_a_default_so_that_the_first_deployment_needs_none():
    assert all("Default" in parameter for parameter in WRITTEN["Parameters"].values())
    assert WRITTEN["Parameters"]["ModelDataUrl"]["Default"] == ""


def test_no_bucket_is_public_plain_or_reachable_without_tls(resources):
    buckets = of_type(resources, "AWS::S3::Bucket")
    policies = {
        policy["Properties"]["Bucket"]["Ref"]: policy["Properties"]["PolicyDocument"]["Statement"]
        for policy in of_type(resources, "AWS::S3::BucketPolicy").values()
    }
    for name, bucket in buckets.items():
        properties = bucket["Properties"]
        assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(properties["PublicAccessBlockConfiguration"]) == 4
        assert properties["BucketEncryption"]
        assert "BucketName" not in properties
        assert bucket.get("DeletionPolicy", "Delete") == "Delete", "make destroy must undo it"
        denials = [statement for statement in policies[name] if statement["Effect"] == "Deny"]
        assert [denial["Condition"] for denial in denials] == [{"Bool": {"aws:SecureTransport": "false"}}]
        for statement in policies[name]:
            assert statement["Effect"] == "Deny" or statement["Principal"] != "*"
    assert buckets["DataBucket"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_the_page_is_read_by_its_own_distribution_only(resources):
    allowed = resources["WebsiteBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"][0]
    assert (allowed["Action"], allowed["Principal"]) == (
        "s3:GetObject",
        {"Service": "cloudfront.amazonaws.com"},
    )
    assert "${Distribution}" in allowed["Condition"]["StringEquals"]["AWS:SourceArn"]["Fn::Sub"]


def test_the_lambda_may_do_what_its_routes_need_and_nothing_else(resources):
    allowed = {frozenset(actions): on for actions, on in statements(resources, "ApiRole")}
    assert allowed == {
        frozenset({"sagemaker:InvokeEndpoint", "sagemaker:DescribeEndpoint"}): [{"Ref": "Endpoint"}],
        frozenset({"s3:GetObject"}): [{"Fn::Sub": "${DataBucket.Arn}/models/*/model.json"}],
        frozenset({"s3:PutObject", "s3:DeleteObject"}): [{"Fn::Sub": "${DataBucket.Arn}/feedback/*"}],
        frozenset({"s3:ListBucket"}): [{"Fn::GetAtt": ["DataBucket", "Arn"]}],
        frozenset({"logs:CreateLogStream", "logs:PutLogEvents"}): [
            {"Fn::GetAtt": ["FunctionLogGroup", "Arn"]}
        ],
    }
    [policy] = resources["ApiRole"]["Properties"]["Policies"]
    [listing] = [each for each in policy["PolicyDocument"]["Statement"] if each["Action"] == "s3:ListBucket"]
    assert listing["Condition"] == {"StringEquals": {"s3:prefix": "feedback/"}}
    assert resources["ApiFunction"]["Properties"]["Role"] == {"Fn::GetAtt": ["ApiRole", "Arn"]}


def test_the_roles_of_sagemaker_reach_no_bucket_but_the_stacks_own(resources):
    objects = {}
    for role in ("TrainingRole", "ModelRole"):
        for actions, on in statements(resources, role):
            for action in actions:
                if action.startswith("s3:"):
                    objects.setdefault((role, action), []).extend(on)
                    assert "DataBucket" in json.dumps(on)
                else:
                    assert action in (
                        "ecr:GetAuthorizationToken",
                        "ecr:BatchCheckLayerAvailability",
                        "ecr:BatchGetImage",
                        "ecr:GetDownloadUrlForLayer",
                        "logs:CreateLogGroup",
                        "logs:CreateLogStream",
                        "logs:DescribeLogStreams",
                        "logs:PutLogEvents",
                        "cloudwatch:PutMetricData",
                    )
                    # The two for which AWS knows no narrower resource.
                    if action not in ("ecr:GetAuthorizationToken", "cloudwatch:PutMetricData"):
                        assert "*" not in on
    # The endpoint reads models; it can neither list nor write.
    assert {key: on for key, on in objects.items() if key[0] == "ModelRole"} == {
        ("ModelRole", "s3:GetObject"): [{"Fn::Sub": "${DataBucket.Arn}/models/*"}]
    }
    # Training never overwrites the reviews it reads, nor a model in service.
    written = {on["Fn::Sub"] for on in objects["TrainingRole", "s3:PutObject"]}
    folders = ("training", "evaluation", "processing")
    assert written == {f"${{DataBucket.Arn}}/{folder}/*" for folder in folders}


def test_the_role_of_builds_reads_their_sources_and_pushes_into_the_stacks_repository_alone(resources):
    allowed = {frozenset(actions): on for actions, on in statements(resources, "ImageBuildRole")}
    pushes = [actions for actions in allowed if "ecr:PutImage" in actions]
    assert [allowed[actions] for actions in pushes] == [[{"Fn::GetAtt": ["ImageRepository", "Arn"]}]]
    reads = allowed[frozenset({"s3:GetObject", "s3:GetObjectVersion"})]
    assert reads == [{"Fn::Sub": "${DataBucket.Arn}/images/*"}]
    assert [actions for actions, on in allowed.items() if on == ["*"]] == [{"ecr:GetAuthorizationToken"}]


def test_both_roles_may_pull_the_stacks_own_image_and_awss_containers(resources):
    for role in ("TrainingRole", "ModelRole"):
        [on] = [on for actions, on in statements(resources, role) if "ecr:BatchGetImage" in actions]
        assert {"Fn::GetAtt": ["ImageRepository", "Arn"]} in on
        patterns = [each["Fn::Sub"].rpartition("/")[2] for each in on if "Fn::Sub" in each]
        for pulled in (containers.TRAINING, containers.HOSTING["pytorch"]):
            assert any(fnmatch(pulled.repository, pattern) for pattern in patterns)


def test_the_containers_are_those_of_the_table_and_none_is_chosen_that_nobody_looks_after():
    parameters = WRITTEN["Parameters"]
    assert parameters["Container"]["AllowedValues"] == list(containers.HOSTING)
    assert parameters["Container"]["Default"] == containers.DEFAULT_CONTAINER
    # The image of the default is the stack's own, so that no address can be written here.
    assert parameters["ImageUri"]["Default"] == ""
    assert WRITTEN["Resources"]["Model"]["Properties"]["PrimaryContainer"]["Image"] == {"Ref": "ImageUri"}


def test_a_build_gets_what_its_commands_name(resources):
    project = resources["ImageBuild"]["Properties"]
    given = {each["Name"] for each in project["Environment"]["EnvironmentVariables"]}
    assert set(re.findall(r"\$(\w+)", project["Source"]["BuildSpec"])) == given
    assert f"--file {image.DOCKERFILE} " in project["Source"]["BuildSpec"]
    assert " ".join(image.BUILDERS["docker"]) in project["Source"]["BuildSpec"]


def test_a_new_model_replaces_what_it_must_and_leaves_the_endpoint_in_place(resources):
    for name, own_name in (("Model", "ModelName"), ("EndpointConfig", "EndpointConfigName")):
        assert own_name not in resources[name]["Properties"], "a fixed name cannot be replaced"
    assert resources["Model"]["Properties"]["PrimaryContainer"]["ModelDataUrl"] == {"Ref": "ModelDataUrl"}
    [variant] = resources["EndpointConfig"]["Properties"]["ProductionVariants"]
    assert variant["ModelName"] == {"Fn::GetAtt": ["Model", "ModelName"]}
    assert resources["Endpoint"]["Properties"]["EndpointConfigName"] == {
        "Fn::GetAtt": ["EndpointConfig", "EndpointConfigName"]
    }


def test_only_the_page_may_call_the_api_and_only_so_fast(resources):
    [api] = of_type(resources, "AWS::ApiGatewayV2::Api").values()
    cors = api["Properties"]["Body"]["x-amazon-apigateway-cors"]
    assert cors["allowOrigins"] == [{"Fn::Sub": "https://${Distribution.DomainName}"}]
    assert "retry-after" in cors["exposeHeaders"]
    assert set(cors["allowMethods"]) == {"GET", "POST", "DELETE"}
    assert "etag" in cors["exposeHeaders"]
    [stage] = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert stage["Properties"]["DefaultRouteSettings"]["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
    line = json.loads(stage["Properties"]["AccessLogSettings"]["Format"])
    assert line["requestId"] == "$context.requestId"


def test_every_route_of_the_contract_is_there_and_all_else_reaches_the_function_too(resources):
    [api] = of_type(resources, "AWS::ApiGatewayV2::Api").values()
    contract = yaml_parse((INFRA / "openapi.yaml").read_text())["paths"]
    routes = {(path, method) for path, methods in contract.items() for method in methods}
    paths = api["Properties"]["Body"]["paths"]
    # SAM makes each path depend on the condition of the function.
    made = {(path, method) for path, either in paths.items() for method in either["Fn::If"][1]}
    assert made == routes | {("$default", "x-amazon-apigateway-any-method")}


def test_texts_of_people_are_logged_only_on_demand_and_votes_not_kept_for_ever(resources):
    assert WRITTEN["Parameters"]["LogReviews"]["Default"] == "false"
    environment = resources["ApiFunction"]["Properties"]["Environment"]["Variables"]
    assert environment["LOG_REVIEWS"] == {"Ref": "LogReviews"}
    rules = resources["DataBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    [feedback] = [rule for rule in rules if rule.get("Prefix") == "feedback/"]
    assert feedback["ExpirationInDays"] == {"Ref": "FeedbackRetentionDays"}
    assert feedback["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}, "of what people take back"
    days = WRITTEN["Parameters"]["FeedbackRetentionDays"]["Default"]
    assert days == DEFAULT_RETENTION_DAYS, "as in the self-hosted folder"


def test_the_function_finds_in_its_environment_what_it_reads_there(resources):
    read = set()
    for file in (INFRA.parent / "lambda").rglob("*.py"):
        read |= set(re.findall(r'os\.environ\["(\w+)"\]', file.read_text()))
    assert read == set(resources["ApiFunction"]["Properties"]["Environment"]["Variables"])


def test_a_new_model_that_is_tried_has_an_endpoint_of_its_own_and_comes_and_goes_whole(resources):
    tried = {name for name, resource in resources.items() if resource.get("Condition") == "HasCanary"}
    assert {"CanaryModel", "CanaryEndpointConfig", "CanaryEndpoint", "CanaryAccess"} < tried
    assert all(name.startswith("Canary") for name in tried)
    canary, model = (resources[name]["Properties"]["PrimaryContainer"] for name in ("CanaryModel", "Model"))
    assert canary["Environment"] == model["Environment"]
    # What the function may ask goes after the function has let go of it, and comes before.
    environment = resources["ApiFunction"]["Properties"]["Environment"]["Variables"]
    assert {"Ref": "CanaryAccess"} in environment["CANARY_ENDPOINT_NAME"]["Fn::If"][1]["Fn::Select"][1]
    [statement] = resources["CanaryAccess"]["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Resource"] == {"Ref": "CanaryEndpoint"}
    # What `make deploy CANARY=10` sets and takes back are all of its parameters, at their defaults.
    parameters = {
        name: given["Default"] for name, given in WRITTEN["Parameters"].items() if name.startswith("Canary")
    }
    assert parameters == served.NO_CANARY


def test_the_alarms_watch_metrics_that_the_function_writes(resources):
    logs = (INFRA.parent / "lambda" / "sentiment_api" / "logs.py").read_text()
    counts = (INFRA.parent / "lambda" / "sentiment_api" / "measures.py").read_text()
    alarms = [alarm["Properties"] for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values()]
    metrics = [alarm for alarm in alarms if "MetricName" in alarm]
    metrics += [
        query["MetricStat"]["Metric"]
        for alarm in alarms
        for query in alarm.get("Metrics", [])
        if "MetricStat" in query
    ]
    own = [metric for metric in metrics if not metric["Namespace"].startswith("AWS/")]
    by_model = [metric for metric in own if metric["Dimensions"][1]["Name"] == "Model"]
    by_code = [metric for metric in own if metric not in by_model]
    assert (len(by_code), len(by_model)) == (2, 20)
    for metric in own:
        assert f'NAMESPACE = "{metric["Namespace"]}"' in logs
    for metric in by_code:
        assert [each["Name"] for each in metric["Dimensions"]] == ["Stack", "Code"]
        assert f'_directive(["Stack", "Code"], ("{metric["MetricName"]}", "Count"))' in logs
    for metric in by_model:
        assert [each["Name"] for each in metric["Dimensions"]] == ["Stack", "Model"]
        assert f'"{metric["MetricName"]}"' in counts
    read = {*comparison.METRICS, *drift.METRICS}
    assert read >= {metric["MetricName"] for metric in by_model}
    assert f'NAMESPACE = "{NAMESPACE}"' in logs


def test_the_alarm_on_drift_names_what_its_formula_names(resources):
    alarm = resources["DriftAlarm"]
    assert alarm["Condition"] == "HasDriftFormula", "a stack without the formula has none"
    queries = alarm["Properties"]["Metrics"]
    stats = {each["Id"]: each["MetricStat"] for each in queries if "MetricStat" in each}
    ids = {stat["Metric"]["MetricName"]: place for place, stat in stats.items()}
    assert ids == ALARM_IDS
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-limits.html
    assert len(ids) <= 10
    number, formula = (each for each in queries if "Expression" in each)
    lengths = " + ".join(ids[name] for name in LENGTHS)
    assert (number["Id"], number["Expression"], number["ReturnData"]) == ("n", lengths, False)
    assert formula["Expression"] == {"Ref": "DriftFormula"}
    assert {stat["Period"] for stat in stats.values()} == {24 * 3600}
    assert Settings().window == "24h", "`make drift` looks as far back"


def test_no_log_is_kept_for_ever_and_every_one_has_its_group_before_it_is_written(resources):
    groups = of_type(resources, "AWS::Logs::LogGroup")
    assert set(groups) == {
        "EndpointLogGroup",
        "CanaryEndpointLogGroup",
        "FunctionLogGroup",
        "ApiLogGroup",
        "ImageBuildLogGroup",
    }
    for group in groups.values():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert "EndpointLogGroup" in as_list(resources["Endpoint"]["DependsOn"])
    assert "CanaryEndpointLogGroup" in as_list(resources["CanaryEndpoint"]["DependsOn"])
    assert "FunctionLogGroup" in as_list(resources["ApiFunction"]["DependsOn"])
    function = resources["ApiFunction"]["Properties"]["FunctionName"]["Fn::Sub"]
    assert groups["FunctionLogGroup"]["Properties"]["LogGroupName"]["Fn::Sub"] == f"/aws/lambda/{function}"


def test_every_alarm_tells_the_topic_if_there_is_one(resources):
    told = [{"Fn::If": ["HasAlarmEmail", {"Ref": "AlarmTopic"}, {"Ref": "AWS::NoValue"}]}]
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == told
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching", "a time without traffic is no alarm"


def test_the_function_has_time_to_answer_before_the_gateway_gives_up_and_a_handler_that_exists(monkeypatch):
    function = WRITTEN["Resources"]["ApiFunction"]["Properties"]
    code = (INFRA / function["CodeUri"]).resolve()
    module, _, name = function["Handler"].rpartition(".")
    monkeypatch.syspath_prepend(str(code))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    source = Path(importlib.util.find_spec(module).origin)
    assert source.is_relative_to(code)
    assert f"def {name}(event" in source.read_text()

    endpoint = (source.parent / "endpoint.py").read_text()
    connect = float(re.search(r"^CONNECT_SECONDS = (\d+)$", endpoint, re.MULTILINE)[1])
    answer = float(function["Environment"]["Variables"]["ANSWER_SECONDS"])
    # A second is for the answer to the person, the rest for a first try that was refused at once.
    assert connect + answer + 1 < function["Timeout"] - 3
    assert function["Timeout"] < 30


def test_sam_deploy_asks_nothing():
    options = tomllib.loads((INFRA / "samconfig.toml").read_text())["default"]["deploy"]["parameters"]
    assert options["confirm_changeset"] is False
    assert options["fail_on_empty_changeset"] is False
    assert options["resolve_s3"] is True
    assert options["capabilities"] == "CAPABILITY_IAM", "no role has a name of its own"


def test_the_endpoint_is_serverless_or_on_instances_whose_number_may_follow_the_load(resources):
    variant = resources["EndpointConfig"]["Properties"]["ProductionVariants"][0]
    nothing = {"Ref": "AWS::NoValue"}
    assert variant["InstanceType"] == {"Fn::If": ["HasInstances", {"Ref": "InstanceType"}, nothing]}
    assert variant["InitialInstanceCount"] == {"Fn::If": ["HasInstances", {"Ref": "InstanceCount"}, nothing]}
    condition, on_instances, serverless = variant["ServerlessConfig"]["Fn::If"]
    assert (condition, on_instances) == ("HasInstances", nothing)
    assert serverless["ProvisionedConcurrency"]["Fn::If"][0] == "HasProvisioned"
    target, policy = resources["ScalingTarget"], resources["ScalingPolicy"]
    assert target["Condition"] == policy["Condition"] == "HasScaling"
    tracked = policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]
    metric = tracked["PredefinedMetricSpecification"]["PredefinedMetricType"]
    # https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-scaling-cloudformation.html
    assert metric == "SageMakerVariantInvocationsPerInstance"
    assert target["Properties"]["ScalableDimension"] == "sagemaker:variant:DesiredInstanceCount"
    assert set(WRITTEN["Parameters"]["Container"]["AllowedValues"]) == set(containers.HOSTING)
    chosen = hosting.Hosting("ml.m5.large", 2, (2, 10)).parameters()
    assert chosen.keys() <= WRITTEN["Parameters"].keys()
