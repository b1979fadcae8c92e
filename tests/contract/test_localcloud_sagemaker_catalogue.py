"""What SageMaker only stores: experiments, the model registry, model cards, tags, Search and empty lists."""

import datetime
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import aws

__all__ = ["aws"]


def refused(call, **request) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**request)
    answer = error.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] < 500
    return answer["Error"]["Code"], answer["Error"]["Message"]


# The codes are those of the operations' models in botocore; where an operation has no error for it, AWS
# answers ValidationException (https://github.com/aws/aws-sdk/issues/165).
@pytest.mark.parametrize(
    ("operation", "request_", "code"),
    [
        ("describe_experiment", {"ExperimentName": "nope"}, "ResourceNotFound"),
        ("update_experiment", {"ExperimentName": "nope", "Description": "x"}, "ResourceNotFound"),
        ("delete_experiment", {"ExperimentName": "nope"}, "ResourceNotFound"),
        ("create_trial", {"TrialName": "t", "ExperimentName": "nope"}, "ResourceNotFound"),
        ("describe_trial", {"TrialName": "nope"}, "ResourceNotFound"),
        ("update_trial", {"TrialName": "nope", "DisplayName": "x"}, "ResourceNotFound"),
        ("delete_trial", {"TrialName": "nope"}, "ResourceNotFound"),
        ("list_trials", {"ExperimentName": "nope"}, "ResourceNotFound"),
        ("describe_trial_component", {"TrialComponentName": "nope"}, "ResourceNotFound"),
        ("update_trial_component", {"TrialComponentName": "nope"}, "ResourceNotFound"),
        ("delete_trial_component", {"TrialComponentName": "nope"}, "ResourceNotFound"),
        (
            "associate_trial_component",
            {"TrialComponentName": "nope", "TrialName": "nope"},
            "ResourceNotFound",
        ),
        ("describe_model_package", {"ModelPackageName": "nope"}, "ValidationException"),
        ("delete_model_package", {"ModelPackageName": "nope"}, "ValidationException"),
        ("describe_model_package_group", {"ModelPackageGroupName": "nope"}, "ValidationException"),
        ("delete_model_package_group", {"ModelPackageGroupName": "nope"}, "ValidationException"),
        ("create_model_package", {"ModelPackageGroupName": "nope"}, "ValidationException"),
        ("list_model_packages", {"ModelPackageGroupName": "nope"}, "ValidationException"),
        ("describe_model_card", {"ModelCardName": "nope"}, "ResourceNotFound"),
        ("delete_model_card", {"ModelCardName": "nope"}, "ResourceNotFound"),
        ("list_model_card_versions", {"ModelCardName": "nope"}, "ResourceNotFound"),
    ],
)
def test_missing_records_are_modelled_errors(aws, operation, request_, code):
    assert refused(getattr(aws.sagemaker, operation), **request_)[0] == code


def test_metrics_of_a_missing_component_are_refused_and_of_another_summed_up(aws):
    metrics = aws.cloud.client("sagemaker-metrics")
    data = [
        {"MetricName": "loss", "Timestamp": time.time(), "Step": step, "Value": value}
        for step, value in enumerate((3.0, 1.0, 2.0))
    ]
    code, _ = refused(metrics.batch_put_metrics, TrialComponentName="nope", MetricData=data)
    assert code == "ResourceNotFound"
    aws.sagemaker.create_trial_component(TrialComponentName="measured")
    metrics.batch_put_metrics(TrialComponentName="measured", MetricData=data)
    [loss] = aws.sagemaker.describe_trial_component(TrialComponentName="measured")["Metrics"]
    assert [loss[name] for name in ("Max", "Min", "Last", "Avg", "Count")] == [3.0, 1.0, 2.0, 2.0, 3]


def test_metrics_whose_sum_no_number_can_hold_are_summed_up(aws):
    data = [
        {"MetricName": "loss", "Timestamp": time.time(), "Step": step, "Value": 1e308} for step in range(2)
    ]
    aws.sagemaker.create_trial_component(TrialComponentName="huge")
    aws.cloud.client("sagemaker-metrics").batch_put_metrics(TrialComponentName="huge", MetricData=data)
    [loss] = aws.sagemaker.describe_trial_component(TrialComponentName="huge")["Metrics"]
    assert (loss["Avg"], loss["StdDev"]) == (1e308, 0.0)


