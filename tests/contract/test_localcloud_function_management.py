"""Functions are created, changed and described as Lambda does it, in its words.

Those are what AWS has answered in the recordings of localstack's test_lambda_api.snapshot.json, unless a
test names another source.
"""

import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_function_fixtures import ARN, REVISION, account, create, functions, refused
from localcloud_lambda_fixtures import Account, package

__all__ = ["account", "create", "functions"]


def test_a_description_has_what_clients_read(create: Callable, functions: Any) -> None:
    created = create(
        "described", Environment={"Variables": {"GENRE": "noir"}}, EphemeralStorage={"Size": 1024}
    )
    assert (created["State"], created["StateReasonCode"]) == ("Pending", "Creating")
    assert "LastUpdateStatus" not in created
    shown = functions.get_function_configuration(FunctionName="described")
    assert (shown["State"], shown["LastUpdateStatus"]) == ("Active", "Successful")
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/described"}
    assert shown["EphemeralStorage"] == {"Size": 1024}
    assert shown["RevisionId"] != created["RevisionId"]
    assert shown["RuntimeVersionConfig"]["RuntimeVersionArn"].startswith("arn:aws:lambda:us-east-1::runtime:")
    assert shown["LastModified"].endswith("+0000")
    [listed] = [one for one in functions.list_functions()["Functions"] if one["FunctionName"] == "described"]
    assert not {"State", "LastUpdateStatus", "RuntimeVersionConfig"} & set(listed)
    assert listed["Environment"] == {"Variables": {"GENRE": "noir"}}
    [version] = functions.list_versions_by_function(FunctionName="described")["Versions"]
    assert (version["Version"], version["FunctionArn"]) == ("$LATEST", f"{ARN}described:$LATEST")


def test_an_update_changes_what_it_names_and_the_revision(create: Callable, functions: Any) -> None:
    create("updated", Description="first")
    before = functions.get_function_configuration(FunctionName="updated")
    answer = functions.update_function_configuration(
        FunctionName="updated",
        RevisionId=before["RevisionId"],
        EphemeralStorage={"Size": 2048},
        TracingConfig={"Mode": "PassThrough"},
    )
    assert (answer["LastUpdateStatus"], answer["EphemeralStorage"]["Size"]) == ("InProgress", 2048)
    after = functions.get_function_configuration(FunctionName="updated")
    assert (after["Description"], after["TracingConfig"]) == ("first", {"Mode": "PassThrough"})
    assert after["RevisionId"] not in (before["RevisionId"], answer["RevisionId"])
    for call, request in (
        (functions.update_function_configuration, {"Timeout": 9}),
        (functions.update_function_code, {"ZipFile": package("")}),
    ):
        refused(
            "PreconditionFailedException",
            REVISION,
            call,
            FunctionName="updated",
            RevisionId=before["RevisionId"],
            **request,
        )
    assert functions.get_function_configuration(FunctionName="updated")["Timeout"] == 3


def test_a_log_group_stays_until_another_one_is_named(create: Callable, functions: Any) -> None:
    settings = {"LogFormat": "Text", "LogGroup": "first"}
    assert create("grouped", LoggingConfig={"LogGroup": "first"})["LoggingConfig"] == settings
    for change, group in (({"LogFormat": "Text"}, "first"), ({"LogGroup": "second"}, "second")):
        answer = functions.update_function_configuration(FunctionName="grouped", LoggingConfig=change)
        shown = functions.get_function_configuration(FunctionName="grouped")["LoggingConfig"]
        assert answer["LoggingConfig"] == shown == {"LogFormat": "Text", "LogGroup": group}


