"""Each operation that moto may answer does what it says: these calls are all that are reviewed."""

import json
import re
import time
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from localcloud_moto_fixtures import NOT_BY_BOTO3, POLICY, TAG, cloud, every_operation_of

from localcloud.cloud import Cloud
from localcloud.moto_limits import check_limits
from localcloud.moto_operations import MOTO
from localcloud.protocol import ApiError

__all__ = ["cloud"]


def test_every_service_is_tested_and_every_operation_is_aws() -> None:
    modules = "".join(
        file.read_text("utf-8") for file in Path(__file__).parent.glob("test_localcloud_moto_*.py")
    )
    tested = set(re.findall(r"^def test_the_operations_of_(\w+)", modules, re.MULTILINE))
    for service, reviewed in MOTO.items():
        assert service in tested
        assert reviewed.all <= set(boto3.client(service, "us-east-1").meta.service_model.operation_names) | (
            NOT_BY_BOTO3.get(service, set())
        )
        assert len(reviewed.all) == sum(map(len, (reviewed.executes, reviewed.stores, reviewed.absent)))


def test_the_operations_of_apigatewayv2(cloud: Cloud) -> None:
    with every_operation_of(cloud, "apigatewayv2") as gateway:
        api = gateway.create_api(
            Name="a", ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["https://a.example"]}
        )["ApiId"]
        definition = {"openapi": "3.0.1", "info": {"title": "b", "version": "1"}, "paths": {}}
        assert gateway.reimport_api(ApiId=api, Body=json.dumps(definition))["Name"] == "b"
        gateway.update_api(ApiId=api, Description="changed")
        gateway.delete_cors_configuration(ApiId=api)
        shown = gateway.get_api(ApiId=api)
        assert shown["Description"] == "changed"
        assert "CorsConfiguration" not in shown
        assert [one["ApiId"] for one in gateway.get_apis()["Items"]] == [api]
        uri = "arn:aws:lambda:us-east-1:123456789012:function:f"
        integration = gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=uri, PayloadFormatVersion="2.0"
        )["IntegrationId"]
        gateway.update_integration(ApiId=api, IntegrationId=integration, TimeoutInMillis=5000)
        assert gateway.get_integration(ApiId=api, IntegrationId=integration)["TimeoutInMillis"] == 5000
        assert len(gateway.get_integrations(ApiId=api)["Items"]) == 1
        route = gateway.create_route(ApiId=api, RouteKey="GET /", Target=f"integrations/{integration}")
        gateway.update_route(ApiId=api, RouteId=route["RouteId"], RouteKey="GET /b")
        assert gateway.get_route(ApiId=api, RouteId=route["RouteId"])["RouteKey"] == "GET /b"
        assert len(gateway.get_routes(ApiId=api)["Items"]) == 1
        gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
        assert gateway.get_stage(ApiId=api, StageName="$default")["AutoDeploy"] is True
        assert len(gateway.get_stages(ApiId=api)["Items"]) == 1
        arn = f"arn:aws:apigateway:us-east-1::/apis/{api}"
        gateway.tag_resource(ResourceArn=arn, Tags={"a": "b", "c": "d"})
        gateway.untag_resource(ResourceArn=arn, TagKeys=["c"])
        assert gateway.get_tags(ResourceArn=arn)["Tags"] == {"a": "b"}
        for absent in (
            gateway.get_domain_names(),
            gateway.get_vpc_links(),
            gateway.get_authorizers(ApiId=api),
        ):
            assert absent["Items"] == []
        gateway.delete_route(ApiId=api, RouteId=route["RouteId"])
        gateway.delete_integration(ApiId=api, IntegrationId=integration)
        gateway.delete_stage(ApiId=api, StageName="$default")
        gateway.delete_api(ApiId=api)
        assert gateway.get_apis()["Items"] == []


