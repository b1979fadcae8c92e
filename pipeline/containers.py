"""The container images for training and hosting, and when their security updates end."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from project.console import say

NOTICE = timedelta(days=60)
GPU_INSTANCE = re.compile(r"ml\.(g|p)\d")
# AWS's descriptions of its containers; `eop` in them is the end of patches.
AWS_LIST = "https://github.com/aws/deep-learning-containers/blob/main/docs/src/data"


@dataclass(frozen=True)
class Image:
    """A container image: its repository, and the tags of its builds for CPUs and NVIDIA GPUs.

    `support_ends` is the last day with security updates, or None if none has been announced; `source` is
    where that is documented, and `instead` says what to use then.
    """

    repository: str
    tag: str
    gpu_tag: str | None
    support_ends: date | None
    source: str
    instead: str

    def name(self, instance_type: str) -> str:
        """`repository:tag` for an instance type, without the registry."""
        gpu = self.gpu_tag is not None and GPU_INSTANCE.match(instance_type)
        return f"{self.repository}:{self.gpu_tag if gpu else self.tag}"

    def notice(self, today: date) -> str | None:
        """A warning about the end of support, from NOTICE before that day on; None until then."""
        if self.support_ends is None or today <= self.support_ends - NOTICE:
            return None
        what = f"the container {self.repository}:{self.tag}"
        ends = (
            "had its last security updates on" if today > self.support_ends else "has security updates until"
        )
        return f"{what} {ends} {self.support_ends} ({self.source}); {self.instead}"


def warn_of_the_end(image: Image) -> None:
    """Print a warning if an image's security updates end soon or have ended."""
    if notice := image.notice(datetime.now(UTC).date()):
        say(f"warning: {notice}")


# AWS's newest maintained container with a version of torch that pyproject.toml allows. For training only.
TRAINING = Image(
    repository="pytorch",
    tag="2.13-cpu-amzn2023-sagemaker",
    gpu_tag="2.13-cu133-amzn2023-sagemaker",
    support_ends=date(2027, 7, 20),
    source=f"{AWS_LIST}/pytorch/2.13-cpu-sagemaker.yml",
    instead="a newer one is set in pipeline/containers.py",
)
# The images for endpoints and batch transform, by the value of CONTAINER.
HOSTING = {
    # Our own (serve/Dockerfile), based on Debian 12 and Python 3.12, which is supported until 2028-10.
    "slim": Image(
        repository="slim",
        tag="bookworm",
        gpu_tag=None,
        support_ends=date(2028, 6, 30),
        source="https://wiki.debian.org/LTS",
        instead="a newer base is set in serve/Dockerfile",
    ),
    # AWS announces no end ("continuously maintained with security patches"); the tag follows version 1.
    "ray": Image(
        repository="ray",
        tag="serve-ml-sagemaker-cpu-v1",
        # The GPU image needs InferenceAmiVersion, which the template does not set. This one runs there, too.
        gpu_tag=None,
        support_ends=None,
        source=f"{AWS_LIST}/ray/2.59-cpu-sagemaker.yml",
        instead="a newer one is set in pipeline/containers.py",
    ),
    # AWS plans no newer version: https://github.com/aws/deep-learning-containers/issues/5673
    "pytorch": Image(
        repository="pytorch-inference",
        tag="2.6.0-cpu-py312",
        gpu_tag="2.6.0-gpu-py312",
        support_ends=date(2026, 6, 30),
        source=f"{AWS_LIST}/pytorch-inference/2.6-cpu-sagemaker.yml",
        instead="CONTAINER=slim is looked after",
    ),
}
# Needs no Docker (CodeBuild can build it), and wakes fastest: it has 100 megabytes instead of gigabytes.
DEFAULT_CONTAINER = "slim"
