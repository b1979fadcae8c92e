"""Decide whether a text gets no verdict: because it shows no opinion, is not English, or is mixed.

A binary classifier has an answer to everything, including "ok" and a shopping list. So there are three
checks. The text must be English: function words, common words or known words must make up a sufficient share
of it, and it must not have as many words of other languages. A short text must show an opinion: its
logit must be far from 0, it must have words and phrases with large n-gram weights (even larger ones if it is
a mere question), and its words must be those of opinions on films (model/opinion.py). And the probability
must lie outside the band in which verdicts are often wrong (for reviews, the band of calibration.py).
docs/model.md says on which texts the limits were chosen.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from sentiment.model.ngrams import Ngrams
from sentiment.model.opinion import opinion_logit
from sentiment.text.negation import NEGATED
from sentiment.text.normalisation import is_latin

NO_EVIDENCE, NOT_ENGLISH, MIXED = "no_evidence", "not_english", "mixed"
MIN_WORDS = 3
"""Texts with fewer words are not checked for English: they may well be names or exclamations."""
FUNCTION_WORDS, COMMON_WORDS, KNOWN_WORDS = 300, 2000, 20_000
"""Ids below these belong to the most frequent words of the training texts."""
MIN_FUNCTION_SHARE, MIN_COMMON_SHARE, MIN_KNOWN_SHARE = 0.25, 0.5, 0.75
FOREIGN_WORDS = frozenset(
    word
    for of_language in (
        "das der ein eine einen guter ich ist langweilig mit nicht schlecht sehr und",  # German
        "bon c'est ce cette des elle est et j'ai je le les n'ai pas que qui très un une",  # French
        "buena bueno con el es gusta la las los mala muy nada pero una",  # Spanish
        "bello brutto che di è gli il molto non questo",  # Italian
        "bom com é eu muito não os um uma",  # Portuguese
        "een erg goed heel het niet slecht slechte det och inte är jag ikke jeg og",  # Dutch and Scandinavian
        "jest nie się bir çok este și",  # Polish, Turkish and Romanian
    )
    for word in of_language.split()
)
"""Function words of other languages, and words that people praise and blame with; hardly any is English."""
FILM = "film"
"""A word of many languages, and so no evidence of English."""
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
        self._word_dict, self._ngrams, self._band = word_dict, ngrams, band
        self._opinion = opinion if opinion is not None and opinion.any() else None
        self._regression = WITHOUT_OPINION_WORDS if self._opinion is None else WITH_OPINION_WORDS
        self._reads_all_words = reads_all_words
        self._function_words = frozenset(
            word for word, number in word_dict.items() if number < FUNCTION_WORDS and word[0].isalpha()
        )

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

    def _is_foreign(self, words: Sequence[str]) -> bool:
        if not self._reads_all_words:
            return False
        # Most texts are English by any count, and this one is faster.
        function_words = sum(map(self._function_words.__contains__, words))
        if function_words >= MIN_FUNCTION_SHARE * len(words) and FOREIGN_WORDS.isdisjoint(words):
            return False
        words = [word for word in words if word[0].isalpha()]
        ids = [self._word_dict.get(word, KNOWN_WORDS) for word in words]
        if len(ids) < MIN_WORDS:
            return False
        if _has_as_many_of_other_languages(words, ids):
            return True
        shares = (
            (FUNCTION_WORDS, MIN_FUNCTION_SHARE),
            (COMMON_WORDS, MIN_COMMON_SHARE),
            (KNOWN_WORDS, MIN_KNOWN_SHARE),
        )
        return all(sum(number < limit for number in ids) < share * len(ids) for limit, share in shares)


def _has_as_many_of_other_languages(words: Sequence[str], ids: Sequence[int]) -> bool:
    """Whether a text has as many words of other languages as function words of English: at least two, for
    one may be from a title, or one before "film".
    """
    foreign = FOREIGN_WORDS.intersection(words)
    english = {word for word, number in zip(words, ids, strict=True) if number < FUNCTION_WORDS}
    if len(foreign) < len(english - foreign - {FILM}):
        return False
    return len(foreign) > 1 or any(first in foreign and second == FILM for first, second in pairwise(words))


def _is_one_question(words: Sequence[str]) -> bool:
    return words[-1] == "?" and sum(word[0] in ".!?" for word in words) == 1


def _is_of_other_script(review: str) -> bool:
    """Whether fewer than half of the letters are Latin."""
    if review.isascii():
        return False
    # Imported only here, as in normalisation.py, because most texts are ASCII.
    from sentiment.text.misread import LOOKALIKE, WORD_LIKE_LATIN, as_latin

    if LOOKALIKE.search(review):
        review = WORD_LIKE_LATIN.sub(as_latin, review)
    letters = latin = 0
    # Each character by itself: sorting long runs of accents is slow.
    for character, count in Counter(review).items():
        found = [part for part in unicodedata.normalize("NFKD", character) if part.isalpha()]
        letters += count * len(found)
        latin += count * sum(map(is_latin, found))
    return 2 * latin < letters
