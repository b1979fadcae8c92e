"""Training jobs on several hosts, and on spot instances that are taken away."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from localcloud_sagemaker_fixtures import BUCKET, TRAINING_IMAGE, channel, sandbox, untar, wait

from localcloud.control import interrupt
from localcloud.sagemaker.container import has_own_file_system

pytestmark = pytest.mark.skipif(not has_own_file_system(), reason="no namespaces here")

TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 5}


@pytest.fixture(scope="module")
def aws():
    with sandbox() as it:
        for number in range(5):
            it.put(f"parts/{number}.txt", b"x")
        yield it


def completed(aws, name: str) -> dict:
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


def model_of(aws, name: str) -> dict[str, bytes]:
    return untar(aws.get(completed(aws, name)["ModelArtifacts"]["S3ModelArtifacts"]))


MEET = """
import json, os, socket, time
from pathlib import Path

hosts, host = json.loads(os.environ["SM_HOSTS"]), os.environ["SM_CURRENT_HOST"]
first = host == hosts[0]
if first:
    listening = socket.create_server((host, 5000))
    met = listening.accept()[1][0]
else:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((hosts[0], 5000), source_address=(host, 0))
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    met = socket.gethostbyname(hosts[0])
names = {name: socket.gethostbyname(name) for name in hosts}
told = {
    "machine": socket.gethostname(),
    "met": [name for name, address in names.items() if address == met],
    "parts": sorted(file.name for file in Path(os.environ["SM_CHANNEL_PARTS"]).iterdir()),
    "whole": len(list(Path(os.environ["SM_CHANNEL_WHOLE"]).iterdir())),
    "config": json.loads(Path("/opt/ml/input/config/resourceconfig.json").read_text()),
    "master": json.loads(os.environ["SM_TRAINING_ENV"])["is_master"],
}
Path("/opt/ml/model", host + ".json").write_text(json.dumps(told))
Path("/opt/ml/model/shared").mkdir()
Path("/opt/ml/model/shared", "first" if first else "second").write_text(host)
Path("/opt/ml/model/clash").write_text(host)
Path("/opt/ml/output/data", host).write_text("")
print("I am", host, flush=True)
"""


def test_two_hosts_meet_by_name_share_the_data_and_make_one_model(aws):
    uri = f"s3://{BUCKET}/parts"
    name = aws.train(
        script=MEET,
        ResourceConfig=TWO,
        InputDataConfig=[
            channel("parts", uri, S3DataDistributionType="ShardedByS3Key"),
            channel("whole", uri),
        ],
    )
    model = model_of(aws, name)
    told = {host: json.loads(model[f"{host}.json"]) for host in ("algo-1", "algo-2")}
    assert {host: each["machine"] for host, each in told.items()} == {"algo-1": "algo-1", "algo-2": "algo-2"}
    assert (told["algo-1"]["met"], told["algo-2"]["met"]) == (["algo-2"], ["algo-1"])
    assert [each["master"] for each in told.values()] == [True, False]
    assert [each["whole"] for each in told.values()] == [5, 5]
    shards = [set(each["parts"]) for each in told.values()]
    assert set.union(*shards) == {f"{number}.txt" for number in range(5)}
    assert sorted(map(len, shards)) == [2, 3]
    for host, each in told.items():
        assert each["config"]["current_host"] == host
        assert each["config"]["hosts"] == ["algo-1", "algo-2"]
        [group] = each["config"]["instance_groups"]
        assert group["hosts"] == ["algo-1", "algo-2"]
    # "Ensure no file/directory names clash": AWS keeps one of them, and so does localcloud (algo-1's).
    # https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-output.html
    assert (model["shared/first"], model["shared/second"], model["clash"]) == (
        b"algo-1",
        b"algo-2",
        b"algo-1",
    )
    assert set(untar(aws.get(f"output/{name}/output/output.tar.gz"))) == {"algo-1", "algo-2"}
    streams = aws.logs.describe_log_streams(
        logGroupName="/aws/sagemaker/TrainingJobs", logStreamNamePrefix=f"{name}/"
    )["logStreams"]
    assert [stream["logStreamName"].rsplit("-", 1)[0] for stream in streams] == [
        f"{name}/algo-1",
        f"{name}/algo-2",
    ]


def test_a_host_that_fails_fails_the_job_and_ends_the_others(aws):
    script = """
import os, time
if os.environ["SM_CURRENT_HOST"] == "algo-2":
    raise ValueError("algo-2 has no luck")
print("waiting as", os.getpid(), flush=True)
time.sleep(600)
"""
    name = aws.train(script=script, ResourceConfig=TWO)
    job = aws.trained(name)
    assert job["TrainingJobStatus"] == "Failed"
    assert "ValueError: algo-2 has no luck" in job["FailureReason"]
    waiting = [line.split()[-1] for line in aws.job_log(name) if line.startswith("waiting as")]
    assert not any(Path(f"/proc/{pid}").exists() for pid in waiting)


def test_groups_of_instances_get_the_channels_that_name_them(aws):
    script = """
