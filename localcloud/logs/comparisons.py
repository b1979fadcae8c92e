"""Comparisons of the values in log events with those in filter patterns."""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from localcloud.numerals import number_of
from localcloud.untrusted import Pattern, PatternError

ORDERS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class InvalidPattern(ValueError):
    """A filter pattern is not in the syntax of CloudWatch Logs. The message says where."""


@dataclass(frozen=True)
class Operand:
    """The right side of a comparison: a number, or a pattern for texts."""

    text: str
    number: float | None
    matches: Callable[[str], bool]

    @classmethod
    def of(cls, kind: str, text: str) -> "Operand":
        """Reads an operand of a kind: "word", "quoted" or "regex". Raises InvalidPattern."""
        if kind not in ("word", "quoted", "regex"):
            raise InvalidPattern(f"Invalid filter pattern: '{text}' is not a value")
        expression = re.escape(text).replace(r"\*", "(?s:.*)")
        if kind == "regex":
            expression = f"(?s:.*)(?:{text})(?s:.*)"
        try:
            matches = Pattern(expression).matches_all_of
        except PatternError as error:
            raise InvalidPattern(f"Invalid regular expression: {error}") from error
        number = number_of(text) if kind == "word" else None
        return cls(text, number, matches)


def compare(value: Any, symbol: str, operand: Operand) -> bool:
    """Whether a value of an event, a text or one of JSON, compares with an operand. Raises InvalidPattern."""
    if symbol in ORDERS:
        if operand.number is None:
            raise InvalidPattern(f"Invalid filter pattern: '{operand.text}' is not a number")
        number = _number(value)
        return number is not None and ORDERS[symbol](number, operand.number)
    return _equals(value, operand) == (symbol == "=")


def _equals(value: Any, operand: Operand) -> bool:
    number = _number(value)
    if operand.number is not None and number is not None:
        return number == operand.number
    return isinstance(value, str) and operand.matches(value)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return number_of(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return number_of(str(value))  # float() fails for integers that are too large
    return value if isinstance(value, float) else None
