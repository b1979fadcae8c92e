"""Correct typing errors: "woludn't" to "wouldn't", "terrilbe" to "terrible".

A word that the vocabulary lacks is replaced by the most frequent word that one typing error turns into it:
two letters exchanged, one left out, one too many, or another one. A short text may depend on that word. In a
review it is one of many, so only short texts are corrected.
"""

from collections.abc import Iterator, Mapping, Sequence

MIN_LETTERS, MAX_LETTERS = 4, 20
"""Shorter words resemble too many others, longer ones are none."""
_FREQUENT = 10_000
"""Ids below this belong to words that an unknown word may mean."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz'"


def correct_spelling(words: Sequence[str], word_dict: Mapping[str, int]) -> list[str]:
    """Replace words that `word_dict` lacks by those they resemble."""
    return [word if word in word_dict else _correct(word, word_dict) for word in words]


def _correct(word: str, word_dict: Mapping[str, int]) -> str:
    if not MIN_LETTERS <= len(word) <= MAX_LETTERS or not set(word) <= set(_LETTERS):
        return word
    meant = {form: word_dict.get(form, _FREQUENT) for form in _forms(word) if len(form) >= MIN_LETTERS}
    best = min(meant, key=meant.__getitem__)
    return best if meant[best] < _FREQUENT else word


def _forms(word: str) -> Iterator[str]:
    """All words that differ from `word` by one typing error."""
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        yield from (before + letter + after for letter in _LETTERS)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in _LETTERS)
            yield before + after[1:2] + after[0] + after[2:]
