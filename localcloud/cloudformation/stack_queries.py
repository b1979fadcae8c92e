"""The operations that read stacks, their events, resources and exports, and set their protection."""

from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation import options, views
from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.stacks import DELETED, Resource, Stack, Stacks
from localcloud.protocol.pages import page

PAGE_ITEMS = 100
"""The page size of List and Describe operations."""


class StackQueries:
    """A mixin of CloudFormationService."""

    cloud: Cloud
    stacks: Stacks

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
        if (stack := self.stacks.find(StackName)) is None:
            raise ValidationError(f"Stack [{StackName}] does not exist")
        shown, token = page(stack.events[::-1], NextToken, PAGE_ITEMS)
        return {"StackEvents": [views.event(one) for one in shown], "NextToken": token}

    def describe_stack_resource(self, StackName: str, LogicalResourceId: str) -> dict[str, Any]:
        if (stack := self.stacks.find(StackName)) is None:
            raise ValidationError(f"Stack '{StackName}' does not exist")
        if (resource := stack.resources.get(LogicalResourceId)) is None:
            raise ValidationError(f"Resource {LogicalResourceId} does not exist for stack {StackName}")
        return {"StackResourceDetail": views.resource_detail(stack, resource)}

    def describe_stack_resources(
        self,
        StackName: str | None = None,
        LogicalResourceId: str | None = None,
        PhysicalResourceId: str | None = None,
    ) -> dict[str, Any]:
        """With a PhysicalResourceId instead of a stack, describes the resources of its stack."""
        if bool(StackName) == bool(PhysicalResourceId):
            raise ValidationError("You must specify either StackName or PhysicalResourceId, but not both.")
        stack = self.stacks.get(StackName) if StackName else self._stack_of(str(PhysicalResourceId))
        found = [
            views.resource(stack, resource)
            for resource in _by_logical_id(stack)
            if LogicalResourceId in (None, resource.logical_id)
        ]
        return {"StackResources": found}

    def _stack_of(self, physical_id: str) -> Stack:
        for stack in self.stacks:
            for resource in list(stack.resources.values()):
                if resource.physical and resource.physical_id == physical_id:
                    return stack
        raise ValidationError(f"Stack for {physical_id} does not exist")

    def list_stack_resources(self, StackName: str, NextToken: str | None = None) -> dict[str, Any]:
        stack = self.stacks.get(StackName)
        shown, token = page(_by_logical_id(stack), NextToken, PAGE_ITEMS)
        return {
            "StackResourceSummaries": [views.resource(stack, one) for one in shown],
            "NextToken": token,
        }

    def list_exports(self, NextToken: str | None = None) -> dict[str, Any]:
        shown, token = page(self.stacks.exports(), NextToken, PAGE_ITEMS)
        return {"Exports": shown, "NextToken": token}

    def list_imports(self, ExportName: str, NextToken: str | None = None) -> dict[str, Any]:
        importers = self.stacks.importers(ExportName)
        if not importers:
            raise ValidationError(f"Export '{ExportName}' is not imported by any stack.")
        shown, token = page([one.name for one in importers], NextToken, PAGE_ITEMS)
        return {"Imports": shown, "NextToken": token}

    # Protection

    def update_termination_protection(
        self, EnableTerminationProtection: bool, StackName: str
    ) -> dict[str, Any]:
        stack = self.stacks.get(StackName)
        stack.termination_protection = EnableTerminationProtection
        return {"StackId": stack.id}

    def get_stack_policy(self, StackName: str) -> dict[str, Any]:
        return {"StackPolicyBody": self.stacks.get(StackName).policy}

    def set_stack_policy(
        self, StackName: str, StackPolicyBody: str | None = None, StackPolicyURL: str | None = None
    ) -> None:
        request = {"StackPolicyBody": StackPolicyBody, "StackPolicyURL": StackPolicyURL}
        self.stacks.get(StackName).policy = options.stack_policy(self.cloud, request)


def _by_logical_id(stack: Stack) -> list[Resource]:
    """The resources in the order in which CloudFormation lists them."""
    return sorted(stack.resources.values(), key=lambda resource: resource.logical_id)