def test_the_operations_of_cloudwatch(cloud: Cloud) -> None:
    with every_operation_of(cloud, "cloudwatch") as watch:
        watch.put_metric_data(Namespace="n", MetricData=[{"MetricName": "m", "Value": 3.0}])
        assert [one["MetricName"] for one in watch.list_metrics(Namespace="n")["Metrics"]] == ["m"]
        metric = {"Namespace": "n", "MetricName": "m"}
        window = {"StartTime": time.time() - 300, "EndTime": time.time() + 300}
        points = watch.get_metric_statistics(**metric, **window, Period=60, Statistics=["Sum"])["Datapoints"]
        assert [one["Sum"] for one in points] == [3.0]
        query = [{"Id": "q", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}]
        assert watch.get_metric_data(MetricDataQueries=query, **window)["MetricDataResults"][0]["Id"] == "q"
        untyped = {"MetricDataQueries": [{"Id": "q", "MetricStat": None}], "StartTime": 1, "EndTime": "now"}
        with pytest.raises(ApiError, match="must be timestamps"):  # which a request in CBOR need not have
            check_limits("cloudwatch", "GetMetricData", untyped)
        settings = {"EvaluationPeriods": 1, "Period": 60, "Threshold": 1.0, "Statistic": "Sum"}
        comparison = "GreaterThanThreshold"
        watch.put_metric_alarm(AlarmName="a", ComparisonOperator=comparison, **metric, **settings)
        alarm = watch.describe_alarms()["MetricAlarms"][0]
        # LocalStack's tests/aws/services/cloudformation/resources/test_cloudwatch.snapshot.json
        assert alarm["StateValue"] == "INSUFFICIENT_DATA"
        assert alarm["StateReason"] == "Unchecked: Initial alarm creation"
        assert len(watch.describe_alarms_for_metric(**metric)["MetricAlarms"]) == 1
        watch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="r")
        watch.put_metric_alarm(AlarmName="a", ComparisonOperator=comparison, **metric, **settings)
        assert watch.describe_alarms()["MetricAlarms"][0]["StateValue"] == "ALARM"
        watch.disable_alarm_actions(AlarmNames=["a"])
        assert watch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is False
        watch.enable_alarm_actions(AlarmNames=["a"])
        assert watch.describe_alarms()["MetricAlarms"][0]["ActionsEnabled"] is True
        watch.tag_resource(ResourceARN=alarm["AlarmArn"], Tags=TAG)
        assert watch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"] == TAG
        watch.untag_resource(ResourceARN=alarm["AlarmArn"], TagKeys=["a"])
        assert watch.list_tags_for_resource(ResourceARN=alarm["AlarmArn"])["Tags"] == []
        watch.delete_alarms(AlarmNames=["a"])
        assert watch.describe_alarms()["MetricAlarms"] == []
        watch.put_dashboard(DashboardName="d", DashboardBody='{"widgets": []}')
        assert watch.get_dashboard(DashboardName="d")["DashboardBody"] == '{"widgets": []}'
        watch.delete_dashboards(DashboardNames=["d"])
        assert watch.list_dashboards()["DashboardEntries"] == []