import json, os
from pathlib import Path
config = json.loads(Path("/opt/ml/input/config/resourceconfig.json").read_text())
told = [config["current_group_name"], config["current_instance_type"], json.loads(os.environ["SM_CHANNELS"])]
Path("/opt/ml/model", os.environ["SM_CURRENT_HOST"]).write_text(json.dumps(told))
"""
    groups = [
        {"InstanceGroupName": "data", "InstanceType": "ml.c5.xlarge", "InstanceCount": 1},
        {"InstanceGroupName": "gpu", "InstanceType": "ml.m5.large", "InstanceCount": 1},
    ]
    name = aws.train(
        script=script,
        ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 5},
        InputDataConfig=[
            channel("all", f"s3://{BUCKET}/parts"),
            channel("raw", f"s3://{BUCKET}/parts", InstanceGroupNames=["data"]),
        ],
    )
    told = {host: json.loads(text) for host, text in model_of(aws, name).items()}
    assert told == {
        "algo-1": ["data", "ml.c5.xlarge", ["all", "raw"]],
        "algo-2": ["gpu", "ml.m5.large", ["all"]],
    }


def test_channels_may_be_manifests_single_objects_and_fast_files(aws):
    manifest = [{"prefix": f"s3://{BUCKET}/data/"}, "train/reviews.txt", "train/more/reviews.txt"]
    uri = aws.put("manifests/all.json", json.dumps(manifest).encode())
    script = """
import json
from pathlib import Path
data = Path("/opt/ml/input/data")
config = json.loads(Path("/opt/ml/input/config/inputdataconfig.json").read_text())
told = {
    "files": sorted(file.relative_to(data).as_posix() for file in data.rglob("*") if file.is_file()),
    "modes": {name: channel["TrainingInputMode"] for name, channel in config.items()},
}
Path("/opt/ml/model/told").write_text(json.dumps(told))
"""
    channels = [
        channel("listed", uri, S3DataType="ManifestFile"),
        channel("one", f"s3://{BUCKET}/parts/3.txt") | {"InputMode": "FastFile"},
    ]
    told = json.loads(model_of(aws, aws.train(script=script, InputDataConfig=channels))["told"])
    assert told == {
        "files": ["listed/train/more/reviews.txt", "listed/train/reviews.txt", "one/3.txt"],
        "modes": {"listed": "File", "one": "FastFile"},
    }


def test_a_container_may_have_an_entry_point_of_its_own(aws):
    """As SDK v3's ModelTrainer and the remote functions have, whose drivers know /opt/ml by heart."""
    driver = b"""python3 -c "import sys; print(sys.argv[1:])" "$@" > /opt/ml/model/arguments
python3 -c "import pip; print(pip.__file__)" > /opt/ml/model/pip
exit $CODE
"""
    uri = aws.put("drivers/train.sh", driver).rpartition("/")[0]
    algorithm = {
        "TrainingImage": TRAINING_IMAGE,
        "TrainingInputMode": "File",
        "ContainerEntrypoint": ["/bin/bash", "/opt/ml/input/data/drivers/train.sh"],
        "ContainerArguments": ["--some", "argument"],
    }
    request = {
        "AlgorithmSpecification": algorithm,
        "InputDataConfig": [channel("drivers", uri)],
        "HyperParameters": {},
    }
    model = model_of(aws, aws.train(Environment={"CODE": "0"}, **request))
    assert model["arguments"] == b"['--some', 'argument']\n"
    assert b"/opt/ml/" not in model["pip"], "to install a pip for each container takes seconds"
    job = aws.trained(aws.train(Environment={"CODE": "3"}, **request))
    assert job["FailureReason"] == "AlgorithmError: , exit code: 3"
    algorithm["TrainingImage"] = "123456789012.dkr.ecr.us-east-1.amazonaws.com/mine:1"
    with pytest.raises(ClientError, match=r"no runner for the image .*/mine:1"):
        aws.train(**request)


def test_a_driver_that_needs_mpirun_is_refused_before_the_job(aws):
    """As ModelTrainer(distributed=MPI()) asks for it: its job failed, since no machine has to have mpirun."""
    drivers = "/opt/ml/input/data/sm_drivers"
    for name in ("torchrun", "mpi"):
        script = f"$SM_PYTHON_CMD {drivers}/distributed_drivers/{name}_driver.py\n"
        uri = aws.put(f"{name}/sm_drivers/sm_train.sh", script.encode()).rpartition("/")[0]
        request = {
            "AlgorithmSpecification": {
                "TrainingImage": TRAINING_IMAGE,
                "TrainingInputMode": "File",
                "ContainerEntrypoint": ["/bin/bash", "-c", "true"],
            },
            "InputDataConfig": [channel("sm_drivers", uri)],
        }
        if name == "mpi":
            with pytest.raises(
                ClientError, match=r"does not support distributed=MPI\(\) .* has Torchrun\(\)"
            ):
                aws.train(**request)
        else:
            assert aws.trained(aws.train(**request))["TrainingJobStatus"] == "Completed"


