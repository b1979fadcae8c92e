"""From a review as written to the words a model reads. Two tokenizers, chosen by name.

`review_to_words` is the predecessor's: text without markup, lower case, anything but letters and digits to a
space, English stop words out, Porter stems. `words` is that of the newer recipes: it keeps stop words
(negation is one), contractions, ratings such as 7/10 and the marks ! ? . that carry sentiment. Both need the
standard library only, and are the same functions in training and in serving.
"""

import html
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sentiment.errors import RecipeError
from sentiment.html_text import html_to_text, text_pieces
from sentiment.stem import stem

CODE_VERSION = 1
"""Part of the cache key of prepared data: to be raised when either tokenizer changes what it returns."""

_ALPHANUMERIC = re.compile("[a-z0-9]+")
_WORDS = re.compile(r"\d+/\d+|[a-z0-9]+(?:'[a-z]+)*|\.{2,}|[!?.]", re.ASCII)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")


class Token(NamedTuple):
    """One word for the model, the word as written, and its place `review[start:end]`."""

    word: str
    surface: str
    start: int
    end: int


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """nltk's English stop words; the list and its origin are in stop_words_english.txt."""
    lines = Path(__file__).with_name("stop_words_english.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def review_to_words(review: str) -> list[str]:
    """The stems of a review's words, as the predecessor's function of this name returned them."""
    unwanted = stop_words()
    return [
        stem(word) for word in _ALPHANUMERIC.findall(html_to_text(review).lower()) if word not in unwanted
    ]


def words(review: str) -> list[str]:
    """The lower-case words, ratings and sentence marks of a review, in order."""
    # Most reviews hold no other markup than this line break.
    text = review.replace("<br />", " ")
    if "<" in text or "&" in text:
        text = _MARKUP.sub(_without_markup, review)
    return _WORDS.findall(text.lower())


TOKENIZERS: dict[str, Callable[[str], list[str]]] = {"review_to_words": review_to_words, "words": words}


def tokenizer(name: str) -> Callable[[str], list[str]]:
    """The tokenizer of that name. Raises RecipeError for a name that is none."""
    try:
        return TOKENIZERS[name]
    except KeyError:
        raise RecipeError(f"there is no tokenizer {name!r}; choose one of {', '.join(TOKENIZERS)}") from None


def tokenize_with_places(review: str, name: str) -> list[Token]:
    """The same words as `tokenizer(name)(review)`, each with its surface form and its place in the review."""
    tokenizer(name)
    if name == "words":
        text, places = _located(
            [(m.start(), m.end(), _without_markup(m)) for m in _MARKUP.finditer(review)], review
        )
        pattern, wanted = _WORDS, None
    else:
        text, places = _located_pieces(review)
        pattern, wanted = _ALPHANUMERIC, stop_words()
    lowered, origins = _lower_with_origins(text)
    tokens = []
    for match in pattern.finditer(lowered):
        if wanted is not None and match.group() in wanted:
            continue
        first, last = origins[match.start()], origins[match.end() - 1]
        word = match.group() if wanted is None else stem(match.group())
        tokens.append(Token(word, text[first : last + 1], places[first][0], places[last][1]))
    return tokens


def _without_markup(match: re.Match) -> str:
    found = match.group()
    return " " if found[0] == "<" else html.unescape(found)


def _located(replaced: list[tuple[int, int, str]], review: str) -> tuple[str, list[tuple[int, int]]]:
    """The review with the spans of `replaced` exchanged, and each character's span in the review before."""
    text, places, done = [], [], 0
    for start, end, replacement in [*replaced, (len(review), len(review), "")]:
        text += [review[done:start], replacement]
        places += [(place, place + 1) for place in range(done, start)]
        places += [(start, end)] * len(replacement)
        done = end
    return "".join(text), places


def _located_pieces(review: str) -> tuple[str, list[tuple[int, int]]]:
    """`html_to_text(review)` and for each character of it its span in the review."""
    text, places = [], []
    for piece in text_pieces(review):
        text.append(piece.text)
        if piece.length == len(piece.text) and review.startswith(piece.text, piece.start):
            places += [(place, place + 1) for place in range(piece.start, piece.start + piece.length)]
        else:
            places += [(piece.start, piece.start + piece.length)] * len(piece.text)
    return "".join(text), places


def _lower_with_origins(text: str) -> tuple[str, list[int] | range]:
    """Lower case, and for each character the index it came from: a few (such as İ) become two."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered, range(len(text))
    origins = [index for index, character in enumerate(text) for _ in character.lower()]
    return lowered, origins
