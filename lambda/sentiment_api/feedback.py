"""Votes on verdicts: their ids, where they are stored, and how long they can be withdrawn.

Each vote is a JSON object, stored in a folder for its day. The id begins with the day, so that the object can
be found without a listing, and its age is known. Then the id encodes the model and the vote, so that votes
can be counted by their ids alone. The rest is random (74 bits), so that only the voter knows the id, and
whoever has it may withdraw the vote.
"""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, NamedTuple, Protocol

from sentiment_api.errors import NotFound, TooLate

WITHDRAWAL_DAYS = 30
_ID = re.compile(r"(\d{4}-\d\d-\d\d)-[0-9a-f]{32}", re.ASCII)
# The part of an id after the day: twelve digits for the model and one for the vote.
_KIND = slice(11, 24)


class Tally(NamedTuple):
    """The number of votes of each kind, which is the part of the id for model and vote.

    `complete` is false if there are more votes than were counted.
    """

    kinds: Mapping[str, int]
    complete: bool = True

    def of(self, model: str) -> dict[str, Any]:
        """The votes on a model as GET /feedback shows them: {"model", "up", "down"}."""
        up, down = (self.kinds.get(_kind(model, vote), 0) for vote in ("up", "down"))
        return {"model": model, "up": up, "down": down}


class Votes(Protocol):
    """A host's storage for votes. Its methods raise the errors of sentiment_api.errors."""

    def keep(self, vote: dict[str, Any]) -> str:
        """Store a vote (a result of `new_vote`), and return its id."""

    def withdraw(self, vote_id: str) -> None:
        """Delete the vote with this id; do nothing if it is gone already."""

    def tally(self) -> Tally:
        """Count the stored votes; those of the last minute may be missing."""


class CachedTally:
    """The result of `count`, cached for `seconds` or until `forget` is called."""

    def __init__(
        self, count: Callable[[], Tally], seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._count, self._seconds, self._clock = count, seconds, clock
        self._counted: tuple[float, Tally] | None = None

    def __call__(self) -> Tally:
        counted = self._counted
        if counted is None or self._clock() - counted[0] >= self._seconds:
            self._counted = counted = self._clock(), self._count()
        return counted[1]

    def forget(self) -> None:
        """Discard the cached result."""
        self._counted = None


def new_vote(content: dict[str, Any]) -> dict[str, Any]:
    """The vote as it is stored: what was sent, an id, and the time.

    The time is only the hour, which says less about a person than an exact time would.
    """
    hour = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime())
    vote_id = f"{hour[:10]}-{_kind(content['model'], content['vote'])}{uuid.uuid4().hex[13:]}"
    return {"id": vote_id, "time": hour, **content}


def kinds(ids: Iterable[str]) -> Counter[str]:
    """Count votes by kind, given their ids."""
    return Counter(vote_id[_KIND] for vote_id in ids)


def _kind(model: str, vote: str) -> str:
    """The part of an id for model and vote. A vote may name any text as model, hence the digest."""
    return f"{hashlib.sha256(model.encode()).hexdigest()[:12]}{int(vote == 'up')}"


def place_of(vote_id: str) -> str:
    """The path of a vote below the folder of all votes, partitioned as Athena and Spark expect."""
    return f"date={vote_id[:10]}/{vote_id}.json"


def withdrawable(vote_id: str) -> str:
    """Return the id if the vote may still be withdrawn. Raises NotFound for an invalid id, or TooLate."""
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
