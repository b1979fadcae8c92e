"""The operations on endpoints: a deployment of variants (variants.py) answers until another replaces it."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.validation import require_supported
from localcloud.sagemaker.errors import JobFailed
from localcloud.sagemaker.models import EndpointConfigs, Models
from localcloud.sagemaker.records import Record, Table, select
from localcloud.sagemaker.variants import SIZES, Deployment, sized

UPDATE = dict.fromkeys(
    (
        "EndpointName",
        "EndpointConfigName",
        "RetainAllVariantProperties",
        "ExcludeRetainedVariantProperties",
    )
)
CAPACITIES = "UpdateEndpointWeightsAndCapacities"
DESIRED = dict.fromkeys(("VariantName", *SIZES))
IN_PROGRESS = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


class Endpoints:
    """The operations on endpoints."""

    def __init__(self, cloud: Cloud, models: Models, configs: EndpointConfigs):
        self._cloud, self._models, self._configs = cloud, models, configs
        self._serving: dict[str, Deployment] = {}
        self._lock = threading.Lock()
        self.table = Table(
            cloud,
            "endpoint",
            missing=lambda arn: InvalidRequest(f'Could not find endpoint "{arn}".'),
            exists=lambda arn: InvalidRequest(f'Cannot create already existing endpoint "{arn}".'),
        )

    def create(self, **request: Any) -> dict[str, Any]:
        require_supported(
            "CreateEndpoint", request, {"EndpointName": None, "EndpointConfigName": None, "Tags": None}
        )
        config_name = request["EndpointConfigName"]
        deployment = self._deployment(request["EndpointName"], self._variants(config_name))
        record = self.table.add(
            request["EndpointName"], request, EndpointStatus="Creating", EndpointConfigName=config_name
        )
        self._in_background(self._bring_up, record, deployment, config_name)
        return {"EndpointArn": record.arn}

    def update(self, **request: Any) -> dict[str, Any]:
        require_supported("UpdateEndpoint", request, UPDATE)
        record, config_name = self.table.get(request["EndpointName"]), request["EndpointConfigName"]
        excluded = [
            each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", ())
        ]
        if excluded and not request.get("RetainAllVariantProperties"):
            raise InvalidRequest("ExcludeRetainedVariantProperties needs RetainAllVariantProperties.")
        with self._lock:
            serving = self._require_updatable(record)
            variants = self._variants(config_name)
            if not serving.is_serverless and any("ServerlessConfig" in variant for variant in variants):
                # https://docs.aws.amazon.com/sagemaker/latest/dg/serverless-endpoints.html,
                # "Feature exclusions"
                raise InvalidRequest(f'Endpoint "{record.arn}" is on instances and cannot become serverless.')
            if request.get("RetainAllVariantProperties"):
                variants = serving.resized(variants, excluded)
            self._update(record, variants, config_name)
        return {"EndpointArn": record.arn}

    def update_weights_and_capacities(self, **request: Any) -> dict[str, Any]:
        """Changes weights at once; a number of instances by a deployment that replaces the one in service."""
        require_supported(CAPACITIES, request, {"EndpointName": None, "DesiredWeightsAndCapacities": DESIRED})
        record, changes = self.table.get(request["EndpointName"]), request["DesiredWeightsAndCapacities"]
        with self._lock:
            serving = self._require_updatable(record)
            _check_changes(changes, serving, record.live["EndpointConfigName"])
            wanted = {change["VariantName"]: change for change in changes}
            if any("DesiredInstanceCount" in change for change in changes):
                variants = serving.resized([variant.config for variant in serving.variants])
                resized = [sized(config, wanted.get(config["VariantName"], {})) for config in variants]
                self._update(record, resized, record.live["EndpointConfigName"])
            else:
                for variant in serving.variants:
                    variant.weight = wanted.get(variant.name, {}).get("DesiredWeight", variant.weight)
                record.update()
        return {"EndpointArn": record.arn}

    def delete(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["EndpointName"])
        with self._lock:
            self._require_settled(record)
            record.update(EndpointStatus="Deleting")
        # The containers end before the answer: a stack deletes the role that writes their logs next.
        if serving := self._serving.pop(record.name, None):
            serving.retire(0)
        self.table.remove(record.name)
        return {}

    def describe(self, **request: Any) -> dict[str, Any]:
        record = self.table.get(request["EndpointName"])
        serving = self._serving.get(record.name)
        variants = [variant.describe(record.modified) for variant in serving.variants] if serving else []
        return {
            "EndpointName": record.name,
            "EndpointArn": record.arn,
            "CreationTime": record.created,
            "LastModifiedTime": record.modified,
            "ProductionVariants": variants,
            **record.live,
        }

    def summaries(self, **request: Any) -> dict[str, Any]:
        page, token = select(self.table, request, "EndpointStatus")
        endpoints = [
            {
                "EndpointName": record.name,
                "EndpointArn": record.arn,
                "CreationTime": record.created,
                "LastModifiedTime": record.modified,
                "EndpointStatus": record.live["EndpointStatus"],
            }
            for record in page
        ]
        return {"Endpoints": endpoints, "NextToken": token}

    @contextmanager
    def serving(self, name: str) -> Iterator[Deployment | None]:
        """Holds the deployment that answers a request to an endpoint.

        It is None when the endpoint does not exist or is not in service.
        """
        while True:
            try:
                deployment = self._serving.get(self.table.get(name).name)
            except InvalidRequest:
                deployment = None
            if deployment is None:
                yield None
                return
            if deployment.enter():
                break  # otherwise it has just been replaced
        try:
            yield deployment
        finally:
            deployment.leave()

    def running(self) -> dict[str, str]:
        return {record.name: record.live["EndpointStatus"] for record in self.table}

    def _variants(self, config_name: str) -> list[dict[str, Any]]:
        variants: list[dict[str, Any]] = self._configs.table.get(config_name).request["ProductionVariants"]
        return variants

    def _deployment(self, endpoint: str, variants: Sequence[dict[str, Any]]) -> Deployment:
        return Deployment(self._cloud, endpoint, variants, self._models)

    def _update(self, record: Record, variants: Sequence[dict[str, Any]], config_name: str) -> None:
        """Begins to replace what serves an endpoint."""
        deployment = self._deployment(record.name, variants)
        record.update(EndpointStatus="Updating")
        record.live.pop("FailureReason", None)
        self._in_background(self._bring_up, record, deployment, config_name)

    def _bring_up(self, record: Record, deployment: Deployment, config_name: str) -> None:
        """Starts a deployment, which then replaces the former one."""
        try:
            deployment.start()
        except Exception as failure:  # a bug of localcloud must not look like success
            deployment.retire(0)
            reason = (
                str(failure) if isinstance(failure, JobFailed) else f"{type(failure).__name__}: {failure}"
            )
            status = "InService" if record.name in self._serving else "Failed"
            record.update(EndpointStatus=status, FailureReason=reason)
            return
        former = self._serving.get(record.name)
        self._serving[record.name] = deployment
        record.update(EndpointStatus="InService", EndpointConfigName=config_name)
        if former:
            former.retire()

    def _require_updatable(self, record: Record) -> Deployment:
        """What serves the endpoint. Raises InvalidRequest unless it is in service."""
        self._require_settled(record)
        if record.live["EndpointStatus"] == "Failed":
            # "DeleteEndpoint is the only operation that can be performed on a failed endpoint"
            # (DescribeEndpoint).
            raise InvalidRequest(f'Cannot update failed endpoint "{record.arn}". It can only be deleted.')
        return self._serving[record.name]

    def _require_settled(self, record: Record) -> None:
        if record.live["EndpointStatus"] in IN_PROGRESS:
            raise InvalidRequest(f'Cannot update in-progress endpoint "{record.arn}".')

    def _in_background(self, work: Callable[..., object], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()


def _check_changes(changes: Sequence[Mapping[str, Any]], serving: Deployment, config_name: str) -> None:
    """Raises InvalidRequest for changes of weights and capacities that the variants cannot have."""
    variants = {variant.name: variant for variant in serving.variants}
    for index, change in enumerate(changes):
        name = change["VariantName"]
        if name in (each["VariantName"] for each in changes[:index]):
            raise InvalidRequest(f'The variant name "{name}" was non-unique within the request.')
        if name not in variants:
            raise InvalidRequest(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration '
                f'"{config_name}".'
            )
        if "DesiredInstanceCount" in change and (
            variants[name].serverless or not change["DesiredInstanceCount"]
        ):
            raise InvalidRequest(
                f"{CAPACITIES}: variant {name} cannot have {change['DesiredInstanceCount']} instances."
            )
    if sum("DesiredInstanceCount" in change for change in changes) > 1:
        # "Updates variant weight of one or more variants [...], or capacity of one variant"
        raise InvalidRequest(f"{CAPACITIES} changes the DesiredInstanceCount of one variant at a time.")
