"""The CloudFormation API: stacks and change sets, which threads deploy while clients follow the events."""

import dataclasses
import hashlib
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import werkzeug

from localcloud.cloud import Cloud
from localcloud.cloudformation import changes, options, requests, stack_policies
from localcloud.cloudformation.change_set_operations import ChangeSetOperations
from localcloud.cloudformation.deployment import Deployment
from localcloud.cloudformation.errors import NO_UPDATES, ValidationError
from localcloud.cloudformation.intrinsics import UNKNOWN
from localcloud.cloudformation.names import Names
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.stack_queries import StackQueries
from localcloud.cloudformation.stacks import (
    DELETED,
    FAILED_CHANGE_SET_STACK,
    Source,
    Stack,
    Stacks,
    now,
)
from localcloud.cloudformation.templates_api import TemplateOperations
from localcloud.protocol import ApiError
from localcloud.protocol.service import ModelledService, Operation

log = logging.getLogger(__name__)

API_VERSION = "2010-05-15"
STACK_NAME = re.compile(r"[a-zA-Z][-a-zA-Z0-9]*")
STACK_NAME_PATTERN = "[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*"
"""The pattern in AWS's message."""
MAX_STACK_NAME = 128
HEAD_START_SECONDS = 5
"""How long a request waits for the deployment that it starts. Small stacks are done by then, while boto3's
waiters poll only every 15 or 30 seconds."""


