"""The CloudFront API: distributions, origin access controls, response headers policies and invalidations.

moto's records of distributions lose error pages and other members, so these are localcloud's own.
"""

import threading
import uuid
from collections.abc import Mapping
from typing import Any

import werkzeug

from localcloud import addresses
from localcloud.cloud import Cloud
from localcloud.cloudfront import configuration, response_headers
from localcloud.cloudfront.edge import Edge
from localcloud.cloudfront.records import (
    Distribution,
    Item,
    check_version,
    find,
    new_id,
    now,
    refuse_same_name,
)
from localcloud.protocol import ApiError
from localcloud.protocol.pages import page
from localcloud.protocol.service import ModelledService

PAGE_ITEMS = 100
"""The default page size of lists."""
API_URL = "https://cloudfront.amazonaws.com/2020-05-31"


class CloudFrontService(ModelledService):
    """Answers CloudFront's API and serves every enabled distribution."""

    service_name = "cloudfront"
    validation_code = malformed_code = "MalformedXML"
    answers = frozenset({service_name})

    def __init__(self, cloud: Cloud):
        self._cloud = cloud
        self._lock = threading.RLock()
        self._distributions: dict[str, Distribution] = {}
        self._controls: dict[str, Item] = {}
        self._policies: dict[str, Item] = {}

    def handle(self, request: werkzeug.Request) -> werkzeug.Response | None:
        with self._lock:
            return super().handle(request)

    def close(self) -> None:
        for distribution in self._distributions.values():
            self._stop(distribution)

    def status(self) -> dict[str, Any]:
        edges = [(one.domain_name, one.edge) for one in list(self._distributions.values()) if one.edge]
        return {"distributions": {domain: edge.url for domain, edge in edges}}

    # Distributions

    def create_distribution(
        self, DistributionConfig: dict[str, Any], tags: dict[str, str] | None = None
    ) -> dict[str, Any]:
        self._check(DistributionConfig)
        for one in self._distributions.values():
            if one.config["CallerReference"] == DistributionConfig["CallerReference"]:
                raise ApiError("DistributionAlreadyExists", f"{one.id} has the same CallerReference")
        identity = new_id()
        distribution = Distribution(
            identity,
            DistributionConfig,
            arn=f"arn:aws:cloudfront::{self._cloud.account_id}:distribution/{identity}",
            domain_name=f"d{uuid.uuid4().hex[:13]}.cloudfront.net",
            tags=tags or {},
        )
        self._serve(distribution)
        self._distributions[identity] = distribution
        return self._shown(distribution)

    def create_distribution_with_tags(self, DistributionConfigWithTags: dict[str, Any]) -> dict[str, Any]:
        tags = {
            one["Key"]: one.get("Value", "") for one in DistributionConfigWithTags["Tags"].get("Items") or []
        }
        return self.create_distribution(DistributionConfigWithTags["DistributionConfig"], tags)

    def get_distribution(self, Id: str) -> dict[str, Any]:
        return self._shown(self._distribution(Id))

    def get_distribution_config(self, Id: str) -> dict[str, Any]:
        distribution = self._distribution(Id)
        return {"DistributionConfig": distribution.config, "ETag": distribution.etag}

    def update_distribution(
        self, DistributionConfig: dict[str, Any], Id: str, IfMatch: str | None = None
    ) -> dict[str, Any]:
        distribution = self._distribution(Id)
        check_version(distribution, IfMatch)
        self._check(DistributionConfig)
        distribution.change(DistributionConfig)
        self._serve(distribution)
        return self._shown(distribution)

    def delete_distribution(self, Id: str, IfMatch: str | None = None) -> None:
        distribution = self._distribution(Id)
        check_version(distribution, IfMatch)
        if distribution.config["Enabled"]:
            raise ApiError(
                "DistributionNotDisabled", "The distribution you are trying to delete has not been disabled."
            )
        self._stop(distribution)
        del self._distributions[Id]

    def list_distributions(self, **paging: Any) -> dict[str, Any]:
        items = [
            {**self._shown(one)["Distribution"], **one.config, "ConnectionMode": "direct"}
            for one in self._distributions.values()
        ]
        return {"DistributionList": _listed(items, **paging)}

    def create_invalidation(self, DistributionId: str, InvalidationBatch: dict[str, Any]) -> dict[str, Any]:
        distribution = self._distribution(DistributionId)
        # Nothing is cached, so every invalidation is complete at once.
        invalidation: dict[str, Any] = {
            "Id": "I" + new_id()[1:],
            "Status": "Completed",
            "CreateTime": now(),
            "InvalidationBatch": InvalidationBatch,
        }
        distribution.invalidations[invalidation["Id"]] = invalidation
        location = f"{API_URL}/distribution/{distribution.id}/invalidation/{invalidation['Id']}"
        return {"Invalidation": invalidation, "Location": location}

    def get_invalidation(self, DistributionId: str, Id: str) -> dict[str, Any]:
        invalidations = self._distribution(DistributionId).invalidations
        return {"Invalidation": find(invalidations, Id, "NoSuchInvalidation")}

    def list_invalidations(self, DistributionId: str, **paging: Any) -> dict[str, Any]:
        items = list(self._distribution(DistributionId).invalidations.values())
        return {"InvalidationList": _listed(items, **paging)}

    def list_tags_for_resource(self, Resource: str) -> dict[str, Any]:
        tags = self._tagged(Resource).tags
        return {"Tags": {"Items": [{"Key": key, "Value": value} for key, value in tags.items()]}}

    def tag_resource(self, Resource: str, Tags: dict[str, Any]) -> None:
        self._tagged(Resource).tags |= {one["Key"]: one.get("Value", "") for one in Tags.get("Items") or []}

    def untag_resource(self, Resource: str, TagKeys: dict[str, Any]) -> None:
        for key in TagKeys.get("Items") or []:
            self._tagged(Resource).tags.pop(key, None)

    # Origin access controls

    def create_origin_access_control(self, OriginAccessControlConfig: dict[str, Any]) -> dict[str, Any]:
        _check_control(OriginAccessControlConfig)
        refuse_same_name(
            self._controls, OriginAccessControlConfig["Name"], "OriginAccessControlAlreadyExists"
        )
        item = Item(new_id(), OriginAccessControlConfig)
        self._controls[item.id] = item
        return _control(item)

    def get_origin_access_control(self, Id: str) -> dict[str, Any]:
        return _control(find(self._controls, Id, "NoSuchOriginAccessControl"))

    def update_origin_access_control(
        self, OriginAccessControlConfig: dict[str, Any], Id: str, IfMatch: str | None = None
    ) -> dict[str, Any]:
        item = find(self._controls, Id, "NoSuchOriginAccessControl")
        check_version(item, IfMatch)
        _check_control(OriginAccessControlConfig)
        item.change(OriginAccessControlConfig)
        return _control(item)

    def delete_origin_access_control(self, Id: str, IfMatch: str | None = None) -> None:
        item = find(self._controls, Id, "NoSuchOriginAccessControl")
        check_version(item, IfMatch)
        if self._used(
            lambda config: [one.get("OriginAccessControlId") for one in config["Origins"]["Items"]], Id
        ):
            raise ApiError("OriginAccessControlInUse", f"{Id} is attached to a distribution.")
        del self._controls[Id]

    def list_origin_access_controls(self, **paging: Any) -> dict[str, Any]:
        items = [{"Id": one.id, **one.config} for one in self._controls.values()]
        return {"OriginAccessControlList": _listed(items, **paging)}

    # Response headers policies

    def create_response_headers_policy(self, ResponseHeadersPolicyConfig: dict[str, Any]) -> dict[str, Any]:
        response_headers.check(ResponseHeadersPolicyConfig)
        refuse_same_name(
            self._policies, ResponseHeadersPolicyConfig["Name"], "ResponseHeadersPolicyAlreadyExists"
        )
        item = Item(str(uuid.uuid4()), ResponseHeadersPolicyConfig)
        self._policies[item.id] = item
        return _policy(item)

    def get_response_headers_policy(self, Id: str) -> dict[str, Any]:
        return _policy(find(self._policies, Id, "NoSuchResponseHeadersPolicy"))

    def update_response_headers_policy(
        self, ResponseHeadersPolicyConfig: dict[str, Any], Id: str, IfMatch: str | None = None
    ) -> dict[str, Any]:
        item = find(self._policies, Id, "NoSuchResponseHeadersPolicy")
        check_version(item, IfMatch)
        response_headers.check(ResponseHeadersPolicyConfig)
        item.change(ResponseHeadersPolicyConfig)
        return _policy(item)

    def delete_response_headers_policy(self, Id: str, IfMatch: str | None = None) -> None:
        item = find(self._policies, Id, "NoSuchResponseHeadersPolicy")
        check_version(item, IfMatch)
        if self._used(
            lambda config: [one.get("ResponseHeadersPolicyId") for one in configuration.behaviors(config)], Id
        ):
            raise ApiError("ResponseHeadersPolicyInUse", f"{Id} is attached to a distribution.")
        del self._policies[Id]

    def list_response_headers_policies(self, Type: str = "custom", **paging: Any) -> dict[str, Any]:
        if Type != "custom":
            raise ApiError(
                "InvalidArgument", f"localcloud does not list response headers policies of {Type=}."
            )
        items = [
            {"Type": "custom", "ResponseHeadersPolicy": _policy(one)["ResponseHeadersPolicy"]}
            for one in self._policies.values()
        ]
        return {"ResponseHeadersPolicyList": _listed(items, **paging)}

    # Shared by the operations

    def _check(self, config: Mapping[str, Any]) -> None:
        configuration.check(config)
        for origin in config["Origins"]["Items"]:
            if (control := origin.get("OriginAccessControlId")) and control not in self._controls:
                raise ApiError("NoSuchOriginAccessControl", f"There is no origin access control {control}.")
        for behavior in configuration.behaviors(config):
            policy = behavior.get("ResponseHeadersPolicyId")
            if policy and self._headers_policy(policy) is None:
                raise ApiError(
                    "NoSuchResponseHeadersPolicy", f"There is no response headers policy {policy}."
                )

    def _headers_policy(self, identity: str) -> Mapping[str, Any] | None:
        if item := self._policies.get(identity):
            return item.config
        return response_headers.MANAGED.get(identity)

    def _serve(self, distribution: Distribution) -> None:
        """Starts, updates or stops the server of a distribution. Its address stays while it is enabled."""
        if not distribution.config["Enabled"]:
            self._stop(distribution)
        elif distribution.edge:
            distribution.edge.config = distribution.config
        else:
            distribution.edge = Edge(self._cloud, distribution.arn, distribution.config, self._headers_policy)
            addresses.publish(distribution.domain_name, distribution.edge.url)

    def _stop(self, distribution: Distribution) -> None:
        if distribution.edge:
            addresses.withdraw(distribution.domain_name)
            distribution.edge.close()
            distribution.edge = None

    def _distribution(self, identity: str) -> Distribution:
        return find(self._distributions, identity, "NoSuchDistribution")

    def _tagged(self, arn: str) -> Distribution:
        for one in self._distributions.values():
            if one.arn == arn:
                return one
        raise ApiError("NoSuchResource", f"There is no distribution {arn}.")

    def _used(self, references: Any, identity: str) -> bool:
        return any(identity in references(one.config) for one in self._distributions.values())

    def _shown(self, distribution: Distribution) -> dict[str, Any]:
        nobody = {"Enabled": False, "Quantity": 0}
        shown = {
            "Id": distribution.id,
            "ARN": distribution.arn,
            "Status": "Deployed",
            "LastModifiedTime": distribution.modified,
            "InProgressInvalidationBatches": 0,
            "DomainName": distribution.domain_name,
            "ActiveTrustedSigners": nobody,
            "ActiveTrustedKeyGroups": nobody,
            "DistributionConfig": distribution.config,
        }
        location = f"{API_URL}/distribution/{distribution.id}"
        return {"Distribution": shown, "ETag": distribution.etag, "Location": location}


