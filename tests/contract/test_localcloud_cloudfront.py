"""Distributions: what they serve, to whom the bucket's policy lets them, and the API that describes them."""

import gzip
import json
import urllib.error
import urllib.request

import botocore.exceptions
import pytest
from localcloud_cloudformation_fixtures import cloud, parameters, stacks

__all__ = ["cloud", "stacks"]

PAGE = b"<h1>How was the film?</h1>" * 100
SITE = """
Parameters: {Reader: {Type: String, Default: this}, ErrorPage: {Type: String, Default: /error.html}}
Conditions: {ReadByThis: !Equals [!Ref Reader, this]}
Resources:
  Site: {Type: "AWS::S3::Bucket", Properties: {BucketName: the-site}}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Site
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Effect: Allow
            Principal: {Service: cloudfront.amazonaws.com}
            Action: s3:GetObject
            Resource: !Sub "${Site.Arn}/*"
            Condition:
              StringEquals:
                AWS:SourceArn: !If
                  - ReadByThis
                  - !Sub "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
                  - !Sub "arn:aws:cloudfront::${AWS::AccountId}:distribution/ESOMEOTHER"
          - Effect: Deny
            Principal: "*"
            Action: s3:*
            Resource: [!GetAtt Site.Arn, !Sub "${Site.Arn}/*"]
            Condition: {Bool: {aws:SecureTransport: "false"}}
  Control:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig:
        {Name: c, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}
  Headers:
    Type: AWS::CloudFront::ResponseHeadersPolicy
    Properties:
      ResponseHeadersPolicyConfig:
        Name: h
        SecurityHeadersConfig:
          FrameOptions: {FrameOption: DENY, Override: true}
          ContentTypeOptions: {Override: true}
          ContentSecurityPolicy:
            ContentSecurityPolicy: connect-src 'self' https://abcdef.execute-api.us-east-1.amazonaws.com
            Override: true
        CustomHeadersConfig: {Items: [{Header: cache-control, Value: no-store, Override: false}]}
  Distribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        DefaultRootObject: index.html
        IPV6Enabled: true
        Origins:
          - Id: site
            DomainName: !GetAtt Site.RegionalDomainName
            OriginAccessControlId: !GetAtt Control.Id
            S3OriginConfig: {OriginAccessIdentity: ""}
        CustomErrorResponses:
          - {ErrorCode: 403, ResponseCode: 404, ResponsePagePath: !Ref ErrorPage}
        CacheBehaviors:
          - PathPattern: raw/*
            TargetOriginId: site
            ViewerProtocolPolicy: allow-all
            Compress: false
            CachePolicyId: 4135ea2d-6df8-44a3-9df3-4b5a84be39ad
        DefaultCacheBehavior:
          TargetOriginId: site
          ViewerProtocolPolicy: redirect-to-https
          AllowedMethods: [GET, HEAD]
          CachedMethods: [GET, HEAD]
          Compress: true
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
          ResponseHeadersPolicyId: !Ref Headers
Outputs:
  Url: {Value: !Sub "https://${Distribution.DomainName}"}
  Id: {Value: !Ref Distribution}
"""


@pytest.fixture(scope="module")
def site(cloud, stacks):
    outputs = stacks.create("site", SITE)
    s3 = cloud.client("s3")
    html = {"ContentType": "text/html; charset=utf-8"}
    s3.put_object(Bucket="the-site", Key="index.html", Body=PAGE, CacheControl="max-age=60", **html)
    s3.put_object(Bucket="the-site", Key="error.html", Body=b"nothing here", **html)
    s3.put_object(Bucket="the-site", Key="raw/page.html", Body=PAGE, **html)
    s3.put_object(Bucket="the-site", Key="a file é.txt", Body=b"named", ContentType="text/plain")
    return outputs


