"""A deployed page that calls its deployed API from another origin: the front door lets it in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from localcloud.server import Server

STACK = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      InlineCode: "def handler(event, context): return {'statusCode': 200, 'body': event['body'].upper()}"
      Events:
        Say: {Type: HttpApi, Properties: {Path: /say, Method: POST, ApiId: !Ref Api}}
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      CorsConfiguration:
        AllowOrigins: [!Sub "https://${Distribution.DomainName}"]
        AllowMethods: [POST]
        AllowHeaders: [content-type]
  Site:
    Type: AWS::S3::Bucket
    Properties: {BucketName: deployed-page}
  Policy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Site
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          Effect: Allow
          Principal: {Service: cloudfront.amazonaws.com}
          Action: s3:GetObject
          Resource: !Sub "${Site.Arn}/*"
          Condition:
            StringEquals:
              AWS:SourceArn: !Sub "arn:aws:cloudfront::${AWS::AccountId}:distribution/${Distribution}"
  Control:
    Type: AWS::CloudFront::OriginAccessControl
    Properties:
      OriginAccessControlConfig:
        {Name: c, OriginAccessControlOriginType: s3, SigningBehavior: always, SigningProtocol: sigv4}
  Distribution:
    Type: AWS::CloudFront::Distribution
    Properties:
      DistributionConfig:
        Enabled: true
        DefaultRootObject: index.html
        Origins:
          - Id: site
            DomainName: !GetAtt Site.RegionalDomainName
            OriginAccessControlId: !GetAtt Control.Id
            S3OriginConfig: {OriginAccessIdentity: ""}
        DefaultCacheBehavior:
          TargetOriginId: site
          ViewerProtocolPolicy: redirect-to-https
          CachePolicyId: 658327ea-f89d-4fab-a63d-7e88639e58f6
Outputs:
  Page: {Value: !Sub "https://${Distribution.DomainName}"}
  Api: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"}
"""
PAGE = """<!DOCTYPE html><title>deployed</title><p>waiting</p><script>
const headers = {"content-type": "application/json"};
fetch("API/say", {method: "POST", headers, body: '"it works"'})
  .then((answer) => answer.text())
  .then((text) => { document.querySelector("p").textContent = text; });
</script>"""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with Server(port=0) as server:
        cloudformation = server.cloud.client("cloudformation")
        capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
        cloudformation.create_stack(StackName="page", TemplateBody=STACK, Capabilities=capabilities)
        waiter = cloudformation.get_waiter("stack_create_complete")
        waiter.wait(StackName="page", WaiterConfig={"Delay": 1})
        [stack] = cloudformation.describe_stacks(StackName="page")["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        page = PAGE.replace("API", outputs["Api"]).encode()
        s3 = server.cloud.client("s3")
        s3.put_object(Bucket="deployed-page", Key="index.html", Body=page, ContentType="text/html")
        yield outputs["Page"]


@pytest.mark.parametrize("visit", ["typed in", "linked to"])
def test_a_deployed_page_calls_its_api(address: str, page: Page, visit: str) -> None:
    if visit == "linked to":
        page.set_content(f'<a href="{address}/">page</a>')
        page.get_by_role("link").click()
    else:
        page.goto(address)
    expect(page.locator("p")).to_have_text('"IT WORKS"')
