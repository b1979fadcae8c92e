"""Compare a new model with the one that answers, on the same texts, and decide whether it may take over.

A new model may take over if it keeps all of these rules:

- It is not worse than chance explains on the test reviews and on the held-out sentences: the 95 % interval of
  the paired difference in accuracy does not lie below 0, and the difference is at least -MAX_LOSS.
- It is better on at least MIN_VOTES held-back votes, by McNemar's exact test at the 5 % level.
- It is not worse on labelled texts with any word that voters use unusually often, by the same test (with
  Bonferroni's correction). Votes about a word must not overturn what the model knows about it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sentiment.evaluation.metrics import accuracy, paired_difference
from sentiment.text.words import words

MAX_LOSS = 0.01
MIN_VOTES = 20
LEVEL = 0.05
REVIEWS, SENTENCES, VOTES = "test reviews", "held-out sentences", "held-back votes"
FOCUS_WORDS, FOCUS_VOTES, FOCUS_RATIO = 50, 5, 3.0
EXAMPLES = 12


@dataclass(frozen=True)
class Scores:
    """N texts, their labels (N,), and the probabilities (N,) that the old and the new model give them."""

    texts: Sequence[str]
    labels: np.ndarray
    old: np.ndarray
    new: np.ndarray

    def take(self, rows: np.ndarray) -> "Scores":
        """The scores of these rows, in that order."""
        texts = [self.texts[row] for row in rows]
        return Scores(texts, self.labels[rows], self.old[rows], self.new[rows])


def compare(sets: dict[str, Scores], voted: Sequence[str]) -> dict[str, Any]:
    """Compare both models, as JSON; `sets` has REVIEWS, SENTENCES and VOTES, `voted` the texts of all votes.

    The keys are `sets` (by name), `slices` (each with `set`, `group` and `name`), `words` (those that voters
    use unusually often), `changed` (verdicts, but none on votes, whose texts people may take back) and
    `reasons` against the new model, which are empty if it keeps all rules. The entries of the first three are
    those of `measured`.
    """
    figures = {name: measured(scores) for name, scores in sets.items() if len(scores.texts)}
    slices = [
        {"set": name, "group": group, "name": part, **measured(scores.take(rows))}
        for name, scores in sets.items()
        for group, part, rows in _slices(scores)
        if len(rows)
    ]
    by_word = _by_word(sets, voted)
    return {
        "sets": figures,
        "slices": slices,
        "words": by_word,
        "changed": [
            each for name, scores in sets.items() if name != VOTES for each in _changed(name, scores)
        ],
        "reasons": reasons_against(figures, by_word),
    }


def measured(scores: Scores) -> dict[str, Any]:
    """Both accuracies on the same texts, and their difference (new minus old).

    The keys are `texts` (how many), `old` and `new` (each from `metrics.accuracy`), `won` and `lost` (how
    many verdicts only the new or only the old model has right), `difference`, its 95 % `interval`, and
    McNemar's `p`.
    """
    paired = paired_difference(scores.labels, scores.new, scores.old)
    won, lost = paired["only_ours_right"], paired["only_theirs_right"]
    return {
        "texts": len(scores.texts),
        "old": accuracy(scores.labels, scores.old),
        "new": accuracy(scores.labels, scores.new),
        "won": won,
        "lost": lost,
        "difference": paired["difference"],
        "interval": paired["interval"],
        "p": mcnemar(won, lost),
    }


def mcnemar(won: int, lost: int) -> float:
    """The two-sided p-value of McNemar's exact test for this many wins and losses."""
    trials = won + lost
    tail = sum(math.comb(trials, k) for k in range(min(won, lost) + 1))
    return float(min(1.0, 2 * tail / 2**trials))


