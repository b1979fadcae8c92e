"""A bucket's policy binds its owner, the public and AWS's services; a service's role has its own limits."""

import json
from collections.abc import Callable, Iterator

import pytest
import requests
from localcloud_lambda_fixtures import Account, allow, having, is_denied, policy, refusal, running

from localcloud.iam import IamEnforcement, role_may, service_may

__all__ = ["having"]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    with running(IamEnforcement) as account:
        yield account


def test_a_bucket_policy_can_allow_and_deny(account: Account, having: Callable) -> None:
    client = having(allow("s3:GetObject", "arn:aws:s3:::guarded/*"))("s3")
    owner = account.client("s3")
    owner.create_bucket(Bucket="guarded")
    owner.put_object(Bucket="guarded", Key="secret/1", Body=b"s")
    role = f"arn:aws:iam::123456789012:role/{having.name}"
    document = policy(
        {
            "Effect": "Allow",
            "Principal": {"AWS": role},
            "Action": "s3:PutObject",
            "Resource": "arn:aws:s3:::guarded/*",
        },
        {
            "Effect": "Deny",
            "Principal": {"AWS": role},
            "Action": "s3:GetObject",
            "Resource": "arn:aws:s3:::guarded/secret/*",
        },
    )
    owner.put_bucket_policy(Bucket="guarded", Policy=document)
    client.put_object(Bucket="guarded", Key="new", Body=b"x")
    message = refusal(lambda: client.get_object(Bucket="guarded", Key="secret/1"))["Error"]["Message"]
    assert message.endswith("with an explicit deny in a resource-based policy")