def test_an_experiment_from_creation_to_deletion(aws):
    sagemaker = aws.sagemaker
    sagemaker.create_experiment(
        ExperimentName="sentiment", Description="old", Tags=[{"Key": "a", "Value": "1"}]
    )
    # AWS's words; SDK v2 looks for "already exists".
    assert refused(sagemaker.create_experiment, ExperimentName="sentiment") == (
        "ValidationException",
        "Experiment names must be unique within an AWS account and region. Experiment with name (sentiment) "
        "already exists.",
    )
    sagemaker.update_experiment(ExperimentName="sentiment", Description="new")
    told = sagemaker.describe_experiment(ExperimentName="sentiment")
    assert (told["Description"], told["DisplayName"]) == ("new", "sentiment")
    sagemaker.create_trial(TrialName="first", ExperimentName="sentiment")
    sagemaker.create_trial_component(
        TrialComponentName="part", Parameters={"lr": {"NumberValue": 0.1}, "old": {"StringValue": "x"}}
    )
    sagemaker.associate_trial_component(TrialComponentName="part", TrialName="first")
    # What is both given and to be removed is removed (test_save of SDK v2's
    # tests/integ/sagemaker/experiments/test_trial_component.py).
    arn = sagemaker.update_trial_component(
        TrialComponentName="part",
        Parameters={"epochs": {"NumberValue": 3}, "new": {"StringValue": "x"}},
        ParametersToRemove=["old", "new"],
    )["TrialComponentArn"]
    part = sagemaker.describe_trial_component(TrialComponentName=arn)
    assert part["Parameters"] == {"lr": {"NumberValue": 0.1}, "epochs": {"NumberValue": 3.0}}
    listed = sagemaker.list_trial_components(ExperimentName="sentiment")["TrialComponentSummaries"]
    assert [each["TrialComponentName"] for each in listed] == ["part"]
    twofold = {"ExperimentName": "sentiment", "TrialName": "first"}
    assert "you can't filter by TrialName" in refused(sagemaker.list_trial_components, **twofold)[1]
    assert refused(sagemaker.delete_experiment, ExperimentName="sentiment")[0] == "ValidationException"
    assert refused(sagemaker.delete_trial, TrialName="first")[0] == "ValidationException"
    sagemaker.disassociate_trial_component(TrialComponentName="part", TrialName="first")
    sagemaker.delete_trial_component(TrialComponentName="part")
    sagemaker.delete_trial(TrialName="first")
    sagemaker.delete_experiment(ExperimentName="sentiment")
    assert refused(sagemaker.describe_experiment, ExperimentName="sentiment")[0] == "ResourceNotFound"


