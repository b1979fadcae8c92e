"""Constructing localcloud's IAM service concerns one cloud, not the whole process."""

import os
import sys
from pathlib import Path
from types import MappingProxyType

import moto.s3.models
from moto.iam.models import iam_backends

from localcloud.cloud import Cloud
from localcloud.iam import IamEnforcement

BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
ANOTHER_ACCOUNT = "210987654321"


def test_neither_the_environment_nor_moto_is_changed(tmp_path, monkeypatch):
    before = moto.s3.models.FakeBucket.get_permission
    cloud = Cloud("127.0.0.1", 1, tmp_path, Path(sys.executable), None)
    with monkeypatch.context() as environment:
        environment.setattr(os, "environ", MappingProxyType(dict(os.environ)))
        IamEnforcement(cloud)
    assert moto.s3.models.FakeBucket.get_permission is before
    assert BASIC in iam_backends[cloud.account_id]["aws"].managed_policies
    assert not iam_backends[ANOTHER_ACCOUNT]["aws"].managed_policies
