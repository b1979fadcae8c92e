"""The supported resource types, one module per service."""

from localcloud.cloudformation.resources import (
    apigatewayv2,
    cloudfront,
    cloudwatch,
    codebuild,
    ecr,
    iam,
    lambda_,
    logs,
    s3,
    sagemaker,
    sns,
    ssm,
)
from localcloud.cloudformation.resources.provider import Provider

MODULES = (apigatewayv2, cloudfront, cloudwatch, codebuild, ecr, iam, lambda_, logs, s3, sagemaker, sns, ssm)

PROVIDERS: dict[str, Provider] = {
    provider.type: provider for module in MODULES for provider in module.PROVIDERS
}
"""The provider of each resource type."""
