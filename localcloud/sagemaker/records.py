"""The records of SageMaker: one table per resource type, and the filters of List operations."""

import datetime
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.cloud import Cloud
from localcloud.protocol import InvalidRequest
from localcloud.protocol.pages import page

DEFAULT_PAGE = 10
"""The default page size of List operations."""
MAX_TAGS = 50


@dataclass
class Record:
    """One resource: the request that created it, and its current state."""

    name: str
    arn: str
    request: dict[str, Any]
    live: dict[str, Any] = field(default_factory=dict)
    """The members of Describe that are not in the request. Times are in seconds since 1970."""
    created: float = field(default_factory=time.time)
    modified: float = field(default_factory=time.time)
    tags: dict[str, str] = field(default_factory=dict)

    def update(self, **fields: Any) -> None:
        self.live.update(fields)
        self.modified = time.time()


class Table:
    """The records of one resource type, by name. `missing` and `exists` create the errors for an ARN."""

    def __init__(
        self,
        cloud: Cloud,
        resource: str,
        missing: Callable[[str], Exception],
        exists: Callable[[str], Exception],
    ):
        self._arn = f"arn:aws:sagemaker:{cloud.region}:{cloud.account_id}:{resource}/"
        self._missing, self._exists = missing, exists
        self._records: dict[str, Record] = {}
        self._lock = threading.Lock()

    def add(self, name: str, request: dict[str, Any], **live: Any) -> Record:
        # SageMaker writes ARNs in lower case, and its names are case-insensitive.
        record = Record(
            name, self._arn + name.lower(), request, live, tags=merged_tags({}, request.get("Tags"))
        )
        with self._lock:
            if name.lower() in self._records:
                raise self._exists(record.arn)
            self._records[name.lower()] = record
        return record

    def get(self, name_or_arn: str) -> Record:
        name = name_or_arn.lower().removeprefix(self._arn)
        try:
            return self._records[name]
        except KeyError:
            raise self._missing(name if name.startswith("arn:") else self._arn + name) from None

    def remove(self, name_or_arn: str) -> Record:
        with self._lock:
            record = self.get(name_or_arn)
            del self._records[record.name.lower()]
        return record

    def by_arn(self, arn: str) -> Record | None:
        return next((record for record in self if record.arn == arn), None)

    def __iter__(self) -> Iterator[Record]:
        with self._lock:
            return iter(list(self._records.values()))


def with_defaults(given: Any, defaults: Any) -> Any:
    """Completes a request by the default values that AWS uses and shows.

    The `defaults` of a structure are by member; a list with one structure has those of each element.
    """
    if isinstance(defaults, list):
        return [with_defaults(element, defaults[0]) for element in given]
    if not isinstance(defaults, dict):
        return given
    merged = {**given}
    for name, default in defaults.items():
        if name in given:
            merged[name] = with_defaults(given[name], default)
        elif not isinstance(default, dict | list):  # a structure that was not given has no defaults
            merged[name] = default
    return merged


def merged_tags(tags: Mapping[str, str], given: list[dict[str, Any]] | None) -> dict[str, str]:
    """A resource's tags by key, with those of a request. Raises InvalidRequest for too many or reserved ones.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AddTags.html
    https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices
    """
    merged = {**tags, **{tag["Key"]: tag["Value"] for tag in given or ()}}
    if reserved := [key for key in merged if key.lower().startswith("aws:")]:
        raise InvalidRequest(f"Tag keys must not begin with aws: (given: {', '.join(reserved)}).")
    if len(merged) > MAX_TAGS:
        raise InvalidRequest(f"A resource has at most {MAX_TAGS} tags ({len(merged)} would be).")
    return merged


def select(
    records: Iterable[Record], request: Mapping[str, Any], status_field: str | None = None
) -> tuple[list[Record], str | None]:
    """Applies the filters and the order of a List operation. Returns a page and the token of the next."""
    chosen = [record for record in records if _matches(record, request, status_field)]
    order = request.get("SortBy", "CreationTime")
    keys: dict[str, Callable[[Record], Any]] = {
        "Name": lambda record: record.name,
        "CreationTime": lambda record: record.created,
        "LastModifiedTime": lambda record: record.modified,
        "Status": lambda record: _status(record, status_field),
    }
    chosen.sort(key=keys[order], reverse=request.get("SortOrder", "Descending") == "Descending")
    return page(chosen, request.get("NextToken"), request.get("MaxResults", DEFAULT_PAGE))


def _matches(record: Record, request: Mapping[str, Any], status_field: str | None) -> bool:
    bounds = (
        ("CreationTimeAfter", "CreationTimeBefore", record.created),
        ("CreatedAfter", "CreatedBefore", record.created),
        ("LastModifiedTimeAfter", "LastModifiedTimeBefore", record.modified),
    )
    return (
        request.get("NameContains", "").lower() in record.name.lower()
        and request.get("StatusEquals") in (None, _status(record, status_field))
        and all(
            (after not in request or unix_seconds(request[after]) <= when)
            and (before not in request or when <= unix_seconds(request[before]))
            for after, before, when in bounds
        )
    )


def unix_seconds(moment: datetime.datetime) -> float:
    """The seconds since 1970. Requests have times in UTC, without a time zone."""
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def _status(record: Record, status_field: str | None) -> Any:
    return record.live.get(status_field) if status_field else None
