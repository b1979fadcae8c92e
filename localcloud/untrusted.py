"""Evaluates JSON and regular expressions from clients, without letting one client block the others.

`regex` replaces `re`: it has a time limit and releases the interpreter lock. AWS's patterns are Java's, whose
syntax it supports, except \\Q...\\E and \\k<name>.
"""

import json
from typing import Any

import regex

MATCH_SECONDS = 5.0
"""What takes microseconds may take a second where many requests compete for the processors."""


class PatternError(ValueError):
    """A pattern is invalid or takes too long. The message calls it "it"."""


class Pattern:
    """A regular expression. Raises PatternError if it is invalid."""

    def __init__(self, text: str):
        try:
            self._compiled = regex.compile(text, regex.VERSION1)
        except regex.error as error:
            raise PatternError(f"it is not a regular expression: {error}") from None
        except RecursionError:
            raise PatternError("it is nested too deeply") from None

    @property
    def groups(self) -> int:
        return int(self._compiled.groups)

    def matches_all_of(self, text: str) -> bool:
        """Whether the whole text matches. Raises PatternError after MATCH_SECONDS."""
        try:
            return self._compiled.fullmatch(text, timeout=MATCH_SECONDS, concurrent=True) is not None
        except TimeoutError:
            raise _too_slow() from None

    def first_groups(self, text: str) -> list[str | None]:
        """The first group of every match. Raises PatternError after MATCH_SECONDS."""
        try:
            found = self._compiled.finditer(text, timeout=MATCH_SECONDS, concurrent=True)
            return [match[1] for match in found]
        except TimeoutError:
            raise _too_slow() from None


def _too_slow() -> PatternError:
    return PatternError(f"it takes more than {MATCH_SECONDS:g} s")


def parse_json(text: str | bytes) -> Any:
    """Parses JSON. Raises ValueError, also for a document that is nested too deeply, and for NaN."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _refuse_constant(name: str) -> None:
    """Refuses NaN and Infinity, which Python accepts, but which are not JSON."""
    raise ValueError(f"{name} is not JSON")
