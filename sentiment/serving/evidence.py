"""Decide whether a text gets no verdict: because it shows no opinion, is not English, or is mixed.

A binary classifier has an answer to everything, including "ok" and a shopping list. So there are three
checks. The text must be English: function words and common words must make up a sufficient share of it, and
it must not have more function words of other languages. A short text must show an opinion: its logit must be
far from 0, and it must have words and phrases with large n-gram weights (even larger ones if it is a mere
question). And the probability must lie outside the band in which verdicts are often wrong (for reviews, the
band of calibration.py). docs/model.md says on which texts the limits were chosen.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from sentiment.model.ngrams import Ngrams
from sentiment.text.negation import NEGATED

NO_EVIDENCE, NOT_ENGLISH, MIXED = "no_evidence", "not_english", "mixed"
MIN_WORDS = 3
"""Texts with fewer words are not checked for English: they may well be names or exclamations."""
FUNCTION_WORDS, COMMON_WORDS = 300, 2000
"""Ids below these belong to the most frequent words of the training texts."""
MIN_FUNCTION_SHARE, MIN_COMMON_SHARE = 0.25, 0.5
FOREIGN_WORDS = frozenset(
    word
    for of_language in (
        "das der ein eine einen ich ist mit nicht sehr und",  # German
        "c'est ce cette des elle est et j'ai je le les n'ai pas que qui très un une",  # French
        "con el es gusta la las los muy pero una",  # Spanish
        "che di è gli il molto non questo",  # Italian
        "com é eu muito não os um uma",  # Portuguese
        "een erg heel het niet det och inte är jag ikke jeg og",  # Dutch and Scandinavian
        "jest nie się bir çok este și",  # Polish, Turkish and Romanian
    )
    for word in of_language.split()
)
"""Function words that are no English words."""
FILM = "film"
"""A word of many languages, and so no evidence of English."""
SHORT_WORDS = 40
"""Texts with fewer words must show an opinion; longer ones always have some evidence of one."""
OF_LOGIT, OF_WORD, OF_PHRASES, OF_QUESTION = 0.9, 0.45, 1.2, -1.4
MIN_EVIDENCE = 2.5
PHRASES = 5
SHORT_BAND = (0.44, 0.56)

Band = tuple[float, float]


class Evidence:
    """The checks for one model, by its vocabulary, its n-grams and its unsure `band` (low, high) for reviews.

    `reads_all_words` is false if its tokenizer drops function words; then only the script is checked for
    English.
    """

    def __init__(
        self, word_dict: Mapping[str, int], ngrams: Ngrams | None, band: Band | None, reads_all_words: bool
    ):
        self._word_dict, self._ngrams, self._band = word_dict, ngrams, band
        self._reads_all_words = reads_all_words

    def reason(self, review: str, words: Sequence[str], ids: np.ndarray, probability: float) -> str | None:
        """Why the review gets no verdict: NO_EVIDENCE, NOT_ENGLISH, MIXED, or None if it gets one.

        `words` are those of the review, and `ids` (N,) the same words as marked ids (negation.py).
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
        words = [word for word in words if word[0].isalpha()]
        ids = [self._word_dict.get(word, COMMON_WORDS) for word in words]
        if len(ids) < MIN_WORDS:
            return False
        if _has_more_of_other_languages(words, ids):
            return True
        common = sum(number < COMMON_WORDS for number in ids) / len(ids)
        function = sum(number < FUNCTION_WORDS for number in ids) / len(ids)
        return common < MIN_COMMON_SHARE and function < MIN_FUNCTION_SHARE


def _has_more_of_other_languages(words: Sequence[str], ids: Sequence[int]) -> bool:
    """Whether a text has more function words of other languages than of English: at least two of them, for
    one may be from a title, or one before "film".
    """
    foreign = FOREIGN_WORDS.intersection(words)
    english = {word for word, number in zip(words, ids, strict=True) if number < FUNCTION_WORDS}
    if len(foreign) <= len(english - foreign - {FILM}):
        return False
    return len(foreign) > 1 or any(first in foreign and second == FILM for first, second in pairwise(words))


def _evidence(ngrams: Ngrams, review: str, ids: np.ndarray, probability: float) -> float:
    """How strongly a short text expresses an opinion.

    The score depends on the model's logit, the strongest word, negated or not, and the PHRASES strongest
    n-grams. Its weights come from a logistic regression that separates texts with an opinion from others.
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
    """Whether fewer than half of the letters are Latin."""
    if review.isascii():
        return False
    letters = latin = 0
    for character, count in Counter(review).items():  # by itself each: sorting long runs of accents is slow
        found = [part for part in unicodedata.normalize("NFKD", character) if part.isalpha()]
        letters += count * len(found)
        latin += count * sum(map(str.isascii, found))
    return 2 * latin < letters
