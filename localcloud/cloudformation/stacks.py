"""Records of stacks: their resources, events, change sets and exports."""

import json
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from localcloud.cloudformation import stack_policies
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.resources.provider import PhysicalResource
from localcloud.protocol import ApiError

DELETED = "DELETE_COMPLETE"
FAILED_CHANGE_SET_STACK = "REVIEW_IN_PROGRESS"
CLEANUP = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
MASK = "****"
STACK_TYPE = "AWS::CloudFormation::Stack"

UPDATABLE = {
    "CREATE_FAILED",
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_FAILED",
    "UPDATE_ROLLBACK_COMPLETE",
}


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


@dataclass
class Resource:
    """One resource of a stack, with the properties of its last creation or update."""

    logical_id: str
    type: str
    physical: PhysicalResource | None = None
    former_id: str = ""
    """The id that is shown while there is no physical resource: the deleted one's, or the predecessor's."""
    properties: dict[str, Any] = field(default_factory=dict)
    applied: dict[str, Any] = field(default_factory=dict)
    """The properties as the service got them, including the secrets that they refer to."""
    depends_on: frozenset[str] = frozenset()
    deletion_policy: str = "Delete"
    metadata: Any = None
    status: str = ""
    reason: str | None = None
    timestamp: datetime = field(default_factory=now)

    @property
    def existing(self) -> PhysicalResource:
        """The physical resource. Raises ResourceFailed when it does not exist."""
        if self.physical is None:
            raise ResourceFailed(f"Resource {self.logical_id} does not exist")
        return self.physical

    @property
    def physical_id(self) -> str:
        return self.physical.physical_id if self.physical else self.former_id


@dataclass
class Event:
    """One entry of DescribeStackEvents."""

    stack_id: str
    stack_name: str
    logical_id: str
    physical_id: str
    type: str
    status: str
    reason: str | None = None
    properties: str | None = None
    token: str | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    timestamp: datetime = field(default_factory=now)


@dataclass
class Source:
    """The input of a stack: its template, parameters, tags and options."""

    body: str
    template: dict[str, Any]
    """As written."""
    expanded: dict[str, Any]
    """After the SAM transform."""
    parameters: dict[str, str]
    stored: dict[str, str] = field(default_factory=dict)
    """The values of the parameters that refer to the Parameter Store."""
    tags: dict[str, str] = field(default_factory=dict)
    capabilities: list[str] = field(default_factory=list)
    role_arn: str | None = None
    notification_arns: list[str] = field(default_factory=list)

    def masked(self, value: Any) -> Any:
        """The value with those of secret parameters masked."""
        if isinstance(value, Mapping):
            return {name: self.masked(entry) for name, entry in value.items()}
        if isinstance(value, list):
            return [self.masked(item) for item in value]
        is_secret = isinstance(value, str) and any(secret in value for secret in self._secrets())
        return MASK if is_secret else value

    def show(self, properties: Mapping[str, Any]) -> str:
        """Properties in JSON, as events and change sets show them."""
        return json.dumps(self.masked(properties), default=str)

    def _secrets(self) -> list[str]:
        declared = self.expanded.get("Parameters") or {}
        names = [name for name in self.parameters if _secret(declared.get(name, {}))]
        return [value for name in names if (value := self.stored.get(name, self.parameters[name]))]

    @property
    def shown_parameters(self) -> list[dict[str, str]]:
        """The parameters as DescribeStacks shows them, secret ones masked."""
        declared = self.expanded.get("Parameters") or {}
        shown = []
        for name, value in self.parameters.items():
            is_secret = _secret(declared.get(name, {}))
            shown.append({"ParameterKey": name, "ParameterValue": MASK if is_secret else value})
            if name in self.stored:
                shown[-1]["ResolvedValue"] = MASK if is_secret else self.stored[name]
        return shown


def _secret(spec: Mapping[str, Any]) -> bool:
    return str(spec.get("NoEcho", False)).lower() == "true"


