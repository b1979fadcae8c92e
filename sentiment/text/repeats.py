"""Replace drawn-out spellings by the words they mean: "sooo goood" by "so good", "suuuucks" by "sucks".

A letter that is repeated three times or more is reduced to two if that gives a frequent word ("tooo" becomes
"too"), else to one, or else to two, whichever the vocabulary has. A word stays as it is if the vocabulary has
neither. Needs numpy only.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

_DRAWN_OUT = re.compile(r"([a-z])\1\1+")
_ROMAN_NUMERAL = re.compile(r"[ivx]+")
_FREQUENT = 5000
"""Ids below this belong to frequent words. Rarer ones are often drawn out themselves, such as "soo"."""


def is_drawn_out(word: str) -> bool:
    """Whether a lower-case word repeats a letter three times or more, and is no Roman numeral."""
    return _DRAWN_OUT.search(word) is not None and _ROMAN_NUMERAL.fullmatch(word) is None


def fold_repeats(words: Sequence[str], word_dict: Mapping[str, int]) -> Sequence[str]:
    """Replace drawn-out words by words of `word_dict`."""
    if not _may_be_drawn_out(" ".join(words)):
        return words
    return [fold(word, word_dict) if is_drawn_out(word) else word for word in words]


def _may_be_drawn_out(words: str) -> bool:
    """Whether there are three equal letters in a row, which most reviews lack; faster than the pattern."""
    codes = np.frombuffer(words.encode(), dtype=np.uint8)
    same = codes[1:] == codes[:-1]
    return bool((codes[2:][same[1:] & same[:-1]] >= ord("a")).any())


def fold(word: str, word_dict: Mapping[str, int]) -> str:
    """The word of `word_dict` that a drawn-out word means, or the word itself if there is none."""
    twice, once = _DRAWN_OUT.sub(r"\1\1", word), _DRAWN_OUT.sub(r"\1", word)
    if word_dict.get(twice, _FREQUENT) < _FREQUENT:
        return twice
    return next((form for form in (once, twice) if form in word_dict), word)