def _listed(items: list[Any], Marker: str = "", MaxItems: str | int = PAGE_ITEMS) -> dict[str, Any]:
    """One page of a list in CloudFront's form. Raises InvalidRequest for a marker that was not issued."""
    if not str(MaxItems).isdecimal():
        raise ApiError("InvalidArgument", f"MaxItems is not a number: {MaxItems}")
    shown, following = page(items, Marker, int(MaxItems))
    return {
        "Marker": Marker,
        "NextMarker": following,
        "MaxItems": int(MaxItems),
        "IsTruncated": following is not None,
        "Quantity": len(shown),
        "Items": shown,
    }


def _check_control(config: Mapping[str, Any]) -> None:
    if config["OriginAccessControlOriginType"] != "s3" or config["SigningBehavior"] != "always":
        raise ApiError(
            "InvalidArgument",
            "localcloud supports origin access controls for S3 that always sign, no others.",
        )


def _control(item: Item) -> dict[str, Any]:
    shown = {"Id": item.id, "OriginAccessControlConfig": item.config}
    return {
        "OriginAccessControl": shown,
        "ETag": item.etag,
        "Location": f"{API_URL}/origin-access-control/{item.id}",
    }


def _policy(item: Item) -> dict[str, Any]:
    shown = {"Id": item.id, "LastModifiedTime": item.modified, "ResponseHeadersPolicyConfig": item.config}
    location = f"{API_URL}/response-headers-policy/{item.id}"
    return {"ResponseHeadersPolicy": shown, "ETag": item.etag, "Location": location}
