"""S3 habits of the pipeline, against moto in process."""

from __future__ import annotations

import os

import boto3
import pytest
from moto import mock_aws

from pipeline import aws
from pipeline.__main__ import main
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


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "You must specify a region. On AWS: export AWS_DEFAULT_REGION"),
        ({"AWS_DEFAULT_REGION": "us-east-1"}, "Unable to locate credentials. On AWS: export"),
    ],
)
def test_a_step_without_a_cloud_says_how_to_have_one(settings, message, monkeypatch, tmp_path, capsys):
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_CA_BUNDLE"]:
        monkeypatch.delenv(name)
    settings = {**settings, "AWS_EC2_METADATA_DISABLED": "true"}
    settings |= {f"AWS_{file}_FILE": str(tmp_path / "none") for file in ("CONFIG", "SHARED_CREDENTIALS")}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    aws.client.cache_clear()
    assert main(["bootstrap", "--build", str(tmp_path)]) == 1
    aws.client.cache_clear()
    said = capsys.readouterr().err
    assert said.startswith(f"error: {message}") and "localcloud run --" in said and said.count("\n") == 1