@dataclass
class ChangeSet:
    """A change set and how it was executed."""

    id: str
    name: str
    kind: str
    """CREATE or UPDATE"""
    source: Source
    description: str | None = None
    changes: list[dict[str, Any]] = field(default_factory=list)
    status: str = "CREATE_COMPLETE"
    execution_status: str = "AVAILABLE"
    reason: str | None = None
    include_nested_stacks: bool = False
    on_stack_failure: str | None = None
    created_by: str | None = None
    executed_by: str | None = None
    """Identities of the requests that did so (see `_identity` in service.py)."""
    created: datetime = field(default_factory=now)

    @property
    def is_active(self) -> bool:
        """Whether it is still to be executed, so that its name is taken."""
        return not self.execution_status.startswith(("EXECUTE_", "OBSOLETE"))


@dataclass
class Stack:
    """A stack and everything that has happened to it."""

    id: str
    name: str
    status: str
    source: Source | None = None
    reason: str | None = None
    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    change_sets: dict[str, ChangeSet] = field(default_factory=dict)
    """By id, the executed ones among them."""
    replaced: list[tuple[Resource, str]] = field(default_factory=list)
    """Replaced resources and their UpdateReplacePolicy; the next update or deletion deletes them."""
    imports: frozenset[str] = frozenset()
    """The names of the exports that the stack imports."""
    pending_imports: frozenset[str] = frozenset()
    """Those that the deployment in progress imports."""
    policy: str | None = None
    """The text of the stack policy."""
    change_set_id: str | None = None
    """The change set that was executed last."""
    timeout_minutes: int | None = None
    disable_rollback: bool = False
    retain_except_on_create: bool = False
    """Whether a rollback of the current operation deletes new resources despite DeletionPolicy Retain."""
    termination_protection: bool = False
    is_abandoned: bool = False
    """Whether its creation is to end, because the stack is to be deleted."""
    deployment: threading.Thread | None = None
    """The thread of the latest deployment, which is set as long as one is in progress."""
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None
    token: str | None = None
    created_by: str | None = None
    updated_by: str | None = None

    @property
    def deployed_source(self) -> Source:
        """The source of a stack that has been deployed. Raises ValidationError for one that has not."""
        if self.source is None:
            raise ValidationError(f"Stack [{self.name}] has not been created")
        return self.source

    @property
    def stack_policy(self) -> stack_policies.Policy | None:
        return stack_policies.parse(self.policy) if self.policy else None

    def drop_change_sets(self, keep: ChangeSet | None = None) -> None:
        """Deletes the change sets that have not been executed, except `keep`."""
        self.change_sets = {
            id: one for id, one in self.change_sets.items() if one is keep or not one.is_active
        }

    @property
    def busy(self) -> bool:
        return self.status.endswith("_IN_PROGRESS") and self.status != FAILED_CHANGE_SET_STACK

    def set_status(self, status: str, reason: str | None = None) -> None:
        """Sets the status of the stack and records an event."""
        self.status, self.reason = status, reason
        self.events.append(
            Event(self.id, self.name, self.name, self.id, STACK_TYPE, status, reason, token=self.token)
        )

    def note(
        self,
        resource: Resource,
        status: str,
        reason: str | None = None,
        properties: Mapping[str, Any] | None = None,
    ) -> None:
        """Sets the status of a resource and records an event.

        `properties` are those that the event shows; by default the resource's own. As recorded on AWS, the
        events of the cleanup after an update show none, and have ids without status and time.
        """
        at = now()
        in_cleanup = self.status == CLEANUP
        shown = {} if in_cleanup else resource.properties if properties is None else properties
        resource.status, resource.reason, resource.timestamp = status, reason, at
        milliseconds = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.events.append(
            Event(
                self.id,
                self.name,
                resource.logical_id,
                resource.physical_id,
                resource.type,
                status,
                reason,
                self.deployed_source.show(shown) if shown else None,
                self.token,
                id=f"{resource.logical_id}-{uuid.uuid4() if in_cleanup else f'{status}-{milliseconds}'}",
                timestamp=at,
            )
        )


