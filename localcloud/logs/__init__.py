"""CloudWatch Logs: the searches of log groups. moto keeps the groups and streams."""

from localcloud.logs.service import LogsService

__all__ = ["LogsService"]
