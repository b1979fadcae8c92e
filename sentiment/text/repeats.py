"""Drawn-out spellings as the words they mean: "sooo goood" is "so good", "suuuucks" is "sucks".

A word that writes a letter three times or more in a row is read with that letter twice or once, whichever the
vocabulary knows: twice where that is a frequent word ("tooo long" is "too long"), else once. Left as it is
where it knows neither. Needs numpy only.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

_DRAWN_OUT = re.compile(r"([a-z])\1\1+")
_ROMAN_NUMERAL = re.compile(r"[ivx]+")
_FREQUENT = 5000
"""Ids below are those of frequent words. Rarer ones are often drawn out themselves, as "soo" is."""


def is_drawn_out(word: str) -> bool:
    return _DRAWN_OUT.search(word) is not None and _ROMAN_NUMERAL.fullmatch(word) is None


def fold_repeats(words: Sequence[str], word_dict: Mapping[str, int]) -> Sequence[str]:
    """The words with drawn-out ones replaced by those that `word_dict` knows."""
    if not _may_be_drawn_out(" ".join(words)):
        return words
    return [fold(word, word_dict) if is_drawn_out(word) else word for word in words]


def _may_be_drawn_out(words: str) -> bool:
    """Whether there are three equal letters in a row, which most reviews lack; sooner than by the pattern."""
    codes = np.frombuffer(words.encode(), dtype=np.uint8)
    same = codes[1:] == codes[:-1]
    return bool((codes[2:][same[1:] & same[:-1]] >= ord("a")).any())


def fold(word: str, word_dict: Mapping[str, int]) -> str:
    """The word of `word_dict` that a drawn-out one means, or the same where there is none."""
    twice, once = _DRAWN_OUT.sub(r"\1\1", word), _DRAWN_OUT.sub(r"\1", word)
    if word_dict.get(twice, _FREQUENT) < _FREQUENT:
        return twice
    return next((form for form in (once, twice) if form in word_dict), word)
