"""Shared by the tokenizers: tokens with their positions, and lower-casing that keeps track of positions."""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

LOWERED_TO_ASCII = ("\u0130", "\u212a")
"""The only non-ASCII characters whose lower case has an ASCII letter: the dotted I and the Kelvin sign."""

Span = tuple[int, int]


class Token(NamedTuple):
    """A word as the model reads it, the same as written (`surface`), and its position `review[start:end]`."""

    word: str
    surface: str
    start: int
    end: int


def translation_table(kept: bytes) -> bytes:
    """A table for bytes.translate that lower-cases letters, keeps digits and `kept`, and blanks the rest."""
    table = bytearray(b" " * 256)
    for byte in kept + string.digits.encode() + string.ascii_letters.encode():
        table[byte] = ord(chr(byte).lower())
    return bytes(table)


def find_tokens(pattern: re.Pattern[str], text: str, places: list[Span]) -> Iterator[Token]:
    """The matches of `pattern` in `text` in lower case; `places` has the span of each character of `text` in
    the review."""
    lowered, origins = _lower_with_origins(text)
    for match in pattern.finditer(lowered):
        first, last = origins[match.start()], origins[match.end() - 1]
        yield Token(match.group(), text[first : last + 1], places[first][0], places[last][1])


def _lower_with_origins(text: str) -> tuple[str, list[int] | range]:
    """The text in lower case, and the index that each character came from: a few, such as İ, become two."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered, range(len(text))
    origins = [index for index, character in enumerate(text) for _ in character.lower()]
    return lowered, origins
