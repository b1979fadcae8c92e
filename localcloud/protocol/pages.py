"""Pages of List operations."""

import base64
import binascii
from collections.abc import Sequence
from typing import TypeVar

from localcloud.protocol.errors import InvalidRequest

Item = TypeVar("Item")
PREFIX = "from "
"""Of what a token encodes: botocore takes an encoded number, as a StartingToken, for JSON of its own."""


def page(items: Sequence[Item], token: str | None, size: int) -> tuple[list[Item], str | None]:
    """Returns a page of at most `size` items, and the token of the next page or None.

    Without a token it is the first page. Raises InvalidRequest for an invalid token.
    """
    start = _position(token)
    end = start + size
    return list(items[start:end]), _token(end) if end < len(items) else None


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"{PREFIX}{position}".encode()).decode()


def _position(token: str | None) -> int:
    try:
        position = int(base64.urlsafe_b64decode(token).decode().removeprefix(PREFIX)) if token else 0
    except (ValueError, binascii.Error):
        position = -1
    if position < 0:
        raise InvalidRequest("NextToken is not one that this operation returned.")
    return position
