"""A bare cloud, and a client that notes which of the operations moto may answer a test has called."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config

from localcloud.cloud import Cloud
from localcloud.moto_operations import MOTO
from localcloud.server import Server

NOT_BY_BOTO3 = {"s3": {"BucketCORSPreflightCheck", "ObjectCORSPreflightCheck", "PostObject"}}
"""Browsers send these; the tests of browsers' requests have them."""
TAG = [{"Key": "a", "Value": "b"}]
POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
)


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with Server(port=0) as server:
        yield server.cloud


@contextmanager
def every_operation_of(cloud: Cloud, service: str) -> Iterator[Any]:
    """A client of a service, of which the block has to call every operation that moto may answer."""
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    client = boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=cloud.url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=config,
    )
    called = set(NOT_BY_BOTO3.get(service, ()))
    client.meta.events.register("before-call", lambda model, **_: called.add(model.name))
    yield client
    assert called >= MOTO[service].all, sorted(MOTO[service].all - called)
