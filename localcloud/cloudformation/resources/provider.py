"""What every resource type provides: how one is made, changed and deleted through its service's own API."""

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
class Made:
    """A resource that exists: what `Ref` gives, and what Fn::GetAtt gives by name."""

    physical_id: str
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What a provider knows of the stack that it works for."""

    cloud: Cloud
    stack_name: str
    stack_id: str
    logical_id: str
    stack_tags: Mapping[str, str]
    role_arn: str | None = None

    def client(self, service: str) -> Any:
        """A client with the rights of the stack's service role, or of the account's owner without one."""
        return self.cloud.client(service, self.role_arn)

    def generated_name(self, longest: int = 64, *, lower: bool = False) -> str:
        """A name for a resource without one, in CloudFormation's form: stack, logical id and a random end."""
        end = uuid.uuid4().hex[:12]
        room = longest - len(end) - 2
        logical = self.logical_id[: max(room // 2, room - len(self.stack_name))]
        name = f"{self.stack_name[: room - len(logical)]}-{logical}-{end}"
        return name.lower() if lower else name

    def suffix(self) -> str:
        """Four letters that tell this stack from others, the same every time."""
        return hashlib.sha256(self.stack_id.encode()).hexdigest()[:4].upper()

    def tags(self, own: list[Mapping[str, str]] | Mapping[str, str] | None) -> dict[str, str]:
        """The stack's tags with the resource's own over them."""
        if isinstance(own, Mapping):
            return {**self.stack_tags, **own}
        return {**self.stack_tags, **{tag["Key"]: tag["Value"] for tag in own or []}}

    def tag_list(self, own: list[Mapping[str, str]] | None) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.tags(own).items()]


class Provider(ABC):
    """One resource type.

    Methods raise botocore.exceptions.ClientError or ResourceFailed when the service refuses; a delete of what
    is not there any more succeeds.
    """

    type: ClassVar[str]
    honoured: ClassVar[frozenset[str]]
    """The properties that are acted upon. Others that AWS has are refused by name, never dropped."""
    attributes: ClassVar[frozenset[str]] = frozenset()
    """What Fn::GetAtt can read."""
    name_property: ClassVar[str | None] = None
    """The property that names the resource: it must change for the resource to be replaced."""

    @abstractmethod
    def create(self, context: Context, properties: Properties) -> Made: ...

    @abstractmethod
    def delete(self, context: Context, current: Made, properties: Properties) -> None: ...

    def update(self, context: Context, current: Made, properties: Properties, previous: Properties) -> Made:
        """Changes a resource in place. Types whose every property is create-only never get here."""
        raise ResourceFailed(f"{self.type} cannot be changed in place")


@contextmanager
def standing(made: Made) -> Iterator[None]:
    """Around the further steps of a creation: should one fail, `made` is rolled back all the same."""
    try:
        yield
    except (BotoCoreError, ClientError, ResourceFailed) as failed:
        raise ResourceFailed(str(failed), made) from failed


def pick(properties: Properties, *names: str) -> dict[str, Any]:
    """Those of the named properties that are there."""
    return {name: properties[name] for name in names if name in properties}


def ignoring(error: type[Exception], call: Callable[..., Any], **arguments: Any) -> None:
    """Calls, and takes this one error for success: what is to be deleted is gone already."""
    with suppress(error):
        call(**arguments)
