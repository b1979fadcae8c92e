"""The operation Search over SageMaker's records, and the empty lists of resources that cannot exist here."""

import datetime
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import botocore.session
from botocore.model import StructureShape

from localcloud.protocol import InvalidRequest
from localcloud.protocol.pages import page
from localcloud.protocol.service import Operation
from localcloud.protocol.validation import require_value
from localcloud.sagemaker.records import DEFAULT_PAGE, Record

Described = Iterable[tuple[Record, dict[str, Any]]]
"""The records of one type and their descriptions."""

MEMBERS = {"ExperimentTrial": "Trial", "ExperimentTrialComponent": "TrialComponent"}
"""The members of a result whose names differ from the resource type."""
NEVER_EMPTY = ("HubContent",)
"""Types of which AWS creates some in every account."""
NOTHING_MADE = (
    *(
        "AIBenchmarkJobs",
        "AIRecommendationJobs",
        "AIWorkloadConfigs",
        "Algorithms",
        "AppImageConfigs",
        "Apps",
    ),
    *("AutoMLJobs", "ClusterSchedulerConfigs", "Clusters", "CodeRepositories", "CompilationJobs"),
    *("ComputeQuotas", "DataQualityJobDefinitions", "DeviceFleets", "Devices", "Domains"),
    *("EdgeDeploymentPlans", "EdgePackagingJobs", "FeatureGroups", "FlowDefinitions", "HumanTaskUis"),
    *("HyperParameterTuningJobs", "Images", "InferenceComponents", "InferenceExperiments"),
    *("InferenceRecommendationsJobs", "LabelingJobs", "MlflowApps", "MlflowTrackingServers"),
    *("ModelBiasJobDefinitions", "ModelExplainabilityJobDefinitions", "ModelQualityJobDefinitions"),
    *("MonitoringAlertHistory", "MonitoringExecutions", "MonitoringSchedules", "NotebookInstances"),
    *("NotebookInstanceLifecycleConfigs", "OptimizationJobs", "PartnerApps", "Pipelines", "Projects"),
    *("Spaces", "StudioLifecycleConfigs", "SubscribedWorkteams", "TrainingPlans", "UserProfiles"),
    *("Workforces", "Workteams"),
)
"""Resources that only unsupported operations create, so that their lists are empty. Lists that AWS fills by
itself (hubs, resource catalogues, lineage) are not included."""

TIMES = ("CreationTime", "LastModifiedTime")
"""What every record has."""
Test = Callable[[Any, str], Any]
OPERATORS: Mapping[str, Test] = {
    "Equals": lambda value, text: _same_type(value, text) == value,
    "NotEquals": lambda value, text: _same_type(value, text) != value,
    "GreaterThan": lambda value, text: value > _comparable(value, text),
    "GreaterThanOrEqualTo": lambda value, text: value >= _comparable(value, text),
    "LessThan": lambda value, text: value < _comparable(value, text),
    "LessThanOrEqualTo": lambda value, text: value <= _comparable(value, text),
    "Contains": lambda value, text: text.lower() in str(value).lower(),
    "In": lambda value, text: any(_same_type(value, each.strip()) == value for each in text.split(",")),
}


class Search:
    """Finds records by their descriptions. `sources` gives those of each resource type."""

    def __init__(self, sources: Mapping[str, Callable[[], Described]]):
        self._sources = sources

    def __call__(self, **request: Any) -> dict[str, Any]:
        resource = request["Resource"]
        if resource in NEVER_EMPTY:
            raise InvalidRequest(f"Search: localcloud does not support the Resource {resource}.")
        require_value(
            "Search",
            "CrossAccountFilterOption",
            request.get("CrossAccountFilterOption"),
            "SameAccount",
        )
        if request.get("VisibilityConditions"):
            raise InvalidRequest("Search: localcloud does not support VisibilityConditions.")
        member = MEMBERS.get(resource, resource)
        documents = [_document(*each) for each in self._sources.get(resource, list)()]
        expression = request.get("SearchExpression") or {}
        _check_names(member, expression)
        if (order := request.get("SortBy", "LastModifiedTime")) not in TIMES:
            _check_name(member, order)
        found = [document for document in documents if _satisfies(document, expression)]
        _sort(found, order)
        if request.get("SortOrder", "Descending") == "Descending":
            found.reverse()
        results, token = page(found, request.get("NextToken"), request.get("MaxResults", DEFAULT_PAGE))
        total = {"Value": len(found), "Relation": "EqualTo"}
        return {"Results": [{member: each} for each in results], "NextToken": token, "TotalHits": total}


def empty_lists() -> dict[str, Operation]:
    """The List operations of resources that cannot exist here."""
    return {f"List{name}": functools.partial(_empty, f"List{name}") for name in NOTHING_MADE}


