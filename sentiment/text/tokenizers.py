"""The tokenizers, by name and version: they turn a review into the words that a model reads.

`words` (words.py) belongs to the newer recipes, `review_to_words` (predecessor/) to the predecessor's.
Training and serving use the same functions.

Prepared data and models record the version, and a model is always served with the version that it was trained
with. Version 1 of `words` takes the text as it is, version 2 normalises its spelling first
(normalisation.py), version 3 distinguishes emoji from words and knows more negations (negation.py), version 4
corrects typing errors in short texts (spelling.py), version 5 reads "did not" as "didn't" and "it is" as
"it's" (contractions.py), and version 6 "its a" as "it's a" (likewise).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sentiment.errors import RecipeError
from sentiment.text.negation import CONTRACTED, PHRASES, SINGLE_WORDS, NegationRules
from sentiment.text.repeats import fold_repeats
from sentiment.text.spelling import Spelling
from sentiment.text.tokens import Tokens
from sentiment.text.vocabulary import encode
from sentiment.text.words import (
    locate_words,
    locate_words_as_spelled,
    locate_words_as_written,
    locate_words_contracted,
    locate_words_with_written_emoji,
    words,
    words_as_spelled,
    words_as_written,
    words_contracted,
    words_with_written_emoji,
)


class Tokenizer(NamedTuple):
    """One version of a tokenizer. Called with a review, it returns the review's words, in order.

    `words` is that function, and `locate` returns the same words with their positions. `folds_repeats` says
    that drawn-out spellings count as the word they mean (repeats.py), `corrects_spelling` that typing errors
    in short texts do (spelling.py), and `drops_words` that stop words are left out and other words stemmed.
    `negation` are the rules for the scope of negations (negation.py).
    """

    name: str
    version: int
    words: Callable[[str], list[str]]
    locate: Callable[[str], Tokens]
    folds_repeats: bool = False
    corrects_spelling: bool = False
    drops_words: bool = False
    negation: NegationRules = SINGLE_WORDS

    def __call__(self, review: str) -> list[str]:
        return self.words(review)

    def encode(
        self, word_dict: Mapping[str, int], words: Sequence[str], spelling: Spelling | None = None
    ) -> np.ndarray:
        """The ids (int32) of one review's words; `spelling` is for a short text that somebody typed."""
        if self.folds_repeats:
            words = fold_repeats(words, word_dict)
        if self.corrects_spelling and spelling is not None:
            words = spelling.correct(words)
        return encode(word_dict, words)


def _stems(review: str) -> list[str]:
    # Imported only here, because other models are loaded faster without its HTML parser and stemmer.
    from sentiment.text.predecessor.review_to_words import review_to_words

    return review_to_words(review)


def _locate_stems(review: str) -> Tokens:
    from sentiment.text.predecessor.review_to_words import locate_stems

    return locate_stems(review)


_LATEST = (
    Tokenizer("review_to_words", 1, _stems, _locate_stems, drops_words=True),
    Tokenizer(
        "words", 6, words, locate_words, folds_repeats=True, corrects_spelling=True, negation=CONTRACTED
    ),
)
_EARLIER = (
    Tokenizer("words", 1, words_as_written, locate_words_as_written),
    Tokenizer("words", 2, words_with_written_emoji, locate_words_with_written_emoji, folds_repeats=True),
    Tokenizer("words", 3, words_as_spelled, locate_words_as_spelled, folds_repeats=True, negation=PHRASES),
    Tokenizer(
        "words",
        4,
        words_as_spelled,
        locate_words_as_spelled,
        folds_repeats=True,
        corrects_spelling=True,
        negation=PHRASES,
    ),
    Tokenizer(
        "words",
        5,
        words_contracted,
        locate_words_contracted,
        folds_repeats=True,
        corrects_spelling=True,
        negation=CONTRACTED,
    ),
)
TOKENIZERS = {each.name: each for each in _LATEST}
"""The tokenizers that new models are trained with, by name."""
_ALL = {(each.name, each.version): each for each in (*_LATEST, *_EARLIER)}


def tokenizer(name: str, version: int | None = None) -> Tokenizer:
    """Get a tokenizer by name, by default its latest version. Raises RecipeError if there is none."""
    if name not in TOKENIZERS:
        raise RecipeError(f"there is no tokenizer {name!r:.40}; choose one of {', '.join(TOKENIZERS)}")
    found = TOKENIZERS[name] if version is None else _ALL.get((name, version))
    if found is None:
        raise RecipeError(f"this code has no version {version!r:.40} of the tokenizer {name!r}")
    return found
