"""The input channels of a training job: what they may be, and their files in the folders of its hosts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_value
from localcloud.sagemaker.cluster import Host
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.transfer import S3File, Transfer, split_uri

SHARDED = "ShardedByS3Key"
DATA_TYPES = ("S3Prefix", "ManifestFile")
INPUT_MODES = ("File", "FastFile")
"""FastFile shows objects as files, too, and fetches them when they are read; here all are fetched before."""


def check_channel(operation: str, path: str, channel: Mapping[str, Any]) -> None:
    """Raises InvalidRequest, naming the member, for unsupported settings. `path` is that of the channel."""
    source = channel["DataSource"].get("S3DataSource")
    if source is None:
        raise InvalidRequest(f"{operation}: localcloud supports only S3DataSource in {path}.DataSource.")
    prefix = f"{path}.DataSource.S3DataSource"
    require_value(operation, f"{prefix}.S3DataType", source["S3DataType"], *DATA_TYPES)
    for name, allowed in (
        ("CompressionType", ("None",)),
        ("RecordWrapperType", ("None",)),
        ("InputMode", INPUT_MODES),
    ):
        require_value(operation, f"{path}.{name}", channel.get(name), *allowed)


def require_objects(transfer: Transfer, source: Mapping[str, Any], role_arn: str, region: str) -> None:
    """Raises InvalidRequest, in AWS's words, for a source without objects."""
    uri, bucket = source["S3Uri"], split_uri(source["S3Uri"])[0]
    try:
        found = transfer.keys(uri)
    except JobFailed:
        found = []
    if not found:
        raise InvalidRequest(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that '
            f"the bucket exists in the selected region ({region}), that objects exist "
            f'under that S3 prefix, and that the role "{role_arn}" has "s3:ListBucket" permissions on '
            f'bucket "{bucket}".'
        )


def source_files(transfer: Transfer, source: Mapping[str, Any]) -> list[S3File]:
    """The objects of an S3DataSource, or the like. Raises JobFailed if there are none."""
    uri = source["S3Uri"]
    return transfer.listed_objects(uri) if source["S3DataType"] == "ManifestFile" else transfer.objects(uri)


def download_source(transfer: Transfer, source: Mapping[str, Any], folders: Sequence[Path]) -> None:
    """Downloads an S3DataSource, or the like, into the folders of the hosts.

    With ShardedByS3Key, the objects are divided among the hosts about equally.
    """
    files = source_files(transfer, source)
    sharded = source.get("S3DataDistributionType") == SHARDED
    for index, folder in enumerate(folders):
        transfer.download_all(_shard(files, index, len(folders)) if sharded else files, folder)


def download_channels(
    transfer: Transfer, request: Mapping[str, Any], hosts: Sequence[Host]
) -> dict[str, dict[str, dict[str, str]]]:
    """Downloads the channels of a job. Returns the content of inputdataconfig.json for each host, by name."""
    configurations: dict[str, dict[str, dict[str, str]]] = {host.name: {} for host in hosts}
    mode = request["AlgorithmSpecification"]["TrainingInputMode"]
    for channel in request.get("InputDataConfig") or []:
        name, source = channel["ChannelName"], channel["DataSource"]["S3DataSource"]
        groups = source.get("InstanceGroupNames")
        getting = [host for host in hosts if not groups or host.group in groups]
        download_source(transfer, source, [host.ml / "input/data" / name for host in getting])
        configuration = {
            "TrainingInputMode": channel.get("InputMode", mode),
            "S3DistributionType": source["S3DataDistributionType"],
            "RecordWrapperType": channel["RecordWrapperType"],
        }
        if content_type := channel.get("ContentType"):
            configuration["ContentType"] = content_type
        for host in getting:
            configurations[host.name][name] = configuration
    return configurations


def _shard(files: Sequence[S3File], index: int, count: int) -> list[S3File]:
    return list(files[index::count])
