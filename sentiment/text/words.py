"""`words`, the tokenizer of the newer recipes.

It normalises the spelling of a text (normalisation.py), and keeps stop words (negations are among them),
contractions, which "did not" counts as too (contractions.py), ratings such as 7/10, and the marks ! ? . that
carry sentiment. A regular expression defines what a word is. Because it is slow, most reviews take a faster
way to the same words: bytes.translate makes lower case and blanks in one pass, and split does the rest.
"""

import re
import string
from collections.abc import Mapping

import numpy as np

from sentiment.text.contractions import NEGATED_VERBS, contract, contract_tokens
from sentiment.text.emoji import WRITTEN_OUT
from sentiment.text.normalisation import (
    Places,
    has_markup,
    normalise,
    normalise_with_places,
    plain_text,
    plain_text_with_places,
)
from sentiment.text.tokens import LOWERED_TO_ASCII, Tokens, find_tokens, translation_table

_WORDS = re.compile(r"\d+/\d+|[a-z0-9]+(?:'[a-z]+)*|\.{2,}|[!?.]", re.ASCII)

# Two expressions, since each is found by its first character at the speed of memchr.
_RATING, _DIGIT_AFTER_APOSTROPHE = re.compile(rb"/[0-9]"), re.compile(rb"'[a-zA-Z]+[0-9]")
_LOOSE_APOSTROPHE = re.compile(rb"'(?:(?![a-z])|(?<![a-z0-9]'))")
_KEPT = translation_table(b"'.!?")
_IN_WORDS = b"'" + string.digits.encode() + string.ascii_lowercase.encode()
_KINDS = bytes.maketrans(_IN_WORDS + b"?", b"a" * len(_IN_WORDS) + b"!")
_LAST_ASCII = 127

_CONTRACTIONS = (
    *NEGATED_VERBS,
    *("i'm", "i've", "you're", "you've", "you'll", "they're", "they've", "they'll", "we've", "he's", "she's"),
    *("that's", "what's", "there's", "it'll", "could've", "should've", "would've", "might've", "must've"),
    *("you'd", "they'd", "who's", "where's", "here's", "how's"),
)
CANONICAL = {contraction.replace("'", ""): contraction for contraction in _CONTRACTIONS}
"""Canonical forms: of contractions without their apostrophe, unless that is another word (as "its" is), and
of rows of dots."""
CANONICAL |= {"." * dots: "..." for dots in range(2, 50)}
_CONTRACTED = CANONICAL | {"cannot": "can't"}
"""The same where "did not" counts as "didn't"."""


def words(review: str) -> list[str]:
    """The lower-case words, ratings and sentence marks of a review, in order; "didn't" for "did not"."""
    return contract(words_as_spelled(review, _CONTRACTED))


def locate_words(review: str) -> Tokens:
    """The same words as `words`, each with its surface form and its position in the review."""
    return contract_tokens(locate_words_as_spelled(review, _CONTRACTED), review)


def words_contracted(review: str) -> list[str]:
    """The words of version 5 of this tokenizer, in which "its" is always the possessive."""
    return contract(words_as_spelled(review, _CONTRACTED), apostrophes=False)


def locate_words_contracted(review: str) -> Tokens:
    """The same words as `words_contracted`, each with its surface form and its position in the review."""
    return contract_tokens(locate_words_as_spelled(review, _CONTRACTED), review, apostrophes=False)


def words_as_spelled(review: str, canonical: Mapping[str, str] = CANONICAL) -> list[str]:
    """The words of versions 3 and 4 of this tokenizer, in which "did not" are two words."""
    found = split_words(normalise(review))
    return list(map(canonical.get, found, found))


