"""`words`, the tokenizer of the newer recipes.

It normalises the spelling of a text (normalisation.py), and keeps stop words (negations are among them),
contractions, which "did not" counts as too (contractions.py), ratings such as 7/10, and the marks ! ? . that
carry sentiment. A regular expression defines what a word is. Because it is slow, most reviews take a faster
way to the same words: bytes.translate makes lower case and blanks in one pass, and split does the rest.
"""

import re

from sentiment.text.contractions import NEGATED_VERBS, contract, contract_tokens
from sentiment.text.emoji import WRITTEN_OUT
from sentiment.text.normalisation import (
    Places,
    normalise,
    normalise_with_places,
    plain_text,
    plain_text_with_places,
)
from sentiment.text.tokens import LOWERED_TO_ASCII, Token, find_tokens, translation_table

_WORDS = re.compile(r"\d+/\d+|[a-z0-9]+(?:'[a-z]+)*|\.{2,}|[!?.]", re.ASCII)

# Two expressions, since each is found by its first character at the speed of memchr.
_RATING, _DIGIT_AFTER_APOSTROPHE = re.compile(rb"/[0-9]"), re.compile(rb"'[a-zA-Z]+[0-9]")
_LOOSE_APOSTROPHE = re.compile(rb"'(?:(?![a-z])|(?<![a-z0-9]'))")
_KEPT = translation_table(b"'.!?")

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


def words(review: str) -> list[str]:
    """The lower-case words, ratings and sentence marks of a review, in order; "didn't" for "did not"."""
    return contract(words_as_spelled(review))


def locate_words(review: str) -> list[Token]:
    """The same words as `words`, each with its surface form and its position in the review."""
    return contract_tokens(locate_words_as_spelled(review), review)


def words_as_spelled(review: str) -> list[str]:
    """The words of versions 3 and 4 of this tokenizer, in which "did not" are two words."""
    found = split_words(normalise(review))
    return list(map(CANONICAL.get, found, found))


def locate_words_as_spelled(review: str) -> list[Token]:
    """The same words as `words_as_spelled`, each with its surface form and its position in the review."""
    # Most reviews have no other markup: with blanks of the same length instead, no position changes.
    text = review.replace("<br />", " " * len("<br />"))
    places = None
    if normalise(text) != text:
        text, places = normalise_with_places(review)
    lowered = text.lower()
    if len(lowered) != len(text):
        spans = Places.of(review).spans() if places is None else places.spans()
        return [
            Token(CANONICAL.get(word, word), review[start:end], start, end)
            for word, _, start, end in find_tokens(_WORDS, text, spans)
        ]
    found = split_words(text)
    starts, ends = _in_order(found, lowered)
    if places is not None:
        starts, ends = places.of_words(starts, ends)
    surfaces = [review[start:end] for start, end in zip(starts, ends, strict=True)]
    read = map(CANONICAL.get, found, found)
    return list(map(Token._make, zip(read, surfaces, starts, ends, strict=True)))


def words_with_written_emoji(review: str) -> list[str]:
    """The words of version 2 of this tokenizer, in which emoji become ordinary words."""
    found = words_as_spelled(review)
    return list(map(WRITTEN_OUT.get, found, found))


def locate_words_with_written_emoji(review: str) -> list[Token]:
    """The same words as `words_with_written_emoji`, each with its surface form and its position."""
    return [
        token._replace(word=WRITTEN_OUT.get(token.word, token.word))
        for token in locate_words_as_spelled(review)
    ]


def words_as_written(review: str) -> list[str]:
    """The words of version 1 of this tokenizer, which removes markup and does not normalise the spelling."""
    return split_words(plain_text(review))


def locate_words_as_written(review: str) -> list[Token]:
    """The same words as `words_as_written`, each with its surface form and its position in the review."""
    text, places = plain_text_with_places(review)
    return list(find_tokens(_WORDS, text, places))


def _in_order(found: list[str], lowered: str) -> tuple[list[int], list[int]]:
    """The starts and ends of the words found in a text, each by a search from the end of the previous one.

    The search cannot find anything earlier, since every character that can begin a word belongs to one.
    """
    starts, ends, end = [], [], 0
    for word in found:
        start = lowered.index(word, end)
        end = start + len(word)
        starts.append(start)
        ends.append(end)
    return starts, ends


def split_words(text: str) -> list[str]:
    """Split a text without markup into lower-case words, as `_WORDS` defines them."""
    if not text.isascii() and any(character in text for character in LOWERED_TO_ASCII):
        return _WORDS.findall(text.lower())
    found = text.encode("utf-8", "surrogatepass")
    if _RATING.search(found) or _DIGIT_AFTER_APOSTROPHE.search(found):
        return _WORDS.findall(text.lower())
    found = found.translate(_KEPT)
    if b"'" in found:
        found = _LOOSE_APOSTROPHE.sub(b" ", found)
    found = found.replace(b".", b" . ").replace(b"!", b" ! ").replace(b"?", b" ? ")
    while b".  ." in found:  # exactly two blanks: the dots were adjacent
        found = found.replace(b".  .", b"..")
    return found.decode("ascii").split()
