"""AWS's schemas of resource types, which cfn-lint includes."""

import functools
from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_REGION = "us-east-1"
"""The region whose schemas are used, since they have all properties."""


@functools.cache
def schema_of(resource_type: str) -> Schema:
    """The schema of a resource type. Raises LookupError for an unknown type."""
    # The import takes half a second, and only stacks and model cards need it.
    from cfnlint.schema import PROVIDER_SCHEMA_MANAGER, ResourceNotFoundError

    try:
        schema: Schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(_REGION, resource_type).schema
    except ResourceNotFoundError as missing:
        raise LookupError(resource_type) from missing
    return schema
