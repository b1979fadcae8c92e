"""From a review as written to the words a model reads: two tokenizers, chosen by name.

`words` (words.py) is that of the newer recipes, `review_to_words` (predecessor/) the predecessor's. Both need
the standard library only, and are the same functions in training and in serving.
"""

from collections.abc import Callable

from sentiment.errors import RecipeError
from sentiment.text.predecessor.review_to_words import locate_stems, review_to_words
from sentiment.text.tokens import Token
from sentiment.text.words import locate_words, words

CODE_VERSION = 1
"""Part of the cache key of prepared data: to be raised when either tokenizer changes what it returns."""

TOKENIZERS: dict[str, Callable[[str], list[str]]] = {"review_to_words": review_to_words, "words": words}
_LOCATORS: dict[str, Callable[[str], list[Token]]] = {"review_to_words": locate_stems, "words": locate_words}


def tokenizer(name: str) -> Callable[[str], list[str]]:
    """The tokenizer of that name. Raises RecipeError for a name that is none."""
    try:
        return TOKENIZERS[name]
    except KeyError:
        raise RecipeError(f"there is no tokenizer {name!r}; choose one of {', '.join(TOKENIZERS)}") from None


def tokenize_with_places(review: str, name: str) -> list[Token]:
    """The same words as `tokenizer(name)(review)`, each with its surface form and its place in the review."""
    tokenizer(name)
    return _LOCATORS[name](review)