def test_the_operations_of_dynamodb(cloud: Cloud) -> None:
    def item(key: str, value: str) -> dict:
        return {"k": {"S": key}, "v": {"S": value}}

    with every_operation_of(cloud, "dynamodb") as tables:
        arn = tables.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )["TableDescription"]["TableArn"]
        assert tables.list_tables()["TableNames"] == ["t"]
        tables.put_item(TableName="t", Item=item("1", "a"))
        tables.update_item(
            TableName="t",
            Key={"k": {"S": "1"}},
            UpdateExpression="SET v = :v",
            ExpressionAttributeValues={":v": {"S": "b"}},
        )
        assert tables.get_item(TableName="t", Key={"k": {"S": "1"}})["Item"] == item("1", "b")
        tables.batch_write_item(RequestItems={"t": [{"PutRequest": {"Item": item("2", "c")}}]})
        keys = {"t": {"Keys": [{"k": {"S": "2"}}]}}
        assert tables.batch_get_item(RequestItems=keys)["Responses"]["t"] == [item("2", "c")]
        tables.transact_write_items(TransactItems=[{"Put": {"TableName": "t", "Item": item("3", "d")}}])
        got = tables.transact_get_items(TransactItems=[{"Get": {"TableName": "t", "Key": {"k": {"S": "3"}}}}])
        assert got["Responses"][0]["Item"] == item("3", "d")
        condition = {"KeyConditionExpression": "k = :k", "ExpressionAttributeValues": {":k": {"S": "3"}}}
        assert tables.query(TableName="t", **condition)["Count"] == 1
        tables.delete_item(TableName="t", Key={"k": {"S": "3"}})
        assert tables.scan(TableName="t")["Count"] == 2
        assert tables.describe_limits()["TableMaxReadCapacityUnits"]
        tables.update_table(TableName="t", DeletionProtectionEnabled=False)
        assert tables.describe_table(TableName="t")["Table"]["TableStatus"] == "ACTIVE"
        tables.update_time_to_live(
            TableName="t", TimeToLiveSpecification={"Enabled": True, "AttributeName": "e"}
        )
        ttl = tables.describe_time_to_live(TableName="t")["TimeToLiveDescription"]
        assert ttl["AttributeName"] == "e"
        backups = tables.describe_continuous_backups(TableName="t")["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "DISABLED"
        tables.tag_resource(ResourceArn=arn, Tags=TAG)
        assert tables.list_tags_of_resource(ResourceArn=arn)["Tags"] == TAG
        tables.untag_resource(ResourceArn=arn, TagKeys=["a"])
        tables.delete_table(TableName="t")
        assert tables.list_tables()["TableNames"] == []


def test_the_operations_of_ecr(cloud: Cloud) -> None:
    name = {"repositoryName": "repository"}
    with every_operation_of(cloud, "ecr") as registry:
        arn = registry.create_repository(**name)["repository"]["repositoryArn"]
        media = "application/vnd.docker.distribution.manifest.v2+json"
        manifest = json.dumps(
            {"schemaVersion": 2, "mediaType": media, "config": {"digest": "sha256:" + "0" * 64}, "layers": []}
        )
        assert registry.describe_registry()["replicationConfiguration"] == {"rules": []}
        with pytest.raises(registry.exceptions.RegistryPolicyNotFoundException):
            registry.get_registry_policy()
        registry.put_image(**name, imageManifest=manifest, imageTag="one")
        assert registry.list_images(**name)["imageIds"][0]["imageTag"] == "one"
        tagged = [{"imageTag": "one"}]
        assert registry.describe_images(**name)["imageDetails"][0]["imageTags"] == ["one"]
        assert registry.batch_get_image(**name, imageIds=tagged)["images"][0]["imageManifest"] == manifest
        registry.set_repository_policy(**name, policyText=POLICY)
        assert json.loads(registry.get_repository_policy(**name)["policyText"]) == json.loads(POLICY)
        registry.delete_repository_policy(**name)
        rule = {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1},
        }
        text = json.dumps({"rules": [rule | {"action": {"type": "expire"}}]})
        registry.put_lifecycle_policy(**name, lifecyclePolicyText=text)
        assert registry.get_lifecycle_policy(**name)["lifecyclePolicyText"] == text
        registry.delete_lifecycle_policy(**name)
        registry.put_image_tag_mutability(**name, imageTagMutability="IMMUTABLE")
        registry.put_image_scanning_configuration(**name, imageScanningConfiguration={"scanOnPush": True})
        assert registry.describe_repositories()["repositories"][0]["imageTagMutability"] == "IMMUTABLE"
        registry.tag_resource(resourceArn=arn, tags=TAG)
        assert registry.list_tags_for_resource(resourceArn=arn)["tags"] == TAG
        registry.untag_resource(resourceArn=arn, tagKeys=["a"])
        registry.batch_delete_image(**name, imageIds=tagged)
        registry.delete_repository(**name)
        assert registry.describe_repositories()["repositories"] == []


