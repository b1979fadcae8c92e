"""From a review as written to the words a model reads: two tokenizers, chosen by name.

`words` (words.py) is that of the newer recipes, `review_to_words` (predecessor/) the predecessor's. Both need
the standard library only, and are the same functions in training and in serving.

Their versions go into prepared data and into models. A model keeps being read by the version that it was
trained with: words 1 took the text as it is, words 2 settles its spelling first (normalisation.py), words 3
tells emoji from words and knows more of negations (negation.py).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sentiment.errors import RecipeError
from sentiment.text.negation import PHRASES, SINGLE_WORDS, NegationRules
from sentiment.text.predecessor.review_to_words import locate_stems, review_to_words
from sentiment.text.repeats import fold_repeats
from sentiment.text.tokens import Token
from sentiment.text.vocabulary import encode
from sentiment.text.words import (
    locate_words,
    locate_words_as_written,
    locate_words_with_written_emoji,
    words,
    words_as_written,
    words_with_written_emoji,
)


class Tokenizer(NamedTuple):
    """One version of a tokenizer. Called with a review, it returns its words, in order.

    `folds_repeats` says that drawn-out spellings count as the word that they mean (repeats.py), `drops_words`
    that stop words are left out and the others stemmed. `negation` are the rules for which of its words a
    negation reaches, in models that tell those from others.
    """

    name: str
    version: int
    words: Callable[[str], list[str]]
    locate: Callable[[str], list[Token]]
    folds_repeats: bool = False
    drops_words: bool = False
    negation: NegationRules = SINGLE_WORDS

    def __call__(self, review: str) -> list[str]:
        return self.words(review)

    def encode(self, word_dict: Mapping[str, int], words: Sequence[str]) -> np.ndarray:
        """The ids (int32) of one review's words."""
        if self.folds_repeats:
            words = fold_repeats(words, word_dict)
        return encode(word_dict, words)


_LATEST = (
    Tokenizer("review_to_words", 1, review_to_words, locate_stems, drops_words=True),
    Tokenizer("words", 3, words, locate_words, folds_repeats=True, negation=PHRASES),
)
_EARLIER = (
    Tokenizer("words", 1, words_as_written, locate_words_as_written),
    Tokenizer("words", 2, words_with_written_emoji, locate_words_with_written_emoji, folds_repeats=True),
)
TOKENIZERS = {each.name: each for each in _LATEST}
"""Those that models are trained with, by name."""
_ALL = {(each.name, each.version): each for each in (*_LATEST, *_EARLIER)}


def tokenizer(name: str, version: int | None = None) -> Tokenizer:
    """The tokenizer of that name, by default its latest version. Raises RecipeError for one there is not."""
    if name not in TOKENIZERS:
        raise RecipeError(f"there is no tokenizer {name!r}; choose one of {', '.join(TOKENIZERS)}")
    found = TOKENIZERS[name] if version is None else _ALL.get((name, version))
    if found is None:
        raise RecipeError(f"this code has no version {version!r} of the tokenizer {name!r}")
    return found
