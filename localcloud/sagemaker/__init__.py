"""SageMaker: training jobs, endpoints and batch transform that really run, behind the AWS wire protocol."""

from localcloud.sagemaker.service import SageMakerService

__all__ = ["SageMakerService"]
