"""Numbers in texts, as AWS's services read them.

Python's float() takes more: spaces around a number, underscores in it, the digits of other scripts, and words
such as "infinity".
"""

import re

INTEGER = re.compile(r"[-+]?[0-9]+")
NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def number_of(text: str) -> float | None:
    """The number that a text is, infinite if it is too large; None for any other text."""
    return float(text) if NUMBER.fullmatch(text) else None


def integer_of(text: str) -> int | None:
    """The number that a text is without a point and an exponent; None for any other text."""
    return int(text) if INTEGER.fullmatch(text) else None