def fetch(url: str, method: str = "GET", **headers: str):
    """Status, headers and body, of errors too."""
    request = urllib.request.Request(url, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_the_page_is_served_on_a_port_of_its_own(cloud, site):
    assert site["Url"].startswith("http://127.0.0.1:")
    assert site["Url"] != cloud.url
    status, headers, body = fetch(site["Url"] + "/")
    assert (status, body) == (200, PAGE)
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    assert headers["Cache-Control"] == "max-age=60", (
        "a custom header without Override gives way to the origin's"
    )
    status, headers, body = fetch(site["Url"] + "/", method="HEAD")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(PAGE)))
    assert fetch(site["Url"] + "/a%20file%20%C3%A9.txt")[2] == b"named"
    assert fetch(site["Url"] + "/a%2520file%20%C3%A9.txt")[0] == 404, "decoded once"


def test_the_headers_policy_is_applied_and_its_csp_names_local_addresses(cloud, site):
    headers = fetch(site["Url"] + "/")[1]
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == f"connect-src 'self' {cloud.url}"
    assert fetch(site["Url"] + "/a%20file%20%C3%A9.txt")[1]["Cache-Control"] == "no-store"
    assert "X-Frame-Options" not in fetch(site["Url"] + "/raw/page.html")[1]


def test_conditional_and_range_requests(site):
    etag = fetch(site["Url"] + "/")[1]["ETag"]
    status, headers, body = fetch(site["Url"] + "/", **{"If-None-Match": etag})
    assert (status, body) == (304, b"")
    assert headers["X-Frame-Options"] == "DENY"
    assert fetch(site["Url"] + "/", Range="bytes=0-3")[::2] == (206, b"<h1>")
    assert fetch(site["Url"] + "/", Range="bytes=0-1,3-4")[::2] == fetch(site["Url"] + "/")[::2]
    status, _, body = fetch(site["Url"] + "/", Range="bytes=999999-")
    assert (status, b"<Code>InvalidRange</Code>" in body) == (416, True)


def test_a_url_has_cloudfronts_limit(site):
    assert fetch(f"{site['Url']}/?{'a' * 9_000}")[0] == 414


