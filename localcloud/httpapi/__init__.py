"""The data plane of API Gateway's HTTP APIs: routes requests to Lambda functions."""

from localcloud.httpapi.gateway import HttpApiService

__all__ = ["HttpApiService"]
