"""The interface of a resource type: create, update and delete a resource through its service's API."""

import hashlib
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from localcloud.cloud import Cloud
from localcloud.cloudformation.errors import ResourceFailed

Properties = Mapping[str, Any]


@dataclass
class PhysicalResource:
    """A resource that exists: the value of `Ref`, and the values of Fn::GetAtt by name."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """The stack that a provider works for."""

    cloud: Cloud
    stack_name: str
    stack_id: str
    logical_id: str
    stack_tags: Mapping[str, str]
    role_arn: str | None = None
    former_tags: frozenset[str] = frozenset()
    """The keys of the tags that the stack had before its update."""
    deadline: float | None = None
    """The end of the stack's TimeoutInMinutes, as time.monotonic()."""

    def client(self, service: str) -> Any:
        """A boto3 client with the rights of the stack's service role, or else of the account's owner."""
        return self.cloud.client(service, self.role_arn)

    def generated_name(self, max_length: int = 64, *, lower: bool = False) -> str:
        """Generates a name as CloudFormation does: stack name, logical id and a random suffix."""
        end = uuid.uuid4().hex[:12]
        room = max_length - len(end) - 2
        logical = self.logical_id[: max(room // 2, room - len(self.stack_name))]
        name = f"{self.stack_name[: room - len(logical)]}-{logical}-{end}"
        return name.lower() if lower else name

    def suffix(self) -> str:
        """Four letters that identify the stack, always the same."""
        return hashlib.sha256(self.stack_id.encode()).hexdigest()[:4].upper()

    def tags(self, own: list[Mapping[str, str]] | Mapping[str, str] | None) -> dict[str, str]:
        """The tags of the stack, overridden by those of the resource."""
        if isinstance(own, Mapping):
            return {**self.stack_tags, **own}
        return {**self.stack_tags, **{tag["Key"]: tag["Value"] for tag in own or []}}

    def system_tags(self) -> dict[str, str]:
        """The tags by which AWS tells whose a resource is. Only it can give them.

        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-add-tags.html
        """
        owner = {"stack-name": self.stack_name, "stack-id": self.stack_id, "logical-id": self.logical_id}
        return {f"aws:cloudformation:{key}": value for key, value in owner.items()}

    def removed_tags(
        self, previous: list[Mapping[str, str]] | Mapping[str, str] | None, tags: Mapping[str, str]
    ) -> list[str]:
        """The keys of the tags that an update removes: those of the stack, and the resource's previous ones.

        `tags` are those that it has from now on.
        """
        own = previous if isinstance(previous, Mapping) else {tag["Key"] for tag in previous or []}
        return sorted((self.former_tags | set(own)) - set(tags))

    def tag_list(self, own: list[Mapping[str, str]] | None) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags(own).items()]


class Provider(ABC):
    """One resource type.

    The methods raise botocore.exceptions.ClientError or ResourceFailed when the service refuses. Deleting a
    resource that no longer exists succeeds.
    """

    type: ClassVar[str]
    supported: ClassVar[frozenset[str]]
    """The supported properties. Others are refused by name."""
    attributes: ClassVar[frozenset[str]] = frozenset()
    """The attributes that Fn::GetAtt can read."""
    name_property: ClassVar[str | None] = None
    """The property that holds the resource's name, which must change when the resource is replaced."""

    is_only_stored: ClassVar[bool] = False
    """Whether such a resource is kept and shown, and has no other effect."""

    def identifiers(self, properties: Properties) -> frozenset[str]:
        """The names that these properties give to resources, each of which only one resource can have.

        Empty when CloudFormation or the service chooses the name.
        """
        name = properties.get(self.name_property) if self.name_property else None
        return frozenset([name] if name else [])

    def check(self, cloud: Cloud, properties: Properties) -> None:  # noqa: B027 - most types need no check
        """Refuses what localcloud does not support in the values of properties.

        It is asked before anything is created, when texts with UNKNOWN and references to secrets stand for
        what is not known yet, and again before each creation and update. Raises ResourceFailed or ApiError,
        whose message quotes the value: a refusal of one that is not known yet does not count.
        """

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        """Whether there is a resource of this name.

        A stack must not adopt it, because many services would treat its creation as an update. The check has
        the rights of the account's owner.
        """
        return False

    @abstractmethod
    def create(self, context: Context, properties: Properties) -> PhysicalResource: ...

    @abstractmethod
    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None: ...

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        """Updates a resource in place. Not called for types with create-only properties alone."""
        raise ResourceFailed(f"{self.type} cannot be changed in place")


@contextmanager
def rollback_on_failure(physical: PhysicalResource) -> Iterator[None]:
    """Wraps the remaining steps of a creation. If one fails, `physical` is deleted on rollback."""
    try:
        yield
    except (BotoCoreError, ClientError) as refused:
        raise ResourceFailed(str(refused), physical, refused) from refused
    except ResourceFailed as failed:
        raise ResourceFailed(str(failed), physical, failed.refusal) from failed


def found(error: type[Exception] | tuple[type[Exception], ...], call: Callable[..., Any], **of: Any) -> bool:
    """Whether a call that describes a resource finds it; `error` is raised if it does not exist."""
    try:
        call(**of)
    except error:
        return False
    return True


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """The named properties that are present."""
    return {name: properties[name] for name in names if name in properties}


def ignoring(error: type[Exception], call: Callable[..., Any], **arguments: Any) -> None:
    """Calls a function and ignores one error: that the resource to delete does not exist."""
    with suppress(error):
        call(**arguments)