def test_a_role_that_lambda_cannot_assume_is_refused(
    account: Account, create: Callable, functions: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """In AWS's words, as CreateFunction answered them on 2026-09-25 for a role that was not ready yet:
    https://github.com/radkawar/stackd/blob/main/testdata/aws/apigateway/websocket_management.json.
    The words for roles of other accounts: https://github.com/serverless/serverless/issues/3374.
    """
    create("with-role")
    kept = functions.get_function_configuration(FunctionName="with-role")["Role"]
    wrong = {
        account.role("for-sagemaker", trusts={"Service": "sagemaker.amazonaws.com"}): (
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            "does not allow lambda.amazonaws.com to sts:AssumeRole",
        ),
        "arn:aws:iam::123456789012:role/none": (
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
            "There is no role arn:aws:iam::123456789012:role/none.",
        ),
        "arn:aws:iam::210987654321:role/shared": (
            "AccessDeniedException",
            "Cross-account pass role is not allowed.",
            "",
        ),
        "shared": (
            "ValidationException",
            "1 validation error detected: Value 'shared' at 'role' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: "
            r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+",
            "",
        ),
    }
    for role, (code, message, logged) in wrong.items():
        caplog.clear()
        for call in (create, functions.update_function_configuration):
            with pytest.raises(ClientError) as caught:
                call(**({"name": "not-made"} if call is create else {"FunctionName": "with-role"}), Role=role)
            error = caught.value.response["Error"]
            assert (error["Code"], error["Message"]) == (code, message)
        assert logged in caplog.text, "the log says why"
    assert functions.get_function_configuration(FunctionName="with-role")["Role"] == kept
    names = [function["FunctionName"] for function in functions.list_functions()["Functions"]]
    assert "not-made" not in names


def test_a_dry_run_changes_no_code(create: Callable, functions: Any) -> None:
    digest = create("dry")["CodeSha256"]
    answer = functions.update_function_code(FunctionName="dry", ZipFile=package("other"), DryRun=True)
    assert answer["CodeSha256"] != digest
    assert functions.get_function(FunctionName="dry")["Configuration"]["CodeSha256"] == digest


def test_lists_come_in_pages(create: Callable, functions: Any) -> None:
    for number in range(3):
        create(f"page-{number}")
    pages = functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2})
    names = [one["FunctionName"] for page in pages for one in page["Functions"]]
    assert names == sorted(set(names)) and {f"page-{number}" for number in range(3)} <= set(names)
    every = functions.list_functions(FunctionVersion="ALL")["Functions"]
    assert all(one["FunctionArn"].endswith(":$LATEST") for one in every)
    with pytest.raises(ClientError, match="Invalid pagination token"):
        functions.list_functions(Marker="x")


@pytest.mark.parametrize("name", ["one", "123456789012:function:one", "function:one", f"{ARN}one"])
@pytest.mark.parametrize("suffix", ["", ":$LATEST"])
def test_every_form_of_a_name(functions: Any, name: str, suffix: str) -> None:
    assert functions.get_function(FunctionName=name + suffix)["Configuration"]["FunctionArn"] == (
        f"{ARN}one{suffix}"
    )
    functions.update_function_configuration(FunctionName=name, Description=name)
    assert functions.get_function_configuration(FunctionName="one")["Description"] == name
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=3)
    assert functions.get_function_concurrency(FunctionName=name)["ReservedConcurrentExecutions"] == 3
    functions.delete_function_concurrency(FunctionName=name)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName=name)


def test_names_of_functions_that_do_not_exist(functions: Any) -> None:
    get = functions.get_function
    missing = "ResourceNotFoundException"
    refused(missing, f"Function not found: {ARN}none", get, FunctionName="none")
    refused(missing, f"Function not found: {ARN}one:7", get, FunctionName="one", Qualifier="7")
    refused(missing, f"Function not found: {ARN}o.ne", get, FunctionName="o.ne")
    latest = f"Function not found: {ARN}none:$LATEST"
    refused(missing, latest, functions.invoke, FunctionName="none")
    refused(
        missing,
        latest,
        functions.put_function_concurrency,
        FunctionName="none",
        ReservedConcurrentExecutions=1,
    )
    for read in (get, functions.get_function_url_config, functions.get_function_event_invoke_config):
        refused(
            missing,
            "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')",
            read,
            FunctionName="arn:aws:lambda:eu-west-1:123456789012:function:one",
        )
    mismatch = "The derived qualifier from the function name does not match the specified qualifier."
    invalid = "InvalidParameterValueException"
    refused(invalid, mismatch, get, FunctionName=f"{ARN}one:$LATEST", Qualifier="1")
    refused(
        invalid,
        "$LATEST version cannot be deleted without deleting the function.",
        functions.delete_function,
        FunctionName="one",
        Qualifier="$LATEST",
    )


def test_a_version_that_does_not_exist_can_be_deleted(create: Callable, functions: Any) -> None:
    create("versionless")
    for version in ({"FunctionName": "versionless", "Qualifier": "7"}, {"FunctionName": "versionless:7"}):
        assert functions.delete_function(**version)["ResponseMetadata"]["HTTPStatusCode"] == 204
    functions.delete_function(FunctionName="versionless")
    gone = f"Function not found: {ARN}versionless"
    refused(
        "ResourceNotFoundException",
        gone,
        functions.delete_function,
        FunctionName="versionless",
        Qualifier="7",
    )


