"""S3's website endpoint, by Host header as curl and browsers send it."""

import http.client
import json

import pytest

from localcloud.iam import IamEnforcement
from localcloud.s3 import WebsiteService
from localcloud.server import Server


@pytest.fixture(scope="module")
def cloud():
    with Server(port=0, services=[IamEnforcement, WebsiteService]) as server:
        s3 = server.cloud.client("s3")
        for bucket in ("public-site", "private-site"):
            s3.create_bucket(Bucket=bucket)
            s3.put_bucket_website(
                Bucket=bucket,
                WebsiteConfiguration={
                    "IndexDocument": {"Suffix": "index.html"},
                    "ErrorDocument": {"Key": "error.html"},
                },
            )
            for key in ("index.html", "sub/index.html", "error.html"):
                s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), ContentType="text/html")
        everyone = {
            "Effect": "Allow",
            "Principal": "*",
            "Action": ["s3:GetObject", "s3:ListBucket"],
            "Resource": ["arn:aws:s3:::public-site", "arn:aws:s3:::public-site/*"],
        }
        s3.delete_public_access_block(Bucket="public-site")
        s3.put_bucket_policy(
            Bucket="public-site", Policy=json.dumps({"Version": "2012-10-17", "Statement": [everyone]})
        )
        s3.create_bucket(Bucket="linked-site")
        s3.put_bucket_website(
            Bucket="linked-site", WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}}
        )
        s3.put_object(Bucket="linked-site", Key="index.html", Body=b"linked")
        s3.delete_public_access_block(Bucket="linked-site")
        s3.create_bucket(Bucket="moved-site")
        s3.put_bucket_website(
            Bucket="moved-site", WebsiteConfiguration={"RedirectAllRequestsTo": {"HostName": "films.example"}}
        )
        yield server.cloud


def ask(cloud, host: str, path: str, method: str = "GET", **headers: str) -> tuple[int, str, str | None]:
    connection = http.client.HTTPConnection(cloud.host, cloud.port)
    connection.request(method, path, headers={"Host": f"{host}:{cloud.port}", **headers})
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.headers["Location"]


@pytest.mark.parametrize(
    "host", ["public-site.s3-website.localhost", "public-site.s3-website-us-east-1.amazonaws.com"]
)
def test_index_documents_answer_for_folders(cloud, host):
    assert ask(cloud, host, "/")[:2] == (200, "index.html")
    assert ask(cloud, host, "/sub/")[:2] == (200, "sub/index.html")
    assert ask(cloud, host, "/sub") == (302, "", "/sub/")


def test_what_is_missing_or_private_gets_the_error_document_if_that_is_public(cloud):
    assert ask(cloud, "public-site.s3-website.localhost", "/no")[:2] == (404, "error.html")
    status, body, _ = ask(cloud, "private-site.s3-website.localhost", "/")
    assert (status, "AccessDenied" in body) == (403, True)


@pytest.mark.parametrize("location", ["/index.html", "https://films.example/noir?page=2"])
def test_one_object_may_be_redirected(cloud, location):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html"""
    s3 = cloud.client("s3")
    s3.put_object(Bucket="public-site", Key="moved", Body=b"", WebsiteRedirectLocation=location)
    s3.put_object(Bucket="private-site", Key="moved", Body=b"", WebsiteRedirectLocation=location)
    for method in ("GET", "HEAD"):
        assert ask(cloud, "public-site.s3-website.localhost", "/moved", method) == (301, "", location)
    assert ask(cloud, "private-site.s3-website.localhost", "/moved")[0] == 403


def test_all_requests_may_be_redirected(cloud):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html"""
    found = ask(cloud, "moved-site.s3-website.localhost", "/noir/a%20b?page=2")
    assert found == (301, "", "http://films.example/noir/a%20b?page=2")


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=0-4", 206, "index"),
        ("bytes=-4", 206, "html"),
        ("bytes=0-1,3-4", 200, "index.html"),
        ("bytes=99-", 416, "InvalidRange"),
    ],
)
def test_a_part_of_a_page_may_be_asked_for(cloud, asked, status, body):
    connection = http.client.HTTPConnection(cloud.host, cloud.port)
    host = f"public-site.s3-website.localhost:{cloud.port}"
    connection.request("GET", "/", headers={"Host": host, "Range": asked})
    answer = connection.getresponse()
    content = answer.read().decode()
    assert (answer.status, body in content) == (status, True)
    if status == 206:
        assert (content, answer.headers["Content-Range"].endswith("/10")) == (body, True)


def test_only_reading_and_only_websites(cloud):
    assert ask(cloud, "public-site.s3-website.localhost", "/", "POST")[0] == 405
    assert ask(cloud, "no-bucket.s3-website.localhost", "/")[0] == 404


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-bucket-policies.html: referers and addresses
@pytest.mark.parametrize(
    ("condition", "referer", "status"),
    [
        ({"StringLike": {"aws:Referer": "http://films.example/*"}}, "http://films.example/a", 200),
        ({"StringLike": {"aws:Referer": "http://films.example/*"}}, "http://other.example/a", 403),
        ({"StringLike": {"aws:Referer": "http://films.example/*"}}, None, 403),
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, None, 200),
        ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}, None, 403),
        ({"StringEquals": {"s3:ResourceAccount": "123456789012"}}, None, 200),
    ],
)
def test_a_policy_sees_the_visitors_request(cloud, condition, referer, status):
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::linked-site/*",
        "Condition": condition,
    }
    cloud.client("s3").put_bucket_policy(
        Bucket="linked-site", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    )
    headers = {"Referer": referer} if referer else {}
    assert ask(cloud, "linked-site.s3-website.localhost", "/", **headers)[0] == status
