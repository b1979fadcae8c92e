"""What one response says of the model behind it, in counts: of answers, failures, votes. Never a text.

Counts of several requests add up. A share is one count by another: of `Failures` and `Slow` by `Calls`, of
`Unsure` by `Answers`, of `NoVotes` by `Votes`.
"""

from __future__ import annotations

from collections.abc import Callable

from sentiment_api.api import Response
from sentiment_api.errors import HttpError, Waking


def measures(
    response: Response, seconds: float, slow_seconds: float, is_ours: Callable[[str], object]
) -> tuple[str, dict[str, int]] | None:
    """The version of the model and its counts; None where the response is about none.

    A call that took longer than `slow_seconds` is slow. A model that wakes up has not failed. Of votes only
    those count that name a version that `is_ours`: anybody can send one with a text in its place.
    """
    if response.vote is not None:
        if not is_ours(response.vote["model"]):
            return None
        return response.vote["model"], {"Votes": 1, "NoVotes": int(response.vote["vote"] == "down")}
    slow = int(seconds > slow_seconds)
    if response.verdicts:
        unsure = sum(verdict["unsure"] for verdict in response.verdicts)
        counts = {"Calls": 1, "Failures": 0, "Slow": slow, "Answers": len(response.verdicts)}
        return response.verdicts[0]["model"], counts | {"Unsure": unsure}
    error = response.error
    if isinstance(error, HttpError) and error.model is not None and not isinstance(error, Waking):
        return error.model, {"Calls": 1, "Failures": 1, "Slow": slow}
    return None
