"""`make destroy` undoes `make deploy`, and touches nothing else."""

from __future__ import annotations

import pytest
import requests
from botocore.exceptions import ClientError

pytestmark = pytest.mark.slow


def test_a_second_stack_comes_and_goes_beside_the_first(deployment):
    def things():
        """What the account holds, of the kinds that cost money or hold data."""
        client = deployment.cloud.client
        return {
            "buckets": {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]},
            "endpoints": {each["EndpointName"] for each in client("sagemaker").list_endpoints()["Endpoints"]},
            "models": {each["ModelName"] for each in client("sagemaker").list_models()["Models"]},
            "functions": {each["FunctionName"] for each in client("lambda").list_functions()["Functions"]},
            "roles": {role["RoleName"] for role in client("iam").list_roles()["Roles"]},
            "repositories": {
                each["repositoryName"] for each in client("ecr").describe_repositories()["repositories"]
            },
            "builders": set(client("codebuild").list_projects()["projects"]),
            "apis": {api["ApiId"] for api in client("apigatewayv2").get_apis()["Items"]},
        }

    before = things()
    deployment.cloud.make("deploy", "STACK=second")
    during = things()
    assert all(during[kind] > before[kind] for kind in before)
    deployment.cloud.make("destroy", "STACK=second")
    assert things() == before
    with pytest.raises(ClientError, match="does not exist"):
        deployment.cloud.client("cloudformation").describe_stacks(StackName="second")
    assert requests.get(deployment.page, timeout=10).status_code == 200
