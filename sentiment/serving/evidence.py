"""Why a text gets no verdict: it shows no opinion, it is not English, or it speaks both ways.

A model of two classes has an answer to everything, "ok" and a shopping list included. So a text is asked
first whether it is English: whether the words that every English text is made of make up their part of it. A
short one has to bring evidence: a logit far from 0, and words and phrases whose n-gram weights say something;
a mere question has to bring more. And the probability must lie outside the band in which verdicts are often
wrong: for reviews that of calibration.py. docs/model.md says on what texts the limits were chosen.
"""

import math
import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np

from sentiment.model.ngrams import Ngrams
from sentiment.text.negation import NEGATED

NO_EVIDENCE, NOT_ENGLISH, MIXED = "no_evidence", "not_english", "mixed"
MIN_WORDS = 3
"""Fewer words are names and exclamations as often as sentences of another language."""
FUNCTION_WORDS, COMMON_WORDS = 300, 2000
"""Ids below are those of the most frequent words of the training texts."""
MIN_FUNCTION_SHARE, MIN_COMMON_SHARE = 0.25, 0.5
SHORT_WORDS = 40
"""Texts of fewer words need evidence; a page of prose always holds some."""
OF_LOGIT, OF_WORD, OF_PHRASES, OF_QUESTION = 0.8, 1.0, 0.5, -1.9
MIN_EVIDENCE = 1.7
PHRASES = 5
SHORT_BAND = (0.44, 0.56)

Band = tuple[float, float]


class Evidence:
    """Judges texts for one model, by its vocabulary, its n-grams and its unsure band of reviews.

    `reads_all_words` is false where its tokenizer drops the function words.
    """

    def __init__(
        self, word_dict: Mapping[str, int], ngrams: Ngrams | None, band: Band | None, reads_all_words: bool
    ):
        self._word_dict, self._ngrams, self._band = word_dict, ngrams, band
        self._reads_all_words = reads_all_words

    def reason(self, review: str, words: Sequence[str], ids: np.ndarray, probability: float) -> str | None:
        """Why the review gets no verdict, None where it gets one.

        `words` are the review's, and `ids` (N,) the same as the model reads them.
        """
        if _is_of_other_script(review) or self._is_foreign(words):
            return NOT_ENGLISH
        if not len(ids):
            return NO_EVIDENCE
        band = self._band
        if self._ngrams is not None and len(ids) < SHORT_WORDS:
            if _evidence(self._ngrams, review, ids, probability) < MIN_EVIDENCE:
                return NO_EVIDENCE
            band = SHORT_BAND
        return MIXED if band is not None and band[0] < probability < band[1] else None

    def _is_foreign(self, words: Sequence[str]) -> bool:
        if not self._reads_all_words:
            return False
        ids = [self._word_dict.get(word, COMMON_WORDS) for word in words if word[0].isalpha()]
        if len(ids) < MIN_WORDS:
            return False
        common = sum(number < COMMON_WORDS for number in ids) / len(ids)
        function = sum(number < FUNCTION_WORDS for number in ids) / len(ids)
        return common < MIN_COMMON_SHARE and function < MIN_FUNCTION_SHARE


def _evidence(ngrams: Ngrams, review: str, ids: np.ndarray, probability: float) -> float:
    """How much a short text shows of an opinion.

    What counts is the model's logit, the strongest word, negated or not, and the PHRASES strongest n-grams.
    The weights are those of a logistic regression that tells texts with an opinion from others.
    """
    share = min(max(probability, 1e-9), 1 - 1e-9)
    word = max(np.abs(ngrams.single_weights(each)).max() for each in (ids, ids & (NEGATED - 1)))
    phrases = np.sort(np.abs(ngrams.known_weights(ids)))[-PHRASES:].sum()
    evidence = (
        OF_LOGIT * abs(math.log(share / (1 - share)))
        + OF_WORD * math.log1p(word)
        + OF_PHRASES * math.log1p(phrases)
        + OF_QUESTION * _is_one_question(review)
    )
    return float(evidence)


def _is_one_question(review: str) -> bool:
    return review.rstrip().endswith("?") and sum(review.count(mark) for mark in ".!?") == 1


def _is_of_other_script(review: str) -> bool:
    """Whether most letters are of another script than the Latin one."""
    if review.isascii():
        return False
    text = unicodedata.normalize("NFKD", review)
    letters, latin = (sum(map(str.isalpha, of)) for of in (text, text.encode("ascii", "ignore").decode()))
    return 2 * latin < letters