def test_versions_of_a_runtime_are_made_for_an_architecture(create: Callable, functions: Any) -> None:
    created = create("ported")
    ported = functions.update_function_code(FunctionName="ported", ZipFile=package(), Architectures=["arm64"])
    assert ported["Architectures"] == ["arm64"]
    assert ported["RuntimeVersionConfig"] != created["RuntimeVersionConfig"]


def test_what_cannot_be_a_function_is_refused(create: Callable) -> None:
    refused_architecture = (
        r"Value '\[X64\]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: "
        r"\[Member must satisfy enum value set: \[x86_64, arm64\], Member must not be null\]"
    )
    with pytest.raises(ClientError, match=refused_architecture):
        create("x", Architectures=["X64"])

    def error(**request: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            create(**{"name": "refused"} | request)
        found = caught.value.response["Error"]
        return found["Code"], found["Message"]

    long, detected = "n" * 65, "1 validation error detected: Value"
    limit = "failed to satisfy constraint: Member must have length less than or equal to"
    invalid = "InvalidParameterValueException"
    assert error(name=long) == (invalid, f"{detected} '{long}' at 'functionName' {limit} 64")
    too_long = f"{ARN}{'n' * 100}"
    assert error(name=too_long)[1] == f"{detected} '{too_long}' at 'functionName' {limit} 140"
    assert error(Handler="h" * 129)[1].endswith(f"at 'handler' {limit} 128")
    other = ARN.replace("123456789012", "111111111111") + "x"
    code, message = error(name=other)
    assert code == "AccessDeniedException"
    assert f"is not authorized to perform: lambda:CreateFunction on resource: {other} because" in message
    assert error(name="one") == ("ResourceConflictException", "Function already exist: one")
    code, message = error(Runtime="python3.99")
    assert code == "InvalidParameterValueException"
    assert message.startswith("Value python3.99 at 'runtime' failed to satisfy constraint: Member must")
    assert message.endswith("] or be a valid ARN")
    for member, settings, maximum in (
        ("timeout", {"Timeout": 901}, 900),
        ("memorySize", {"MemorySize": 10_241}, 10_240),
        ("ephemeralStorage.size", {"EphemeralStorage": {"Size": 10_241}}, 10_240),
    ):
        value = f"Member must have value less than or equal to {maximum}"
        assert error(**settings)[1].endswith(f"at '{member}' failed to satisfy constraint: {value}")
    names = error(Environment={"Variables": {"1a": "x"}})[1]
    assert names == (
        "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map "
        "keys must satisfy constraint: [Member must satisfy regular expression pattern: "
        "[a-zA-Z]([a-zA-Z0-9_])+]"
    )
    assert error(Handler=None)[1].startswith("Runtime and Handler are mandatory parameters")


def test_a_package_within_a_request_has_a_size(create: Callable) -> None:
    with pytest.raises(ClientError, match="Zipped size must be smaller than 52428800 bytes") as caught:
        create("heavy", Code={"ZipFile": bytes(52_428_801)})
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


EMPTY = io.BytesIO()
with zipfile.ZipFile(EMPTY, "w"):
    pass
NOT_A_ZIP = "Could not unzip uploaded file. Please check your file, then try to upload again."
OF_S3 = "Error occurred while GetObject. S3 Error Code: {}. S3 Error Message: {}"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ({"ZipFile": b"nonsense"}, NOT_A_ZIP),
        ({"ZipFile": EMPTY.getvalue()}, "Uploaded file must be a non-empty zip"),
        ({"S3Bucket": "codes", "S3Key": "nonsense"}, NOT_A_ZIP),
        (
            {"S3Bucket": "codes", "S3Key": "none"},
            OF_S3.format("NoSuchKey", "The specified key does not exist."),
        ),
        (
            {"S3Bucket": "none", "S3Key": "x"},
            OF_S3.format("NoSuchBucket", "The specified bucket does not exist"),
        ),
        ({}, "Please provide a source for function code."),
    ],
)
def test_code_that_lambda_does_not_take(
    account: Account, create: Callable, functions: Any, code: dict[str, Any], message: str
) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="codes")
    s3.put_object(Bucket="codes", Key="nonsense", Body=b"nonsense")
    invalid = "InvalidParameterValueException"
    refused(invalid, message, create, "codeless", Code=code)
    refused(invalid, message, functions.update_function_code, FunctionName="one", **code)