def test_text_is_compressed_where_the_behaviour_says_so(site):
    _, headers, body = fetch(site["Url"] + "/", **{"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == PAGE
    assert fetch(site["Url"] + "/raw/page.html", **{"Accept-Encoding": "gzip"})[2] == PAGE


def test_a_missing_page_gets_the_error_page_with_its_status(site):
    assert fetch(site["Url"] + "/no-such-page")[::2] == (404, b"nothing here")
    assert fetch(site["Url"] + "/", method="POST")[0] == 403


def test_the_bucket_itself_stays_private(cloud, site):
    assert fetch(f"{cloud.url}/the-site/index.html")[0] == 403


def test_only_the_distribution_that_the_policy_names_may_read(stacks, site):
    stacks.update("site", None, Parameters=parameters(Reader="another"))
    status, _, body = fetch(site["Url"] + "/")
    assert status == 403
    assert b"AccessDenied" in body
    stacks.update("site", None, Parameters=parameters(Reader="this"))
    assert fetch(site["Url"] + "/")[0] == 200


def test_a_data_perimeter_lets_the_distribution_read(cloud, site):
    """As in https://github.com/aws-samples/data-perimeter-policy-examples"""
    s3 = cloud.client("s3")
    before = s3.get_bucket_policy(Bucket="the-site")["Policy"]
    perimeter = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::the-site/*",
        "Condition": {
            "StringNotEqualsIfExists": {"aws:PrincipalAccount": cloud.account_id},
            "BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"},
        },
    }
    document = json.loads(before)
    document["Statement"] = [*document["Statement"], perimeter]
    s3.put_bucket_policy(Bucket="the-site", Policy=json.dumps(document))
    try:
        assert fetch(site["Url"] + "/")[0] == 200
    finally:
        s3.put_bucket_policy(Bucket="the-site", Policy=before)


def test_the_api_describes_the_stacks_distribution_as_the_template_does(cloud, site):
    cloudfront = cloud.client("cloudfront")
    shown = cloudfront.get_distribution(Id=site["Id"])["Distribution"]
    assert shown["Status"] == "Deployed"
    assert shown["ARN"] == f"arn:aws:cloudfront::{cloud.account_id}:distribution/{site['Id']}"
    config = shown["DistributionConfig"]
    assert config["DefaultRootObject"] == "index.html"
    assert config["CustomErrorResponses"]["Items"][0]["ResponseCode"] == "404"
    assert config["DefaultCacheBehavior"]["AllowedMethods"]["CachedMethods"]["Quantity"] == 2
    listed = cloudfront.list_distributions()["DistributionList"]["Items"]
    assert [one["DomainName"] for one in listed] == [shown["DomainName"]]
    batch = {"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": "1"}
    made = cloudfront.create_invalidation(DistributionId=site["Id"], InvalidationBatch=batch)["Invalidation"]
    cloudfront.get_waiter("invalidation_completed").wait(DistributionId=site["Id"], Id=made["Id"])
    with pytest.raises(cloudfront.exceptions.NoSuchDistribution):
        cloudfront.create_invalidation(DistributionId="ENONE", InvalidationBatch=batch)


def test_an_update_takes_effect_at_the_same_address(stacks, site):
    outputs = stacks.update("site", None, Parameters=parameters(ErrorPage="/raw/page.html"))
    assert outputs["Url"] == site["Url"]
    assert fetch(site["Url"] + "/no-such-page")[::2] == (404, PAGE)
    stacks.update("site", None, Parameters=parameters(ErrorPage="/error.html"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Aliases": {"Quantity": 1, "Items": ["www.example.org"]}}, "Aliases"),
        ({"WebACLId": "acl"}, "WebACLId"),
        ({"DefaultRootObject": "/index.html"}, "slash"),
        (
            {"DefaultCacheBehavior": {"TargetOriginId": "other", "ViewerProtocolPolicy": "allow-all"}},
            "'other'",
        ),
        (
            {"Origins": {"Quantity": 1, "Items": [{"Id": "site", "DomainName": "example.org"}]}},
            "origin example.org",
        ),
    ],
)
def test_unsupported_configurations_are_refused(cloud, site, change, message):
    cloudfront = cloud.client("cloudfront")
    now = cloudfront.get_distribution_config(Id=site["Id"])
    config = {**now["DistributionConfig"], **change}
    with pytest.raises(botocore.exceptions.ClientError, match=message):
        cloudfront.update_distribution(Id=site["Id"], IfMatch=now["ETag"], DistributionConfig=config)


def test_changes_need_the_current_etag_and_deletion_a_disabled_distribution(cloud, site):
    cloudfront = cloud.client("cloudfront")
    now = cloudfront.get_distribution_config(Id=site["Id"])
    with pytest.raises(cloudfront.exceptions.PreconditionFailed):
        cloudfront.update_distribution(
            Id=site["Id"], IfMatch="EOLD", DistributionConfig=now["DistributionConfig"]
        )
    with pytest.raises(cloudfront.exceptions.DistributionNotDisabled):
        cloudfront.delete_distribution(Id=site["Id"], IfMatch=now["ETag"])
    control = cloudfront.list_origin_access_controls()["OriginAccessControlList"]["Items"][0]["Id"]
    etag = cloudfront.get_origin_access_control(Id=control)["ETag"]
    with pytest.raises(cloudfront.exceptions.OriginAccessControlInUse):
        cloudfront.delete_origin_access_control(Id=control, IfMatch=etag)


def test_deleting_the_stack_frees_the_port(cloud, stacks, site):
    s3 = cloud.client("s3")
    for one in s3.list_objects_v2(Bucket="the-site")["Contents"]:
        s3.delete_object(Bucket="the-site", Key=one["Key"])
    stacks.delete("site")
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(site["Url"])
    assert cloud.client("cloudfront").list_distributions()["DistributionList"]["Quantity"] == 0
    assert json.loads(fetch(cloud.url + "/_localcloud/status")[2])["running"]["distributions"] == {}
