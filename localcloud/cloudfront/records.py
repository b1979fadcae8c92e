"""The records of CloudFront: resources with an id, a configuration and an ETag."""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from localcloud.cloudfront.edge import Edge
from localcloud.protocol import ApiError

Found = TypeVar("Found")


def now() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)


def new_id() -> str:
    """A new id in CloudFront's form: E and thirteen letters and digits."""
    return "E" + "".join(random.choices(string.ascii_uppercase + string.digits, k=13))


@dataclass
class Item:
    """A distribution, an origin access control or a response headers policy."""

    id: str
    config: Mapping[str, Any]
    etag: str = field(default_factory=new_id)
    modified: datetime = field(default_factory=now)

    def change(self, config: Mapping[str, Any]) -> None:
        self.config, self.etag, self.modified = config, new_id(), now()


@dataclass
class Distribution(Item):
    """A distribution, whose edge runs while it is enabled."""

    arn: str = ""
    domain_name: str = ""
    edge: Edge | None = None
    tags: dict[str, str] = field(default_factory=dict)
    invalidations: dict[str, dict[str, Any]] = field(default_factory=dict)


def find(items: Mapping[str, Found], identity: str, error: str) -> Found:
    """Looks up a record. Raises ApiError with the code `error` when there is none."""
    if identity not in items:
        raise ApiError(error, f"{identity} does not exist.")
    return items[identity]


def check_version(item: Item, if_match: str | None) -> None:
    """Raises ApiError unless If-Match has the ETag of the item."""
    if if_match is None:
        raise ApiError(
            "InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource."
        )
    if if_match != item.etag:
        raise ApiError("PreconditionFailed", "The resource has changed since the ETag in If-Match was read.")


def refuse_same_name(items: Mapping[str, Item], name: str, error: str) -> None:
    """Raises ApiError with the code `error` if an item has the name."""
    if any(one.config["Name"] == name for one in items.values()):
        raise ApiError(error, f"The name {name} is taken.")