class Stacks:
    """All stacks of the account. As on AWS, deleted stacks can still be found by id."""

    def __init__(self) -> None:
        self._stacks: dict[str, Stack] = {}
        self.lock = threading.RLock()

    def __iter__(self) -> Iterator[Stack]:
        with self.lock:
            return iter(list(self._stacks.values()))

    def add(self, stack: Stack) -> None:
        with self.lock:
            self._stacks[stack.id] = stack

    def remove(self, stack: Stack) -> None:
        """Removes a stack that was not created."""
        with self.lock:
            self._stacks.pop(stack.id, None)

    def find(self, name_or_id: str) -> Stack | None:
        """Finds a stack by id or, if it is not deleted, by name."""
        if (stack := self._stacks.get(name_or_id)) is not None:
            return stack
        alive = (stack for stack in self if stack.status != DELETED)
        return next((stack for stack in alive if stack.name == name_or_id), None)

    def get(self, name_or_id: str) -> Stack:
        """Like `find`, but raises ValidationError when there is no such stack."""
        if (stack := self.find(name_or_id)) is None:
            raise ValidationError(f"Stack with id {name_or_id} does not exist")
        return stack

    def find_change_set(self, name_or_id: str, stack_name: str | None) -> tuple[Stack, ChangeSet]:
        """A change set and its stack. Raises ApiError when there is no such change set."""
        stack = None
        if stack_name and (stack := self.find(stack_name)) is None:
            raise ValidationError(f"Stack [{stack_name}] does not exist")
        is_id = name_or_id.startswith("arn:")
        if stack is None and not is_id:
            raise ValidationError("StackName must be specified if ChangeSetName is not specified as an ARN.")
        for owner in [stack] if stack and not is_id else self:
            newest_first = sorted(owner.change_sets.values(), key=lambda one: one.created, reverse=True)
            for change_set in sorted(newest_first, key=lambda one: not one.is_active):
                if name_or_id in (change_set.id, change_set.name):
                    return owner, change_set
        raise ApiError("ChangeSetNotFound", f"ChangeSet [{name_or_id}] does not exist")

    def updatable(self, name: str) -> Stack:
        """A stack that can be updated. Raises ValidationError for any other."""
        if (stack := self.find(name)) is None:
            raise ValidationError(f"Stack [{name}] does not exist")
        if stack.status not in UPDATABLE:
            raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be updated.")
        return stack

    def exports(self) -> list[dict[str, str]]:
        return [
            {"ExportingStackId": stack.id, "Name": output["ExportName"], "Value": output["OutputValue"]}
            for stack in self
            if stack.status != DELETED
            for output in stack.outputs
            if output.get("ExportName")
        ]

    def imported(self, name: str) -> str:
        """The value of an export. Raises ValidationError when there is no such export."""
        if (value := self.export(name)) is None:
            raise ValidationError(f"No export named {name} found.")
        return value

    def export(self, name: str) -> str | None:
        """The value of an export, or None when there is no such export."""
        return next((one["Value"] for one in self.exports() if one["Name"] == name), None)

    def check_exports(self, stack: Stack, outputs: list[dict[str, Any]]) -> None:
        """Checks whether a stack may get these outputs.

        Raises ValidationError for an export name that another stack has, and for an export that would be
        changed or deleted although other stacks import it.
        """
        exported = [one["ExportName"] for one in outputs if "ExportName" in one]
        names = set(exported)
        if len(names) < len(exported):
            raise ValidationError(f"The outputs of stack {stack.name} export one name twice: {exported}")
        values = {one["ExportName"]: one["OutputValue"] for one in outputs if "ExportName" in one}
        for old in (one for one in stack.outputs if "ExportName" in one):
            name = old["ExportName"]
            users = " and ".join(user.name for user in self.importers(name))
            if users and name not in values:
                raise ValidationError(f"Export {name} cannot be deleted as it is in use by {users}")
            if users and values[name] != old["OutputValue"]:
                raise ValidationError(f"Export {name} cannot be updated as it is in use by {users}")
        for other in self:
            if other is stack or other.status == DELETED:
                continue
            for name in (one["ExportName"] for one in other.outputs if "ExportName" in one):
                if name in names:
                    raise ValidationError(
                        f"Export with name {name} is already exported by stack {other.name}"
                    )

    def importers(self, export: str) -> list[Stack]:
        """The stacks that import this export."""
        return [
            stack
            for stack in self
            if stack.status != DELETED and export in stack.imports | stack.pending_imports
        ]
