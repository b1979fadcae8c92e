"""Where votes on verdicts are kept, and for how long one can be taken back: one JSON object each, by its day.

The id of a vote begins with the day it came in. So it leads to its object, without a list of all of them, and
tells how old the vote is. The rest is random: whoever has an id was given it, and may take the vote back.
"""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, date, datetime
from typing import Any, Protocol

from sentiment_api.errors import NotFound, TooLate

WITHDRAWAL_DAYS = 30
_ID = re.compile(r"(\d{4}-\d\d-\d\d)-[0-9a-f]{32}", re.ASCII)


class Votes(Protocol):
    """Where a host keeps votes. Its methods raise the errors of sentiment_api.errors."""

    def keep(self, vote: dict[str, Any]) -> str:
        """Store a vote, a JSON object with an "id" and the "time" it came in, and return its id."""

    def withdraw(self, vote_id: str) -> None:
        """Delete the vote with this id, one of `new_vote`; where it is gone already, do nothing."""


def new_vote(content: dict[str, Any]) -> dict[str, Any]:
    """The vote as it is kept: what was sent, an id, and the hour, which tells less of a person than seconds
    would."""
    hour = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime())
    return {"id": f"{hour[:10]}-{uuid.uuid4().hex}", "time": hour, **content}


def place_of(vote_id: str) -> str:
    """The path of a vote below the folder of all of them, partitioned as Athena and Spark read it."""
    return f"date={vote_id[:10]}/{vote_id}.json"


def withdrawable(vote_id: str) -> str:
    """The id of a vote that may still be taken back. Raises NotFound for what is no id, and TooLate."""
    match = _ID.fullmatch(vote_id)
    try:
        day = date.fromisoformat(match[1]) if match else None
    except ValueError:
        day = None
    if day is None:
        raise NotFound("There is no vote with this id.")
    if (datetime.now(UTC).date() - day).days > WITHDRAWAL_DAYS:
        raise TooLate(f"This vote is older than {WITHDRAWAL_DAYS} days, so it cannot be taken back.")
    return vote_id