def test_code_of_a_version_of_an_object(account: Account, create: Callable, functions: Any) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket="versions", Key="c", Body=package("first = 1"))["VersionId"]
    s3.put_object(Bucket="versions", Key="c", Body=package("second = 2"))
    place = {"S3Bucket": "versions", "S3Key": "c"}
    newest = create("of-version", Code=place)["CodeSha256"]
    older = functions.update_function_code(FunctionName="of-version", **place, S3ObjectVersion=first)
    assert older["CodeSha256"] != newest


KEY_ARN = "arn:aws:kms:us-east-1:123456789012:key/k"
S3_CODE = {"S3Bucket": "codes", "S3Key": "k"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"Code": {"ZipFile": b"", "SourceKMSKeyArn": KEY_ARN}}, "the property Code.SourceKMSKeyArn"),
        ({"Code": {**S3_CODE, "S3ObjectStorageMode": "REFERENCE"}}, "the property Code.S3ObjectStorageMode"),
        ({"Code": {"ZipFile": b"x", **S3_CODE}}, "Please do not provide other FunctionCode parameters when"),
        ({"ImageConfig": {"Command": ["serve"]}}, "the property ImageConfig"),
        ({"VpcConfig": {"SecurityGroupIds": ["sg-1"]}}, "the property VpcConfig.SecurityGroupIds"),
        ({"VpcConfig": {"Ipv6AllowedForDualStack": True}}, "VpcConfig.Ipv6AllowedForDualStack"),
        ({"LoggingConfig": {"ApplicationLogLevel": "INFO"}}, "LoggingConfig.ApplicationLogLevel"),
        ({"LoggingConfig": {"LogFormat": "JSON"}}, "localcloud does not support logs in JSON"),
        (
            {"Runtime": "python3.7"},
            "The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions.",
        ),
        ({"Tags": {str(number): "" for number in range(51)}}, "Number of tags exceeds resource tag limit."),
        ({"Tags": {"aws:owner": "me"}}, "does not begin with aws:"),
        ({"Tags": {"k" * 129: "v"}}, "Map keys must satisfy constraint: [Member must have length less"),
        (
            {"Architectures": ["x86_64", "arm64"]},
            "Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have",
        ),
    ],
)
def test_settings_that_would_have_no_effect(
    account: Account, create: Callable, settings: dict[str, Any], message: str
) -> None:
    """Some are wrong on AWS, too; its words for a runtime are those that users report."""
    with pytest.raises(ClientError) as caught:
        create("without-effect", **settings)
    assert message in caught.value.response["Error"]["Message"]


def test_default_values_are_accepted(create: Callable) -> None:
    create("plain", VpcConfig={"SubnetIds": []}, Code={"ZipFile": package(), "S3ObjectStorageMode": "COPY"})


def test_nan_is_not_valid_in_an_event(functions: Any) -> None:
    for invocation in ("RequestResponse", "Event"):
        with pytest.raises(ClientError, match="InvalidRequestContentException"):
            functions.invoke(FunctionName="one", InvocationType=invocation, Payload=b'{"score": NaN}')


def test_tags(create: Callable, functions: Any) -> None:
    arn = create("tagged", Tags={"genre": "noir"})["FunctionArn"]
    revisions = [functions.get_function_configuration(FunctionName="tagged")["RevisionId"]]
    for change, request in (
        (functions.tag_resource, {"Tags": {"year": "1944"}}),
        (functions.untag_resource, {"TagKeys": ["genre", "none"]}),
    ):
        change(Resource=arn, **request)
        revisions.append(functions.get_function_configuration(FunctionName="tagged")["RevisionId"])
    assert len(set(revisions)) == 3
    assert functions.list_tags(Resource=arn)["Tags"] == {"year": "1944"}
    assert functions.get_function(FunctionName="tagged")["Tags"] == {"year": "1944"}
    invalid = "InvalidParameterValueException"
    for message, request in (
        ("Number of tags exceeds resource tag limit.", {"Tags": {str(number): "" for number in range(50)}}),
        ("An error occurred and the request cannot be processed.", {"Tags": {}}),
        (
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
            {"Resource": f"{arn}:1", "Tags": {"a": "b"}},
        ),
    ):
        refused(invalid, message, functions.tag_resource, **{"Resource": arn} | request)
    with pytest.raises(ClientError, match="Value null at 'tagKeys' failed to satisfy constraint"):
        functions.untag_resource(Resource=arn, TagKeys=[])
    missing = f"Function not found: {ARN}none"
    refused("ResourceNotFoundException", missing, functions.list_tags, Resource=f"{ARN}none")
    source = ARN.replace("function:", "event-source-mapping:00000000-0000-0000-0000-000000000000")
    gone = "The resource you requested does not exist."
    refused("ResourceNotFoundException", gone, functions.list_tags, Resource=source)


