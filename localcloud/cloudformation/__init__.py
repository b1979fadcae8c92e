"""CloudFormation: stacks, change sets and the SAM transform.

moto's CloudFormation is not used. It ignores Transform, skips types it does not know and properties it does
not keep, and cannot roll back; what it makes are moto's records, with nothing running behind them. Here a
stack's resources are made through the services' own APIs, so a resource is just what boto3 would have made.
"""

from localcloud.cloudformation.service import CloudFormationService

__all__ = ["CloudFormationService"]
