"""Derive counts about a model from a response: of calls, answers, failures and votes, but never texts.

The counts of several requests can be added up. Shares are quotients of counts: `Failures` and `Slow` by
`Calls`, `Unsure` by `Answers`, `NoVotes` by `Votes`.

The other counts describe what people send, for `make drift` (sentiment/evaluation/drift.py): the numbers of
texts by length and by the reason why they get no verdict, and two sums over texts: of the probability of
positive, and of the share of unknown words. Divided by the number of texts, such a sum is a mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentiment_api.api import Response
from sentiment_api.errors import HttpError, Waking

# The counts of texts by length, with the maximum number of characters; a text is in the first that it fits.
LENGTHS = {"Characters50": 50, "Characters150": 150, "Characters500": 500, "CharactersMore": None}
REASONS = {"no_evidence": "NoEvidence", "not_english": "NotEnglish", "mixed": "Mixed"}
# Sums are rounded like the probabilities in answers.
DIGITS = 6


def measures(
    response: Response, seconds: float, slow_seconds: float, is_ours: Callable[[str], object]
) -> tuple[str, dict[str, float]] | None:
    """The version of the model that a response is about, and its counts; None if it is about no model.

    A call that took longer than `slow_seconds` is slow. A model that is waking up has not failed. Votes are
    counted only if they name a version that `is_ours`, since anybody can send any text as version.
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
    """The counts that describe the texts. Models of earlier code do not report unknown words."""
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
    """The name of the count for a text of that length."""
    return next(name for name, longest in LENGTHS.items() if longest is None or characters <= longest)


def _unknown_share(verdict: Mapping[str, Any]) -> float:
    return float(verdict["unknown_words"] / max(verdict["word_count"], 1))
