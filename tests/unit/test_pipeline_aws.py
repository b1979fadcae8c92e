"""S3 habits of the pipeline, against moto in process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import boto3
import pytest
from moto import mock_aws

from pipeline import aws
from pipeline.settings import PipelineError


@pytest.fixture
def bucket(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    aws.client.cache_clear()
    with mock_aws():
        boto3.client("s3").create_bucket(Bucket="reviews")
        yield "reviews"
    aws.client.cache_clear()


def test_what_was_uploaded_comes_back_whole(bucket, tmp_path):
    source, target = tmp_path / "a.bin", tmp_path / "deep" / "b.bin"
    source.write_bytes(bytes(range(256)) * 100)
    uri = f"s3://{bucket}/folder/a.bin"
    assert not aws.exists(uri)
    aws.upload(source, uri)
    assert aws.exists(uri)
    aws.download(uri, target)
    assert target.read_bytes() == source.read_bytes()
    assert [file.name for file in target.parent.iterdir()] == ["b.bin"]


@pytest.mark.slow
def test_two_runs_may_fetch_the_same_file_at_once(bucket, tmp_path):
    """Two demos beside each other do: neither may take away what the other is writing."""
    source, target = tmp_path / "a.bin", tmp_path / "b.bin"
    source.write_bytes(os.urandom(2_000_000))
    uri = f"s3://{bucket}/a.bin"
    aws.upload(source, uri)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: aws.download(uri, target), range(8)))
    assert target.read_bytes() == source.read_bytes()
    assert {file.name for file in tmp_path.iterdir()} == {"a.bin", "b.bin"}


def test_emptying_a_bucket_deletes_every_version(bucket):
    s3 = boto3.client("s3")
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for body in (b"one", b"two"):
        s3.put_object(Bucket=bucket, Key="a", Body=body)
    s3.delete_object(Bucket=bucket, Key="a")
    assert aws.empty_bucket(bucket) == 3  # two versions and the delete marker
    s3.delete_bucket(Bucket=bucket)  # refuses while anything is left


def test_a_missing_region_is_said_plainly(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(PipelineError, match="export AWS_DEFAULT_REGION"):
        aws.region()


@pytest.mark.parametrize(("name", "value"), [("AWS_ENDPOINT_URL", "foo"), ("AWS_MAX_ATTEMPTS", "two")])
def test_a_setting_that_boto3_cannot_use_is_said_plainly(monkeypatch, name, value):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv(name, value)
    aws.client.cache_clear()
    with pytest.raises(PipelineError, match=f"boto3 cannot use one of the AWS_ variables .*{value}"):
        aws.client("sts")
