"""Correct typing errors in short texts: "I woludn't watch this" becomes "I wouldn't watch this".

A word that the vocabulary lacks is replaced by the most frequent word that one typing error turns into it:
two letters exchanged, one left out, one too many, or another one; or by the frequent word in which its digits
stand for letters ("act1ng"). A short text may depend on that word. In a review it is one of many, so only
short texts are corrected.
"""

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product

MIN_LETTERS, MAX_LETTERS = 4, 20
"""Shorter words resemble too many others, longer ones are none."""
_FREQUENT = 10_000
"""Ids below this belong to words that an unknown word may mean."""
_LETTERS_OF_DIGITS = {"0": "o", "1": "il", "3": "e", "4": "a", "5": "s", "7": "t"}
MIN_LETTERS_WITH_DIGITS, MAX_ONES = 3, 4
_NUMBER = re.compile(r"\d+[a-z]{,2}")
"""A number, perhaps with a unit: "411", "5am"."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz'"


class Spelling:
    """Corrects words by the vocabulary `word_dict`.

    The letters before an error begin some frequent word, and those after it end one. So errors are looked for
    in a few places only, and a word of random letters costs hardly any time.
    """

    def __init__(self, word_dict: Mapping[str, int]):
        self._word_dict = word_dict

    def correct(self, words: Sequence[str]) -> list[str]:
        """Replace words that the vocabulary lacks by those they resemble."""
        return [word if word in self._word_dict else self._correct(word) for word in words]

    @cached_property
    def _frequent(self) -> tuple[list[str], list[str]]:
        """The frequent words in alphabetical order, and the same written backwards."""
        words = [word for word, number in self._word_dict.items() if number < _FREQUENT]
        return sorted(words), sorted(word[::-1] for word in words)

    def _correct(self, word: str) -> str:
        if not word.isalpha() and not _LETTERS_OF_DIGITS.keys().isdisjoint(word):
            return self._without_digits(word)
        if not MIN_LETTERS <= len(word) <= MAX_LETTERS or not set(word) <= set(_LETTERS):
            return word
        forwards, backwards = self._frequent
        first = len(word) - _common_start(word[::-1], backwards) - 2  # two letters may be exchanged
        last = _common_start(word, forwards)
        meant = {
            form: self._word_dict.get(form, _FREQUENT)
            for place in range(max(first, 0), last + 1)
            for form in _forms(word, place)
            if len(form) >= MIN_LETTERS
        }
        best = min(meant, key=meant.__getitem__, default=word)
        return best if meant.get(best, _FREQUENT) < _FREQUENT else word

    def _without_digits(self, word: str) -> str:
        """The frequent word in which digits stand for letters ("act1ng"), or the word itself."""
        has_length = MIN_LETTERS_WITH_DIGITS <= len(word) <= MAX_LETTERS
        if not has_length or word.count("1") > MAX_ONES or _NUMBER.fullmatch(word):
            return word
        choices = [_LETTERS_OF_DIGITS.get(character, character) for character in word]
        meant = ("".join(letters) for letters in product(*choices))
        return next((form for form in meant if self._word_dict.get(form, _FREQUENT) < _FREQUENT), word)


def _common_start(word: str, ordered: Sequence[str]) -> int:
    """How many letters `word` begins with as one of the words in alphabetical order does, at most."""
    place = bisect(ordered, word)
    nearest = ordered[max(place - 1, 0) : place + 1]
    return max((_same(word, other) for other in nearest), default=0)


def _same(one: str, other: str) -> int:
    """The number of letters that two words have in common before they differ."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _forms(word: str, place: int) -> Iterator[str]:
    """All words that differ from `word` by one typing error at a place."""
    before, after = word[:place], word[place:]
    yield from (before + letter + after for letter in _LETTERS)
    if after:
        yield before + after[1:]
        yield from (before + letter + after[1:] for letter in _LETTERS)
        yield before + after[1:2] + after[0] + after[2:]