def _empty(operation: str, **request: Any) -> dict[str, Any]:
    members = _model().operation_model(operation).output_shape.members
    return {name: [] for name, shape in members.items() if shape.type_name == "list"}


@functools.cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("sagemaker")


def _document(record: Record, description: dict[str, Any]) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in record.tags.items()]
    return {"CreationTime": record.created, "LastModifiedTime": record.modified, **description, "Tags": tags}


def _check_names(member: str, expression: Mapping[str, Any]) -> None:
    """Raises InvalidRequest for a filter on a property that the resource type does not have."""
    nested = expression.get("NestedFilters", ())
    named = [each["Name"] for each in expression.get("Filters", ())]
    for name in [*named, *(each["NestedPropertyName"] for each in nested)]:
        _check_name(member, name)
    for each in expression.get("SubExpressions", ()):
        _check_names(member, each)


def _check_name(member: str, name: str) -> None:
    shape: StructureShape = _model().shape_for("SearchRecord").members[member]
    if name.partition(".")[0] not in {*shape.members, "Metrics"}:
        raise InvalidRequest(f"Unknown property name: {name}")


def _satisfies(document: Mapping[str, Any], expression: Mapping[str, Any]) -> bool:
    results = [
        *(_passes(document, each) for each in expression.get("Filters", ())),
        *(_passes_nested(document, each) for each in expression.get("NestedFilters", ())),
        *(_satisfies(document, each) for each in expression.get("SubExpressions", ())),
    ]
    return any(results) if results and expression.get("Operator") == "Or" else all(results)


def _passes(document: Any, condition: Mapping[str, Any]) -> bool:
    values = list(_values(document, condition["Name"].split(".")))
    operator: str = condition.get("Operator", "Equals")
    if operator in ("Exists", "NotExists"):
        return bool(values) == (operator == "Exists")
    if "Value" not in condition:
        raise InvalidRequest(f"The filter on {condition['Name']} with {operator} needs a Value.")
    if operator == "NotEquals":
        return all(OPERATORS[operator](value, condition["Value"]) for value in values)
    return any(OPERATORS[operator](value, condition["Value"]) for value in values)


def _passes_nested(document: Mapping[str, Any], nested: Mapping[str, Any]) -> bool:
    """Whether one element of a list passes all filters, whose names begin with that of the list."""
    prefix = f"{nested['NestedPropertyName']}."
    conditions = [each | {"Name": each["Name"].removeprefix(prefix)} for each in nested["Filters"]]
    elements = document.get(nested["NestedPropertyName"]) or ()
    return any(all(_passes(element, each) for each in conditions) for element in elements)


def _values(node: Any, path: Sequence[str]) -> Iterator[Any]:
    """The values at a path of names, through all elements of lists; a key may itself hold dots."""
    if not path:
        if isinstance(node, dict):
            yield from (node[name] for name in ("StringValue", "NumberValue", "Value") if name in node)
        elif isinstance(node, list):
            yield from node
        elif node is not None:
            yield node
    elif isinstance(node, dict):
        for length in range(1, len(path) + 1):
            key, rest = ".".join(path[:length]), path[length:]
            if key == "Metrics" and key not in node:
                key = "FinalMetricDataList"
            if key in node:
                yield from _values(node[key], rest)
    elif isinstance(node, list):
        for element in node:
            names = [element.get(key) for key in ("Key", "MetricName")] if isinstance(element, dict) else []
            for length in range(1, len(path) + 1):
                if ".".join(path[:length]) in names:
                    yield from _values(element, path[length:])
            if not any(names):
                yield from _values(element, path)


def _sort(documents: list[dict[str, Any]], name: str) -> None:
    def key(document: Mapping[str, Any]) -> tuple[bool, bool, Any]:
        value = next(_values(document, name.split(".")), None)
        return value is not None, isinstance(value, str), value if value is not None else 0

    documents.sort(key=key)


def _same_type(value: Any, text: str) -> Any:
    """Converts the text of a filter to the type of the value it is compared with, if possible."""
    try:
        return _comparable(value, text)
    except InvalidRequest:
        return text


def _comparable(value: Any, text: str) -> Any:
    """As `_same_type`. Raises InvalidRequest for a text that cannot be compared with the value."""
    try:
        if isinstance(value, bool):
            return text.lower() == "true"
        if isinstance(value, datetime.datetime):
            return _time(text)
        if isinstance(value, int | float):
            return _time(text).timestamp() if "-" in text[1:] and ":" in text else float(text)
    except ValueError:
        raise InvalidRequest(f"The filter value {text!r} cannot be compared with {value!r}.") from None
    return text


def _time(text: str) -> datetime.datetime:
    parsed = datetime.datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