@pytest.mark.parametrize(
    ("read", "found"),
    [
        ("list_aliases", {"Aliases": []}),
        ("list_function_url_configs", {"FunctionUrlConfigs": []}),
        ("list_event_source_mappings", {"EventSourceMappings": []}),
        ("list_function_event_invoke_configs", {"FunctionEventInvokeConfigs": []}),
        ("list_provisioned_concurrency_configs", {"ProvisionedConcurrencyConfigs": []}),
        ("get_function_code_signing_config", {}),
        ("delete_function_code_signing_config", {}),
        ("get_runtime_management_config", {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{ARN}one"}),
        ("get_function_recursion_config", {"RecursiveLoop": "Terminate"}),
    ],
)
def test_what_no_function_has_is_empty(functions: Any, read: str, found: dict[str, Any]) -> None:
    answer = getattr(functions, read)(FunctionName="one")
    assert {name: value for name, value in answer.items() if name != "ResponseMetadata"} == found


def test_what_no_function_has_is_not_found(functions: Any) -> None:
    missing, absent = "ResourceNotFoundException", "The resource you requested does not exist."
    for address in (functions.get_function_url_config, functions.delete_function_url_config):
        refused(missing, absent, address, FunctionName="one")
        refused(missing, absent, address, FunctionName="none", Qualifier="live")
    refused(missing, absent, functions.get_event_source_mapping, UUID="0" * 36)
    alias = f"Cannot find alias arn: {ARN}one:live"
    refused(missing, alias, functions.get_alias, FunctionName="one", Name="live")
    settings = "The function {} doesn't have an EventInvokeConfig"
    for name in ("one", "none", f"{ARN}one:7", f"{ARN}none:live"):
        arn = name if ":" in name else f"{ARN}{name}:$LATEST"
        for operation in ("get_function_event_invoke_config", "delete_function_event_invoke_config"):
            refused(missing, settings.format(arn), getattr(functions, operation), FunctionName=name)
    for message, read in (
        ("The function doesn't exist.", functions.list_function_event_invoke_configs),
        ("Function does not exist", functions.list_function_url_configs),
        (f"Function not found: {ARN}none", functions.list_provisioned_concurrency_configs),
        (f"Function not found: {ARN}none", functions.delete_function_code_signing_config),
    ):
        refused(missing, message, read, FunctionName="none")
    latest = "The function resource provided must be an alias or a published version."
    for operation in ("get_provisioned_concurrency_config", "delete_provisioned_concurrency_config"):
        provisioned = getattr(functions, operation)
        refused(missing, alias, provisioned, FunctionName="one", Qualifier="live")
        refused(missing, f"Function not found: {ARN}one:7", provisioned, FunctionName="one", Qualifier="7")
        refused(
            "InvalidParameterValueException", latest, provisioned, FunctionName="one", Qualifier="$LATEST"
        )
    signing = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0"
    unsigned = f"The Lambda code signing configuration {signing} can not be found."
    for operation in (
        "get_code_signing_config",
        "delete_code_signing_config",
        "list_functions_by_code_signing_config",
    ):
        refused(missing, unsigned, getattr(functions, operation), CodeSigningConfigArn=signing)


def test_reserved_concurrency_leaves_some_to_other_functions(functions: Any) -> None:
    refused(
        "InvalidParameterValueException",
        "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
        "operation. Please specify either a function name or an unqualified function ARN.",
        functions.put_function_concurrency,
        FunctionName=f"{ARN}one:$LATEST",
        ReservedConcurrentExecutions=1,
    )
    refused(
        "InvalidParameterValueException",
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
        functions.put_function_concurrency,
        FunctionName="one",
        ReservedConcurrentExecutions=901,
    )
