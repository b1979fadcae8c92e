"""The instances of a job: their number, their type, and whether they are spot instances."""

from __future__ import annotations

from functools import cache

import botocore.session

from sentiment.errors import nearest

MAX_INSTANCES = 100
"""The maximum for a processing or transform job (botocore's model of SageMaker, ProcessingInstanceCount and
TransformResources). The quotas of an account are lower; AWS raises them on request."""


@cache
def instance_types(job: str) -> tuple[str, ...]:
    """SageMaker's instance types for "Training", "Transform" or "Processing" jobs."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return tuple(model.shape_for(f"{job}InstanceType").enum)


def type_problem(job: str, instance_type: str) -> str | None:
    """The error message if jobs of that kind cannot run on an instance type, else None."""
    known = instance_types(job)
    if instance_type in known:
        return None
    written = instance_type if instance_type.startswith("ml.") else f"ml.{instance_type}"  # EC2 names them so
    hint = nearest(written, known)
    return f"INSTANCE_TYPE={instance_type}: SageMaker has no such type for {job.lower()} jobs{hint}"


def described(instances: int, instance_type: str, spot: bool = False) -> str:
    """Describe a fleet, for example "4 x ml.m5.xlarge, spot"."""
    return f"{instances} x {instance_type}{', spot' if spot else ''}"