def test_a_group_numbers_its_packages_and_keeps_what_they_were_made_with(aws):
    sagemaker = aws.sagemaker
    sagemaker.create_model_package_group(ModelPackageGroupName="models", ModelPackageGroupDescription="d")
    made = {
        "Domain": "NATURAL_LANGUAGE_PROCESSING",
        "Task": "TEXT_CLASSIFICATION",
        "CustomerMetadataProperties": {"accuracy": "0.9", "old": "x"},
        "InferenceSpecification": {
            "Containers": [{"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz"}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    }
    arns = [
        sagemaker.create_model_package(ModelPackageGroupName="models", **made)["ModelPackageArn"]
        for _ in range(2)
    ]
    assert [arn.rpartition(":")[2] for arn in arns] == ["model-package/models/1", "model-package/models/2"]
    told = sagemaker.describe_model_package(ModelPackageName=arns[1])
    assert {name: told[name] for name in made} == made
    assert (told["ModelPackageVersion"], told["ModelApprovalStatus"]) == (2, "PendingManualApproval")
    # AWS tells no names of versions. ModelPackage.refresh() and get_all() of SDK v3 ask for a package by its
    # name if it has one, else by its ARN.
    listed = sagemaker.list_model_packages(ModelPackageGroupName="models")["ModelPackageSummaryList"]
    assert not [each for each in (told, *listed) if "ModelPackageName" in each]
    sagemaker.update_model_package(
        ModelPackageArn=arns[1],
        ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"new": "y"},
        CustomerMetadataPropertiesToRemove=["old"],
    )
    told = sagemaker.describe_model_package(ModelPackageName=arns[1])
    assert told["CustomerMetadataProperties"] == {"accuracy": "0.9", "new": "y"}
    approved = sagemaker.list_model_packages(ModelPackageGroupName="models", ModelApprovalStatus="Approved")
    assert [each["ModelPackageArn"] for each in approved["ModelPackageSummaryList"]] == arns[1:]
    delete_group = sagemaker.delete_model_package_group
    assert refused(delete_group, ModelPackageGroupName="models")[0] == "ConflictException"
    for arn in arns:
        sagemaker.delete_model_package(ModelPackageName=arn)
    delete_group(ModelPackageGroupName="models")


def test_a_package_is_made_once_for_a_token_and_has_a_number_of_its_own(aws):
    """botocore gives a request a token, and sends the request again if the answer does not arrive."""
    create, update = aws.sagemaker.create_model_package, aws.sagemaker.update_model_package
    aws.sagemaker.create_model_package_group(ModelPackageGroupName="tokens")
    arns = {
        create(ModelPackageGroupName="tokens", ClientToken="the-same")["ModelPackageArn"] for _ in range(2)
    }
    assert len(arns) == 1
    [arn] = arns
    further = {"Name": "further", "Containers": [{"Image": "image"}]}
    for _ in range(2):
        update(ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=[further], ClientToken="an-update")
    told = aws.sagemaker.describe_model_package(ModelPackageName=arn)
    assert [each["Name"] for each in told["AdditionalInferenceSpecifications"]] == ["further"]
    for again in (
        lambda: create(
            ModelPackageGroupName="tokens", ModelApprovalStatus="Approved", ClientToken="the-same"
        ),
        lambda: update(ModelPackageArn=arn, ApprovalDescription="good", ClientToken="the-same"),
    ):
        assert refused(again)[1].endswith("the ClientToken the-same is that of another request.")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: create(ModelPackageGroupName="tokens")["ModelPackageArn"], range(16)))
    assert len({*made, arn}) == 17