def test_the_operations_of_kms(cloud: Cloud) -> None:
    with every_operation_of(cloud, "kms") as kms:
        key = kms.create_key()["KeyMetadata"]
        name = {"KeyId": key["KeyId"]}
        secret = kms.encrypt(**name, Plaintext=b"secret")["CiphertextBlob"]
        again = kms.re_encrypt(CiphertextBlob=secret, DestinationKeyId=key["KeyId"])["CiphertextBlob"]
        assert kms.decrypt(CiphertextBlob=again)["Plaintext"] == b"secret"
        data = kms.generate_data_key(**name, KeySpec="AES_256")
        assert kms.decrypt(CiphertextBlob=data["CiphertextBlob"])["Plaintext"] == data["Plaintext"]
        hidden = kms.generate_data_key_without_plaintext(**name, KeySpec="AES_256")
        assert len(kms.decrypt(CiphertextBlob=hidden["CiphertextBlob"])["Plaintext"]) == 32
        assert len(kms.generate_random(NumberOfBytes=8)["Plaintext"]) == 8
        kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
        other = kms.create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")["KeyMetadata"]["KeyId"]
        kms.update_alias(AliasName="alias/a", TargetKeyId=other)
        alias = next(one for one in kms.list_aliases()["Aliases"] if one["AliasName"] == "alias/a")
        assert alias["TargetKeyId"] == other
        kms.delete_alias(AliasName="alias/a")
        mac = {"KeyId": other, "Message": b"m", "MacAlgorithm": "HMAC_SHA_256"}
        assert kms.verify_mac(**mac, Mac=kms.generate_mac(**mac)["Mac"])["MacValid"]
        pair = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"]
        sign = {"KeyId": pair, "Message": b"m", "SigningAlgorithm": "RSASSA_PSS_SHA_256"}
        assert kms.verify(**sign, Signature=kms.sign(**sign)["Signature"])["SignatureValid"]
        assert kms.get_public_key(KeyId=pair)["PublicKey"]
        kms.update_key_description(**name, Description="d")
        kms.disable_key(**name)
        shown = kms.describe_key(**name)["KeyMetadata"]
        assert (shown["Description"], shown["Enabled"]) == ("d", False)
        kms.enable_key(**name)
        kms.enable_key_rotation(**name)
        assert kms.get_key_rotation_status(**name)["KeyRotationEnabled"]
        kms.disable_key_rotation(**name)
        kms.put_key_policy(**name, PolicyName="default", Policy=POLICY)
        assert json.loads(kms.get_key_policy(**name, PolicyName="default")["Policy"]) == json.loads(POLICY)
        assert kms.list_key_policies(**name)["PolicyNames"] == ["default"]
        kms.tag_resource(**name, Tags=[{"TagKey": "a", "TagValue": "b"}])
        assert kms.list_resource_tags(**name)["Tags"] == [{"TagKey": "a", "TagValue": "b"}]
        kms.untag_resource(**name, TagKeys=["a"])
        kms.schedule_key_deletion(**name)
        assert kms.describe_key(**name)["KeyMetadata"]["KeyState"] == "PendingDeletion"
        kms.cancel_key_deletion(**name)
        assert len(kms.list_keys()["Keys"]) >= 3


def test_the_operations_of_logs(cloud: Cloud) -> None:
    group, stream = {"logGroupName": "g"}, {"logStreamName": "s"}
    with every_operation_of(cloud, "logs") as logs:
        logs.create_log_group(**group)
        arn = logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["arn"].removesuffix(":*")
        logs.create_log_stream(**group, **stream)
        assert logs.describe_log_streams(**group)["logStreams"][0]["logStreamName"] == "s"
        event = {"timestamp": int(time.time() * 1000), "message": "hello"}
        logs.put_log_events(**group, **stream, logEvents=[event])
        got = logs.get_log_events(**group, **stream, startFromHead=True)["events"]
        assert [one["message"] for one in got] == ["hello"]
        logs.put_retention_policy(**group, retentionInDays=7)
        assert logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"][0]["retentionInDays"] == 7
        logs.delete_retention_policy(**group)
        metric = {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}
        logs.put_metric_filter(**group, filterName="f", filterPattern="x", metricTransformations=[metric])
        assert logs.describe_metric_filters(**group)["metricFilters"][0]["filterName"] == "f"
        logs.delete_metric_filter(**group, filterName="f")
        logs.tag_log_group(**group, tags={"a": "b"})
        assert logs.list_tags_log_group(**group)["tags"] == {"a": "b"}
        logs.untag_log_group(**group, tags=["a"])
        logs.tag_resource(resourceArn=arn, tags={"c": "d"})
        assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"c": "d"}
        logs.untag_resource(resourceArn=arn, tagKeys=["c"])
        for absent, members in (
            (logs.describe_subscription_filters, group),
            (logs.describe_destinations, {}),
            (logs.describe_resource_policies, {}),
            (logs.describe_deliveries, {}),
            (logs.describe_delivery_destinations, {}),
            (logs.describe_delivery_sources, {}),
        ):
            [none] = [value for name, value in absent(**members).items() if name != "ResponseMetadata"]
            assert none == []
        with pytest.raises(ClientError, match="The specified subscription filter does not exist"):
            logs.delete_subscription_filter(**group, filterName="f")
        with pytest.raises(ClientError, match=r"Policy with name \[p\] does not exist"):
            logs.delete_resource_policy(policyName="p")
        with pytest.raises(ClientError, match="localcloud supports only policyName"):
            logs.delete_resource_policy()
        logs.delete_log_stream(**group, **stream)
        logs.delete_log_group(**group)
        assert logs.describe_log_groups(logGroupNamePrefix="g")["logGroups"] == []


