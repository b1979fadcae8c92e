"""Decide whether a new model does worse than the old one, by their counts over the same time.

A hash of the text decides which model answers, so both get the same kind of texts. A share that differs by
more than chance is therefore due to the model.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pipeline.counts import by_period
from sentiment.evaluation.metrics import wilson_interval

PERIOD_SECONDS = 60
# They are compared every few seconds, so chance has many tries; each has less than one in a thousand.
Z = 3.0


class Counts(NamedTuple):
    """The counts of one model's calls, answers and votes (lambda/sentiment_api/measures.py)."""

    calls: int = 0
    failures: int = 0
    slow: int = 0
    answers: int = 0
    unsure: int = 0
    votes: int = 0
    no_votes: int = 0


METRICS = ("Calls", "Failures", "Slow", "Answers", "Unsure", "Votes", "NoVotes")
# Shares: numerator, denominator, by how much the new model's may be larger, and a description.
SHARES = (
    ("failures", "calls", 0.01, "of its calls fail"),
    ("slow", "calls", 0.05, "of its answers come late"),
    ("unsure", "answers", 0.05, "of its answers are unsure"),
    ("no_votes", "votes", 0.05, 'of the votes on it are "no"'),
)


def counts(stack: str, version: str, since: datetime) -> Counts:
    """A model's counts in CloudWatch since then, in whole periods, so that no earlier trial is included."""
    start = since.replace(second=0, microsecond=0) + timedelta(seconds=PERIOD_SECONDS)
    end = max(start, datetime.now(UTC)) + timedelta(seconds=PERIOD_SECONDS)
    found = by_period(stack, version, METRICS, PERIOD_SECONDS, start, end).values()
    return Counts(*(round(sum(each.get(name, 0) for each in found)) for name in METRICS))


def worse(new: Counts, old: Counts) -> str | None:
    """Why the new model is worse, in words; None if it is not worse, or not by more than chance explains."""
    for part, whole, margin, words in SHARES:
        bad, of = getattr(new, part), getattr(new, whole)
        bad_old, of_old = getattr(old, part), getattr(old, whole)
        if of and of_old and lower_bound_of_difference((bad, of), (bad_old, of_old)) > margin:
            return f"{bad} of {of} {words}; of the old one's {bad_old} of {of_old}"
    return None


def lower_bound_of_difference(new: tuple[int, int], old: tuple[int, int], z: float = Z) -> float:
    """The lower bound of the difference of two shares, new minus old, each as (part, whole).

    The interval is Newcombe's (Statistics in Medicine 17, 1998, method 10); `z` is the normal quantile.
    """
    share, share_old = new[0] / new[1], old[0] / old[1]
    lower, upper_old = wilson_interval(*new, z)[0], wilson_interval(*old, z)[1]
    return share - share_old - math.hypot(share - lower, upper_old - share_old)