def test_a_driver_that_the_role_may_not_read_fails_the_job(aws):
    aws.put("unread/sm_drivers/sm_train.sh", b"")
    role = aws.make_role("lists-only", ["s3:ListBucket"])
    job = aws.trained(
        aws.train(RoleArn=role, InputDataConfig=[channel("sm_drivers", f"s3://{BUCKET}/unread/sm_drivers")])
    )
    assert "Data download failed" in job["FailureReason"]


SPOT = """
import os, signal, sys, time
from pathlib import Path
checkpoint = Path("/opt/ml/checkpoints/epoch")
first = int(checkpoint.read_text()) if checkpoint.exists() else 0

def leave(*_):
    print("asked to leave", flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, leave)
for epoch in range(first, 4):
    print(f"epoch={epoch}", flush=True)
    checkpoint.write_text(str(epoch + 1))
    if epoch == 1 and first == 0:
        time.sleep(600)
Path("/opt/ml/model/epochs").write_text(checkpoint.read_text())
"""


def test_a_spot_job_that_is_interrupted_goes_on_from_its_checkpoint(aws):
    name = aws.train(
        script=SPOT,
        EnableManagedSpotTraining=True,
        StoppingCondition={"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
        CheckpointConfig={"S3Uri": f"s3://{BUCKET}/checkpoints/spot"},
    )

    def lines():
        try:
            return aws.job_log(name)
        except (ClientError, IndexError):
            return []

    wait(lines, lambda log: "epoch=1" in log)
    assert interrupt(aws.cloud.host, aws.cloud.port, name) is None
    assert model_of(aws, name) == {"epochs": b"4"}
    job = aws.trained(name)
    steps = [step["Status"] for step in job["SecondaryStatusTransitions"]]
    assert steps == [
        *("Starting", "Downloading", "Training", "Interrupted"),
        *("Starting", "Downloading", "Training", "Uploading", "Completed"),
    ]
    printed = [line for line in aws.log_lines("/aws/sagemaker/TrainingJobs") if line == "asked to leave"]
    assert printed == ["asked to leave"]
    assert "is not training" in str(interrupt(aws.cloud.host, aws.cloud.port, name))


def test_only_spot_jobs_can_be_interrupted(aws):
    name = aws.train()
    assert "EnableManagedSpotTraining" in str(interrupt(aws.cloud.host, aws.cloud.port, name))
    assert "not found" in str(interrupt(aws.cloud.host, aws.cloud.port, "no-such-job"))
    completed(aws, name)


def test_a_job_is_interrupted_in_the_region_that_it_trains_in(aws, monkeypatch):
    """The jobs of other regions are found by their names; where several have one, the region says which."""
    address = aws.cloud.host, aws.cloud.port
    here = aws.train()
    monkeypatch.setattr(aws, "sagemaker", aws.cloud.in_region("eu-west-1").client("sagemaker"))
    there = aws.train()
    arn = aws.sagemaker.describe_training_job(TrainingJobName=there)["TrainingJobArn"]
    assert arn == f"arn:aws:sagemaker:eu-west-1:{aws.cloud.account_id}:training-job/{there}"
    assert aws.sagemaker.list_training_jobs(NameContains=here)["TrainingJobSummaries"] == []
    assert "EnableManagedSpotTraining" in str(interrupt(*address, there))
    aws.train(TrainingJobName=here)
    several = str(interrupt(*address, here))
    assert f"training jobs {here} in eu-west-1, us-east-1" in several and "--region" in several
    assert "EnableManagedSpotTraining" in str(interrupt(*address, here, "eu-west-1"))
    assert "no training job" in str(interrupt(*address, here, "eu-west-3"))
    for name in (there, here):
        aws.sagemaker.stop_training_job(TrainingJobName=name)


@pytest.mark.slow
def test_torchrun_joins_the_processes_of_all_hosts(aws):
    script = """
import os
from pathlib import Path
import torch
import torch.distributed as distributed

distributed.init_process_group("gloo")
rank, size = distributed.get_rank(), distributed.get_world_size()
total = torch.tensor([rank + 1.0])
distributed.all_reduce(total)
print("sum", total.item(), flush=True)
if rank == 0:
    Path(os.environ["SM_MODEL_DIR"], "sum").write_text(f"{size} {total.item()}")
distributed.destroy_process_group()
"""
    name = aws.train({"sagemaker_torch_distributed_enabled": True}, script=script, ResourceConfig=TWO)
    assert model_of(aws, name) == {"sum": b"2 3.0"}


def test_where_hosts_cannot_have_names_several_are_refused(aws, monkeypatch):
    monkeypatch.setattr("localcloud.sagemaker.container.has_own_file_system", lambda: False)
    with pytest.raises(ClientError, match="cannot run 2 hosts here"):
        aws.train(ResourceConfig=TWO)
