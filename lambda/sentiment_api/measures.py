"""What one response says of the model behind it, in counts: of answers, failures, votes. Never a text.

Counts of several requests add up. A share is one count by another: of `Failures` and `Slow` by `Calls`, of
`Unsure` by `Answers`, of `NoVotes` by `Votes`.

The other counts tell what people send, for `make drift` (sentiment/evaluation/drift.py): texts by their
length and by the reason why they get no verdict, and two sums over texts, of the probability of positive and
of the share of words that the model does not know. A mean is such a sum by the number of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentiment_api.api import Response
from sentiment_api.errors import HttpError, Waking

# The longest text, in characters, that each count is of; a text belongs to the first that it fits into.
LENGTHS = {"Characters50": 50, "Characters150": 150, "Characters500": 500, "CharactersMore": None}
REASONS = {"no_evidence": "NoEvidence", "not_english": "NotEnglish", "mixed": "Mixed"}
# Of a sum: as many as of a probability in an answer.
DIGITS = 6


def measures(
    response: Response, seconds: float, slow_seconds: float, is_ours: Callable[[str], object]
) -> tuple[str, dict[str, float]] | None:
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
        return response.verdicts[0]["model"], counts | {"Unsure": unsure} | _sent(response)
    error = response.error
    if isinstance(error, HttpError) and error.model is not None and not isinstance(error, Waking):
        return error.model, {"Calls": 1, "Failures": 1, "Slow": slow}
    return None


def _sent(response: Response) -> dict[str, float]:
    """Counts of what was sent. Models of before do not tell which words they know."""
    verdicts = response.verdicts
    counts: dict[str, float] = dict.fromkeys((*LENGTHS, *REASONS.values()), 0)
    for length, verdict in zip(response.lengths, verdicts, strict=True):
        counts[length_count(length)] += 1
        if verdict["reason"] is not None:
            counts[REASONS[verdict["reason"]]] += 1
    counts["Probability"] = round(sum(verdict["probability"] for verdict in verdicts), DIGITS)
    if all("unknown_words" in verdict for verdict in verdicts):
        counts["UnknownShare"] = round(sum(map(_unknown_share, verdicts)), DIGITS)
    return counts


def length_count(characters: int) -> str:
    """The name of the count that a text of that length belongs to."""
    return next(name for name, longest in LENGTHS.items() if longest is None or characters <= longest)


def _unknown_share(verdict: Mapping[str, Any]) -> float:
    return float(verdict["unknown_words"] / max(verdict["word_count"], 1))