def reasons_against(figures: dict[str, Any], by_word: Sequence[dict[str, Any]]) -> list[str]:
    """The rules that the new model breaks, in words for people; empty if it may take over."""
    reasons = []
    for name in (REVIEWS, SENTENCES):
        found = figures.get(name)
        if found is None:
            reasons.append(f"there are no {name} to compare on")
        elif found["interval"][1] < 0 or found["difference"] < -MAX_LOSS:
            reasons.append(f"it is worse on the {name}: {points(found)}")
    votes = figures.get(VOTES)
    count = votes["texts"] if votes else 0
    if votes is None or count < MIN_VOTES:
        reasons.append(f"only {count} votes were held back; at least {MIN_VOTES} are needed to tell")
    elif votes["difference"] <= 0 or votes["p"] > LEVEL:
        reasons.append(f"it is not clearly better on the {VOTES}: {points(votes)}")
    for found in by_word:
        if found["difference"] < 0 and found["p"] * len(by_word) < LEVEL:
            reasons.append(f"it is worse on texts with the word “{found['word']}”: {points(found)}")
    return reasons


def points(found: dict[str, Any]) -> str:
    """Describe an entry of `measured`: the difference in percentage points, its interval, and the counts."""
    low, high = found["interval"]
    return (
        f"{100 * found['difference']:+.2f} points ({100 * low:+.2f} to {100 * high:+.2f}; "
        f"{found['won']} verdicts put right, {found['lost']} put wrong, p {found['p']:.2g})"
    )


def _slices(scores: Scores) -> Iterable[tuple[str, str, np.ndarray]]:
    lengths = np.array([len(text.split()) for text in scores.texts])
    for low, high, name in (
        (0, 30, "under 30 words"),
        (30, 200, "30 to 199 words"),
        (200, 1 << 30, "200 words or more"),
    ):
        yield "length", name, np.flatnonzero((lengths >= low) & (lengths < high))
    for label, name in ((1, "positive"), (0, "negative")):
        yield "label", name, np.flatnonzero(scores.labels == label)
    sure = np.abs(scores.old - 0.5) >= 0.4
    yield "certainty", "old model sure (90 %)", np.flatnonzero(sure)
    yield "certainty", "old model less sure", np.flatnonzero(~sure)


def _by_word(sets: dict[str, Scores], voted: Sequence[str]) -> list[dict[str, Any]]:
    """The comparison on the labelled texts with each word that voters use unusually often."""
    labelled = [scores for name, scores in sets.items() if name != VOTES]
    texts = [text for scores in labelled for text in scores.texts]
    if not texts or not voted:
        return []
    held = [set(words(text)) for text in texts]
    here = Counter(word for found in held for word in found)
    there = Counter(word for text in voted for word in set(words(text)))
    ratios = {
        word: (count / len(voted)) / (here[word] / len(texts))
        for word, count in there.items()
        if count >= FOCUS_VOTES and here[word] and word[0].isalnum()
    }
    chosen = [word for word, ratio in ratios.items() if ratio >= FOCUS_RATIO]
    chosen.sort(key=lambda word: (-ratios[word] * math.sqrt(there[word]), word))
    every = Scores(
        texts,
        np.concatenate([scores.labels for scores in labelled]),
        np.concatenate([scores.old for scores in labelled]),
        np.concatenate([scores.new for scores in labelled]),
    )
    return [
        {"word": word, "votes": there[word]}
        | measured(every.take(np.array([row for row, found in enumerate(held) if word in found])))
        for word in chosen[:FOCUS_WORDS]
    ]


def _changed(name: str, scores: Scores) -> list[dict[str, Any]]:
    """The verdicts that changed most: up to EXAMPLES for the worse, then up to EXAMPLES for the better."""
    rows = np.flatnonzero((scores.old >= 0.5) != (scores.new >= 0.5))
    rows = rows[np.argsort(-np.abs(scores.old[rows] - scores.new[rows]), kind="stable")]
    better = (scores.new[rows] >= 0.5) == (scores.labels[rows] == 1)
    return [
        {
            "set": name,
            "text": scores.texts[row],
            "label": int(scores.labels[row]),
            "old": float(scores.old[row]),
            "new": float(scores.new[row]),
        }
        for side in (rows[~better], rows[better])
        for row in side[:EXAMPLES].tolist()
    ]
