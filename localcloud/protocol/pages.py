"""Pages of List operations."""

import base64
import binascii
import re
from collections.abc import Sequence
from typing import TypeVar

from localcloud.protocol.errors import InvalidRequest

Item = TypeVar("Item")
POSITION = re.compile(r"from ([0-9]{1,18})")
"""What a token encodes: botocore takes an encoded number, as a StartingToken, for JSON of its own."""


def page(items: Sequence[Item], token: str | None, size: int) -> tuple[list[Item], str | None]:
    """Returns a page of at most `size` items, and the token of the next page or None.

    Without a token it is the first page. Raises InvalidRequest for an invalid token.
    """
    start = _position(token)
    end = start + size
    return list(items[start:end]), _token(end) if end < len(items) else None


def _token(position: int) -> str:
    return base64.urlsafe_b64encode(f"from {position}".encode()).decode()


def _position(token: str | None) -> int:
    if not token:
        return 0
    try:
        text = base64.urlsafe_b64decode(token).decode()
    except (ValueError, binascii.Error):
        text = ""
    if (found := POSITION.fullmatch(text)) is None:
        raise InvalidRequest("NextToken is not one that this operation returned.")
    return int(found[1])
