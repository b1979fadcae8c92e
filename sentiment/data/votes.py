"""People's votes on verdicts as training data: read them, clean them, and hold a part of them back.

Anybody can vote, and nothing about voters is stored, so bad votes have to be recognised by the votes alone.
A vote is left out if its text

- is one of the reviews or sentences that models are trained or tested on, or was voted both ways;
- is a copy, or similar to at least ALIKE earlier ones (sharing half of their three-word phrases);
- shows no opinion, according to the model that answers;
- exceeds the limit for its hour: MAX_BURST times the votes of a usual hour, but at least MIN_BURST. A hash of
  the text decides which ones stay, not their order;
- is part of a campaign: votes that contradict confident verdicts and cluster on one word. At least a third of
  the votes on texts with that word do so, more than chance explains. A person may declare a word as trusted
  if the model is simply wrong about it;
- exceeds the share that votes may have beside the reviews.

A fifth of the remaining votes is held back for testing. A hash of the text decides which, so that a text is
always on the same side.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from sentiment.data.reviews import NEGATIVE, POSITIVE, Reviews, normalised, table
from sentiment.errors import DatasetError
from sentiment.files import atomic_write
from sentiment.text.words import words

MAX_SHARE = 0.1
"""At most this many votes for each training review."""
HELD_BACK_EVERY = 5
ALIKE, LIKENESS = 3, 0.5
MAX_BURST, MIN_BURST = 5, 50
SURE = 0.9
"""Verdicts with at least this probability are confident."""
CAMPAIGN_VOTES, CAMPAIGN_SHARE, CAMPAIGN_Z = 5, 1 / 3, 4.0
NO_OPINION = ("no_evidence", "not_english")


class Verdict(Protocol):
    """The part of a model's prediction that cleaning needs."""

    @property
    def probability(self) -> float:
        """The probability that the text is positive."""

    @property
    def reason(self) -> str | None:
        """Why the text gets no verdict (serving/evidence.py); None if it gets one."""


Judge = Callable[[Sequence[str]], Sequence[Verdict]]


