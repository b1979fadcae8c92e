"""Repair text whose characters are not what they look like.

UTF-8 that was decoded with another charset reads "donâ€™t" for "don’t", or "cafÃ©" for "café". And some
letters of English words are Cyrillic or Greek ones that look alike.
"""

import re
from collections.abc import Sequence

# -- UTF-8 that was decoded with another charset --


def _bytes(charset: str) -> dict[str, int]:
    """The byte that each character of a charset stands for, for bytes that are not ASCII."""
    characters = {bytes([byte]).decode(charset, "replace"): byte for byte in range(0x80, 0x100)}
    return {character: byte for character, byte in characters.items() if character != "\ufffd"}


def _sequences(bytes_of: dict[str, int], firsts_of_two: bytes) -> str:
    """A pattern of what was one character: of two bytes, or punctuation, a symbol, or an emoji."""

    def any_of(wanted: Sequence[int]) -> str:
        return f"[{''.join(re.escape(character) for character, byte in bytes_of.items() if byte in wanted)}]"

    further = any_of(range(0x80, 0xC0))
    of_three = any_of(b"\xe2\xef") + further * 2
    of_four = any_of(b"\xf0") + any_of(b"\x9f") + further * 2
    return f"{any_of(firsts_of_two)}{further}|{of_three}|{of_four}"


_WINDOWS, _MAC = _bytes("latin-1") | _bytes("cp1252"), _bytes("mac_roman")
_FIRSTS_OF_TWO, _FIRSTS_OF_TWO_ON_MAC = b"\xc2\xc3\xc5\xc6\xcb", b"\xc2\xc3"
_OTHER_FIRSTS = b"\xe2\xef\xf0"
MAY_BE_MISREAD = re.compile(
    f"[{(_FIRSTS_OF_TWO + _OTHER_FIRSTS).decode('cp1252')}"
    f"{(_FIRSTS_OF_TWO_ON_MAC + _OTHER_FIRSTS).decode('mac_roman')}]"
)
"""Finds a character that every match of MISREAD begins with."""
_MISREAD_AS_WINDOWS = _sequences(_WINDOWS, _FIRSTS_OF_TWO)
_MISREAD_AS_MAC = _sequences(_MAC, _FIRSTS_OF_TWO_ON_MAC)
MISREAD = re.compile(
    f"(?P<windows>{_MISREAD_AS_WINDOWS})|(?P<mac>{_MISREAD_AS_MAC})"
    "|\u00e2\u20ac\ufffd?|\u00c2(?![^\\W\\d_])"  # a quote or a no-break space whose last byte is lost
)


def decoded(match: re.Match[str]) -> str:
    """The character that a match of MISREAD was; a blank if its last byte is lost."""
    bytes_of = _WINDOWS if match["windows"] else _MAC if match["mac"] else None
    if bytes_of is None:
        return " "
    return bytes(bytes_of[character] for character in match.group()).decode("utf-8", "replace")


# -- Letters of other alphabets in English words --

_LOOKALIKES = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb"  # Cyrillic
        "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405"
        "\u03bf\u03bd\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
        "aeopcyxijsdhABEKMHOPCTYXIJSovABEZHIKMNOPTYX",
        strict=True,
    )
)
LOOKALIKE = re.compile(f"[{''.join(_LOOKALIKES)}]")
WORD_LIKE_LATIN = re.compile(rf"(?<![^\W\d_])[a-zA-Z\u00c0-\u024f{''.join(_LOOKALIKES)}]+(?![^\W\d_])")


def as_latin(match: re.Match[str]) -> str:
    """A match of WORD_LIKE_LATIN in Latin letters."""
    return LOOKALIKE.sub(lambda letter: _LOOKALIKES[letter.group()], match.group())
