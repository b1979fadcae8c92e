"""Configurations of buckets, tags and policies that S3 refuses.

The codes and words are those of recordings on AWS (LocalStack's tests/aws/services/s3/*.snapshot.json) and of
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.client import Config
from botocore.exceptions import ClientError
from localcloud_lambda_fixtures import Account, running

from localcloud.s3 import S3Service

INVALID_KEY = "Policy has an invalid condition key"
INVALID_PRINCIPAL = "Invalid principal in policy"
INVALID_SYNTAX = "Invalid policy syntax."
NO_PRINCIPAL = "Missing required field Principal cannot be empty!"
TOO_LONG = "Policy exceeds the maximum allowed document size."
MALFORMED = "The XML you provided was not well-formed or did not validate against our published schema"
MIDNIGHT = datetime.datetime(2100, 1, 1, tzinfo=datetime.UTC)
NOON = datetime.datetime(2030, 1, 1, 12)
DEFAULT = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
ARN = "arn:aws:s3:::configured"


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with running(S3Service) as account:
        config = Config(parameter_validation=False, s3={"addressing_style": "path"})
        client = Account(account.cloud).client("s3", config=config)
        client.create_bucket(Bucket="configured")
        client.put_object(Bucket="configured", Key="k")
        yield client


def tags(*given: tuple[str, str]) -> dict[str, Any]:
    return {"Tagging": {"TagSet": [{"Key": key, "Value": value} for key, value in given]}}


def lifecycle(*rules: dict[str, Any]) -> dict[str, Any]:
    complete = [{"Status": "Enabled", "Filter": {}, **rule} for rule in rules]
    return {"LifecycleConfiguration": {"Rules": complete}}


def website(**members: Any) -> dict[str, Any]:
    return {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}, **members}}


def encryption(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"ServerSideEncryptionConfiguration": {"Rules": list(rules)}}


def policy(
    action: str, resource: str = f"{ARN}/*", version: str = "2012-10-17", **members: Any
) -> dict[str, Any]:
    root = {"AWS": "arn:aws:iam::123456789012:root"}
    statement = {"Effect": "Allow", "Principal": root, "Action": action, "Resource": resource, **members}
    return {"Policy": json.dumps({"Version": version, "Statement": [statement]})}


def conditional(condition: dict[str, Any]) -> dict[str, Any]:
    return policy("s3:GetObject", Condition=condition)


def principal(name: str, kind: str = "AWS") -> dict[str, Any]:
    return policy("s3:GetObject", Effect="Deny", Principal={kind: name})


EXPIRING = {"Expiration": {"Days": 1}}
REFUSED = [
    ("put_bucket_tagging", tags(("aws:x", "1")), "System tags cannot be added/updated by requester"),
    ("put_bucket_tagging", tags(("a,b", "1")), "The TagKey you have provided is invalid"),
    ("put_bucket_tagging", tags(("a", "1,2")), "The TagValue you have provided is invalid"),
    ("put_bucket_tagging", tags(*((str(n), "") for n in range(51))), "Bucket tags cannot be greater than 50"),
    ("put_object_tagging", {"Key": "k", **tags(("aws:x", "1"))}, "Your TagKey cannot be prefixed with aws:"),
    ("put_object", {"Key": "k", "Tagging": "a=%3Cb%3E"}, "The TagValue you have provided is invalid"),
    ("put_object", {"Key": "k", "Tagging": "%3Ca%3E=b"}, "The TagKey you have provided is invalid"),
    ("put_object", {"Key": "k", "Tagging": "aws:a=b"}, "Your TagKey cannot be prefixed with aws:"),
    (
        "create_multipart_upload",
        {"Key": "k", "Tagging": "&".join(f"{number}=x" for number in range(11))},
        "Object tags cannot be greater than 10",
    ),
    ("put_object_tagging", {"Key": "none", **tags()}, "The specified key does not exist."),
    ("delete_object_tagging", {"Key": "none"}, "The specified key does not exist."),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"ID": "a", **EXPIRING}, {"ID": "a", **EXPIRING}),
        "Rule ID must be unique. Found same ID for more than one rule",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"ID": "a"}),
        "At least one action needs to be specified in a rule",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"Expiration": {"Days": 0}}),
        "'Days' for Expiration action must be a positive integer",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"NoncurrentVersionExpiration": {"NoncurrentDays": 0}}),
        "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 0}}),
        "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
    ),
    (
        # LocalStack's tests/aws/services/cloudformation/api/test_stacks.py shows that such an update fails.
        "put_bucket_lifecycle_configuration",
        lifecycle({"Transitions": [{"Days": -1, "StorageClass": "GLACIER"}]}),
        "'Days' in Transition action must be nonnegative",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"NoncurrentVersionTransitions": [{"NoncurrentDays": -1, "StorageClass": "GLACIER"}]}),
        "'NoncurrentDays' in NoncurrentVersionTransition action must be nonnegative",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"ID": "x" * 256, **EXPIRING}),
        "ID length should not exceed allowed limit of 255",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"Expiration": {"Days": 1, "Date": datetime.datetime(2030, 1, 1)}}),
        MALFORMED,
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"Expiration": {"Date": NOON}}),
        "'Date' must be at midnight GMT",
    ),
    (
        "put_bucket_lifecycle_configuration",
        lifecycle({"Transitions": [{"Days": 1, "StorageClass": "STANDARD_IA"}]}),
        "'Days' in Transition action must be greater than or equal to 30 for storageClass 'STANDARD_IA'",
    ),
    (
        "put_bucket_website",
        website(IndexDocument={"Suffix": "a/b"}),
        "The IndexDocument Suffix is not well formed",
    ),
    (
        "put_bucket_website",
        website(RedirectAllRequestsTo={"HostName": "x"}),
        "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules.",
    ),
    (
        "put_bucket_website",
        website(RoutingRules=[{"Redirect": {"ReplaceKeyWith": "a", "ReplaceKeyPrefixWith": "b"}}]),
        "You can only define ReplaceKeyPrefix or ReplaceKey but not both.",
    ),
    ("put_bucket_encryption", encryption(DEFAULT, DEFAULT), MALFORMED),
    (
        "put_bucket_encryption",
        encryption({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256", "KMSMasterKeyID": "x"}}),
        "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
    ),
    ("put_bucket_policy", policy("s3:Frobnicate"), "Policy has invalid action"),
    ("put_bucket_policy", policy("ec2:RunInstances"), "Policy has invalid action"),
    (
        "put_bucket_policy",
        policy("s3:ListBucket"),
        "Action does not apply to any resource(s) in statement",
    ),
    (
        "put_bucket_policy",
        policy("s3:GetObject", ARN),
        "Action does not apply to any resource(s) in statement",
    ),
    # versity/versitygw quotes AWS in its issues 649 (principals) and 1536 (versions), and follows it in
    # auth/bucket_policy_condition.go; the words about the size are MinIO's.
    (
        "put_bucket_policy",
        conditional({"FooEquals": {"aws:username": "a"}}),
        "Invalid Condition type : FooEquals",
    ),
    ("put_bucket_policy", conditional({"StringEquals": {"aws:FooBar": "a"}}), INVALID_KEY),
    ("put_bucket_policy", conditional({"StringEquals": {"s3:x-acl": "a"}}), INVALID_KEY),
    (
        "put_bucket_policy",
        conditional({"StringEquals": {"s3:prefix": "a"}}),
        "Conditions do not apply to combination of actions and resources in statement",
    ),
    (
        "put_bucket_policy",
        conditional({"IpAddress": {"aws:SourceIp": "localhost"}}),
        "Invalid IP address in Conditions",
    ),
    (
        "put_bucket_policy",
        conditional({"ForAnyValue:NotIpAddressIfExists": {"aws:SourceIp": "10.0.0.0/40"}}),
        "Invalid IP address in Conditions",
    ),
    (
        "put_bucket_policy",
        policy("s3:GetObject", version="2010-01-01"),
        "The policy must contain a valid version string",
    ),
    ("put_bucket_policy", policy("s3:GetObject", Sid="a" * 20_480), TOO_LONG),
    ("put_bucket_policy", principal("12345"), INVALID_PRINCIPAL),
    ("put_bucket_policy", principal("arn:aws:iam::123456789012:user/nobody"), INVALID_PRINCIPAL),
    ("put_bucket_policy", principal("arn:aws:iam::123456789012:role/*"), INVALID_PRINCIPAL),
    ("put_bucket_policy", principal("foo.amazonaws.com", "Service"), INVALID_PRINCIPAL),
    ("put_bucket_policy", principal("a" * 64, "Foo"), INVALID_PRINCIPAL),
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html: "*" or a map.
    # https://github.com/cn-terraform/terraform-aws-s3-static-website/issues/38 shows the words of empty ones.
    ("put_bucket_policy", policy("s3:GetObject", Principal="210987654321"), INVALID_PRINCIPAL),
    ("put_bucket_policy", policy("s3:GetObject", Principal=["*"]), INVALID_PRINCIPAL),
    ("put_bucket_policy", policy("s3:GetObject", Principal={}), NO_PRINCIPAL),
    ("put_bucket_policy", policy("s3:GetObject", Principal={"AWS": []}), NO_PRINCIPAL),
    (
        "put_bucket_policy",
        policy("s3:GetObject", Action=[]),
        "Missing required field Action cannot be empty!",
    ),
    ("put_bucket_policy", policy("s3:GetObject", Action=["s3:GetObject", 5]), INVALID_SYNTAX),
    ("put_bucket_policy", policy("s3:GetObject", [f"{ARN}/*", {"a": "*"}]), INVALID_SYNTAX),
    ("put_bucket_policy", conditional({"StringEquals": {"aws:username": {"a": "b"}}}), INVALID_SYNTAX),
    ("put_bucket_policy", conditional({"StringEquals": {"aws:username": ["a", None]}}), INVALID_SYNTAX),
    ("put_bucket_policy", policy("s3:GetObject", NotPrincipal="*"), INVALID_SYNTAX),
    ("put_bucket_policy", policy("s3:GetObject", NotAction="s3:PutObject"), INVALID_SYNTAX),
    ("put_bucket_policy", policy("s3:GetObject", NotResource=f"{ARN}/a"), INVALID_SYNTAX),
    (
        "put_bucket_policy",
        principal("a" * 64, "CanonicalUser"),
        "localcloud does not support CanonicalUser as a principal: name the account instead.",
    ),
]


@pytest.mark.parametrize(("operation", "members", "message"), REFUSED)
def test_configurations_that_s3_refuses(
    s3: Any, operation: str, members: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(s3, operation)(Bucket="configured", **members)
    found = caught.value.response
    assert found["ResponseMetadata"]["HTTPStatusCode"] in (400, 404, 501)
    assert found["Error"]["Message"] == message


def test_routing_rules_of_websites_are_refused_by_name(s3: Any) -> None:
    rules = [{"Redirect": {"ReplaceKeyWith": "a"}}]
    with pytest.raises(ClientError, match="localcloud does not support the property RoutingRules"):
        s3.put_bucket_website(Bucket="configured", **website(RoutingRules=rules))


@pytest.mark.parametrize("of", ["object", "bucket"])
def test_an_empty_set_of_tags_replaces_the_former(s3: Any, of: str) -> None:
    place = {"Bucket": "configured"} | ({"Key": "k"} if of == "object" else {})
    put, get = getattr(s3, f"put_{of}_tagging"), getattr(s3, f"get_{of}_tagging")
    put(**place, **tags(("a", "1")))
    put(**place, **tags())
    if of == "object":
        assert get(**place)["TagSet"] == []
    else:
        with pytest.raises(ClientError, match="NoSuchTagSet"):
            get(**place)


def cors(*methods: str) -> dict[str, Any]:
    rules = [{"AllowedMethods": [method], "AllowedOrigins": ["https://a.example"]} for method in methods]
    return {"CORSConfiguration": {"CORSRules": rules}}


@pytest.mark.parametrize("refused", [cors("GET", "PATCH"), cors(*["GET"] * 101)], ids=["method", "101 rules"])
def test_a_refused_cors_configuration_leaves_the_former(s3: Any, refused: dict[str, Any]) -> None:
    former = cors("PUT")
    s3.put_bucket_cors(Bucket="configured", **former)
    with pytest.raises(ClientError):
        s3.put_bucket_cors(Bucket="configured", **refused)
    assert (
        s3.get_bucket_cors(Bucket="configured")["CORSRules"] == cors("PUT")["CORSConfiguration"]["CORSRules"]
    )


def test_a_refused_lifecycle_leaves_the_former(s3: Any) -> None:
    s3.put_bucket_lifecycle_configuration(Bucket="configured", **lifecycle({"ID": "first", **EXPIRING}))
    marker = {"Expiration": {"Days": 1, "ExpiredObjectDeleteMarker": True}}
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.put_bucket_lifecycle_configuration(Bucket="configured", **lifecycle(EXPIRING, marker))
    rules = s3.get_bucket_lifecycle_configuration(Bucket="configured")["Rules"]
    assert [rule["ID"] for rule in rules] == ["first"]


RULES: list[dict[str, Any]] = [
    {
        "Filter": {"And": {"Prefix": "a", "ObjectSizeLessThan": 9}},
        "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
        "Transitions": [{"Date": MIDNIGHT, "StorageClass": "GLACIER"}],
    },
    {"Filter": {}, "Expiration": {"ExpiredObjectDeleteMarker": True}},
]


def test_a_lifecycle_is_told_as_it_was_given(s3: Any) -> None:
    bucket = {"Bucket": "configured"}
    smallest = {"TransitionDefaultMinimumObjectSize": "varies_by_storage_class"}
    rules = [{"ID": str(number), "Status": "Enabled", **rule} for number, rule in enumerate(RULES)]
    put = s3.put_bucket_lifecycle_configuration(**bucket, **smallest, LifecycleConfiguration={"Rules": rules})
    found = s3.get_bucket_lifecycle_configuration(**bucket)
    assert found["Rules"] == rules
    assert put.items() >= smallest.items() <= found.items()
    del rules[1]["ID"]
    s3.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration={"Rules": rules})
    found = s3.get_bucket_lifecycle_configuration(**bucket)
    assert found["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"
    named = [rule.pop("ID") for rule in found["Rules"]]
    assert (named[0], len(named[1]) > 20) == ("0", True)  # S3 names a rule that has no name


@pytest.mark.parametrize(
    ("action", "resource"),
    [("s3:get*", f"{ARN}/*"), ("S3:listbucket", ARN), ("s3:*", ARN), ("*", ARN), ("s3:PutObject", f"{ARN}*")],
)
def test_actions_of_policies_are_patterns_in_any_case(s3: Any, action: str, resource: str) -> None:
    s3.put_bucket_policy(Bucket="configured", **policy(action, resource))
    s3.delete_bucket_policy(Bucket="configured")


@pytest.mark.parametrize(
    "given",
    [
        principal("*"),
        principal("210987654321"),
        principal("arn:aws:iam::210987654321:role/elsewhere"),
        principal("logging.s3.amazonaws.com", "Service"),
        principal("delivery.logs.amazonaws.com", "Service"),
        conditional({"ForAnyValue:StringLikeIfExists": {"aws:RequestTag/a": "b"}}),
        conditional({"Null": {"aws:SourceIp": True}}),
        conditional({"Null": {"aws:SourceIp": "true"}}),
        conditional({"StringLike": {"aws:SourceIp": "10.*"}}),
        conditional({"StringEquals": {"s3:destinationRegion": "eu-central-1"}}),
        conditional({"NotIpAddress": {"AWS:SourceIp": ["10.0.0.0/8", "::1"]}}),
        conditional({"IpAddressIfExists": {"aws:SourceIp": "${aws:SourceIp}"}}),
        conditional({"StringEquals": {"lambda:SourceFunctionArn": "a"}}),
    ],
)
def test_policies_that_s3_takes(s3: Any, given: dict[str, Any]) -> None:
    s3.put_bucket_policy(Bucket="configured", **given)
    s3.delete_bucket_policy(Bucket="configured")


def test_a_bucket_is_created_with_its_tags(s3: Any) -> None:
    given = [{"Key": "team", "Value": "film"}]
    request = {"Bucket": "with-tags", "CreateBucketConfiguration": {"Tags": given}}
    s3.create_bucket(**request)
    assert s3.get_bucket_tagging(Bucket="with-tags")["TagSet"] == given
    with pytest.raises(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(**request)
    reserved = {"Tags": [{"Key": "aws:team", "Value": "film"}]}
    with pytest.raises(ClientError, match="reserved for system tags"):
        s3.create_bucket(Bucket="reserved-tags", CreateBucketConfiguration=reserved)


def policy_of(grantee: dict[str, str]) -> dict[str, Any]:
    grants = [{"Grantee": grantee, "Permission": "READ"}]
    return {"AccessControlPolicy": {"Owner": {"ID": "a" * 64}, "Grants": grants}}


@pytest.mark.parametrize(
    ("request_", "code", "message"),
    [
        (
            {"GrantRead": 'uri="http://acs.amazonaws.com/groups/s3/FakeGroup"'},
            "InvalidArgument",
            "Invalid group uri",
        ),
        ({"GrantRead": "id=wrongid"}, "InvalidArgument", "Invalid id"),
        ({"GrantRead": "who=a"}, "InvalidArgument", "Argument format not recognized"),
        (
            {"GrantRead": "emailAddress=a@b.c"},
            "NotImplemented",
            "localcloud does not support grants by emailAddress.",
        ),
        (policy_of({"Type": "Group", "URI": "http://fake"}), "InvalidArgument", "Invalid group uri"),
        (policy_of({"Type": "CanonicalUser", "ID": "wrongid"}), "InvalidArgument", "Invalid id"),
        ({}, "MissingSecurityHeader", "Your request was missing a required header"),
    ],
)
def test_an_acl_names_grantees_that_there_are(
    s3: Any, request_: dict[str, Any], code: str, message: str
) -> None:
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_acl(Bucket="configured", **request_)
    error = caught.value.response["Error"]
    assert (error["Code"], error["Message"]) == (code, message)


def test_a_bucket_has_one_rule_of_ownership_that_there_is(s3: Any) -> None:
    rules = [{"ObjectOwnership": "ObjectWriter"}, {"ObjectOwnership": "BucketOwnerPreferred"}]
    with pytest.raises(ClientError, match="MalformedXML"):
        s3.put_bucket_ownership_controls(Bucket="configured", OwnershipControls={"Rules": rules})
    with pytest.raises(ClientError, match="Invalid x-amz-object-ownership header: RandomValue"):
        s3.create_bucket(Bucket="owned", ObjectOwnership="RandomValue")


def test_what_a_bucket_does_not_have_names_the_bucket(s3: Any) -> None:
    s3.create_bucket(Bucket="without")
    s3.delete_public_access_block(Bucket="without")
    for call in (s3.get_public_access_block, s3.get_object_lock_configuration):
        with pytest.raises(ClientError) as caught:
            call(Bucket="without")
        assert caught.value.response["Error"]["BucketName"] == "without"


KINDS = ("analytics", "intelligent_tiering", "inventory", "metrics")


def test_what_cannot_be_set_is_read_as_what_has_never_been_set(s3: Any) -> None:
    """The words are those of the API's reference: DeleteBucketAnalyticsConfiguration and the like."""
    bucket = {"Bucket": "unset"}
    s3.create_bucket(**bucket)
    assert s3.get_bucket_request_payment(**bucket)["Payer"] == "BucketOwner"
    for kind in KINDS:
        answer = getattr(s3, f"list_bucket_{kind}_configurations")(**bucket)
        assert {name: value for name, value in answer.items() if name != "ResponseMetadata"} == {
            "IsTruncated": False
        }
        for verb in ("get", "delete"):
            with pytest.raises(ClientError) as caught:
                getattr(s3, f"{verb}_bucket_{kind}_configuration")(**bucket, Id="x")
            assert caught.value.response["Error"]["Code"] == "NoSuchConfiguration"
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    with pytest.raises(ClientError, match="The specified bucket does not exist"):
        s3.get_bucket_request_payment(Bucket="nowhere-at-all")
