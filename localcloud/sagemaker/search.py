"""The operation Search over SageMaker's records, and the empty lists of resources that cannot exist here."""

import datetime
import functools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.numerals import integer_of, number_of
from localcloud.protocol import InvalidRequest
from localcloud.protocol.pages import page
from localcloud.protocol.service import Operation
from localcloud.protocol.validation import NUMBERS, require_value
from localcloud.sagemaker.records import DEFAULT_PAGE, Record, unix_seconds

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
Test = Callable[[Any], bool]
"""Whether a document, or a value in it, is what a request searches for."""
ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "NotEquals": operator.ne,
    **ORDERS,
}
OF_TEXTS = ("Contains", "In")
KINDS = {"timestamp": "timestamp", "boolean": "boolean"} | dict.fromkeys(NUMBERS, "number")
"""The kinds of properties, by the types of their shapes; all others are texts. A value of a map that may hold
texts and numbers is a "parameter"."""
HYPERPARAMETERS = "HyperParameters"
NOTHING_FOUND: Mapping[str, Any] = {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}


class Search:
    """Finds records by their descriptions. `sources` gives those of each resource type."""

    def __init__(self, sources: Mapping[str, Callable[[], Described]]):
        self._sources = sources

    def __call__(self, **request: Any) -> Mapping[str, Any]:
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
        if member not in _model().shape_for("SearchRecord").members:
            return NOTHING_FOUND  # images and their versions, which no result can hold
        documents = [_document(*each) for each in self._sources.get(resource, list)()]
        matches = _test_of(member, request.get("SearchExpression") or {})
        if (order := request.get("SortBy", "LastModifiedTime")) not in TIMES:
            _check_name(member, order)
        found = [document for document in documents if matches(document)]
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


def _check_name(member: str, name: str) -> None:
    """Raises InvalidRequest for a property that the resource type does not have."""
    if name.partition(".")[0] not in {*_shape_of(member).members, "Metrics"}:
        raise InvalidRequest(f"Unknown property name: {name}")


def _shape_of(member: str) -> StructureShape:
    shape: StructureShape = _model().shape_for("SearchRecord").members[member]
    return shape


def _test_of(member: str, expression: Mapping[str, Any]) -> Test:
    """Raises InvalidRequest for a filter that the resource type cannot have."""
    tests = [
        *(_filter(member, each) for each in expression.get("Filters", ())),
        *(_nested(member, each) for each in expression.get("NestedFilters", ())),
        *(_test_of(member, each) for each in expression.get("SubExpressions", ())),
    ]
    combined = any if tests and expression.get("Operator") == "Or" else all
    return lambda document: combined(test(document) for test in tests)


def _nested(member: str, nested: Mapping[str, Any]) -> Test:
    """Whether one element of a list passes all filters, whose names begin with that of the list."""
    name = nested["NestedPropertyName"]
    _check_name(member, name)
    tests = [_filter(member, each, f"{name}.") for each in nested["Filters"]]
    return lambda document: any(all(test(element) for test in tests) for element in document.get(name) or ())


def _filter(member: str, condition: Mapping[str, Any], prefix: str = "") -> Test:
    """`prefix` is what the name of the property has before the part of it that is looked for."""
    name, comparison = condition["Name"], condition.get("Operator", "Equals")
    if not prefix:
        _check_name(member, name)
    path = name.removeprefix(prefix).split(".")
    if comparison in ("Exists", "NotExists"):
        return lambda document: any(True for _ in _values(document, path)) == (comparison == "Exists")
    if "Value" not in condition:
        raise InvalidRequest(f"The filter on {name} with {comparison} needs a Value.")
    test = _comparison(
        name, _kind(member, prefix + name.removeprefix(prefix)), comparison, condition["Value"]
    )
    combined = all if comparison == "NotEquals" else any
    return lambda document: combined(test(value) for value in _values(document, path))


def _kind(member: str, name: str) -> str:
    """The kind of a property: timestamp, number, boolean, text, parameter or HyperParameters."""
    if name in TIMES:
        return "timestamp"
    path = name.split(".")
    if path[0] in ("Metrics", HYPERPARAMETERS):
        return "number" if path[0] == "Metrics" else HYPERPARAMETERS
    shape: Shape = _shape_of(member)
    while path:
        if isinstance(shape, ListShape):
            shape = shape.member
        elif isinstance(shape, MapShape):
            return "parameter" if isinstance(shape.value, StructureShape) else "text"
        elif isinstance(shape, StructureShape) and path[0] in shape.members:
            shape = shape.members[path.pop(0)]
        else:
            return "text"  # the name of a tag, for one
    return KINDS.get(shape.type_name, "text")


def _comparison(name: str, kind: str, comparison: str, text: str) -> Test:
    """What an operator demands of a property's value.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Filter.html has the rules. Raises
    InvalidRequest for an operator or a value that the property cannot have.
    """
    if comparison in OF_TEXTS:
        if kind in KINDS.values():
            raise InvalidRequest(
                f"The operator {comparison} is only supported for text properties, not for {name}."
            )
        if comparison == "Contains":
            return lambda value: text.lower() in str(value).lower()
        return lambda value: str(value) in [each.strip() for each in text.split(",")]
    compare = COMPARISONS[comparison]
    if kind == "timestamp":
        time = _time(name, text)
        return lambda value: compare(_seconds(value), time)
    number = _number(text)
    if number is None and kind == "number":
        raise InvalidRequest(f"The filter on {name} needs a number as its Value (given: {text}).")
    if comparison in ORDERS and (kind in ("text", "boolean") or number is None):
        raise InvalidRequest(
            f"The operator {comparison} is not supported for text properties ({name}: {text})."
        )
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise InvalidRequest(f"The filter on {name} needs true or false as its Value (given: {text}).")
        return lambda value: compare(value, text.lower() == "true")
    if kind == "text" or number is None:
        return lambda value: compare(str(value), text)

    def test(value: Any) -> bool:
        if (given := _number(str(value))) is None:
            return comparison == "NotEquals"
        # "If the specified Value is an integer, the decimal hyperparameter values are treated as integers."
        return compare(int(given) if kind == HYPERPARAMETERS and isinstance(number, int) else given, number)

    return test


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
        if isinstance(value, datetime.datetime | int | float):
            return True, False, _seconds(value)
        return value is not None, True, str(value)

    documents.sort(key=key)


def _number(text: str) -> int | float | None:
    """The integer or the decimal that a text is; None for any other text."""
    if (integer := integer_of(text)) is not None:
        return integer
    number = number_of(text)
    return None if number is None or math.isinf(number) else number


def _seconds(value: datetime.datetime | float) -> float:
    """A time or a number as a number."""
    return unix_seconds(value) if isinstance(value, datetime.datetime) else value


def _time(name: str, text: str) -> float:
    try:
        if "T" not in text:
            raise ValueError
        return unix_seconds(datetime.datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"The filter on {name} needs a time like 2030-01-31T00:00:00 as its Value (given: {text})."
        ) from None
