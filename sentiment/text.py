"""From a review as written to the words a model reads. Two tokenizers, chosen by name.

`review_to_words` is the predecessor's: text without markup, lower case, anything but letters and digits to
a space, English stop words out, Porter stems. `words` is that of the newer recipes: it keeps stop words
(negation is one), contractions, ratings such as 7/10 and the marks ! ? . that carry sentiment. Both need
the standard library only, and are the same functions in training and in serving.

What a word is stands in two regular expressions. Running them is most of the work, so most reviews take a
shorter way to the same words: bytes.translate makes lower case and blanks in one pass, and split does the
rest.
"""

import html
import re
import string
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sentiment.errors import RecipeError
from sentiment.html_text import html_to_text, text_pieces
from sentiment.stem import stem

CODE_VERSION = 1
"""Part of the cache key of prepared data: to be raised when either tokenizer changes what it returns."""

_ALPHANUMERIC = re.compile("[a-z0-9]+", re.ASCII)
_WORDS = re.compile(r"\d+/\d+|[a-z0-9]+(?:'[a-z]+)*|\.{2,}|[!?.]", re.ASCII)
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")

_LOWERED_TO_ASCII = ("\u0130", "\u212a")
"""The only other characters whose lower case holds an ASCII letter: the dotted I and the Kelvin sign."""
# Two expressions, since each is found by its first character at the speed of memchr.
_RATING, _DIGIT_AFTER_APOSTROPHE = re.compile(rb"/[0-9]"), re.compile(rb"'[a-zA-Z]+[0-9]")
_LOOSE_APOSTROPHE = re.compile(rb"'(?:(?![a-z])|(?<![a-z0-9]'))")


def _blanks_but(kept: bytes) -> bytes:
    """A table for bytes.translate: letters in lower case, digits and `kept` stay, all else becomes blank."""
    table = bytearray(b" " * 256)
    for byte in kept + string.digits.encode() + string.ascii_letters.encode():
        table[byte] = ord(chr(byte).lower())
    return bytes(table)


_KEPT_IN_WORDS, _KEPT_ALPHANUMERIC = _blanks_but(b"'.!?"), _blanks_but(b"")


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
    return list(filter(None, map(_STEMS.__getitem__, _alphanumeric(html_to_text(review)))))


def _alphanumeric(text: str) -> list[str]:
    """`_ALPHANUMERIC.findall(text.lower())`."""
    if text.isascii() or not any(character in text for character in _LOWERED_TO_ASCII):
        return text.encode("utf-8", "surrogatepass").translate(_KEPT_ALPHANUMERIC).decode("ascii").split()
    return _ALPHANUMERIC.findall(text.lower())


class _Stems(dict):
    """The stem of each word met so far, "" for a stop word; starts anew when it has grown too large."""

    most = 1 << 17

    def __missing__(self, word: str) -> str:
        if len(self) >= self.most:
            self.clear()
        self[word] = found = "" if word in stop_words() else stem(word)
        return found


_STEMS = _Stems()


def words(review: str) -> list[str]:
    """The lower-case words, ratings and sentence marks of a review, in order."""
    # Most reviews hold no other markup than this line break.
    text = review.replace("<br />", " ")
    if "<" in text or "&" in text:
        text = _MARKUP.sub(_without_markup, review)
    if not text.isascii() and any(character in text for character in _LOWERED_TO_ASCII):
        return _WORDS.findall(text.lower())
    found = text.encode("utf-8", "surrogatepass")
    if _RATING.search(found) or _DIGIT_AFTER_APOSTROPHE.search(found):
        return _WORDS.findall(text.lower())
    found = found.translate(_KEPT_IN_WORDS)
    if b"'" in found:
        found = _LOOSE_APOSTROPHE.sub(b" ", found)
    found = found.replace(b".", b" . ").replace(b"!", b" ! ").replace(b"?", b" ? ")
    while b".  ." in found:  # two blanks: nothing stood between the dots
        found = found.replace(b".  .", b"..")
    return found.decode("ascii").split()


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
        # Most reviews hold no other markup: with blanks as long in its place, all else stays where it was.
        blanked = review.replace("<br />", " " * len("<br />"))
        lowered = blanked.lower()
        if not _MARKUP.search(blanked) and len(lowered) == len(review):
            return _tokens_in_order(words(blanked), lowered, review)
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


def _tokens_in_order(found: list[str], lowered: str, review: str) -> list[Token]:
    """The tokens of the words found, each looked for from the end of the one before.

    That finds it and nothing earlier: every character that a word can begin with belongs to a word.
    """
    tokens, end = [], 0
    for word in found:
        start = lowered.index(word, end)
        end = start + len(word)
        tokens.append(Token(word, review[start:end], start, end))
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
