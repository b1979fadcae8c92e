"""CloudFormation: stacks, change sets and the SAM transform.

moto's CloudFormation is not used. It ignores Transform, unknown types and unknown properties, cannot roll
back, and creates records with nothing that runs behind them. Here the resources of a stack are created
through the APIs of their services, as boto3 would create them.
"""

from localcloud.cloudformation.service import CloudFormationService

__all__ = ["CloudFormationService"]