@pytest.mark.parametrize(
    ("members", "named"),
    [
        ({"ManagedStorageType": "Restricted"}, "property ManagedStorageType"),
        (
            {"SourceUri": "arn:aws:sagemaker:us-east-1:123456789012:model/m"},
            "SourceUri that names a model package or a model",
        ),
        (
            {"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]}},
            "property SourceAlgorithmSpecification",
        ),
    ],
)
def test_packages_that_would_not_be_what_they_say_are_refused(aws, members, named):
    assert named in refused(aws.sagemaker.create_model_package, ModelPackageName="p", **members)[1]


def test_every_version_of_a_model_card_is_kept(aws):
    sagemaker = aws.sagemaker
    sagemaker.create_model_card(ModelCardName="card", Content="{}", ModelCardStatus="Draft")
    content = '{"intended_uses": {"risk_rating": "Low"}}'
    sagemaker.update_model_card(ModelCardName="card", Content=content)
    sagemaker.update_model_card(ModelCardName="card", ModelCardStatus="Approved")
    newest = sagemaker.describe_model_card(ModelCardName="card")
    assert (newest["ModelCardVersion"], newest["Content"], newest["ModelCardStatus"]) == (
        2,
        content,
        "Approved",
    )
    assert sagemaker.describe_model_card(ModelCardName="card", ModelCardVersion=1)["Content"] == "{}"
    pages = sagemaker.get_paginator("list_model_card_versions").paginate(
        ModelCardName=newest["ModelCardArn"], PaginationConfig={"PageSize": 1}
    )
    listed = [page["ModelCardVersionSummaryList"] for page in pages]
    assert [[each["ModelCardVersion"] for each in page] for page in listed] == [[2], [1]]
    later = sagemaker.list_model_card_versions(
        ModelCardName="card", CreationTimeAfter=datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
    )
    assert later["ModelCardVersionSummaryList"] == []
    with_less = {"ModelCardName": "card", "IncludedData": "MetadataOnly"}
    assert "IncludedData" in refused(sagemaker.describe_model_card, **with_less)[1]


# https://docs.aws.amazon.com/sagemaker/latest/dg/model-cards.html#model-cards-json-schema
@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{bad", "must be JSON"),
        ("", "must be JSON"),
        ("[]", "is not of type 'object' (at its top)"),
        ('{"foo": 1}', "'foo' was unexpected"),
        ('{"intended_uses": {"risk_rating": "Huge"}}', "(at intended_uses.risk_rating)"),
        ('{"evaluation_details": [{}]}', "'name' is a required property (at evaluation_details.0)"),
    ],
)
def test_the_content_of_a_model_card_follows_its_schema(aws, content, said):
    sagemaker, name = aws.sagemaker, aws.name("card")
    create, update = sagemaker.create_model_card, sagemaker.update_model_card
    answers = [refused(create, ModelCardName=name, Content=content, ModelCardStatus="Draft")]
    create(ModelCardName=name, Content="{}", ModelCardStatus="Draft")
    answers.append(refused(update, ModelCardName=name, Content=content))
    if content:
        card = {"ModelCardContent": content, "ModelCardStatus": "Draft"}
        answers.append(refused(sagemaker.create_model_package, ModelPackageName=name, ModelCard=card))
    assert all(code == "ValidationException" and said in message for code, message in answers), answers


