"""The machines of a job: how many, of which type, and whether at spot prices."""

from __future__ import annotations

from functools import cache

import botocore.session

from sentiment.errors import nearest

MAX_INSTANCES = 100
"""Of a processing or a transform job (botocore's model of SageMaker, ProcessingInstanceCount and
TransformResources); the quotas of an account, which AWS raises on request, are lower."""


@cache
def instance_types(job: str) -> tuple[str, ...]:
    """The instance types that SageMaker knows for a "Training", "Transform" or "Processing" job."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return tuple(model.shape_for(f"{job}InstanceType").enum)


def type_problem(job: str, instance_type: str) -> str | None:
    """Why no job of that kind can run on the type; None where one can."""
    known = instance_types(job)
    if instance_type in known:
        return None
    return f"INSTANCE_TYPE={instance_type}: SageMaker has no such type for {job.lower()} jobs" + nearest(
        instance_type, known
    )


def described(instances: int, instance_type: str, spot: bool = False) -> str:
    """A fleet as people read it: "4 x ml.m5.xlarge, spot"."""
    return f"{instances} x {instance_type}{', spot' if spot else ''}"