ONLY_OVER_TLS = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": ["arn:aws:s3:::{0}", "arn:aws:s3:::{0}/*"],
    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
}


def about(bucket: str, statement: dict) -> dict:
    return json.loads(json.dumps(statement).replace("{0}", bucket))


def test_a_conditional_denial_denies_only_under_its_condition(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="tls")
    s3.put_bucket_policy(Bucket="tls", Policy=policy(about("tls", ONLY_OVER_TLS)))
    s3.put_object(Bucket="tls", Key="a", Body=b"x")
    assert s3.get_object(Bucket="tls", Key="a")["Body"].read() == b"x"
    assert s3.delete_objects(Bucket="tls", Delete={"Objects": [{"Key": "a"}]})["Deleted"]


def test_a_buckets_policy_binds_even_the_owner_who_can_mend_it(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="locked")
    s3.put_object(Bucket="locked", Key="a", Body=b"x")
    everything = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::locked/*"}
    s3.put_bucket_policy(Bucket="locked", Policy=policy(everything))
    assert is_denied(lambda: s3.get_object(Bucket="locked", Key="a"))
    s3.delete_bucket_policy(Bucket="locked")
    assert s3.get_object(Bucket="locked", Key="a")["Body"].read() == b"x"


def test_anonymous_requests_see_only_what_is_public(account: Account) -> None:
    s3, url = account.client("s3"), account.cloud.url
    s3.create_bucket(Bucket="page", ObjectOwnership="ObjectWriter")
    s3.delete_public_access_block(Bucket="page")
    s3.put_object(Bucket="page", Key="index.html", Body=b"page")
    s3.put_object(Bucket="page", Key="listed.txt", Body=b"listed", ACL="public-read")

    def status(path: str, method: str = "GET") -> int:
        return requests.request(method, f"{url}/page{path}", timeout=10).status_code

    def by_host(name: str, path: str) -> int:
        return requests.get(f"{url}{path}", headers={"Host": name}, timeout=10).status_code

    hosts = ("page.s3.amazonaws.com", "page.s3.localhost", "page.localhost")
    assert {host: by_host(host, "/index.html") for host in hosts} == dict.fromkeys(hosts, 403)
    assert {host: by_host(host, "/listed.txt") for host in hosts} == dict.fromkeys(hosts, 200)
    paths = ("localhost", "s3.amazonaws.com")
    assert {host: by_host(host, "/page/index.html") for host in paths} == dict.fromkeys(paths, 403)
    assert status("/index.html") == 403
    assert status("/index.html", "HEAD") == 403
    assert status("/new.html", "PUT") == 403
    assert status("") == 403
    assert status("/listed.txt") == 200
    everyone = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::page/*",
    }
    s3.put_bucket_policy(Bucket="page", Policy=policy(everyone))
    assert requests.get(f"{url}/page/index.html", timeout=10).content == b"page"
    assert status("/missing.html") == status("/missing.html", "HEAD") == 403
    assert status("/index.html", "DELETE") == 403
    s3.put_public_access_block(
        Bucket="page",
        PublicAccessBlockConfiguration={"RestrictPublicBuckets": True, "IgnorePublicAcls": True},
    )
    assert status("/index.html") == status("/listed.txt") == 403


def test_a_service_reaches_a_bucket_only_for_what_the_policy_names(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="site")
    distribution = "arn:aws:cloudfront::123456789012:distribution/E1"
    reading = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::site/*",
        "Condition": {"StringEquals": {"AWS:SourceArn": distribution}},
    }
    s3.put_bucket_policy(Bucket="site", Policy=policy(reading, about("site", ONLY_OVER_TLS)))

    def may(service: str, source: str) -> bool:
        return service_may(account.cloud, service, "s3:GetObject", "arn:aws:s3:::site/index.html", source)

    assert may("cloudfront.amazonaws.com", distribution)
    assert not may("cloudfront.amazonaws.com", distribution + "2")
    assert not may("lambda.amazonaws.com", distribution)


def test_a_service_is_judged_by_what_is_known_of_its_requests(account: Account) -> None:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="perimeter")
    reading = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudfront.amazonaws.com"},
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::perimeter/*",
    }

    def may(operator: str, key: str, value: str) -> bool:
        limit = {"Principal": "*", "Condition": {operator: {key: value}}}
        s3.put_bucket_policy(
            Bucket="perimeter", Policy=policy(reading, {**reading, "Effect": "Deny", **limit})
        )
        resource, source = "arn:aws:s3:::perimeter/a", "arn:aws:cloudfront::123456789012:distribution/E1"
        return service_may(account.cloud, "cloudfront.amazonaws.com", "s3:GetObject", resource, source)

    assert may("BoolIfExists", "aws:PrincipalIsAWSService", "false")
    assert not may("BoolIfExists", "aws:PrincipalIsAWSService", "true")
    assert not may("StringEquals", "aws:PrincipalServiceName", "cloudfront.amazonaws.com")
    assert may("StringNotEquals", "aws:ResourceAccount", "123456789012")
    assert may("StringNotEquals", "aws:RequestedRegion", account.cloud.region)
    assert may("Bool", "aws:ViaAWSService", "true")
    assert not may("IpAddress", "aws:SourceIp", "192.0.2.0/24"), "its address is not known"


def test_a_role_of_a_service_may_what_conditions_of_its_account_allow(account: Account) -> None:
    keys = {
        "aws:ResourceAccount": "123456789012",
        "aws:PrincipalAccount": "123456789012",
        "aws:PrincipalArn": "arn:aws:iam::123456789012:role/calling",
        "aws:RequestedRegion": "eu-west-1",
        "aws:PrincipalIsAWSService": "false",
    }
    role = account.role(
        "calling",
        allow("lambda:InvokeFunction", Condition={"StringEquals": keys}),
        allow("lambda:GetFunction", Condition={"StringLike": {"aws:userid": "AROA*:tester"}}),
    )
    function = "arn:aws:lambda:{}:123456789012:function:f"
    assert role_may(account.cloud, role, "lambda:InvokeFunction", function.format("eu-west-1"))
    assert not role_may(account.cloud, role, "lambda:InvokeFunction", function.format("eu-west-2"))
    assert not role_may(account.cloud, role, "lambda:GetFunction", function.format("eu-west-1"))


def test_a_boundary_limits_a_role_of_a_service(account: Account) -> None:
    role = account.role("bounded-service", allow("lambda:InvokeFunction"))
    iam = account.client("iam")
    document = policy(allow("logs:*"))
    boundary = iam.create_policy(PolicyName="only-logs", PolicyDocument=document)["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="bounded-service", PermissionsBoundary=boundary)
    here = "us-east-1:123456789012"
    assert role_may(account.cloud, role, "logs:PutLogEvents", f"arn:aws:logs:{here}:log-group:g")
    assert not role_may(account.cloud, role, "lambda:InvokeFunction", f"arn:aws:lambda:{here}:function:f")
