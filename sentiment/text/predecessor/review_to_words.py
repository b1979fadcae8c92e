"""`review_to_words`, the predecessor's tokenizer, without the packages that it needed.

The predecessor extracted the text with BeautifulSoup, made it lower case, replaced everything but letters and
digits by blanks, removed nltk's English stop words, and stemmed the rest with nltk's PorterStemmer. This
module returns the same words with the standard library alone, since AWS's containers have neither package.
Tests compare it with both.
"""

import re
from functools import lru_cache
from itertools import compress
from pathlib import Path

from sentiment.text.predecessor.html_text import html_to_text, text_pieces
from sentiment.text.predecessor.stem import stem
from sentiment.text.tokens import LOWERED_TO_ASCII, Span, Tokens, find_tokens, translation_table

STOP_WORDS_FILE = Path(__file__).with_name("stop_words_english.txt")
MAX_CACHED_STEMS = 1 << 17
_ALPHANUMERIC = re.compile("[a-z0-9]+", re.ASCII)
_KEPT = translation_table(b"")


@lru_cache(maxsize=1)
def stop_words() -> frozenset[str]:
    """nltk's English stop words; the list and its origin are in stop_words_english.txt."""
    lines = STOP_WORDS_FILE.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def review_to_words(review: str) -> list[str]:
    """The stems of a review's words, as the predecessor's function of this name returns them."""
    return list(filter(None, map(_STEMS.__getitem__, _alphanumeric(html_to_text(review)))))


def locate_stems(review: str) -> Tokens:
    """The same stems as `review_to_words`, each with its surface form and its position in the review."""
    text, places = _text_with_places(review)
    words, surfaces, starts, ends = find_tokens(_ALPHANUMERIC, text, places)
    is_kept = [word not in stop_words() for word in words]
    return Tokens(
        [stem(word) for word in compress(words, is_kept)],
        list(compress(surfaces, is_kept)),
        list(compress(starts, is_kept)),
        list(compress(ends, is_kept)),
    )


def _alphanumeric(text: str) -> list[str]:
    """The same as `_ALPHANUMERIC.findall(text.lower())`, but faster."""
    if text.isascii() or not any(character in text for character in LOWERED_TO_ASCII):
        return text.encode("utf-8", "surrogatepass").translate(_KEPT).decode("ascii").split()
    return _ALPHANUMERIC.findall(text.lower())


class _Stems(dict[str, str]):
    """A cache of the stems of words, "" for stop words; it is cleared when it has grown too large."""

    def __missing__(self, word: str) -> str:
        if len(self) >= MAX_CACHED_STEMS:
            self.clear()
        self[word] = found = "" if word in stop_words() else stem(word)
        return found


_STEMS = _Stems()


def _text_with_places(review: str) -> tuple[str, list[Span]]:
    """`html_to_text(review)`, and the span of each of its characters in the review."""
    text: list[str] = []
    places: list[Span] = []
    for piece in text_pieces(review):
        text.append(piece.text)
        if piece.length == len(piece.text) and review.startswith(piece.text, piece.start):
            places += [(place, place + 1) for place in range(piece.start, piece.start + piece.length)]
        else:
            places += [(piece.start, piece.start + piece.length)] * len(piece.text)
    return "".join(text), places
