"""SageMaker: runs training jobs, endpoints and batch transform jobs."""

from localcloud.sagemaker.service import SageMakerService

__all__ = ["SageMakerService"]
