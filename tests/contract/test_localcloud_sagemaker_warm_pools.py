"""Warm pools of training jobs, by the rules of https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import BUCKET, Sandbox, aws, channel, untar

from localcloud.sagemaker.cluster import hosts_of
from localcloud.sagemaker.records import Record
from localcloud.sagemaker.warm_pools import WarmPools

__all__ = ["aws"]


RESOURCES = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 5}
WARM = RESOURCES | {"KeepAlivePeriodInSeconds": 600}
SCRIPT = """
import os, sys
from pathlib import Path

base = Path(os.environ["SAGEMAKER_BASE_DIR"])
cache = base / "sagemaker" / "warmpoolcache"
told = cache / "told"
Path(os.environ["SM_MODEL_DIR"], "found").write_text(told.read_text() if told.exists() else "nothing")
if cache.exists():
    told.write_text(os.environ["SM_HP_WORD"])
(base / "elsewhere").write_text("not kept")
sys.exit(int(os.environ["SM_HP_STATUS"]))
"""


def train(aws: Sandbox, word: str, status: int = 0, **changes: Any) -> str:
    """Runs a job that writes a word into the cache of its pool; returns its name."""
    name = aws.train({"word": word, "status": status}, script=SCRIPT, **({"ResourceConfig": WARM} | changes))
    assert aws.trained(name)["TrainingJobStatus"] == ("Failed" if status else "Completed")
    return name


def found(aws: Sandbox, name: str) -> str:
    return untar(aws.get(f"s3://{BUCKET}/output/{name}/output/model.tar.gz"))["found"].decode()


def pool(aws: Sandbox, name: str) -> dict[str, Any] | None:
    return aws.sagemaker.describe_training_job(TrainingJobName=name).get("WarmPoolStatus")


def end(aws: Sandbox, name: str) -> None:
    aws.sagemaker.update_training_job(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 0})


def message(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Message"])


@pytest.mark.slow
def test_a_job_that_matches_gets_the_pool_of_the_former_one(aws: Sandbox) -> None:
    first = train(aws, "one")
    assert (found(aws, first), pool(aws, first)) == ("nothing", {"Status": "Available"})
    larger = train(aws, "other", ResourceConfig=WARM | {"VolumeSizeInGB": 6})
    assert found(aws, larger) == "nothing"
    listed = aws.sagemaker.list_training_jobs(WarmPoolStatusEquals="Available")["TrainingJobSummaries"]
    assert [(each["TrainingJobName"], each["WarmPoolStatus"]) for each in listed] == [
        (larger, {"Status": "Available"}),
        (first, {"Status": "Available"}),
    ]
    second = train(aws, "two", InputDataConfig=[channel("other", f"s3://{BUCKET}/data/train")])
    assert found(aws, second) == "one"
    status = pool(aws, first)
    assert status is not None and status.pop("ResourceRetainedBillableTimeInSeconds") >= 0
    assert status == {"Status": "Reused", "ReusedByJob": second}
    last = train(aws, "three", ResourceConfig=RESOURCES)
    assert found(aws, last) == "two"  # and without a period of its own it keeps nothing
    assert pool(aws, last) == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}
    assert found(aws, train(aws, "four", ResourceConfig=RESOURCES)) == "nothing"
    end(aws, larger)


def test_a_job_that_fails_leaves_its_pool_and_one_without_a_period_has_none(aws: Sandbox) -> None:
    failed = train(aws, "one", status=1)
    assert pool(aws, failed) == {"Status": "Available"}
    end(aws, failed)
    assert pool(aws, train(aws, "two", ResourceConfig=RESOURCES)) is None


def test_the_period_of_a_pool_can_be_changed_and_ended(aws: Sandbox) -> None:
    name = train(aws, "one")
    with pytest.raises(ClientError) as error:
        aws.sagemaker.delete_training_job(TrainingJobName=name)
    assert error.value.response["Error"]["Code"] == "ResourceInUse"
    update = aws.sagemaker.update_training_job
    update(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 900})
    job = aws.sagemaker.describe_training_job(TrainingJobName=name)
    assert job["ResourceConfig"] == WARM | {"KeepAlivePeriodInSeconds": 900}
    assert job["WarmPoolStatus"] == {"Status": "Available"}
    end(aws, name)
    status = pool(aws, name)
    assert status is not None and status["Status"] == "Terminated"
    with pytest.raises(ClientError) as error:
        update(TrainingJobName=name, ResourceConfig={"KeepAlivePeriodInSeconds": 900})
    assert "(it is Terminated)" in message(error)
    with pytest.raises(ClientError) as error:
        update(TrainingJobName=name, RemoteDebugConfig={"EnableRemoteDebug": True})
    assert "does not support the property RemoteDebugConfig" in message(error)
    aws.sagemaker.delete_training_job(TrainingJobName=name)


def test_a_pool_ends_when_its_period_is_over(tmp_path: Path) -> None:
    now = 0.0
    pools = WarmPools(SimpleNamespace(state_dir=tmp_path), lambda: now)  # type: ignore[arg-type]
    job = Record("job", "arn:job", {"RoleArn": "role", "ResourceConfig": WARM})
    hosts = hosts_of(WARM, tmp_path / "training")
    pools.begin(job)
    assert job.live["WarmPoolStatus"] == {"Status": "InUse"}
    pools.fill(job, hosts)
    pools.keep(job, hosts, healthy=True)
    now = 599.0
    assert pools.is_available(job)
    now = 700.0
    pools.refresh()
    assert job.live["WarmPoolStatus"] == {
        "Status": "Terminated",
        "ResourceRetainedBillableTimeInSeconds": 600,
    }
    assert list((tmp_path / "warm-pools").iterdir()) == []


def test_a_job_ends_although_its_cache_cannot_be_kept(tmp_path: Path) -> None:
    pools = WarmPools(SimpleNamespace(state_dir=tmp_path))  # type: ignore[arg-type]
    job = Record("job", "arn:job", {"RoleArn": "role", "ResourceConfig": WARM})
    hosts = hosts_of(WARM, tmp_path / "training")
    pools.begin(job)
    pools.fill(job, hosts)
    (tmp_path / "warm-pools" / "job" / hosts[0].name).write_text("in its place")
    pools.keep(job, hosts, healthy=True)
    assert job.live["WarmPoolStatus"]["Status"] == "Terminated"
    assert not pools.is_available(job)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {
                "EnableManagedSpotTraining": True,
                "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60},
            },
            "cannot be used with managed spot training",
        ),
        (
            {
                "ResourceConfig": {
                    "InstanceGroups": [
                        {"InstanceGroupName": "a", "InstanceType": "ml.m5.large", "InstanceCount": 1}
                    ],
                    "KeepAlivePeriodInSeconds": 600,
                }
            },
            "cannot be used with InstanceGroups",
        ),
    ],
)
def test_jobs_that_cannot_have_a_pool_are_refused(aws: Sandbox, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(ClientError) as error:
        aws.train(**({"ResourceConfig": WARM} | changes))
    assert named in message(error)
