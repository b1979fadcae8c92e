"""Where the endpoint runs: what may be chosen, what the template is given, and what it costs."""

from __future__ import annotations

import tarfile

import boto3
import pytest
from moto import mock_aws

from pipeline import aws, bill, hosting, package
from pipeline.hosting import Hosting
from pipeline.settings import PipelineError, Settings


@pytest.mark.parametrize(
    ("chosen", "wanted"),
    [
        ({}, Hosting("")),
        ({"provisioned": 2}, Hosting("", provisioned=2)),
        ({"container": "ray"}, Hosting("ml.m5.large")),
        ({"endpoint": "instances", "endpoint_instances": 2}, Hosting("ml.m5.large", 2)),
        (
            {"endpoint": "instances", "endpoint_instances": 2, "autoscale": "2:10"},
            Hosting("ml.m5.large", 2, (2, 10)),
        ),
        ({"endpoint": "instances", "autoscale": "3:10"}, Hosting("ml.m5.large", 3, (3, 10))),
    ],
)
def test_what_may_be_chosen(chosen, wanted):
    assert hosting.chosen(Settings(**chosen)) == wanted


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"endpoint": "teapot"}, "ENDPOINT=teapot: choose serverless or instances"),
        ({"container": "ray", "endpoint": "serverless"}, "CONTAINER=ray runs on instances"),
        ({"endpoint_instances": 2}, "AUTOSCALE and INSTANCES need ENDPOINT=instances"),
        ({"autoscale": "2:10"}, "AUTOSCALE and INSTANCES need ENDPOINT=instances"),
        ({"provisioned": 11}, "PROVISIONED=11: 0 to 10 containers can be kept warm"),
        ({"endpoint": "instances", "provisioned": 1}, "PROVISIONED keeps serverless containers warm"),
        ({"endpoint": "instances", "endpoint_instances": 0}, "INSTANCES=0"),
        ({"endpoint": "instances", "autoscale": "10:2"}, "AUTOSCALE=10:2 is not MIN:MAX"),
        ({"endpoint": "instances", "autoscale": "0:2"}, "AUTOSCALE=0:2 is not MIN:MAX"),
        ({"endpoint": "instances", "autoscale": "2"}, "AUTOSCALE=2 is not MIN:MAX"),
        ({"container": "ray", "canary": 10}, "CANARY=10: a new model is tried on a serverless endpoint"),
        ({"endpoint": "instances", "canary": 10}, "CANARY=10: a new model is tried on a serverless endpoint"),
    ],
)
def test_impossible_choices_are_refused_by_name(chosen, said):
    with pytest.raises(PipelineError, match=said):
        hosting.chosen(Settings(**chosen))


def test_every_parameter_is_given_since_one_left_out_would_keep_its_value():
    assert Hosting("ml.c5.xlarge", 2, (2, 10)).parameters() == {
        "InstanceType": "ml.c5.xlarge",
        "InstanceCount": 2,
        "MinInstances": 2,
        "MaxInstances": 10,
        "ProvisionedConcurrency": 0,
    }
    assert Hosting("", provisioned=3).parameters()["ProvisionedConcurrency"] == 3
    assert Hosting("").parameters().keys() == Hosting("ml.c5.xlarge").parameters().keys()


@mock_aws
def test_instances_do_not_become_serverless(monkeypatch):
    sagemaker = boto3.client("sagemaker", region_name="us-east-1")
    monkeypatch.setattr(aws, "client", lambda service: sagemaker)
    hosting.require_convertible(Settings(), Hosting(""))  # there is none yet
    role = "arn:aws:iam::123456789012:role/any"
    sagemaker.create_model(ModelName="m", ExecutionRoleArn=role, PrimaryContainer={"Image": "1/x:1"})
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName="c", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=Settings().stack, EndpointConfigName="c")
    hosting.require_convertible(Settings(), Hosting("ml.m5.large"))
    with pytest.raises(PipelineError, match="SageMaker cannot make it serverless"):
        hosting.require_convertible(Settings(), Hosting(""))


def test_the_estimate_equals_a_sum_made_by_hand():
    # 43,800 reviews of 20 ms with 3 GB at $0.00002 a GB-second, and their 131.4 MB at $0.016 a GB.
    assert bill.endpoint_month(Hosting(""), 3072, 1) == pytest.approx(
        43_800 * 0.02 * 3 * 0.00002 + 0.1314 * 0.016
    )
    assert bill.endpoint_month(Hosting("ml.m5.large", 2), 3072, 1000) == pytest.approx(2 * 730 * 0.115)
    scaling = Hosting("ml.m5.large", 2, (2, 10))
    assert bill.endpoint_month(scaling, 3072, 18_001) == pytest.approx(4 * 730 * 0.115)
    assert bill.endpoint_month(scaling, 3072, 10**6) == pytest.approx(10 * 730 * 0.115)


def test_the_estimate_names_its_source_and_says_where_it_knows_no_price():
    month, source = bill.endpoint_estimate(Hosting("ml.m5.large", 2), 3072)
    assert "$167.90 at 1, $167.90 at 100, $167.90 at 1,000 reviews a minute" in month
    assert bill.PRICES_OF in source
    assert bill.SAGEMAKER_PAGE in source
    for unknown in (Hosting("", provisioned=1), Hosting("ml.x9.huge")):
        [line] = bill.endpoint_estimate(unknown, 3072)
        assert "its price is not known here; see https://" in line


def test_a_model_of_earlier_code_is_refused_for_ray_by_name(tmp_path):
    file = tmp_path / "model.tar.gz"
    (tmp_path / "config.yaml").touch()
    with tarfile.open(file, "w:gz") as archive:
        archive.add(tmp_path / "config.yaml", "./config.yaml")
    with pytest.raises(PipelineError, match=r"before models held deployment\.py; train it again, or choose"):
        package._require_ray_files(file)
    with tarfile.open(file, "w:gz") as archive:
        archive.add(tmp_path / "config.yaml", "config.yaml")
        archive.add(tmp_path / "config.yaml", "deployment.py")
    package._require_ray_files(file)
