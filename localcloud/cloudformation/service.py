"""The CloudFormation API: stacks and change sets, which threads deploy while clients follow the events."""

import hashlib
import logging
import re
import threading
import uuid
from collections.abc import Callable
from typing import Any

import werkzeug

from localcloud.cloud import Cloud
from localcloud.cloudformation import changes, requests, templates_api, views
from localcloud.cloudformation.deployment import Deployment
from localcloud.cloudformation.errors import NO_CHANGES, NO_UPDATES, ValidationError
from localcloud.cloudformation.names import Names
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.stacks import (
    DELETED,
    FAILED_CHANGE_SET_STACK,
    ChangeSet,
    Source,
    Stack,
    Stacks,
)
from localcloud.protocol import ApiError
from localcloud.protocol.pages import page
from localcloud.protocol.service import ModelledService

log = logging.getLogger(__name__)

API_VERSION = "2010-05-15"
STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]{0,127}")
PAGE_ITEMS = 100
"""The page size of List and Describe operations."""
HEAD_START_SECONDS = 5
"""How long a request waits for the deployment that it starts. Small stacks are done by then, while boto3's
waiters poll only every 15 or 30 seconds."""


class CloudFormationService(templates_api.TemplateOperations, ModelledService):
    """Answers CloudFormation's Query API."""

    service_name = "cloudformation"
    validation_code = malformed_code = "ValidationError"
    answers = frozenset({service_name})

    def __init__(self, cloud: Cloud):
        self.cloud = cloud
        self.stacks = Stacks()
        self._names = Names(cloud, self.stacks)
        self._threads: set[threading.Thread] = set()
        self._request = threading.local()
        """The current request's `identity`, and the thread of the `deployment` that it has started."""

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        if request.method != "POST" or request.form.get("Version") != API_VERSION:
            return None
        self._request.deployment = None
        self._request.identity = _identity(request)
        answer = super().handle(request)
        if self._request.deployment:
            self._request.deployment.join(HEAD_START_SECONDS)
        return answer

    def close(self) -> None:
        """Waits briefly for deployments to notice that the cloud is gone."""
        for thread in self._threads:
            thread.join(timeout=2)

    def status(self) -> dict[str, Any]:
        return {"stacks": {one.name: one.status for one in self.stacks if one.status != DELETED}}

    # Stacks

    def create_stack(self, **request: Any) -> dict[str, Any]:
        name = request["StackName"]
        on_failure = request.get("OnFailure") or "ROLLBACK"
        if request.get("DisableRollback"):
            on_failure = "DO_NOTHING"
        if stack := self._created(name):
            return {"StackId": stack.id}
        source = requests.read_source(self.cloud, request, None, direct=True)
        with self.stacks.lock:
            if stack := self._created(name):
                return {"StackId": stack.id}
            stack = self._new_stack(name, "CREATE_IN_PROGRESS", request)
            resolved = self._resolve(stack, source)
            stack.created_by = self._request.identity
            stack.termination_protection = bool(request.get("EnableTerminationProtection"))
            self.stacks.add(stack)
        self._start(stack, source, "CREATE_IN_PROGRESS", lambda run: run.create(resolved, on_failure))
        return {"StackId": stack.id}

    def update_stack(self, **request: Any) -> dict[str, Any]:
        stack = self.stacks.get(request["StackName"])
        if self._is_retry(stack.updated_by):
            return {"StackId": stack.id}
        previous = self.stacks.updatable(request["StackName"]).source
        source = requests.read_source(self.cloud, request, previous, direct=True)
        with self.stacks.lock:
            if self._is_retry(stack.updated_by):
                return {"StackId": stack.id}
            stack = self._still_updatable(request["StackName"], previous)
            planned, resolved = self._plan(stack, source)
            if not changes.anything(planned, resolved, stack):
                raise ValidationError(NO_UPDATES)
            stack.disable_rollback = bool(request.get("DisableRollback"))
            stack.token = request.get("ClientRequestToken")
            stack.updated_by = self._request.identity
            self._update(stack, source)
        return {"StackId": stack.id}

    def delete_stack(self, **request: Any) -> None:
        stack = self.stacks.find(request["StackName"])
        if stack is None or stack.status == DELETED:
            return
        if stack.termination_protection:
            raise ValidationError(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        retain = frozenset(request.get("RetainResources") or [])
        with self.stacks.lock:
            self._refuse_when_busy(stack)
            stack.token = request.get("ClientRequestToken")
            if stack.status == FAILED_CHANGE_SET_STACK:
                stack.set_status(DELETED)
                return
            self.stacks.check_exports(stack, outputs=[])
            stack.status = "DELETE_IN_PROGRESS"
        self._start(stack, stack.deployed_source, "DELETE_IN_PROGRESS", lambda run: run.delete(retain))

    def describe_stacks(self, StackName: str | None = None, NextToken: str | None = None) -> dict[str, Any]:
        if StackName:
            return {"Stacks": [views.stack(self.cloud, self.stacks.get(StackName))]}
        alive = [one for one in self.stacks if one.status != DELETED]
        shown, token = page(alive, NextToken, PAGE_ITEMS)
        return {"Stacks": [views.stack(self.cloud, one) for one in shown], "NextToken": token}

    def list_stacks(
        self, StackStatusFilter: list[str] | None = None, NextToken: str | None = None
    ) -> dict[str, Any]:
        wanted = [one for one in self.stacks if not StackStatusFilter or one.status in StackStatusFilter]
        shown, token = page(wanted, NextToken, PAGE_ITEMS)
        return {"StackSummaries": [views.summary(one) for one in shown], "NextToken": token}

    def describe_stack_events(self, StackName: str, NextToken: str | None = None) -> dict[str, Any]:
        newest_first = self.stacks.get(StackName).events[::-1]
        shown, token = page(newest_first, NextToken, PAGE_ITEMS)
        return {"StackEvents": [views.event(one) for one in shown], "NextToken": token}

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        stack = self.stacks.get(StackName)
        if (resource := stack.resources.get(LogicalResourceId)) is None:
            raise ValidationError(f"Resource {LogicalResourceId} does not exist for stack {stack.name}")
        return {"StackResourceDetail": views.resource(stack, resource)}

    def describe_stack_resources(
        self,
        StackName: str | None = None,
        LogicalResourceId: str | None = None,
        PhysicalResourceId: str | None = None,
    ) -> dict[str, Any]:
        stacks = [self.stacks.get(StackName)] if StackName else self.stacks
        found = [
            views.resource(stack, resource)
            for stack in stacks
            for resource in list(stack.resources.values())
            if LogicalResourceId in (None, resource.logical_id)
            if PhysicalResourceId in (None, resource.physical_id)
        ]
        return {"StackResources": found}

    def list_stack_resources(self, StackName: str, NextToken: str | None = None) -> dict[str, Any]:
        stack = self.stacks.get(StackName)
        shown, token = page(list(stack.resources.values()), NextToken, PAGE_ITEMS)
        return {
            "StackResourceSummaries": [views.resource(stack, one) for one in shown],
            "NextToken": token,
        }

    def update_termination_protection(
        self, EnableTerminationProtection: bool, StackName: str
    ) -> dict[str, Any]:
        stack = self.stacks.get(StackName)
        stack.termination_protection = EnableTerminationProtection
        return {"StackId": stack.id}

    def list_exports(self, NextToken: str | None = None) -> dict[str, Any]:
        shown, token = page(self.stacks.exports(), NextToken, PAGE_ITEMS)
        return {"Exports": shown, "NextToken": token}

    def list_imports(self, ExportName: str, NextToken: str | None = None) -> dict[str, Any]:
        shown, token = page([one.name for one in self.stacks.importers(ExportName)], NextToken, PAGE_ITEMS)
        return {"Imports": shown, "NextToken": token}

    # Change sets

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        name, kind = request["StackName"], request.get("ChangeSetType") or "UPDATE"
        if kind not in ("CREATE", "UPDATE"):
            raise ApiError("UnsupportedOperation", f"localcloud does not support change sets of type {kind}.")
        stack = self.stacks.find(name)
        previous = stack.source if stack else None
        if stack and (change_set := self._created_change_set(stack, request["ChangeSetName"])):
            return {"Id": change_set.id, "StackId": stack.id}
        if kind == "UPDATE":
            self.stacks.updatable(name)
        source = requests.read_source(self.cloud, request, previous, direct=False)
        with self.stacks.lock:
            stack = self.stacks.find(name)
            if stack and (change_set := self._created_change_set(stack, request["ChangeSetName"])):
                return {"Id": change_set.id, "StackId": stack.id}
            if kind == "CREATE" and stack and stack.status != FAILED_CHANGE_SET_STACK:
                raise ValidationError(f"Stack [{name}] already exists and cannot be created again")
            if kind == "UPDATE":
                stack = self._still_updatable(name, previous)
            fresh = stack is None
            stack = stack or self._new_stack(name, FAILED_CHANGE_SET_STACK, request)
            planned, resolved = self._plan(stack, source)
            change_set = ChangeSet(
                id=self._arn(f"changeSet/{request['ChangeSetName']}/{uuid.uuid4()}"),
                name=request["ChangeSetName"],
                kind=kind,
                source=source,
                description=request.get("Description"),
                changes=planned,
                on_stack_failure=request.get("OnStackFailure"),
                created_by=self._request.identity,
            )
            if kind == "UPDATE" and not changes.anything(planned, resolved, stack):
                change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
                change_set.reason = NO_CHANGES
            stack.change_sets[change_set.name] = change_set
            if fresh:
                stack.set_status(FAILED_CHANGE_SET_STACK, "User Initiated")
                self.stacks.add(stack)
        return {"Id": change_set.id, "StackId": stack.id}

    def describe_change_set(
        self, ChangeSetName: str, StackName: str | None = None, NextToken: str | None = None, **_: Any
    ) -> dict[str, Any]:
        stack, change_set = self.stacks.find_change_set(ChangeSetName, StackName)
        shown, token = page(change_set.changes, NextToken, PAGE_ITEMS)
        return views.change_set(stack, change_set) | {"Changes": shown, "NextToken": token}

    def execute_change_set(self, ChangeSetName: str, StackName: str | None = None, **request: Any) -> None:
        with self.stacks.lock:
            stack, change_set = self.stacks.find_change_set(ChangeSetName, StackName)
            if self._is_retry(change_set.executed_by):
                return
            if change_set.execution_status != "AVAILABLE":
                raise ApiError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.id}] cannot be executed in its current status of "
                    f"[{change_set.status}]",
                )
            self._refuse_when_busy(stack)
            stack.token = request.get("ClientRequestToken")
            stack.disable_rollback = bool(request.get("DisableRollback"))
            # As on AWS, the other change sets go: they were created for an earlier state of the stack.
            stack.change_sets = {change_set.name: change_set}
            change_set.execution_status = "EXECUTE_COMPLETE"
            change_set.executed_by = self._request.identity
            if change_set.kind == "UPDATE":
                self._update(stack, change_set.source)
                return
            resolved = self._resolve(stack, change_set.source)
            on_failure = change_set.on_stack_failure or "ROLLBACK"
            if stack.disable_rollback:
                on_failure = "DO_NOTHING"
            stack.status = "CREATE_IN_PROGRESS"
        self._start(
            stack, change_set.source, "CREATE_IN_PROGRESS", lambda run: run.create(resolved, on_failure)
        )

    def delete_change_set(self, ChangeSetName: str, StackName: str | None = None) -> None:
        stack, change_set = self.stacks.find_change_set(ChangeSetName, StackName)
        stack.change_sets.pop(change_set.name, None)

    def list_change_sets(self, StackName: str, NextToken: str | None = None) -> dict[str, Any]:
        stack = self.stacks.get(StackName)
        shown, token = page(list(stack.change_sets.values()), NextToken, PAGE_ITEMS)
        return {"Summaries": [views.change_set(stack, one) for one in shown], "NextToken": token}

    # Retries: requests that a client repeats because it did not get the first answer

    def _is_retry(self, created_by: str | None) -> bool:
        return created_by is not None and created_by == self._request.identity

    def _created(self, name: str) -> Stack | None:
        """The stack, if an earlier try of this request created it. Raises ApiError if another request did."""
        stack = self.stacks.find(name)
        if stack and not self._is_retry(stack.created_by):
            raise ApiError("AlreadyExistsException", f"Stack [{name}] already exists")
        return stack

    def _created_change_set(self, stack: Stack, name: str) -> ChangeSet | None:
        """Like `_created`, for a change set."""
        change_set = stack.change_sets.get(name)
        if change_set and not self._is_retry(change_set.created_by):
            raise ApiError("AlreadyExistsException", f"ChangeSet {name} already exists")
        return change_set

    # Deploying

    def _still_updatable(self, name: str, source: Source | None) -> Stack:
        """The stack, if its source is still the given one. Raises ValidationError otherwise."""
        stack = self.stacks.updatable(name)
        if stack.source is not source:
            raise ValidationError(f"Stack:{stack.id} has been updated by another request meanwhile.")
        return stack

    def _new_stack(self, name: str, status: str, request: dict[str, Any]) -> Stack:
        if not STACK_NAME.fullmatch(name):
            raise ValidationError(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {STACK_NAME.pattern}"
            )
        return Stack(
            id=self._arn(f"stack/{name}/{uuid.uuid4()}"),
            name=name,
            status=status,
            disable_rollback=bool(request.get("DisableRollback")),
            token=request.get("ClientRequestToken"),
        )

    def _arn(self, resource: str) -> str:
        return f"arn:aws:cloudformation:{self.cloud.region}:{self.cloud.account_id}:{resource}"

    def _refuse_when_busy(self, stack: Stack) -> None:
        if stack.busy:
            raise ValidationError(f"Stack:{stack.id} is in {stack.status} state and can not be changed now.")

    def _resolve(
        self, stack: Stack, source: Source, resources: dict[str, Any] | None = None
    ) -> ResolvedTemplate:
        resources = stack.resources if resources is None else resources
        return ResolvedTemplate(self.cloud, source, stack.name, stack.id, resources, self.stacks.imported)

    def _plan(self, stack: Stack, source: Source) -> tuple[list[dict[str, Any]], ResolvedTemplate]:
        expected = dict(stack.resources)
        resolved = self._resolve(stack, source, expected)
        planned = changes.planned(resolved, expected, stack)
        self.stacks.check_exports(stack, resolved.outputs())
        return planned, resolved

    def _update(self, stack: Stack, source: Source) -> None:
        previous = stack.deployed_source
        resolved = self._resolve(stack, source)
        self._start(stack, source, "UPDATE_IN_PROGRESS", lambda run: run.update(resolved, previous))

    def _start(self, stack: Stack, source: Source, status: str, action: Callable[[Deployment], None]) -> None:
        stack.source = source
        if status != "DELETE_IN_PROGRESS":  # which the deployment says itself, as for a failed creation
            stack.set_status(status, "User Initiated")

        def deploy() -> None:
            try:
                action(Deployment(self.cloud, self.stacks, self._names, stack))
            except Exception:
                log.exception("deploying stack %s", stack.name)
                stack.set_status(
                    status.replace("IN_PROGRESS", "FAILED"), "localcloud failed; its output says why"
                )

        thread = threading.Thread(target=deploy, name=f"stack {stack.name}", daemon=True)
        thread.start()
        self._threads = {one for one in self._threads if one.is_alive()} | {thread}
        self._request.deployment = thread


def _identity(request: werkzeug.Request) -> str | None:
    """Identifies a request and its retries, by CloudFormation's client token or the SDK's invocation id."""
    token = (
        request.form.get("ClientToken")
        or request.form.get("ClientRequestToken")
        or request.headers.get("amz-sdk-invocation-id")
    )
    return hashlib.sha256(f"{token}\n".encode() + request.get_data()).hexdigest() if token else None
