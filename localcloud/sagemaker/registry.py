"""The model registry: model package groups, model packages and model cards."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import ApiError, InvalidRequest
from localcloud.protocol.service import Operation
from localcloud.protocol.validation import require_value
from localcloud.sagemaker.card_content import check_content
from localcloud.sagemaker.errors import ResourceNotFound
from localcloud.sagemaker.keys import require_key
from localcloud.sagemaker.records import Record, Table, select

REMOVED = "CustomerMetadataPropertiesToRemove"
ADDED_SPECIFICATIONS = "AdditionalInferenceSpecificationsToAdd"


class Conflict(ApiError):
    """The resource is in a state that does not allow the operation."""

    def __init__(self, message: str):
        super().__init__("ConflictException", message)


class ModelRegistry:
    """The operations on model package groups and model packages."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._lock = threading.Lock()
        self._changed: dict[str, tuple[bytes, str]] = {}
        """Digests of requests that made or changed packages, and the packages' ARNs, by client token."""
        self.groups = Table(
            cloud,
            "model-package-group",
            missing=lambda arn: InvalidRequest(f"ModelPackageGroup {arn} does not exist."),
            exists=lambda arn: InvalidRequest(f"Model Package Group already exists: {arn}"),
        )
        self.packages = Table(
            cloud,
            "model-package",
            missing=lambda arn: InvalidRequest(f"ModelPackage {arn} does not exist."),
            exists=lambda arn: InvalidRequest(f"Model Package already exists: {arn}"),
        )

    @property
    def tables(self) -> tuple[Table, ...]:
        return self.groups, self.packages

    @property
    def operations(self) -> dict[str, Operation]:
        return {
            "CreateModelPackageGroup": self._create_group,
            "DescribeModelPackageGroup": lambda **request: self.group(self._group(request)),
            "DeleteModelPackageGroup": self._delete_group,
            "ListModelPackageGroups": self._list_groups,
            "CreateModelPackage": self._create_package,
            "DescribeModelPackage": lambda **request: self.package(
                self.packages.get(request["ModelPackageName"])
            ),
            "UpdateModelPackage": self._update_package,
            "DeleteModelPackage": self._delete_package,
            "ListModelPackages": self._list_packages,
        }

    def group(self, record: Record) -> dict[str, Any]:
        """The description of a model package group."""
        return {**_echoed(record), "ModelPackageGroupArn": record.arn, "CreationTime": record.created}

    def package(self, record: Record) -> dict[str, Any]:
        """The description of a model package. A version of a group has an ARN, and no name."""
        return {
            "CertifyForMarketplace": False,
            **_echoed(record),
            "ModelPackageArn": record.arn,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
        }

    def deployable_container(self, name: str) -> dict[str, Any]:
        """The container of a model package, by its name or ARN, to create a model of.

        Raises InvalidRequest for a version that is not approved: "For versioned models, the value of this
        parameter must be set to Approved to deploy the model" (CreateModelPackage, ModelApprovalStatus).
        """
        record = self.packages.get(name)
        status = record.request.get("ModelApprovalStatus")
        if status not in (None, "Approved"):
            raise InvalidRequest(
                f"The model package {record.arn} must be Approved to be deployed; its ModelApprovalStatus is "
                f"{status}."
            )
        containers: list[dict[str, Any]] = (record.request.get("InferenceSpecification") or {}).get(
            "Containers", []
        )
        if len(containers) != 1:
            raise InvalidRequest(
                f"localcloud supports one container a model, and the model package {record.arn} has "
                f"{len(containers)}."
            )
        return containers[0]

    def _group(self, request: Mapping[str, Any]) -> Record:
        return self.groups.get(request["ModelPackageGroupName"])

    def _versions(self, group: Record) -> list[Record]:
        return [each for each in self.packages if each.name.startswith(f"{group.name}/")]

    def _create_group(self, **request: Any) -> dict[str, Any]:
        record = self.groups.add(
            request["ModelPackageGroupName"], request, ModelPackageGroupStatus="Completed"
        )
        return {"ModelPackageGroupArn": record.arn}

    def _delete_group(self, **request: Any) -> dict[str, Any]:
        group = self._group(request)
        if self._versions(group):
            raise Conflict(
                f"Model Package Group cannot be deleted, because it contains Model Packages: {group.arn}"
            )
        self.groups.remove(group.name)
        return {}

    def _list_groups(self, **request: Any) -> dict[str, Any]:
        page, token = select(self.groups, request)
        return {"ModelPackageGroupSummaryList": [self.group(each) for each in page], "NextToken": token}

    def _once(
        self, operation: str, request: dict[str, Any], change: Callable[[dict[str, Any]], str]
    ) -> dict[str, Any]:
        """Answers with the package that `change` returns. A request that is sent again changes nothing.

        Raises Conflict if another request had the same client token.
        """
        token = request.pop("ClientToken", None)
        digest = hashlib.sha256(json.dumps([operation, request], sort_keys=True).encode()).digest()
        with self._lock:
            if token not in self._changed:
                arn = change(request)
                if token:
                    self._changed[token] = digest, arn
                return {"ModelPackageArn": arn}
            former, arn = self._changed[token]
        if former != digest:
            raise Conflict(f"{operation}: the ClientToken {token} is that of another request.")
        return {"ModelPackageArn": arn}

    def _create_package(self, **request: Any) -> dict[str, Any]:
        return self._once("CreateModelPackage", request, self._add_package)

    def _add_package(self, request: dict[str, Any]) -> str:
        group, name = request.get("ModelPackageGroupName"), request.get("ModelPackageName")
        if (group is None) == (name is None):
            raise InvalidRequest("Provide either ModelPackageName or ModelPackageGroupName, and not both.")
        require_value(
            "CreateModelPackage", "CertifyForMarketplace", request.get("CertifyForMarketplace"), False
        )
        _check_source("CreateModelPackage", request)
        _check_card(request)
        _require_key(self._cloud, "CreateModelPackage", request)
        if group is not None and request.get("Tags"):
            raise InvalidRequest(
                "Tags cannot be given for a model package of a group, which has those of its group."
            )
        live: dict[str, Any] = {
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        if group is not None:
            owner = self.groups.get(group)
            version = owner.live["Versions"] = owner.live.get("Versions", 0) + 1
            name = f"{owner.name}/{version}"
            request["ModelPackageGroupName"] = owner.name
            request.setdefault("ModelApprovalStatus", "PendingManualApproval")
            live["ModelPackageVersion"] = version
        return self.packages.add(str(name), request, **live).arn

    def _update_package(self, **request: Any) -> dict[str, Any]:
        return self._once("UpdateModelPackage", request, self._change_package)

    def _change_package(self, request: dict[str, Any]) -> str:
        record = self.packages.get(request.pop("ModelPackageArn"))
        _check_source("UpdateModelPackage", request)
        _check_card(request)
        removed = request.pop(REMOVED, ())
        properties = {**record.request.get("CustomerMetadataProperties", {})}
        properties |= request.pop("CustomerMetadataProperties", {})
        specifications = [
            *record.request.get("AdditionalInferenceSpecifications", ()),
            *request.pop(ADDED_SPECIFICATIONS, ()),
        ]
        record.request |= request | {
            "CustomerMetadataProperties": {k: v for k, v in properties.items() if k not in removed},
            "AdditionalInferenceSpecifications": specifications,
        }
        record.update()
        return record.arn

    def _delete_package(self, **request: Any) -> dict[str, Any]:
        self.packages.remove(self.packages.get(request["ModelPackageName"]).name)
        return {}

    def _list_packages(self, **request: Any) -> dict[str, Any]:
        found = list(self.packages)
        if "ModelPackageGroupName" in request:
            found = self._versions(self._group(request))
        elif (kind := request.get("ModelPackageType", "Unversioned")) != "Both":
            found = [each for each in found if ("/" in each.name) == (kind == "Versioned")]
        if "ModelApprovalStatus" in request:
            wanted = request["ModelApprovalStatus"]
            found = [each for each in found if each.request.get("ModelApprovalStatus") == wanted]
        page, token = select(found, request)
        return {"ModelPackageSummaryList": [self.package(each) for each in page], "NextToken": token}


class ModelCards:
    """The operations on model cards, of which every version is kept."""

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self.table = Table(
            cloud,
            "model-card",
            missing=lambda arn: ResourceNotFound(f"Model card {arn} does not exist."),
            exists=lambda arn: Conflict(f"Model card {arn} already exists."),
        )

    @property
    def operations(self) -> dict[str, Operation]:
        return {
            "CreateModelCard": self._create,
            "DescribeModelCard": self._describe,
            "UpdateModelCard": self._update,
            "DeleteModelCard": self._delete,
            "ListModelCards": self._list,
            "ListModelCardVersions": self._list_versions,
        }

    def card(self, record: Record, version: int = 0) -> dict[str, Any]:
        """The description of a version of a card, by default the newest."""
        versions = record.live["Versions"]
        if not 0 <= version <= len(versions):
            raise ResourceNotFound(f"Model card {record.arn} has no version {version}.")
        return {
            **_echoed(record),
            **versions[version - 1],
            "ModelCardArn": record.arn,
            "CreationTime": record.created,
        }

    def _create(self, **request: Any) -> dict[str, Any]:
        check_content(request["Content"])
        _require_key(self._cloud, "CreateModelCard", request)
        first = {"Content": request["Content"], "ModelCardStatus": request["ModelCardStatus"]}
        record = self.table.add(request["ModelCardName"], request)
        times = {"CreationTime": record.created, "LastModifiedTime": record.created}
        record.live["Versions"] = [first | times | {"ModelCardVersion": 1}]
        return {"ModelCardArn": record.arn}

    def _describe(self, **request: Any) -> dict[str, Any]:
        return self.card(self.table.get(request["ModelCardName"]), request.get("ModelCardVersion", 0))

    def _update(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request.pop("ModelCardName"))
        if "Content" in request:
            if "ModelCardStatus" in request:
                raise InvalidRequest(
                    "You cannot update both model card content and model card status in a single call."
                )
            check_content(request["Content"])
        record.update()
        newest = record.live["Versions"][-1]
        changed = newest | request | {"LastModifiedTime": record.modified}
        # A change of the status alone makes no new version.
        if request.get("Content", newest["Content"]) != newest["Content"]:
            new = {"ModelCardVersion": newest["ModelCardVersion"] + 1, "CreationTime": record.modified}
            record.live["Versions"].append(changed | new)
        else:
            record.live["Versions"][-1] = changed
        return {"ModelCardArn": record.arn}

    def _delete(self, **request: Any) -> dict[str, Any]:
        self.table.remove(request["ModelCardName"])
        return {}

    def _list(self, **request: Any) -> dict[str, Any]:
        cards = [each for each in self.table if _has_status(self.card(each), request)]
        page, token = select(cards, request)
        return {"ModelCardSummaries": [self.card(each) for each in page], "NextToken": token}

    def _list_versions(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["ModelCardName"])
        versions = [
            Record(record.name, record.arn, {}, each, each["CreationTime"], each["LastModifiedTime"])
            for each in record.live["Versions"]
            if _has_status(each, request)
        ]
        page, token = select(versions, request | {"SortBy": "CreationTime"})
        summaries = [{"ModelCardName": each.name, "ModelCardArn": each.arn, **each.live} for each in page]
        return {"ModelCardVersionSummaryList": summaries, "NextToken": token}


def _check_source(operation: str, request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a package that would be a copy of another one, or made of a model."""
    if (source := request.get("SourceUri", "")).startswith("arn:"):
        raise InvalidRequest(
            f"{operation}: localcloud does not support a SourceUri that names a model package or a model "
            f"(given: {source}): give an InferenceSpecification."
        )


def _require_key(cloud: Cloud, operation: str, request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a package or a card with a key that cannot be used."""
    key = (request.get("SecurityConfig") or {}).get("KmsKeyId")
    require_key(cloud, operation, "SecurityConfig.KmsKeyId", key)


def _check_card(request: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a model package whose card has an invalid content."""
    if content := (request.get("ModelCard") or {}).get("ModelCardContent"):
        check_content(content)


def _has_status(card: dict[str, Any], request: Mapping[str, Any]) -> bool:
    return request.get("ModelCardStatus") in (None, card["ModelCardStatus"])


def _echoed(record: Record) -> dict[str, Any]:
    hidden = ("Tags", "Versions")
    return {name: value for name, value in (record.request | record.live).items() if name not in hidden}
