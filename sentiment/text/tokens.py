"""Shared by the tokenizers: tokens with their positions, and lower-casing that keeps track of positions."""

import re
import string
from typing import NamedTuple

LOWERED_TO_ASCII = ("\u0130", "\u212a")
"""The only non-ASCII characters whose lower case has an ASCII letter: the dotted I and the Kelvin sign."""

Span = tuple[int, int]


class Tokens(NamedTuple):
    """The N words of a review as the model reads them, the same as written (`surfaces`), and the position
    `review[start:end]` of each.
    """

    words: list[str]
    surfaces: list[str]
    starts: list[int]
    ends: list[int]


def translation_table(kept: bytes) -> bytes:
    """A table for bytes.translate that lower-cases letters, keeps digits and `kept`, and blanks the rest."""
    table = bytearray(b" " * 256)
    for byte in kept + string.digits.encode() + string.ascii_letters.encode():
        table[byte] = ord(chr(byte).lower())
    return bytes(table)


def find_tokens(pattern: re.Pattern[str], text: str, places: list[Span]) -> Tokens:
    """The matches of `pattern` in `text` in lower case; `places` has the span of each character of `text` in
    the review."""
    lowered, origins = _lower_with_origins(text)
    tokens = Tokens([], [], [], [])
    for match in pattern.finditer(lowered):
        first, last = origins[match.start()], origins[match.end() - 1]
        tokens.words.append(match.group())
        tokens.surfaces.append(text[first : last + 1])
        tokens.starts.append(places[first][0])
        tokens.ends.append(places[last][1])
    return tokens


def _lower_with_origins(text: str) -> tuple[str, list[int] | range]:
    """The text in lower case, and the index that each character came from: a few, such as İ, become two."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered, range(len(text))
    origins = [index for index, character in enumerate(text) for _ in character.lower()]
    return lowered, origins