class CloudFormationService(StackQueries, ChangeSetOperations, TemplateOperations, ModelledService):
    """Answers CloudFormation's Query API."""

    service_name = "cloudformation"
    validation_code = malformed_code = "ValidationError"
    answers = frozenset({service_name})
    regional = True

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
        self._request.identity = identity_of(request)
        answer = super().handle(request)
        if self._request.deployment:
            self._request.deployment.join(HEAD_START_SECONDS)
        return answer

    def operation(self, name: str) -> Operation | None:
        perform = super().operation(name)
        return options.checked(name, perform) if perform else None

    def close(self) -> None:
        """Waits briefly for deployments to notice that the cloud is gone."""
        for thread in self._threads:
            thread.join(timeout=2)

    def status(self) -> dict[str, Any]:
        return {"stacks": {one.name: one.status for one in self.stacks if one.status != DELETED}}

    # Stacks

    def create_stack(self, **request: Any) -> dict[str, Any]:
        name = request["StackName"]
        if request.get("OnFailure") and request.get("DisableRollback"):
            raise ValidationError("Only one of OnFailure and DisableRollback can be specified.")
        on_failure = request.get("OnFailure") or "ROLLBACK"
        if request.get("DisableRollback"):
            on_failure = "DO_NOTHING"
        if stack := self._created(name):
            return {"StackId": stack.id}
        policy = options.stack_policy(self.cloud, request)
        options.check_role(self.cloud, request.get("RoleARN"))
        source = requests.read_source(self.cloud, request, None, direct=True)
        minutes = request.get("TimeoutInMinutes")
        with self.stacks.lock:
            if stack := self._created(name):
                return {"StackId": stack.id}
            # If a stack only has unexecuted change sets, it is created in its place, and they become
            # obsolete.
            reviewed = self.stacks.find(name)
            stack = reviewed or self._new_stack(name, "CREATE_IN_PROGRESS", request)
            resolved = self._resolve(stack, source, creates=True)
            options.check_types(request.get("ResourceTypes"), resolved.types())
            for change_set in stack.change_sets.values():
                change_set.execution_status = "OBSOLETE"
            stack.created_by = self._identity()
            stack.token = request.get("ClientRequestToken")
            stack.disable_rollback = on_failure == "DO_NOTHING"
            stack.retain_except_on_create = bool(request.get("RetainExceptOnCreate"))
            stack.termination_protection = bool(request.get("EnableTerminationProtection"))
            stack.policy, stack.timeout_minutes = policy, minutes
            stack.pending_imports = resolved.imports
            stack.status = "CREATE_IN_PROGRESS"
            self.stacks.add(stack)
            deadline = time.monotonic() + 60 * minutes if minutes else None
            self._start(
                stack, source, "CREATE_IN_PROGRESS", lambda run: run.create(resolved, on_failure, deadline)
            )
        return {"StackId": stack.id}

    def update_stack(self, **request: Any) -> dict[str, Any]:
        stack = self.stacks.find(request["StackName"])
        if stack and self._is_retry(stack.updated_by):
            return {"StackId": stack.id}
        previous = self.stacks.updatable(request["StackName"]).source
        policy = options.stack_policy(self.cloud, request)
        during = options.stack_policy(self.cloud, request, "StackPolicyDuringUpdate")
        options.check_role(self.cloud, request.get("RoleARN"))
        source = requests.read_source(self.cloud, request, previous, direct=True)
        with self.stacks.lock:
            if stack and self._is_retry(stack.updated_by):
                return {"StackId": stack.id}
            stack = self._still_updatable(request["StackName"], previous)
            planned, resolved = self._plan(stack, source)
            if not changes.anything(planned, resolved, stack):
                raise ValidationError(NO_UPDATES)
            options.check_types(request.get("ResourceTypes"), changes.types(planned))
            resolved = self._resolve(stack, source)
            stack.disable_rollback = bool(request.get("DisableRollback"))
            stack.retain_except_on_create = bool(request.get("RetainExceptOnCreate"))
            stack.token = request.get("ClientRequestToken")
            stack.updated_by = self._identity()
            stack.change_set_id = None
            governing = stack_policies.parse(during) if during else stack.stack_policy
            stack.policy = policy or stack.policy
            before = stack.deployed_source
            stack.pending_imports = resolved.imports
            stack.status = "UPDATE_IN_PROGRESS"
            self._start(
                stack, source, "UPDATE_IN_PROGRESS", lambda run: run.update(resolved, before, governing)
            )
        return {"StackId": stack.id}

    def delete_stack(
        self,
        StackName: str,
        RetainResources: list[str] | None = None,
        RoleARN: str | None = None,
        ClientRequestToken: str | None = None,
    ) -> None:
        stack = self.stacks.find(StackName)
        if stack is None or stack.status == DELETED:
            return
        if stack.termination_protection:
            raise ValidationError(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        options.check_role(self.cloud, RoleARN)
        retain = frozenset(RetainResources or [])
        with self.stacks.lock:
            if stack.status == "DELETE_IN_PROGRESS":
                return
            creation = stack.deployment if stack.status == "CREATE_IN_PROGRESS" else None
            if stack.busy and creation is None:
                raise ValidationError(
                    f"Stack [{stack.name}] cannot be deleted while in status {stack.status}"
                )
            if retain and stack.status != "DELETE_FAILED":
                raise ValidationError(
                    f"Invalid operation on stack [{stack.id}]. When you delete a stack, specify which "
                    "resources to retain only when the stack is in the DELETE_FAILED state."
                )
            if unknown := sorted(retain - set(stack.resources)):
                raise ValidationError(
                    f"The specified resources to retain do not exist in stack {stack.name}: {unknown}"
                )
            stack.token = ClientRequestToken
            if stack.status == FAILED_CHANGE_SET_STACK:
                stack.deleted = now()
                stack.set_status(DELETED)
                return
            self.stacks.check_exports(stack, outputs=[])
            stack.drop_change_sets()
            source = stack.deployed_source
            if RoleARN:
                source = dataclasses.replace(source, role_arn=RoleARN)
            stack.is_abandoned = creation is not None
            stack.status = "DELETE_IN_PROGRESS"

            def delete(run: Deployment) -> None:
                if creation:
                    creation.join()
                run.delete(retain)

            self._start(stack, source, "DELETE_IN_PROGRESS", delete)

    # Retries: requests that a client repeats because it did not get the first answer

    def _is_retry(self, created_by: str | None) -> bool:
        return created_by is not None and created_by == self._identity()

    def _identity(self) -> str | None:
        """Identifies the current request and its retries."""
        identity: str | None = self._request.identity
        return identity

    def _created(self, name: str) -> Stack | None:
        """The stack, if an earlier try of this request created it. Raises ApiError if another request did."""
        stack = self.stacks.find(name)
        if stack is None or stack.status == FAILED_CHANGE_SET_STACK:
            return None
        if not self._is_retry(stack.created_by):
            raise ApiError("AlreadyExistsException", f"Stack [{name}] already exists")
        return stack

    # Deploying

    def _still_updatable(self, name: str, source: Source | None) -> Stack:
        """The stack, if its source is still the given one. Raises ValidationError otherwise."""
        stack = self.stacks.updatable(name)
        if stack.source is not source:
            raise ValidationError(f"Stack:{stack.id} has been updated by another request meanwhile.")
        return stack

    def _new_stack(self, name: str, status: str, request: dict[str, Any]) -> Stack:
        constraint = None
        if not STACK_NAME.fullmatch(name):
            constraint = f"satisfy regular expression pattern: {STACK_NAME_PATTERN}"
        elif len(name) > MAX_STACK_NAME:
            constraint = f"have length less than or equal to {MAX_STACK_NAME}"
        if constraint:
            raise ValidationError(
                f"1 validation error detected: Value '{name}' at 'stackName' failed to satisfy constraint: "
                f"Member must {constraint}"
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
        self,
        stack: Stack,
        source: Source,
        resources: dict[str, Any] | None = None,
        *,
        creates: bool = False,
    ) -> ResolvedTemplate:
        """`creates` tells that the stack is to be created, so that imports are looked for on deployment."""
        resources = stack.resources if resources is None else resources
        imported = self._imported_later if creates else self.stacks.imported
        return ResolvedTemplate(self.cloud, source, stack.name, stack.id, resources, imported)

    def _imported_later(self, name: str) -> str:
        value = self.stacks.export(name)
        return UNKNOWN if value is None else value

    def _plan(
        self, stack: Stack, source: Source, *, creates: bool = False
    ) -> tuple[list[dict[str, Any]], ResolvedTemplate]:
        expected = dict(stack.resources)
        resolved = self._resolve(stack, source, expected, creates=creates)
        return changes.planned(resolved, expected, stack), resolved

    def _start(
        self,
        stack: Stack,
        source: Source,
        status: str,
        action: Callable[[Deployment], None],
        finished: Callable[[], None] | None = None,
    ) -> None:
        """Starts a deployment. The caller has set the status, and still holds the lock of the stacks.

        So no request sees a stack that is in progress without the deployment that it may have to wait for.
        """
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
            stack.pending_imports = frozenset()
            if finished:
                finished()

        thread = threading.Thread(target=deploy, name=f"stack {stack.name}", daemon=True)
        stack.deployment = thread
        thread.start()
        self._threads = {one for one in self._threads if one.is_alive()} | {thread}
        self._request.deployment = thread


def identity_of(request: werkzeug.Request) -> str | None:
    """Identifies a request and its retries, by CloudFormation's client token or the SDK's invocation id."""
    token = (
        request.form.get("ClientToken")
        or request.form.get("ClientRequestToken")
        or request.headers.get("amz-sdk-invocation-id")
    )
    return hashlib.sha256(f"{token}\n".encode() + request.get_data()).hexdigest() if token else None
