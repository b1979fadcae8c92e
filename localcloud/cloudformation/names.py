"""Keeps a stack from taking over a resource that it did not create.

Many services take the creation of a resource whose name is in use for an update. CloudFormation refuses it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from localcloud.cloud import Cloud
from localcloud.cloudformation import failures
from localcloud.cloudformation.errors import ResourceFailed
from localcloud.cloudformation.resources.provider import Properties, Provider
from localcloud.cloudformation.stacks import Stack, Stacks


class Names:
    """The names that stacks of one cloud give to resources."""

    def __init__(self, cloud: Cloud, stacks: Stacks):
        self._cloud = cloud
        self._stacks = stacks
        self._being_created: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    @contextmanager
    def claimed(self, provider: Provider, properties: Properties, previous: Properties) -> Iterator[None]:
        """Reserves the names that the properties have and the previous ones lack, while they are created.

        Raises ResourceFailed for a name that a resource has already.
        """
        identifiers = provider.identifiers(properties)
        new = sorted(identifiers - provider.identifiers(previous) if previous else identifiers)
        claims = {(provider.type, identifier) for identifier in new}
        with self._lock:
            taken = {identifier for _, identifier in claims & self._being_created}
            if not taken:
                self._being_created |= claims
        if taken:
            raise self._already_exists(provider, taken.pop())
        try:
            for identifier in new:
                if provider.exists(self._cloud, identifier):
                    raise self._already_exists(provider, identifier)
            yield
        finally:
            with self._lock:
                self._being_created -= claims

    def _already_exists(self, provider: Provider, identifier: str) -> ResourceFailed:
        if owner := self._owner(provider, identifier):
            return ResourceFailed(f"{identifier} already exists in stack {owner.id}")
        message = f"Resource of type '{provider.type}' with identifier '{identifier}' already exists."
        return ResourceFailed(failures.of_handler(message, "AlreadyExists"))

    def _owner(self, provider: Provider, identifier: str) -> Stack | None:
        """The stack that created the resource."""
        for stack in self._stacks:
            for resource in list(stack.resources.values()):
                is_alike = resource.physical is not None and resource.type == provider.type
                if is_alike and identifier in provider.identifiers(resource.applied):
                    return stack
        return None
