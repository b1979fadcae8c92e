"""Where votes on verdicts are kept, and for how long one can be taken back: one JSON object each, by its day.

The id of a vote begins with the day it came in. So it leads to its object, without a list of all of them, and
tells how old the vote is. Then it tells which model the vote is on, and which vote it is, so that votes are
counted by their ids, without reading any. The rest is random (74 bits): whoever has an id was given it, and
may take the vote back.
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
# Of an id: behind the day, twelve digits for the model and one for the vote.
_KIND = slice(11, 24)


class Tally(NamedTuple):
    """How many votes there are of each kind (of an id: which model, which vote).

    Not `complete` where there are more votes than were counted.
    """

    kinds: Mapping[str, int]
    complete: bool = True

    def of(self, model: str) -> dict[str, Any]:
        """The votes on a model as GET /feedback shows them: {"model", "up", "down"}."""
        up, down = (self.kinds.get(_kind(model, vote), 0) for vote in ("up", "down"))
        return {"model": model, "up": up, "down": down}


class Votes(Protocol):
    """Where a host keeps votes. Its methods raise the errors of sentiment_api.errors."""

    def keep(self, vote: dict[str, Any]) -> str:
        """Store a vote, a JSON object with an "id" and the "time" it came in, and return its id."""

    def withdraw(self, vote_id: str) -> None:
        """Delete the vote with this id, one of `new_vote`; where it is gone already, do nothing."""

    def tally(self) -> Tally:
        """Count the votes that are kept; votes of the last minute may be missing."""


class Remembered:
    """What `count` returned, for so many seconds or until `forget` is called."""

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
        self._counted = None


def new_vote(content: dict[str, Any]) -> dict[str, Any]:
    """The vote as it is kept: what was sent, an id, and the hour, which tells less of a person than seconds
    would."""
    hour = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime())
    vote_id = f"{hour[:10]}-{_kind(content['model'], content['vote'])}{uuid.uuid4().hex[13:]}"
    return {"id": vote_id, "time": hour, **content}


def kinds(ids: Iterable[str]) -> Counter[str]:
    """Count votes by what their ids tell."""
    return Counter(vote_id[_KIND] for vote_id in ids)


def _kind(model: str, vote: str) -> str:
    """What the id of such a vote tells. A version may be any text, so its digest takes its place."""
    return f"{hashlib.sha256(model.encode()).hexdigest()[:12]}{int(vote == 'up')}"


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
