"""Deploys resolved templates to stacks, and rolls back when a resource fails."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import dynamic_references, failures, schemas, stack_policies
from localcloud.cloudformation.errors import ResourceFailed, ValidationError
from localcloud.cloudformation.names import Names
from localcloud.cloudformation.resolved_template import ResolvedTemplate
from localcloud.cloudformation.resources import PROVIDERS
from localcloud.cloudformation.resources.provider import Context
from localcloud.cloudformation.stacks import CLEANUP, DELETED, Resource, Source, Stack, Stacks, now

ABANDONED = "Resource creation cancelled"
TIMED_OUT = "Stack creation time exceeded the specified timeout."
CREATION_INITIATED = "Resource creation Initiated"
REPLACING = "Requested update requires the creation of a new physical resource; hence creating one."


class Deployment:
    """Creates, updates or deletes one stack. Runs in a thread of its own."""

    def __init__(self, cloud: Cloud, stacks: Stacks, names: Names, stack: Stack):
        self._cloud = cloud
        self._stacks = stacks
        self._names = names
        self._stack = stack
        self._undo: list[Callable[[], bool]] = []
        self._retagged = False
        self._former_tags: frozenset[str] = frozenset()
        self._policy: stack_policies.Policy | None = None
        self._deadline: float | None = None

    def create(
        self, resolved: ResolvedTemplate, on_failure: str = "ROLLBACK", deadline: float | None = None
    ) -> None:
        """Creates the stack's resources.

        `on_failure` is ROLLBACK, DELETE or DO_NOTHING; `deadline` is a time.monotonic() at which it fails.
        """
        stack = self._stack
        self._deadline = deadline
        reason = self._why_not_imported(resolved) or self._apply(resolved)
        with self._stacks.lock:
            if stack.is_abandoned:
                return
            if not reason:
                stack.set_status("CREATE_COMPLETE")
                return
            if on_failure == "DO_NOTHING":
                stack.imports = resolved.imports
                stack.set_status("CREATE_FAILED", reason)
                return
            stack.set_status(
                "ROLLBACK_IN_PROGRESS", f"{reason.removesuffix('.')}. Rollback requested by user."
            )
        stack.deleted = now()
        clean = self._rollback()
        stack.set_status("ROLLBACK_COMPLETE" if clean else "ROLLBACK_FAILED", self._undeleted())
        if on_failure == "DELETE" and clean:
            self.delete()

    def update(
        self, resolved: ResolvedTemplate, previous: Source, policy: stack_policies.Policy | None = None
    ) -> None:
        """Brings the stack from its previous source to a new one, as far as the stack policy allows."""
        stack = self._stack
        stack.updated = now()
        outputs = stack.outputs
        self._policy = policy
        self._retagged = previous.tags != resolved.source.tags
        self._former_tags = frozenset({*previous.tags, *resolved.source.tags})  # a rollback removes the new
        if reason := self._why_not_removable(resolved) or self._apply(resolved):
            if stack.disable_rollback:
                stack.imports |= resolved.imports
                stack.set_status("UPDATE_FAILED", reason)
                return
            stack.source, stack.outputs = previous, outputs
            stack.set_status("UPDATE_ROLLBACK_IN_PROGRESS", reason)
            clean = self._rollback()
            if clean:
                stack.set_status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
                stack.resources = {name: one for name, one in stack.resources.items() if one.physical}
            stack.set_status("UPDATE_ROLLBACK_COMPLETE" if clean else "UPDATE_ROLLBACK_FAILED")
            return
        stack.set_status(CLEANUP)
        self._clean_up(resolved)
        stack.set_status("UPDATE_COMPLETE")

    def delete(self, retain: frozenset[str] = frozenset()) -> None:
        stack = self._stack
        stack.deleted = now()
        stack.set_status("DELETE_IN_PROGRESS", "User Initiated")
        failed: list[str] = []
        for resource in self._deletion_order(list(stack.resources.values())):
            kept = resource.logical_id in retain or resource.deletion_policy != "Delete"
            waits_for = {name for name in failed if resource.logical_id in stack.resources[name].depends_on}
            if waits_for:
                failed.append(resource.logical_id)
            elif resource.physical and kept:
                stack.note(resource, "DELETE_SKIPPED")
            elif resource.physical and not self._delete(resource):
                failed.append(resource.logical_id)
        stack.replaced = [(old, policy) for old, policy in stack.replaced if not self._discard(old, policy)]
        failed += [old.logical_id for old, _ in stack.replaced]
        if failed:
            stack.set_status("DELETE_FAILED", self._undeleted())
            return
        stack.outputs = []
        stack.set_status(DELETED)

    def _undeleted(self) -> str | None:
        """The stack's status reason if some resources could not be deleted, else None."""
        resources = [*self._stack.resources.values(), *(old for old, _ in self._stack.replaced)]
        names = [one.logical_id for one in resources if one.status == "DELETE_FAILED"]
        return f"The following resource(s) failed to delete: [{', '.join(names)}]. " if names else None

    def _why_not_imported(self, resolved: ResolvedTemplate) -> str | None:
        """Why an import of the template fails, or None."""
        try:
            for name in sorted(resolved.imports):
                self._stacks.imported(name)
        except ValidationError as missing:
            return str(missing)
        return None

    def _why_not_removable(self, resolved: ResolvedTemplate) -> str | None:
        """Why the stack policy keeps a resource that the template no longer has, or None."""
        for name, resource in self._stack.resources.items():
            if name in resolved or not resource.physical:
                continue
            if reason := stack_policies.why_not(self._policy, stack_policies.DELETE, name, resource.type):
                self._stack.note(resource, "UPDATE_FAILED", reason)
                return f"The following resource(s) failed to update: [{name}]."
        return None

    def _apply(self, resolved: ResolvedTemplate) -> str | None:
        """Creates or updates every resource in order. Returns why the stack failed, or None."""
        stack = self._stack
        for logical_id in resolved.order:
            if self._deadline and time.monotonic() > self._deadline:
                return TIMED_OUT
            if stack.is_abandoned:
                return ABANDONED
            resource = self._stack.resources.get(logical_id)
            same_type = resource is not None and resource.type == resolved.provider(logical_id).type
            done = (
                self._change(resolved, resource)
                if resource is not None and resource.physical and same_type
                else self._create(
                    resolved, logical_id, old=resource if resource and resource.physical else None
                )
            )
            if not done and self._deadline and time.monotonic() > self._deadline:
                return TIMED_OUT
            if not done:
                return f"The following resource(s) failed to {self._verb(logical_id)}: [{logical_id}]."
        try:
            outputs = resolved.outputs()
            with self._stacks.lock:
                self._stacks.check_exports(stack, outputs)
                stack.outputs, stack.imports = outputs, resolved.imports
        except ValidationError as wrong:
            return str(wrong)
        return None

    def _verb(self, logical_id: str) -> str:
        return "update" if self._stack.resources[logical_id].status.startswith("UPDATE") else "create"

    def _create(self, resolved: ResolvedTemplate, logical_id: str, old: Resource | None) -> bool:
        """Creates a resource, or the replacement of `old`. Returns whether that succeeded."""
        provider = resolved.provider(logical_id)
        fresh = Resource(
            logical_id,
            provider.type,
            depends_on=resolved.depends_on(logical_id),
            deletion_policy=resolved.deletion_policy(logical_id),
        )
        verb = "UPDATE" if old else "CREATE"
        if old:
            fresh.former_id = old.physical_id
        else:
            self._stack.resources[logical_id] = fresh

        def evaluate() -> None:
            fresh.properties = resolved.properties(logical_id)
            fresh.metadata = resolved.metadata(logical_id)

        def make() -> None:
            if old:
                _check_renamed(old, fresh)
            context = self._context(logical_id)
            fresh.applied = _with_secrets(context, fresh)
            provider.check(self._cloud, fresh.applied)
            try:
                with self._names.claimed(provider, fresh.applied, previous={}):
                    fresh.physical = provider.create(context, fresh.applied)
            except ResourceFailed as failed:
                fresh.physical = failed.physical
                raise

        reason = failures.attempt(provider.type, evaluate)
        self._stack.note(fresh, f"{verb}_IN_PROGRESS", REPLACING if old else None)
        reason = reason or failures.attempt(provider.type, make)
        if fresh.physical:
            self._undo.append(lambda: self._take_back(fresh, old))
            self._stack.note(fresh, f"{verb}_IN_PROGRESS", CREATION_INITIATED)
        if reason:
            self._stack.note(fresh, f"{verb}_FAILED", reason)
            if old:
                old.status = f"{verb}_FAILED"
            return False
        self._stack.resources[logical_id] = fresh
        self._stack.note(fresh, f"{verb}_COMPLETE")
        if old:
            self._stack.replaced.append((old, resolved.replace_policy(logical_id)))
        return True

    def _take_back(self, fresh: Resource, old: Resource | None) -> bool:
        """Reverts `_create`."""
        keep = fresh.deletion_policy == "Retain" and old is None and not self._stack.retain_except_on_create
        deleted = self._skip(fresh) if keep else self._delete(fresh)
        if old:
            self._stack.resources[fresh.logical_id] = old
            self._stack.replaced = [entry for entry in self._stack.replaced if entry[0] is not old]
        elif deleted:
            fresh.physical = None
        return deleted

    def _change(self, resolved: ResolvedTemplate, resource: Resource) -> bool:
        """Brings an existing resource to its new properties, in place or by replacing it, if they differ."""
        logical_id = resource.logical_id
        try:
            wanted, metadata = resolved.properties(logical_id), resolved.metadata(logical_id)
        except failures.EXPECTED as failed:
            self._stack.note(resource, "UPDATE_FAILED", failures.reason(resource.type, failed))
            return False
        changed = {name for name in {*wanted, *resource.properties} if _differs(name, wanted, resource)}
        is_replaced = bool(changed & schemas.create_only(resource.type))
        is_touched = bool(changed) or (self._retagged and "Tags" in PROVIDERS[resource.type].supported)
        action = stack_policies.REPLACE if is_replaced else stack_policies.MODIFY
        denied = stack_policies.why_not(self._policy, action, logical_id, resource.type)
        if is_touched and denied:
            self._stack.note(resource, "UPDATE_FAILED", denied)
            return False
        if is_replaced:
            return self._create(resolved, logical_id, old=resource)
        before = replace(resource)
        resource.depends_on = resolved.depends_on(logical_id)
        resource.deletion_policy = resolved.deletion_policy(logical_id)
        resource.metadata = metadata
        if not is_touched:
            self._undo.append(lambda: _restore(resource, before))
            return True
        target = replace(resource, properties=wanted)
        try:
            target.applied = _with_secrets(self._context(logical_id), target)
            with self._names.claimed(PROVIDERS[resource.type], target.applied, before.applied):
                # Reverted even if it fails, because a failed update may have changed a part of the resource.
                self._undo.append(lambda: self._change_back(resource, before, target))
                return self._update(resource, target, before)
        except failures.EXPECTED as refused:
            self._undo.append(lambda: _restore(resource, before))
            self._stack.note(resource, "UPDATE_FAILED", failures.reason(resource.type, refused), wanted)
            return False

    def _update(self, resource: Resource, target: Resource, previous: Resource) -> bool:
        """Brings a resource from the previous properties to those of the target."""
        provider = PROVIDERS[resource.type]
        self._stack.note(resource, "UPDATE_IN_PROGRESS", properties=target.properties)

        def change() -> None:
            provider.check(self._cloud, target.applied)
            resource.physical = provider.update(
                self._context(resource.logical_id), resource.existing, target.applied, previous.applied
            )
            resource.properties, resource.applied = target.properties, target.applied

        if reason := failures.attempt(resource.type, change):
            self._stack.note(resource, "UPDATE_FAILED", reason, target.properties)
            return False
        self._stack.note(resource, "UPDATE_COMPLETE")
        return True

    def _change_back(self, resource: Resource, before: Resource, tried: Resource) -> bool:
        return self._update(resource, before, tried) and _restore(resource, before)

    def _rollback(self) -> bool:
        """Reverts every step, continuing past those that fail. Returns whether all were reverted."""
        undone = [undo() for undo in reversed(self._undo)]
        return all(undone)

    def _clean_up(self, resolved: ResolvedTemplate) -> None:
        """Deletes the replaced resources and those that an updated template no longer has.

        As on AWS, a resource that cannot be deleted is reported, and the update still succeeds.
        """
        stack = self._stack
        gone = [one for name, one in stack.resources.items() if name not in resolved and one.physical]
        for resource, policy in reversed(stack.replaced):
            self._discard(resource, policy)
        stack.replaced = []
        for resource in self._deletion_order(gone):
            self._discard(resource, resource.deletion_policy)
        stack.resources = {name: one for name, one in stack.resources.items() if name in resolved}

    def _deletion_order(self, resources: list[Resource]) -> list[Resource]:
        """The resources, each before those that it depends on."""
        names = {resource.logical_id: resource for resource in resources}
        ordered: list[Resource] = []

        def visit(resource: Resource) -> None:
            if resource.logical_id not in names:
                return
            names.pop(resource.logical_id)
            for name in resource.depends_on:
                if name in names:
                    visit(names[name])
            ordered.append(resource)

        for resource in resources:
            visit(resource)
        return ordered[::-1]

    def _discard(self, resource: Resource, policy: str) -> bool:
        return self._delete(resource) if policy == "Delete" else self._skip(resource)

    def _delete(self, resource: Resource) -> bool:
        self._stack.note(resource, "DELETE_IN_PROGRESS")

        def delete() -> None:
            PROVIDERS[resource.type].delete(
                self._context(resource.logical_id), resource.existing, resource.applied
            )

        if reason := failures.attempt(resource.type, delete):
            self._stack.note(resource, "DELETE_FAILED", reason)
            return False
        self._stack.note(resource, DELETED)
        resource.former_id, resource.physical = resource.physical_id, None
        return True

    def _skip(self, resource: Resource) -> bool:
        self._stack.note(resource, "DELETE_SKIPPED")
        return True

    def _context(self, logical_id: str) -> Context:
        source = self._stack.deployed_source
        return Context(
            self._cloud,
            self._stack.name,
            self._stack.id,
            logical_id,
            source.tags,
            source.role_arn,
            self._former_tags,
            self._deadline,
        )


def _with_secrets(context: Context, resource: Resource) -> dict[str, Any]:
    """The resource's properties with the secrets that they refer to. Raises ResourceFailed."""
    revealed = dynamic_references.with_secrets(context.client("secretsmanager"), resource.properties)
    return schemas.typed(resource.type, revealed)


def _differs(name: str, wanted: dict[str, Any], resource: Resource) -> bool:
    return wanted.get(name) != resource.properties.get(name)


def _restore(resource: Resource, before: Resource) -> bool:
    resource.depends_on, resource.deletion_policy = before.depends_on, before.deletion_policy
    resource.metadata = before.metadata
    return True


def _check_renamed(old: Resource, fresh: Resource) -> None:
    """Raises ResourceFailed for a replacement with its predecessor's name, which still exists by then."""
    if old.type != fresh.type:
        return
    name = PROVIDERS[fresh.type].name_property
    if name and name in fresh.properties and fresh.properties[name] == old.properties.get(name):
        raise ResourceFailed(
            f"CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {fresh.properties[name]} and update the stack again."
        )
