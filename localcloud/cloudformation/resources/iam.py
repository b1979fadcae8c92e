"""AWS::IAM::Role, AWS::IAM::Policy and AWS::IAM::ManagedPolicy."""

import json
from typing import Any

from localcloud.cloud import Cloud
from localcloud.cloudformation.resources.provider import (
    Context,
    PhysicalResource,
    Properties,
    Provider,
    found,
    ignoring,
    pick,
    rollback_on_failure,
)

MAX_ROLE_NAME_LENGTH = 64
MAX_POLICY_NAME_LENGTH = 128
HOLDERS = ("Role", "User")


class Role(Provider):
    type = "AWS::IAM::Role"
    supported = frozenset(
        {
            "AssumeRolePolicyDocument",
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        }
    )
    attributes = frozenset({"Arn", "RoleId"})
    name_property = "RoleName"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        iam = cloud.client("iam")
        return found(iam.exceptions.NoSuchEntityException, iam.get_role, RoleName=identifier)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        iam = context.client("iam")
        name = properties.get("RoleName") or context.generated_name(MAX_ROLE_NAME_LENGTH)
        tags = context.tag_list(properties.get("Tags"))
        role = iam.create_role(
            RoleName=name,
            AssumeRolePolicyDocument=_text(properties["AssumeRolePolicyDocument"]),
            Description=properties.get("Description", ""),
            **pick(properties, "MaxSessionDuration", "Path", "PermissionsBoundary"),
            **({"Tags": tags} if tags else {}),
        )["Role"]
        created = PhysicalResource(name, {"Arn": role["Arn"], "RoleId": role["RoleId"]})
        with rollback_on_failure(created):
            self._policies(iam, name, properties, {})
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        iam, name = context.client("iam"), current.physical_id
        iam.update_assume_role_policy(
            RoleName=name, PolicyDocument=_text(properties["AssumeRolePolicyDocument"])
        )
        iam.update_role(
            RoleName=name,
            Description=properties.get("Description", ""),
            MaxSessionDuration=properties.get("MaxSessionDuration", 3600),
        )
        if boundary := properties.get("PermissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=name, PermissionsBoundary=boundary)
        elif "PermissionsBoundary" in previous:
            iam.delete_role_permissions_boundary(RoleName=name)
        self._policies(iam, name, properties, previous)
        tags = context.tags(properties.get("Tags"))
        if gone := context.removed_tags(previous.get("Tags"), tags):
            iam.untag_role(RoleName=name, TagKeys=gone)
        if tags:
            iam.tag_role(RoleName=name, Tags=context.tag_list(properties.get("Tags")))
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        iam = context.client("iam")
        try:
            self._policies(iam, current.physical_id, {}, properties)
            iam.delete_role(RoleName=current.physical_id)
        except iam.exceptions.NoSuchEntityException:
            return

    def _policies(self, iam: Any, name: str, wanted: Properties, previous: Properties) -> None:
        missing = iam.exceptions.NoSuchEntityException
        inline = {one["PolicyName"]: _text(one["PolicyDocument"]) for one in wanted.get("Policies", [])}
        for policy, document in inline.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
        for policy in {one["PolicyName"] for one in previous.get("Policies", [])} - set(inline):
            ignoring(missing, iam.delete_role_policy, RoleName=name, PolicyName=policy)
        attached = set(wanted.get("ManagedPolicyArns", []))
        for arn in attached - set(previous.get("ManagedPolicyArns", [])):
            iam.attach_role_policy(RoleName=name, PolicyArn=arn)
        for arn in set(previous.get("ManagedPolicyArns", [])) - attached:
            ignoring(missing, iam.detach_role_policy, RoleName=name, PolicyArn=arn)


class Policy(Provider):
    """An inline policy of roles and users."""

    type = "AWS::IAM::Policy"
    supported = frozenset({"PolicyDocument", "PolicyName", "Roles", "Users"})

    def identifiers(self, properties: Properties) -> frozenset[str]:
        """An identifier for each role or user: its kind, its name and the policy's name."""
        return frozenset(
            f"{kind}|{holder}|{properties['PolicyName']}"
            for kind in HOLDERS
            for holder in properties.get(f"{kind}s", [])
        )

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        iam = cloud.client("iam")
        kind, holder, policy = identifier.split("|")
        get = getattr(iam, f"get_{kind.lower()}_policy")
        missing = iam.exceptions.NoSuchEntityException
        return found(missing, get, **{f"{kind}Name": holder}, PolicyName=policy)

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        created = PhysicalResource(context.generated_name(MAX_POLICY_NAME_LENGTH))
        with rollback_on_failure(created):
            self._put(context.client("iam"), properties, {})
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        self._put(context.client("iam"), properties, previous)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        self._put(context.client("iam"), {}, properties)

    def _put(self, iam: Any, wanted: Properties, previous: Properties) -> None:
        for kind in HOLDERS:
            holders = set(wanted.get(f"{kind}s", []))
            renamed = wanted.get("PolicyName") != previous.get("PolicyName")
            for holder in set(previous.get(f"{kind}s", [])) - (set() if renamed else holders):
                ignoring(
                    iam.exceptions.NoSuchEntityException,
                    getattr(iam, f"delete_{kind.lower()}_policy"),
                    **{f"{kind}Name": holder, "PolicyName": previous["PolicyName"]},
                )
            for holder in holders:
                getattr(iam, f"put_{kind.lower()}_policy")(
                    **{f"{kind}Name": holder},
                    PolicyName=wanted["PolicyName"],
                    PolicyDocument=_text(wanted["PolicyDocument"]),
                )


class ManagedPolicy(Provider):
    type = "AWS::IAM::ManagedPolicy"
    supported = frozenset({"Description", "ManagedPolicyName", "Path", "PolicyDocument", "Roles", "Users"})
    attributes = frozenset({"PolicyArn"})
    name_property = "ManagedPolicyName"

    def exists(self, cloud: Cloud, identifier: str) -> bool:
        pages = cloud.client("iam").get_paginator("list_policies").paginate(Scope="Local")
        return any(one["PolicyName"] == identifier for page in pages for one in page["Policies"])

    def create(self, context: Context, properties: Properties) -> PhysicalResource:
        iam = context.client("iam")
        name = properties.get("ManagedPolicyName") or context.generated_name(MAX_POLICY_NAME_LENGTH)
        arn = iam.create_policy(
            PolicyName=name,
            PolicyDocument=_text(properties["PolicyDocument"]),
            **pick(properties, "Description", "Path"),
        )["Policy"]["Arn"]
        created = PhysicalResource(arn, {"PolicyArn": arn})
        with rollback_on_failure(created):
            self._attach(iam, arn, properties, {})
        return created

    def update(
        self, context: Context, current: PhysicalResource, properties: Properties, previous: Properties
    ) -> PhysicalResource:
        iam, arn = context.client("iam"), current.physical_id
        if properties["PolicyDocument"] != previous["PolicyDocument"]:
            iam.create_policy_version(
                PolicyArn=arn, PolicyDocument=_text(properties["PolicyDocument"]), SetAsDefault=True
            )
            self._delete_old_versions(iam, arn)  # at most five are kept
        self._attach(iam, arn, properties, previous)
        return current

    def delete(self, context: Context, current: PhysicalResource, properties: Properties) -> None:
        iam = context.client("iam")
        try:
            self._attach(iam, current.physical_id, {}, properties)
            self._delete_old_versions(iam, current.physical_id)
            iam.delete_policy(PolicyArn=current.physical_id)
        except iam.exceptions.NoSuchEntityException:
            return

    def _delete_old_versions(self, iam: Any, arn: str) -> None:
        for version in iam.list_policy_versions(PolicyArn=arn)["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])

    def _attach(self, iam: Any, arn: str, wanted: Properties, previous: Properties) -> None:
        for kind in HOLDERS:
            holders, before = set(wanted.get(f"{kind}s", [])), set(previous.get(f"{kind}s", []))
            for holder in holders - before:
                getattr(iam, f"attach_{kind.lower()}_policy")(**{f"{kind}Name": holder}, PolicyArn=arn)
            for holder in before - holders:
                detach = getattr(iam, f"detach_{kind.lower()}_policy")
                missing = iam.exceptions.NoSuchEntityException
                ignoring(missing, detach, **{f"{kind}Name": holder}, PolicyArn=arn)


def _text(document: Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


PROVIDERS = (Role(), Policy(), ManagedPolicy())