def test_the_content_and_the_status_of_a_model_card_are_updated_apart(aws):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_UpdateModelCard.html"""
    name = aws.name("card")
    aws.sagemaker.create_model_card(ModelCardName=name, Content="{}", ModelCardStatus="Draft")
    code, message = refused(
        aws.sagemaker.update_model_card, ModelCardName=name, Content="{}", ModelCardStatus="Approved"
    )
    assert (code, "in a single call" in message) == ("ValidationException", True)


def test_every_resource_has_its_tags(aws):
    sagemaker, tags = aws.sagemaker, [{"Key": "project", "Value": "sentiment"}]
    sagemaker.create_experiment(ExperimentName="tagged", Tags=tags)
    sagemaker.create_model_package_group(ModelPackageGroupName="tagged", Tags=tags)
    arns = [
        sagemaker.describe_experiment(ExperimentName="tagged")["ExperimentArn"],
        sagemaker.create_trial(TrialName="tagged", ExperimentName="tagged", Tags=tags)["TrialArn"],
        sagemaker.create_trial_component(TrialComponentName="tagged", Tags=tags)["TrialComponentArn"],
        sagemaker.describe_model_package_group(ModelPackageGroupName="tagged")["ModelPackageGroupArn"],
        sagemaker.create_model_package(ModelPackageName="tagged", Tags=tags)["ModelPackageArn"],
        sagemaker.create_model_card(ModelCardName="tagged", Content="{}", ModelCardStatus="Draft", Tags=tags)[
            "ModelCardArn"
        ],
    ]
    for arn in arns:
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == tags
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "more", "Value": "1"}])
        sagemaker.delete_tags(ResourceArn=arn, TagKeys=["project"])
        assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "more", "Value": "1"}]


# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddTags.html
@pytest.mark.parametrize(
    ("tags", "said"),
    [
        ([("aws:team", "x")], "must not begin with aws:"),
        ([("a", "1"), ("a", "2")], "Duplicate tag keys are not allowed: a"),
        ([(str(number), "") for number in range(50)], "A resource has at most 50 tags (51 would be)"),
    ],
)
def test_tags_that_no_resource_can_have(aws, tags, said):
    name = aws.name("tagged")
    arn = aws.sagemaker.create_experiment(ExperimentName=name, Tags=[{"Key": "own", "Value": ""}])
    given = [{"Key": key, "Value": value} for key, value in tags]
    assert said in refused(aws.sagemaker.add_tags, ResourceArn=arn["ExperimentArn"], Tags=given)[1]


def test_a_next_token_of_tags_that_was_not_issued_is_refused(aws):
    arn = aws.sagemaker.create_experiment(ExperimentName=aws.name("paged"))["ExperimentArn"]
    assert "NextToken" in refused(aws.sagemaker.list_tags, ResourceArn=arn, NextToken="nonsense")[1]


def test_a_package_outside_a_group_has_its_own_name_and_one_inside_no_tags(aws):
    arn = aws.sagemaker.create_model_package(ModelPackageName="alone")["ModelPackageArn"]
    assert arn.endswith(":model-package/alone")
    aws.sagemaker.create_model_package_group(ModelPackageGroupName="untagged")
    tags = [{"Key": "a", "Value": "b"}]
    message = refused(aws.sagemaker.create_model_package, ModelPackageGroupName="untagged", Tags=tags)[1]
    assert "has those of its group" in message


def test_lists_of_what_cannot_be_created_are_empty(aws):
    for operation, member in (
        ("list_pipelines", "PipelineSummaries"),
        ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries"),
        ("list_notebook_instances", "NotebookInstances"),
        ("list_feature_groups", "FeatureGroupSummaries"),
        ("list_monitoring_schedules", "MonitoringScheduleSummaries"),
    ):
        assert getattr(aws.sagemaker, operation)()[member] == []
    # AWS has hubs in every account, so an empty list would be a lie.
    assert "ListHubs" in refused(aws.sagemaker.list_hubs)[1]


@pytest.fixture(scope="module")
def searched(aws):
    sagemaker = aws.sagemaker
    sagemaker.create_experiment(ExperimentName="search", Tags=[{"Key": "team.name", "Value": "nlp"}])
    sagemaker.create_trial(TrialName="search-trial", ExperimentName="search")
    for name, rate in (("search-a", 0.1), ("search-b", 0.5)):
        sagemaker.create_trial_component(
            TrialComponentName=name, Parameters={"lr": {"NumberValue": rate}, "kind": {"StringValue": name}}
        )
        sagemaker.associate_trial_component(TrialComponentName=name, TrialName="search-trial")
    return aws


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([("Parameters.lr", "GreaterThan", "0.2")], ["search-b"]),
        ([("Parameters.kind", "Equals", "search-a")], ["search-a"]),
        ([("TrialComponentName", "Contains", "SEARCH")], ["search-a", "search-b"]),
        ([("TrialComponentName", "In", "search-a, other")], ["search-a"]),
        ([("Parameters.lr", "Exists", None), ("TrialComponentName", "NotEquals", "search-a")], ["search-b"]),
        ([("Parents.ExperimentName", "Equals", "search")], ["search-a", "search-b"]),
        (
            [("TrialComponentName", "Contains", "search"), ("Parameters.no", "NotExists", None)],
            ["search-a", "search-b"],
        ),
        ([("CreationTime", "GreaterThan", "2100-01-01T00:00:00Z")], []),
    ],
)
def test_search_finds_by_the_members_of_descriptions(searched, filters, found):
    expression = {
        "Filters": [
            {"Name": name, "Operator": operator} | ({"Value": value} if value else {})
            for name, operator, value in filters
        ]
    }
    answer = searched.sagemaker.search(
        Resource="ExperimentTrialComponent",
        SearchExpression=expression,
        SortBy="TrialComponentName",
        SortOrder="Ascending",
    )
    assert [each["TrialComponent"]["TrialComponentName"] for each in answer["Results"]] == found


# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Filter.html
@pytest.mark.parametrize(
    ("resource", "filter_", "said"),
    [
        (
            "TrainingJob",
            ("TrainingJobStatus", "GreaterThan", "Completed"),
            "not supported for text properties",
        ),
        ("TrainingJob", ("Tags.team", "LessThan", "5"), "not supported for text properties"),
        ("TrainingJob", ("HyperParameters.bs", "LessThan", "many"), "not supported for text properties"),
        ("TrainingJob", ("CreationTime", "LessThan", "2026-11-30"), "needs a time like 2030-01-31T00:00:00"),
        ("TrainingJob", ("TrainingEndTime", "Equals", "yesterday"), "(given: yesterday)"),
        ("TrainingJob", ("Metrics.loss", "Equals", "low"), "Metrics.loss needs a number"),
        *(
            (
                "TrainingJob",
                ("ResourceConfig.InstanceCount", "GreaterThan", value),
                "InstanceCount needs a number",
            )
            for value in ("x", "1_000", " 7 ", "\u0663")
        ),
        (
            "TrainingJob",
            ("ResourceConfig.InstanceCount", "Contains", "1"),
            "only supported for text properties",
        ),
        ("TrainingJob", ("EnableNetworkIsolation", "Equals", "maybe"), "needs true or false"),
        ("TrainingJob", ("CreationTime", "In", "2026-11-30T00:00:00"), "only supported for text properties"),
        ("ExperimentTrialComponent", ("StartTime", "GreaterThan", "0"), "StartTime needs a time"),
    ],
)
def test_search_refuses_values_and_operators_that_a_property_cannot_have(aws, resource, filter_, said):
    name, operator, value = filter_
    expression = {"Filters": [{"Name": name, "Operator": operator, "Value": value}]}
    code, message = refused(aws.sagemaker.search, Resource=resource, SearchExpression=expression)
    assert code == "ValidationException" and said in message


@pytest.fixture(scope="module")
def timed(aws):
    start = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    aws.sagemaker.create_trial_component(TrialComponentName="timed", StartTime=start)
    return aws


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        ("GreaterThan", "2029-12-31T23:59:59", ["timed"]),
        ("Equals", "2030-01-01T01:00:00+01:00", ["timed"]),
        ("LessThan", "2030-01-01T00:00:00Z", []),
    ],
)
def test_search_compares_times(timed, operator, value, found):
    filters = [{"Name": "StartTime", "Operator": operator, "Value": value}]
    answer = timed.sagemaker.search(
        Resource="ExperimentTrialComponent", SearchExpression={"Filters": filters}, SortBy="StartTime"
    )
    assert [each["TrialComponent"]["TrialComponentName"] for each in answer["Results"]] == found


def test_search_finds_by_tags_and_refuses_names_that_no_record_can_have(searched):
    def search(name, value):
        filters = [{"Name": name, "Operator": "Equals", "Value": value}]
        return searched.sagemaker.search(Resource="Experiment", SearchExpression={"Filters": filters})

    results = search("Tags.team.name", "nlp")["Results"]
    assert [each["Experiment"]["ExperimentName"] for each in results] == ["search"]
    assert refused(search, name="Nonsense", value="x")[1] == "Unknown property name: Nonsense"
    order = refused(searched.sagemaker.search, Resource="Experiment", SortBy="Nonsense")
    assert order[1] == "Unknown property name: Nonsense"


def test_search_finds_no_images_whatever_is_searched_for(searched):
    """The model of a result has no member for them."""
    filters = {"Filters": [{"Name": "Tags.team", "Operator": "Equals", "Value": "nlp"}]}
    for resource in ("Image", "ImageVersion"):
        found = searched.sagemaker.search(Resource=resource, SearchExpression=filters)
        assert (found["Results"], found["TotalHits"]["Value"]) == ([], 0)
    assert "HubContent" in refused(searched.sagemaker.search, Resource="HubContent")[1]


def test_experiment_analytics_of_the_sdk_reads_the_records(searched):
    import boto3
    from sagemaker.analytics import ExperimentAnalytics
    from sagemaker.session import Session

    session = Session(
        boto3.Session(region_name="us-east-1"),
        sagemaker_client=searched.sagemaker,
        sagemaker_runtime_client=searched.runtime,
        default_bucket="test-bucket",
    )
    frame = ExperimentAnalytics(experiment_name="search", sagemaker_session=session).dataframe()
    assert sorted(frame["lr"]) == [0.1, 0.5]