def locate_words_as_spelled(review: str, canonical: Mapping[str, str] = CANONICAL) -> Tokens:
    """The same words as `words_as_spelled`, each with its surface form and its position in the review."""
    # Most reviews have no other markup: with blanks of the same length instead, no position changes.
    text = review.replace("<br />", " " * len("<br />"))
    places = None
    if not text.isascii() or has_markup(text) or normalise(review) != review.replace("<br />", " "):
        text, places = normalise_with_places(review)
    found, of_words = _split_with_places(text)
    if places is not None:
        of_words = places.of_words(of_words)
    starts, ends = of_words.starts.tolist(), of_words.ends.tolist()
    surfaces = [review[start:end] for start, end in zip(starts, ends, strict=True)]
    return Tokens(list(map(canonical.get, found, found)), surfaces, starts, ends)


def words_with_written_emoji(review: str) -> list[str]:
    """The words of version 2 of this tokenizer, in which emoji become ordinary words."""
    found = words_as_spelled(review)
    return list(map(WRITTEN_OUT.get, found, found))


def locate_words_with_written_emoji(review: str) -> Tokens:
    """The same words as `words_with_written_emoji`, each with its surface form and its position."""
    tokens = locate_words_as_spelled(review)
    return tokens._replace(words=list(map(WRITTEN_OUT.get, tokens.words, tokens.words)))


def words_as_written(review: str) -> list[str]:
    """The words of version 1 of this tokenizer, which removes markup and does not normalise the spelling."""
    return split_words(plain_text(review))


def locate_words_as_written(review: str) -> Tokens:
    """The same words as `words_as_written`, each with its surface form and its position in the review."""
    text, places = plain_text_with_places(review)
    return find_tokens(_WORDS, text, places)


def split_words(text: str) -> list[str]:
    """Split a text without markup into lower-case words, as `_WORDS` defines them."""
    if not text.isascii() and any(character in text for character in LOWERED_TO_ASCII):
        return _WORDS.findall(text.lower())
    kept = _kept(text.encode("utf-8", "surrogatepass"))
    return _WORDS.findall(text.lower()) if kept is None else _split(kept)


def _split_with_places(text: str) -> tuple[list[str], Places]:
    """The words of a normalised text, which is as long in lower case, and their places in it."""
    kept = _kept(text.encode() if text.isascii() else _blanked(text))
    if kept is None:
        matches = list(_WORDS.finditer(text.lower()))
        spans = np.array([match.span() for match in matches], dtype=np.int64).reshape(-1, 2)
        return [match.group() for match in matches], Places(*spans.T)
    return _split(kept), _places(kept)


def _blanked(text: str) -> bytes:
    """The text with blanks for the characters beyond ASCII."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    return np.where(codes <= _LAST_ASCII, codes, ord(" ")).astype(np.uint8).tobytes()


def _split(kept: bytes) -> list[str]:
    """The words of a text that `_kept` has returned."""
    found = kept.replace(b".", b" . ").replace(b"!", b" ! ").replace(b"?", b" ? ")
    while b".  ." in found:  # exactly two blanks: the dots were adjacent
        found = found.replace(b".  .", b"..")
    return found.decode("ascii").split()


def _places(kept: bytes) -> Places:
    """The places of the same words."""
    kinds = np.frombuffer(b" %b " % kept.translate(_KINDS), dtype=np.uint8)
    is_mark, is_kept = kinds == ord("!"), kinds != ord(" ")
    # A row of characters of one kind is a word, but each ! or ? is one by itself.
    borders = kinds[1:] != kinds[:-1]
    begins_word, ends_word = (borders | is_mark[1:]) & is_kept[1:], (borders | is_mark[:-1]) & is_kept[:-1]
    return Places(begins_word.nonzero()[0], ends_word.nonzero()[0])


def _kept(text: bytes) -> bytes | None:
    """The text in lower case, with blanks for what belongs to no word; None if only `_WORDS` can tell."""
    if _RATING.search(text) or _DIGIT_AFTER_APOSTROPHE.search(text):
        return None
    kept = text.translate(_KEPT)
    return _LOOSE_APOSTROPHE.sub(b" ", kept) if b"'" in kept else kept
