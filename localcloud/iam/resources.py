"""Resource-based policies of buckets and functions."""

import json

from localcloud.cloud import Cloud
from localcloud.iam.condition_keys import of_service
from localcloud.iam.policy import Access, Document, allows
from localcloud.iam.roles import region_of
from localcloud.moto_backends import backend_of


def resource_policies(cloud: Cloud, resource: str) -> list[Document]:
    """The policies of the bucket or function in an ARN; an empty list for other resources."""
    if resource.startswith("arn:aws:s3:::"):
        return _bucket_policy(cloud, resource.removeprefix("arn:aws:s3:::").partition("/")[0])
    if resource.startswith("arn:aws:lambda:") and ":function:" in resource:
        return _function_policy(cloud, resource)
    return []


def service_may(cloud: Cloud, service: str, action: str, resource: str, source_arn: str) -> bool:
    """Whether a resource's policy allows an action to an AWS service, such as "cloudfront.amazonaws.com".

    `source_arn` is what the service acts for: a distribution, a route of an API.
    """
    context = of_service(service, cloud.account_id, region_of(cloud, resource))
    context["aws:sourcearn"] = [source_arn]
    access = Access(action, resource, context)
    principals = {"Service": frozenset([service])}
    return allows(resource_policies(cloud, resource), access, principals)


def _bucket_policy(cloud: Cloud, name: str) -> list[Document]:
    from moto.s3.models import s3_backends

    bucket = backend_of(s3_backends, cloud.account_id, "aws").buckets.get(name)
    return [json.loads(bucket.policy)] if bucket is not None and bucket.policy else []


def _function_policy(cloud: Cloud, arn: str) -> list[Document]:
    from moto.awslambda.models import lambda_backends

    _, _, _, region, account, _, name = arn.split(":", 6)
    functions = backend_of(lambda_backends, account, region).list_functions(None)
    return [{"Statement": one.policy.statements} for one in functions if one.function_name == name]
