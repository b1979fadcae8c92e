"""Refuses training jobs that no container here can launch, before anything is made for them."""

import re
from collections.abc import Mapping
from typing import Any

from localcloud.protocol import InvalidRequest
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.training_run import SOURCE, decoded
from localcloud.sagemaker.transfer import Transfer, split_uri

LAUNCHER = re.compile(
    r"sagemaker_(mpi|parameter_server|distributed_dataparallel|pytorch_ddp|pytorch_xla_multi_worker"
    r"|multi_worker_mirrored_strategy)_enabled"
)
"""The hyperparameters by which the SDK's `distribution` chooses a launcher that is not here."""
DRIVERS, DRIVER_SCRIPT = "sm_drivers", "sm_train.sh"
"""The channel by which ModelTrainer gives a job its programs, and the one of these that the job runs."""
MPI_DRIVER = "/mpi_driver.py"
"""What that script runs for `distributed=MPI()`. (Source: train/container_drivers of SDK v3.)"""


def check_script_mode(operation: str, request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a job that would run the program of its image, or a launcher of the image."""
    hyperparameters = request.get("HyperParameters") or {}
    if not str(decoded(hyperparameters.get(SOURCE, ""))).startswith("s3://"):
        raise InvalidRequest(
            f"{operation}: localcloud runs scripts and commands, not the program of the image "
            f"{request['AlgorithmSpecification']['TrainingImage']}. It needs the hyperparameter {SOURCE} "
            "with the s3:// address of a script's archive, or AlgorithmSpecification.ContainerEntrypoint."
        )
    for name, value in hyperparameters.items():
        if LAUNCHER.fullmatch(name) and decoded(value):
            raise InvalidRequest(
                f"{operation}: localcloud does not support the hyperparameter {name} (given: {value}): of "
                "the launchers of distributed training it has torch_distributed."
            )


def check_driver(operation: str, transfer: Transfer, channel: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for the channel of a ModelTrainer whose job would need mpirun."""
    if channel["ChannelName"] == DRIVERS and MPI_DRIVER in _driver_script(transfer, channel):
        raise InvalidRequest(
            f"{operation}: localcloud does not support distributed=MPI() of ModelTrainer, for which the "
            f"channel {DRIVERS} asks: of the launchers of distributed training it has Torchrun()."
        )


def _driver_script(transfer: Transfer, channel: Mapping[str, Any]) -> str:
    """The script in a channel; nothing if there is none, or none that the role may read, as the job finds."""
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    try:
        keys = [each["Key"] for each in transfer.keys(uri)]
        scripts = [key for key in keys if key.endswith(f"/{DRIVER_SCRIPT}")]
        return "".join(transfer.read(split_uri(uri)[0], key).decode(errors="replace") for key in scripts)
    except JobFailed:
        return ""
