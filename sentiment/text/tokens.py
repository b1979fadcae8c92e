"""What both tokenizers share: the tokens they return, and lower case that keeps count of places."""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

LOWERED_TO_ASCII = ("\u0130", "\u212a")
"""The only non-ASCII characters whose lower case holds an ASCII letter: the dotted I and the Kelvin sign."""

Span = tuple[int, int]


class Token(NamedTuple):
    """One word for the model, the word as written, and its place `review[start:end]`."""

    word: str
    surface: str
    start: int
    end: int


def translation_table(kept: bytes) -> bytes:
    """A table for bytes.translate: letters in lower case, digits and `kept` stay, all else becomes blank."""
    table = bytearray(b" " * 256)
    for byte in kept + string.digits.encode() + string.ascii_letters.encode():
        table[byte] = ord(chr(byte).lower())
    return bytes(table)


def find_tokens(pattern: re.Pattern[str], text: str, places: list[Span]) -> Iterator[Token]:
    """The matches of `pattern` in the lower-case `text`; `places` has each character's span in the review."""
    lowered, origins = _lower_with_origins(text)
    for match in pattern.finditer(lowered):
        first, last = origins[match.start()], origins[match.end() - 1]
        yield Token(match.group(), text[first : last + 1], places[first][0], places[last][1])


def _lower_with_origins(text: str) -> tuple[str, list[int] | range]:
    """Lower case, and for each character the index it came from: a few (such as İ) become two."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered, range(len(text))
    origins = [index for index, character in enumerate(text) for _ in character.lower()]
    return lowered, origins