def test_the_operations_of_s3(cloud: Cloud) -> None:
    bucket = {"Bucket": "operations"}
    with every_operation_of(cloud, "s3") as s3:
        s3.create_bucket(**bucket)
        s3.head_bucket(**bucket)
        assert "operations" in [one["Name"] for one in s3.list_buckets()["Buckets"]]
        assert s3.get_bucket_location(**bucket)["LocationConstraint"] is None
        _settings(s3, bucket)
        _objects(s3, bucket)
        _parts(s3, bucket)
        s3.delete_bucket(**bucket)


def _settings(s3: Any, bucket: dict) -> None:
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(**bucket)["Rules"][0]["Expiration"] == {"Days": 1}
    s3.delete_bucket_lifecycle(**bucket)
    s3.put_bucket_cors(
        **bucket, CORSConfiguration={"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}
    )
    assert s3.get_bucket_cors(**bucket)["CORSRules"][0]["AllowedMethods"] == ["GET"]
    s3.delete_bucket_cors(**bucket)
    s3.put_bucket_website(**bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    assert s3.get_bucket_website(**bucket)["IndexDocument"] == {"Suffix": "index.html"}
    s3.delete_bucket_website(**bucket)
    encryption = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(**bucket, ServerSideEncryptionConfiguration={"Rules": [encryption]})
    assert s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    s3.delete_bucket_encryption(**bucket)
    owners = {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}
    s3.put_bucket_ownership_controls(**bucket, OwnershipControls=owners)
    assert s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"] == owners
    s3.delete_bucket_ownership_controls(**bucket)
    s3.put_public_access_block(**bucket, PublicAccessBlockConfiguration={"BlockPublicAcls": False})
    assert not s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    s3.delete_public_access_block(**bucket)
    document = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::operations/x",
    }
    text = json.dumps({"Version": "2012-10-17", "Statement": [document]})
    s3.put_bucket_policy(**bucket, Policy=text)
    assert json.loads(s3.get_bucket_policy(**bucket)["Policy"])["Statement"] == [document]
    assert s3.get_bucket_policy_status(**bucket)["PolicyStatus"]["IsPublic"] in (True, False)
    s3.delete_bucket_policy(**bucket)
    s3.put_bucket_acl(**bucket, ACL="private")
    assert len(s3.get_bucket_acl(**bucket)["Grants"]) == 1
    s3.put_bucket_tagging(**bucket, Tagging={"TagSet": TAG})
    assert s3.get_bucket_tagging(**bucket)["TagSet"] == TAG
    s3.delete_bucket_tagging(**bucket)
    s3.put_bucket_notification_configuration(**bucket, NotificationConfiguration={})
    s3.get_bucket_notification_configuration(**bucket)
    assert "Status" not in s3.get_bucket_accelerate_configuration(**bucket)
    assert "LoggingEnabled" not in s3.get_bucket_logging(**bucket)
    for unset in (s3.get_bucket_replication, s3.get_object_lock_configuration):
        with pytest.raises(s3.exceptions.ClientError, match="NotFoundError"):
            unset(**bucket)


def _objects(s3: Any, bucket: dict) -> None:
    key = {**bucket, "Key": "k"}
    s3.put_object(**key, Body=b"body")
    assert s3.get_object(**key)["Body"].read() == b"body"
    assert s3.head_object(**key)["ContentLength"] == 4
    assert s3.get_object_attributes(**key, ObjectAttributes=["ObjectSize"])["ObjectSize"] == 4
    s3.copy_object(**bucket, Key="copy", CopySource="operations/k")
    assert [one["Key"] for one in s3.list_objects(**bucket)["Contents"]] == ["copy", "k"]
    assert s3.list_objects_v2(**bucket)["KeyCount"] == 2
    s3.put_object_tagging(**key, Tagging={"TagSet": TAG})
    assert s3.get_object_tagging(**key)["TagSet"] == TAG
    s3.delete_object_tagging(**key)
    s3.put_object_acl(**key, ACL="private")
    assert len(s3.get_object_acl(**key)["Grants"]) == 1
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Enabled"})
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    s3.delete_object(**key)
    versions = s3.list_object_versions(**bucket)
    assert len(versions["DeleteMarkers"]) == 1
    gone = [
        {"Key": one["Key"], "VersionId": one["VersionId"]}
        for one in versions["DeleteMarkers"] + versions["Versions"]
    ]
    assert len(s3.delete_objects(**bucket, Delete={"Objects": gone})["Deleted"]) == 3


def _parts(s3: Any, bucket: dict) -> None:
    s3.put_bucket_versioning(**bucket, VersioningConfiguration={"Status": "Suspended"})
    s3.put_object(**bucket, Key="source", Body=b"source")
    upload = {
        **bucket,
        "Key": "large",
        "UploadId": s3.create_multipart_upload(**bucket, Key="large")["UploadId"],
    }
    assert len(s3.list_multipart_uploads(**bucket)["Uploads"]) == 1
    first = s3.upload_part(**upload, PartNumber=1, Body=b"x" * 5 * 2**20)
    second = s3.upload_part_copy(**upload, PartNumber=2, CopySource="operations/source")["CopyPartResult"]
    assert len(s3.list_parts(**upload)["Parts"]) == 2
    parts = [{"PartNumber": number + 1, "ETag": one["ETag"]} for number, one in enumerate((first, second))]
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert s3.get_object(**bucket, Key="large")["Body"].read()[-6:] == b"source"
    other = s3.create_multipart_upload(**bucket, Key="never")["UploadId"]
    s3.abort_multipart_upload(**bucket, Key="never", UploadId=other)
    versions = s3.list_object_versions(**bucket)["Versions"]
    gone = [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in versions]
    s3.delete_objects(**bucket, Delete={"Objects": gone})


def test_the_operations_of_secretsmanager(cloud: Cloud) -> None:
    name = {"SecretId": "s"}
    with every_operation_of(cloud, "secretsmanager") as secrets:
        secrets.create_secret(Name="s", SecretString="one")
        secrets.put_secret_value(**name, SecretString="two")
        secrets.update_secret(**name, SecretString="three")
        assert secrets.get_secret_value(**name)["SecretString"] == "three"
        assert (
            secrets.batch_get_secret_value(SecretIdList=["s"])["SecretValues"][0]["SecretString"] == "three"
        )
        versions = secrets.list_secret_version_ids(**name)["Versions"]
        assert ["AWSCURRENT"] in [one["VersionStages"] for one in versions]
        assert len(secrets.get_random_password(PasswordLength=20)["RandomPassword"]) == 20
        secrets.put_resource_policy(**name, ResourcePolicy=POLICY)
        assert json.loads(secrets.get_resource_policy(**name)["ResourcePolicy"]) == json.loads(POLICY)
        secrets.delete_resource_policy(**name)
        secrets.tag_resource(**name, Tags=TAG)
        assert secrets.describe_secret(**name)["Tags"] == TAG
        secrets.untag_resource(**name, TagKeys=["a"])
        secrets.delete_secret(**name)
        secrets.restore_secret(**name)
        assert [one["Name"] for one in secrets.list_secrets()["SecretList"]] == ["s"]


# The words are those of LocalStack's recordings (test_secretsmanager.snapshot.json) and of users' reports.
def test_secrets_are_refused_in_the_words_of_aws(cloud: Cloud) -> None:
    secrets, name = cloud.client("secretsmanager"), {"SecretId": "told"}
    arn = secrets.create_secret(Name="told", SecretString="one")["ARN"]
    secrets.put_secret_value(**name, SecretBinary=b"\x00two", VersionStages=["OTHER"])
    assert secrets.get_secret_value(**name, VersionStage="OTHER")["SecretBinary"] == b"\x00two"
    listed = secrets.list_secret_version_ids(**name)
    assert (listed["ARN"], listed["Name"], "NextToken" in listed) == (arn, "told", False)

    def said(operation: str, **request: Any) -> tuple[str, int, str]:
        with pytest.raises(ClientError) as caught:
            getattr(secrets, operation)(**request)
        answer = caught.value.response
        error = answer["Error"]
        return error["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], error["Message"]

    missing = ("ResourceNotFoundException", 400, "Secrets Manager can't find the specified secret.")
    assert said("get_secret_value", SecretId="none") == missing
    code, _, words = said("get_secret_value", **name, VersionStage="NONE")
    assert code == "ResourceNotFoundException"
    assert words == "Secrets Manager can't find the specified secret value for staging label: NONE"
    both = {"SecretString": "x", "SecretBinary": b"x"}
    assert said("create_secret", Name="both", **both)[0] == "InvalidParameterException"
    assert said("create_secret", Name="a b", SecretString="x")[2].startswith("Invalid name. Must be a valid")
    assert said("delete_secret", **name, RecoveryWindowInDays=3)[2] == (
        "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive)."
    )
    secrets.delete_secret(**name, RecoveryWindowInDays=7)
    marked = "You can't perform this operation on the secret because it was marked for deletion."
    for operation, more in (("get_secret_value", {}), ("put_secret_value", {"SecretString": "x"})):
        assert said(operation, **name, **more) == ("InvalidRequestException", 400, marked)
    assert said("create_secret", Name="told", SecretString="x")[2] == (
        "You can't create this secret because a secret with this name is already scheduled for deletion."
    )
    secrets.restore_secret(**name)
    assert secrets.get_secret_value(**name)["SecretString"] == "one"


def test_the_operations_of_sns(cloud: Cloud) -> None:
    queues = cloud.client("sqs")
    queue = queues.create_queue(QueueName="subscriber")["QueueUrl"]
    with every_operation_of(cloud, "sns") as sns:
        topic = {"TopicArn": sns.create_topic(Name="t")["TopicArn"]}
        assert topic in sns.list_topics()["Topics"]
        assert sns.list_platform_applications()["PlatformApplications"] == []
        sns.set_topic_attributes(**topic, AttributeName="DisplayName", AttributeValue="shown")
        assert sns.get_topic_attributes(**topic)["Attributes"]["DisplayName"] == "shown"
        endpoint = "arn:aws:sqs:us-east-1:123456789012:subscriber"
        subscription = {
            "SubscriptionArn": sns.subscribe(**topic, Protocol="sqs", Endpoint=endpoint)["SubscriptionArn"]
        }
        sns.set_subscription_attributes(
            **subscription, AttributeName="RawMessageDelivery", AttributeValue="true"
        )
        shown = sns.get_subscription_attributes(**subscription)["Attributes"]
        assert shown["RawMessageDelivery"] == "true"
        sns.publish(**topic, Message="one")
        sns.publish_batch(**topic, PublishBatchRequestEntries=[{"Id": "a", "Message": "two"}])
        received = queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
        assert sorted(one["Body"] for one in received) == ["one", "two"]
        assert len(sns.list_subscriptions_by_topic(**topic)["Subscriptions"]) == 1
        sns.unsubscribe(**subscription)
        assert sns.list_subscriptions()["Subscriptions"] == []
        sns.tag_resource(ResourceArn=topic["TopicArn"], Tags=TAG)
        assert sns.list_tags_for_resource(ResourceArn=topic["TopicArn"])["Tags"] == TAG
        sns.untag_resource(ResourceArn=topic["TopicArn"], TagKeys=["a"])
        sns.delete_topic(**topic)
        assert sns.list_topics()["Topics"] == []


def test_the_operations_of_sqs(cloud: Cloud) -> None:
    with every_operation_of(cloud, "sqs") as sqs:
        queue = {"QueueUrl": sqs.create_queue(QueueName="q")["QueueUrl"]}
        assert sqs.get_queue_url(QueueName="q")["QueueUrl"] == queue["QueueUrl"]
        assert queue["QueueUrl"] in sqs.list_queues()["QueueUrls"]
        arn = sqs.get_queue_attributes(**queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(**queue, Attributes={"VisibilityTimeout": "5"})
        sqs.send_message(**queue, MessageBody="one")
        sqs.send_message_batch(
            **queue, Entries=[{"Id": "a", "MessageBody": "two"}, {"Id": "b", "MessageBody": "three"}]
        )
        messages = sqs.receive_message(**queue, MaxNumberOfMessages=10)["Messages"]
        assert sorted(one["Body"] for one in messages) == ["one", "three", "two"]
        handles = [one["ReceiptHandle"] for one in messages]
        sqs.change_message_visibility(**queue, ReceiptHandle=handles[0], VisibilityTimeout=0)
        sqs.change_message_visibility_batch(
            **queue, Entries=[{"Id": "a", "ReceiptHandle": handles[1], "VisibilityTimeout": 0}]
        )
        assert len(sqs.receive_message(**queue, MaxNumberOfMessages=10)["Messages"]) == 2
        sqs.delete_message(**queue, ReceiptHandle=handles[2])
        sqs.delete_message_batch(**queue, Entries=[{"Id": "a", "ReceiptHandle": handles[1]}])
        sqs.purge_queue(**queue)
        count = sqs.get_queue_attributes(**queue, AttributeNames=["All"])["Attributes"]
        assert count["ApproximateNumberOfMessages"] == "0"
        redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
        source = sqs.create_queue(QueueName="source", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        assert sqs.list_dead_letter_source_queues(**queue)["queueUrls"] == [source]
        sqs.add_permission(**queue, Label="l", AWSAccountIds=["123456789012"], Actions=["SendMessage"])
        sqs.remove_permission(**queue, Label="l")
        sqs.tag_queue(**queue, Tags={"a": "b"})
        assert sqs.list_queue_tags(**queue)["Tags"] == {"a": "b"}
        sqs.untag_queue(**queue, TagKeys=["a"])
        sqs.delete_queue(**queue)
        assert queue["QueueUrl"] not in sqs.list_queues()["QueueUrls"]


def test_the_operations_of_ssm(cloud: Cloud) -> None:
    with every_operation_of(cloud, "ssm") as ssm:
        ssm.put_parameter(Name="/a/b", Value="one", Type="String")
        ssm.put_parameter(Name="/a/b", Value="two", Type="String", Overwrite=True)
        assert ssm.get_parameter(Name="/a/b")["Parameter"]["Value"] == "two"
        assert ssm.get_parameters(Names=["/a/b"])["Parameters"][0]["Version"] == 2
        assert ssm.get_parameters_by_path(Path="/a")["Parameters"][0]["Name"] == "/a/b"
        assert [one["Value"] for one in ssm.get_parameter_history(Name="/a/b")["Parameters"]] == [
            "one",
            "two",
        ]
        assert ssm.describe_parameters()["Parameters"][0]["Name"] == "/a/b"
        ssm.label_parameter_version(Name="/a/b", ParameterVersion=1, Labels=["first"])
        assert ssm.get_parameter(Name="/a/b:first")["Parameter"]["Value"] == "one"
        ssm.unlabel_parameter_version(Name="/a/b", ParameterVersion=1, Labels=["first"])
        tagged = {"ResourceType": "Parameter", "ResourceId": "/a/b"}
        ssm.add_tags_to_resource(**tagged, Tags=TAG)
        assert ssm.list_tags_for_resource(**tagged)["TagList"] == TAG
        ssm.remove_tags_from_resource(**tagged, TagKeys=["a"])
        ssm.delete_parameter(Name="/a/b")
        assert ssm.delete_parameters(Names=["/a/b"])["InvalidParameters"] == ["/a/b"]
        content = json.dumps({"schemaVersion": "2.2", "description": "d", "mainSteps": []})
        ssm.create_document(Name="doc", Content=content, DocumentType="Command", DocumentFormat="JSON")
        assert json.loads(ssm.get_document(Name="doc")["Content"]) == json.loads(content)
        assert ssm.describe_document(Name="doc")["Document"]["Name"] == "doc"
        ssm.delete_document(Name="doc")
        assert ssm.list_documents()["DocumentIdentifiers"] == []