@dataclass(frozen=True)
class Vote:
    """A vote as it was stored (lambda/sentiment_api/feedback.py).

    `sentiment` is the verdict, "positive" or "negative"; `vote` is "up" if the voter agrees, else "down".
    """

    id: str
    time: str
    review: str
    sentiment: str
    model: str
    vote: str

    @property
    def label(self) -> int:
        """The label of the review (0 or 1) according to the voter."""
        return POSITIVE if (self.sentiment == "positive") == (self.vote == "up") else NEGATIVE

    @property
    def key(self) -> str:
        """The normalised text, which copies of a review share."""
        return normalised(self.review)

    @property
    def hash(self) -> str:
        """The SHA-256 of the normalised text, in hexadecimal."""
        return hashlib.sha256(self.key.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass
class Cleaned:
    """The remaining votes, the number of votes left out by reason, and the campaigns that were found."""

    votes: list[Vote]
    left_out: dict[str, int] = field(default_factory=dict)
    campaigns: list[dict[str, Any]] = field(default_factory=list)

    def keep(self, reason: str, votes: Iterable[Vote]) -> None:
        """Keep only these votes, and count the others as left out for `reason`."""
        kept = list(votes)
        self.left_out[reason] = len(self.votes) - len(kept)
        self.votes = kept

    def reviews(self) -> Reviews:
        """The votes as a table of reviews; those held back are in the split "test", the others in "train"."""
        return table([(each.review, each.label, _split(each), each.id) for each in self.votes])


def read(folder: Path) -> list[Vote]:
    """Read the votes below a folder (date=.../ID.json), by time. Raises DatasetError for a malformed file."""
    found = []
    for file in sorted(folder.glob("date=*/*.json")):
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            vote = Vote(**{name: content[name] for name in Vote.__dataclass_fields__})
        except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
            raise DatasetError(f"{file}: not a vote ({error!r}); delete it") from None
        if vote.sentiment not in ("positive", "negative") or vote.vote not in ("up", "down"):
            raise DatasetError(f"{file}: not a vote (sentiment or vote is out of range); delete it")
        found.append(vote)
    return sorted(found, key=lambda each: (each.time, each.id))


def clean(
    votes: Sequence[Vote],
    known: Collection[str],
    judge: Judge,
    limit: int,
    trusted: Collection[str] = (),
) -> Cleaned:
    """Leave out the votes that a model should not learn from, by the rules in the module's docstring.

    `known` are the normalised texts that models are trained or tested on, `judge` is the `predict` of the
    model that answers, `limit` the maximum number of votes kept, and `trusted` are words that are never taken
    for the subject of a campaign.
    """
    cleaned = Cleaned(list(votes))
    cleaned.keep("known texts", [each for each in cleaned.votes if each.key not in known])
    labels: dict[str, set[int]] = defaultdict(set)
    for each in cleaned.votes:
        labels[each.key].add(each.label)
    cleaned.keep("voted both ways", [each for each in cleaned.votes if len(labels[each.key]) == 1])
    first: dict[str, Vote] = {}
    for each in cleaned.votes:
        first.setdefault(each.key, each)
    cleaned.keep("copies", first.values())
    cleaned.keep("close to others", _unlike(cleaned.votes))
    judged = judge([each.review for each in cleaned.votes]) if cleaned.votes else ()
    verdicts = {each.id: verdict for each, verdict in zip(cleaned.votes, judged, strict=True)}
    cleaned.keep("no opinion", [each for each in cleaned.votes if verdicts[each.id].reason not in NO_OPINION])
    cleaned.keep("bursts", _without_bursts(cleaned.votes))
    _leave_out_campaigns(cleaned, verdicts, trusted)
    kept = {each.id for each in sorted(cleaned.votes, key=lambda each: each.hash)[:limit]}
    cleaned.keep("beyond their share", [each for each in cleaned.votes if each.id in kept])
    return cleaned


def write(reviews: Reviews, file: Path) -> None:
    """Write cleaned votes as lines of {"review", "label", "split", "id"}, readable by the owner only."""
    rows = zip(reviews.texts, reviews.labels.tolist(), reviews.split.tolist(), reviews.ids, strict=True)
    names = ("review", "label", "split", "id")
    with atomic_write(file, 0o600) as temporary:
        lines = [json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows]
        temporary.write_text("".join(lines), encoding="utf-8")


def load(file: Path) -> Reviews:
    """Read the table that `write` wrote. Raises DatasetError."""
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        return table([(row["review"], row["label"], row["split"], row["id"]) for row in rows])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise DatasetError(f"{file}: not readable as cleaned votes ({error!r})") from None


def _split(vote: Vote) -> str:
    return "test" if int(vote.hash[:8], 16) % HELD_BACK_EVERY == 0 else "train"


def _unlike(votes: Sequence[Vote]) -> list[Vote]:
    """The votes except those that are similar to ALIKE earlier ones."""
    groups: list[int] = []
    phrases_of: list[int] = []
    groups_with: dict[tuple[str, ...], list[int]] = defaultdict(list)
    kept = []
    for each in votes:
        found = words(each.review)
        phrases = {tuple(found[start : start + 3]) for start in range(max(len(found) - 2, 1))}
        shared = Counter(group for phrase in phrases for group in groups_with[phrase])
        alike = [
            group
            for group, count in shared.most_common(1)
            if count / (len(phrases) + phrases_of[group] - count) >= LIKENESS
        ]
        if not alike:
            for phrase in phrases:
                groups_with[phrase].append(len(groups))
            alike = [len(groups)]
            groups.append(0)
            phrases_of.append(len(phrases))
        groups[alike[0]] += 1
        if groups[alike[0]] <= ALIKE:
            kept.append(each)
    return kept


def _without_bursts(votes: Sequence[Vote]) -> list[Vote]:
    hours: dict[str, list[Vote]] = defaultdict(list)
    for each in votes:
        hours[each.time[:13]].append(each)
    usual = median(map(len, hours.values())) if hours else 0
    most = max(MIN_BURST, int(MAX_BURST * usual))
    kept = {
        each.id for of_hour in hours.values() for each in sorted(of_hour, key=lambda each: each.hash)[:most]
    }
    return [each for each in votes if each.id in kept]


def _leave_out_campaigns(cleaned: Cleaned, verdicts: dict[str, Verdict], trusted: Collection[str]) -> None:
    before = cleaned.votes
    while found := _campaign(cleaned.votes, verdicts, trusted):
        word, members = found
        ids = {each.id for each in members}
        cleaned.votes = [each for each in cleaned.votes if each.id not in ids]
        cleaned.campaigns.append({"word": word, "votes": len(members)})
    cleaned.left_out["campaigns"] = len(before) - len(cleaned.votes)


def _campaign(
    votes: Sequence[Vote], verdicts: dict[str, Verdict], trusted: Collection[str]
) -> tuple[str, list[Vote]] | None:
    """The word on which votes against confident verdicts cluster most, and these votes; None if none do."""
    against = [each for each in votes if _is_against_sure(each, verdicts[each.id].probability)]
    holders = Counter(word for each in votes for word in set(words(each.review)))
    contrary = Counter(word for each in against for word in set(words(each.review)))
    found = []
    for word, count in contrary.items():
        held = holders[word]
        if (
            count < CAMPAIGN_VOTES
            or count / held < CAMPAIGN_SHARE
            or word in trusted
            or not word[0].isalnum()
        ):
            continue
        others = len(votes) - held
        rate = (len(against) + 1) / (len(votes) + 2)
        # If nearly all texts have the word, there are no others to compare with, and its own share suffices.
        elsewhere = (len(against) - count) / others if others else 0.0
        deviation = math.sqrt(rate * (1 - rate) * (1 / held + (1 / others if others else 0.0)))
        z = (count / held - elsewhere) / deviation
        if z >= CAMPAIGN_Z:
            found.append((z, word))
    if not found:
        return None
    word = max(found)[1]
    return word, [each for each in against if word in words(each.review)]


def _is_against_sure(vote: Vote, probability: float) -> bool:
    sure = max(probability, 1 - probability) >= SURE
    return sure and (probability >= 0.5) != (vote.label == POSITIVE)
