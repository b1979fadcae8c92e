"""The operations on change sets."""

import uuid
from collections.abc import Callable
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import changes, options, requests, views
from localcloud.cloudformation.deployment import Deployment
from localcloud.cloudformation.errors import NO_CHANGES, ValidationError
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.stack_queries import PAGE_ITEMS
from localcloud.cloudformation.stacks import FAILED_CHANGE_SET_STACK, ChangeSet, Source, Stack, Stacks, now
from localcloud.protocol import ApiError
from localcloud.protocol.pages import page


class ChangeSetOperations:
    """A mixin of CloudFormationService, which has the methods that are declared here."""

    cloud: Cloud
    stacks: Stacks
    _identity: Callable[[], str | None]
    _is_retry: Callable[[str | None], bool]
    _still_updatable: Callable[[str, Source | None], Stack]
    _new_stack: Callable[[str, str, dict[str, Any]], Stack]
    _arn: Callable[[str], str]
    _refuse_when_busy: Callable[[Stack], None]
    _resolve: Callable[..., ResolvedTemplate]
    _plan: Callable[..., tuple[list[dict[str, Any]], ResolvedTemplate]]
    _start: Callable[..., None]

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        name, kind = request["StackName"], request.get("ChangeSetType") or "UPDATE"
        if kind not in ("CREATE", "UPDATE"):
            raise ValidationError(f"localcloud does not support change sets of type {kind}.")
        if kind == "UPDATE" and request.get("OnStackFailure") == "DELETE":
            raise ValidationError("OnStackFailure DELETE is for change sets of type CREATE.")
        stack = self.stacks.find(name)
        previous = stack.source if stack else None
        if stack and (change_set := self._created_change_set(stack, request["ChangeSetName"])):
            return {"Id": change_set.id, "StackId": stack.id}
        if kind == "UPDATE":
            self.stacks.updatable(name)
        options.check_role(self.cloud, request.get("RoleARN"))
        source = requests.read_source(self.cloud, request, previous, direct=False)
        with self.stacks.lock:
            stack = self.stacks.find(name)
            if stack and (change_set := self._created_change_set(stack, request["ChangeSetName"])):
                return {"Id": change_set.id, "StackId": stack.id}
            if kind == "CREATE" and stack and stack.status != FAILED_CHANGE_SET_STACK:
                raise ValidationError(
                    f"Stack [{name}] already exists and cannot be created again with the changeSet "
                    f"[{request['ChangeSetName']}]."
                )
            if kind == "UPDATE":
                stack = self._still_updatable(name, previous)
            fresh = stack is None
            stack = stack or self._new_stack(name, FAILED_CHANGE_SET_STACK, request)
            change_set = self._planned_change_set(stack, source, kind, request)
            stack.change_sets[change_set.id] = change_set
            if fresh:
                stack.set_status(FAILED_CHANGE_SET_STACK, "User Initiated")
                self.stacks.add(stack)
        return {"Id": change_set.id, "StackId": stack.id}

    def _planned_change_set(
        self, stack: Stack, source: Source, kind: str, request: dict[str, Any]
    ) -> ChangeSet:
        planned, resolved = self._plan(stack, source, creates=kind == "CREATE")
        options.check_types(request.get("ResourceTypes"), changes.types(planned))
        change_set = ChangeSet(
            id=self._arn(f"changeSet/{request['ChangeSetName']}/{uuid.uuid4()}"),
            name=request["ChangeSetName"],
            kind=kind,
            source=source,
            description=request.get("Description"),
            changes=planned,
            include_nested_stacks=bool(request.get("IncludeNestedStacks")),
            on_stack_failure=request.get("OnStackFailure"),
            created_by=self._identity(),
        )
        if kind == "UPDATE" and not changes.anything(planned, resolved, stack):
            change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
            change_set.reason = NO_CHANGES
        return change_set

    def describe_change_set(
        self,
        ChangeSetName: str,
        StackName: str | None = None,
        NextToken: str | None = None,
        IncludePropertyValues: bool = False,
    ) -> dict[str, Any]:
        stack, change_set = self.stacks.find_change_set(ChangeSetName, StackName)
        planned = change_set.changes
        if IncludePropertyValues:
            planned = [one for one in planned if not changes.is_possible_only(one)]
        shown, token = page(planned, NextToken, PAGE_ITEMS)
        if not IncludePropertyValues:
            shown = [changes.without_values(one) for one in shown]
        return views.change_set(stack, change_set) | {"Changes": shown, "NextToken": token}

    def execute_change_set(
        self,
        ChangeSetName: str,
        StackName: str | None = None,
        ClientRequestToken: str | None = None,
        DisableRollback: bool = False,
        RetainExceptOnCreate: bool = False,
    ) -> None:
        with self.stacks.lock:
            stack, change_set = self.stacks.find_change_set(ChangeSetName, StackName)
            if self._is_retry(change_set.executed_by):
                return
            if change_set.execution_status != "AVAILABLE":
                kind = "status" if change_set.status == "FAILED" else "execution status"
                status = change_set.status if change_set.status == "FAILED" else change_set.execution_status
                raise ApiError(
                    "InvalidChangeSetStatus",
                    f"ChangeSet [{change_set.id}] cannot be executed in its current {kind} of [{status}]",
                )
            self._refuse_when_busy(stack)
            resolved = self._resolve(stack, change_set.source, creates=change_set.kind == "CREATE")
            stack.token = ClientRequestToken
            stack.disable_rollback = DisableRollback
            stack.retain_except_on_create = RetainExceptOnCreate
            # As on AWS, the other change sets are deleted: they were created for an earlier state of the
            # stack.
            stack.drop_change_sets(keep=change_set)
            stack.change_set_id = change_set.id
            stack.updated = now()
            change_set.execution_status = "EXECUTE_IN_PROGRESS"
            change_set.executed_by = self._identity()
            previous = stack.source
            stack.pending_imports = resolved.imports
            status = f"{change_set.kind}_IN_PROGRESS"
            stack.status = status

            def deploy(run: Deployment) -> None:
                on_failure = change_set.on_stack_failure or "ROLLBACK"
                if stack.disable_rollback or on_failure == "DO_NOTHING":
                    stack.disable_rollback, on_failure = True, "DO_NOTHING"
                if change_set.kind == "UPDATE" and previous:
                    run.update(resolved, previous, stack.stack_policy)
                else:
                    run.create(resolved, on_failure)

            def finished() -> None:
                done = stack.status == f"{change_set.kind}_COMPLETE"
                change_set.execution_status = "EXECUTE_COMPLETE" if done else "EXECUTE_FAILED"

            self._start(stack, change_set.source, status, deploy, finished)

    def delete_change_set(self, ChangeSetName: str, StackName: str | None = None) -> None:
        """Deletes a change set. As on AWS, that succeeds if it does not exist."""
        try:
            stack, change_set = self.stacks.find_change_set(ChangeSetName, StackName)
        except ApiError as error:
            if error.code == "ChangeSetNotFound":
                return
            raise
        if change_set.execution_status == "EXECUTE_IN_PROGRESS":
            raise ApiError("InvalidChangeSetStatus", f"ChangeSet [{change_set.id}] is being executed")
        stack.change_sets.pop(change_set.id, None)

    def list_change_sets(self, StackName: str, NextToken: str | None = None) -> dict[str, Any]:
        """The active change sets of a stack: those that are not executed."""
        stack = self.stacks.find(StackName)
        if stack is None:
            raise ValidationError(f"Stack [{StackName}] does not exist")
        active = [one for one in stack.change_sets.values() if one.is_active]
        shown, token = page(active, NextToken, PAGE_ITEMS)
        return {"Summaries": [views.change_set(stack, one) for one in shown], "NextToken": token}

    def _created_change_set(self, stack: Stack, name: str) -> ChangeSet | None:
        """The change set, if an earlier try of this request created it.

        Raises ApiError if another request created an active one of this name. Executed ones free their names.
        """
        for change_set in stack.change_sets.values():
            if change_set.name != name:
                continue
            if self._is_retry(change_set.created_by):
                return change_set
            if change_set.is_active:
                raise ApiError("AlreadyExistsException", f"ChangeSet {name} already exists")
        return None
