"""localcloud's IAM service concerns one cloud, not the whole process."""

import os
import sys
from pathlib import Path
from types import MappingProxyType

import moto.s3.models
from moto.iam.models import iam_backends
from werkzeug.test import EnvironBuilder

from localcloud.cloud import Cloud
from localcloud.front import Request
from localcloud.iam import IamEnforcement

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ANOTHER_ACCOUNT = "210987654321"


def signed_for(service: str) -> Request:
    signature = f"AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request"
    body = {"Action": "ListPolicies", "Version": "2010-05-08"}
    builder = EnvironBuilder(method="POST", data=body, headers={"Authorization": signature})
    return Request(builder.get_environ())


def test_neither_the_environment_nor_moto_is_changed(tmp_path, monkeypatch):
    before = moto.s3.models.FakeBucket.get_permission
    cloud = Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None)
    with monkeypatch.context() as environment:
        environment.setattr(os, "environ", MappingProxyType(dict(os.environ)))
        assert IamEnforcement(cloud).handle(signed_for("iam")) is None  # moto answers it
    assert moto.s3.models.FakeBucket.get_permission is before
    assert BASIC in iam_backends[cloud.account_id]["aws"].managed_policies
    assert not iam_backends[ANOTHER_ACCOUNT]["aws"].managed_policies
