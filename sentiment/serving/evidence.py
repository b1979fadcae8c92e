"""Decide whether a text gets no verdict: because it shows no opinion, is not English, or is mixed.

A binary classifier has an answer to everything, including "ok" and a shopping list. So there are three
checks. The text must be English (language.py). A short text must show an opinion: its logit must be far from
0, it must have words and phrases with large n-gram weights (even larger ones if it is a mere question), and
its words must be those of opinions on films (model/opinion.py). And the probability must lie outside the band
in which verdicts are often wrong (for reviews, the band of calibration.py). docs/model.md says on which texts
the limits were chosen.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sentiment.model.ngrams import Ngrams
from sentiment.model.opinion import opinion_logit
from sentiment.serving.language import EnglishWords, is_of_other_script
from sentiment.text.negation import NEGATED

NO_EVIDENCE, NOT_ENGLISH, MIXED = "no_evidence", "not_english", "mixed"
SHORT_WORDS = 40
"""Texts with fewer words must show an opinion; longer ones always have some evidence of one."""
PHRASES = 5
SHORT_BAND = (0.44, 0.56)

Band = tuple[float, float]


class Coefficients(NamedTuple):
    """The weights of a score's parts, from a logistic regression that separates opinions from other texts."""

    logit: float
    word: float
    phrases: float
    question: float
    opinion: float


class Regression(NamedTuple):
    """The coefficients of the score, and the `threshold` that the score of an opinion reaches."""

    coefficients: Coefficients
    threshold: float


WITH_OPINION_WORDS = Regression(Coefficients(0.75, 0.2, 0.55, -0.5, 0.9), 1.2)
WITHOUT_OPINION_WORDS = Regression(Coefficients(0.9, 0.45, 1.2, -1.4, 0.0), 2.5)
"""For models that do not tell opinions from other texts by their words: of earlier formats, or not trained on
texts without an opinion."""


class Evidence:
    """The checks for one model, by its vocabulary, its n-grams, the weights of its words in opinions
    (model/opinion.py) and its unsure `band` (low, high) for reviews.

    `reads_all_words` is false if its tokenizer drops function words; then only the script is checked for
    English.
    """

    def __init__(
        self,
        word_dict: Mapping[str, int],
        ngrams: Ngrams | None,
        opinion: np.ndarray | None,
        band: Band | None,
        reads_all_words: bool,
    ):
        self._ngrams, self._band = ngrams, band
        self._opinion = opinion if opinion is not None and opinion.any() else None
        self._regression = WITHOUT_OPINION_WORDS if self._opinion is None else WITH_OPINION_WORDS
        self._english = EnglishWords(word_dict) if reads_all_words else None

    def reason(self, review: str, words: Sequence[str], ids: np.ndarray, probability: float) -> str | None:
        """Why the review gets no verdict: NO_EVIDENCE, NOT_ENGLISH, MIXED, or None if it gets one.

        `words` are those of the review, and `ids` (N,) the same words as marked ids (negation.py).
        """
        if is_of_other_script(review) or (
            self._english is not None and self._english.are_missing(review, words)
        ):
            return NOT_ENGLISH
        if not len(ids):
            return NO_EVIDENCE
        band = self._band
        if self._ngrams is not None and len(ids) < SHORT_WORDS:
            if self._score(self._ngrams, words, ids, probability) < self._regression.threshold:
                return NO_EVIDENCE
            band = SHORT_BAND
        return MIXED if band is not None and band[0] < probability < band[1] else None

    def _score(self, ngrams: Ngrams, words: Sequence[str], ids: np.ndarray, probability: float) -> float:
        """How strongly a short text expresses an opinion on a film.

        The score depends on the model's logit, the strongest word, negated or not, the PHRASES strongest
        n-grams, whether the text is a mere question, and the words that tell opinions from other texts.
        """
        share = min(max(probability, 1e-9), 1 - 1e-9)
        word = max(np.abs(ngrams.single_weights(each)).max() for each in (ids, ids & (NEGATED - 1)))
        phrases = np.sort(np.abs(ngrams.known_weights(ids)))[-PHRASES:].sum()
        parts = (
            abs(math.log(share / (1 - share))),
            math.log1p(word),
            math.log1p(phrases),
            _is_one_question(words),
            0.0 if self._opinion is None else opinion_logit(self._opinion, ids),
        )
        return sum(weight * part for weight, part in zip(self._regression.coefficients, parts, strict=True))


def _is_one_question(words: Sequence[str]) -> bool:
    return words[-1] == "?" and sum(word[0] in ".!?" for word in words) == 1
