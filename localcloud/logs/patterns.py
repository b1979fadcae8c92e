"""Filter patterns of CloudWatch Logs: terms, JSON and space-delimited fields.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from localcloud.logs.comparisons import InvalidPattern, Operand, compare
from localcloud.untrusted import Pattern, PatternError, parse_json

Predicate = Callable[[str], bool]
Extraction = Callable[[str], dict[str, str] | None]
"""Gives the values that a pattern finds in a message, by their names there; None for one that it rejects."""

TERM = re.compile(r'\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<word>[^\s"]+))(?=\s|$)', re.DOTALL)
PLAIN = re.compile(r"[\w*]+")
TOKEN = re.compile(
    r"""\s*(?:
    (?P<name>\$(?:\.[\w-]+|\['[^']*'\]|\[\d+\]|\[\*\])*|\w[\w.-]*(?=\s*(?:!=|<=|>=|=|<|>)))
    |(?P<join>&&|\|\||\(|\))
    |(?P<operator>!=|<=|>=|=|<|>)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"
    |%(?P<regex>(?:[^%\\]|\\.)+)%
    |(?P<word>[^\s"%()&|=<>!]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
STEP = re.compile(r"\.(?P<name>[\w-]+)|\['(?P<quoted>[^']*)'\]|\[(?P<index>\d+|\*)\]")
FIELD = re.compile(r'"(?P<quoted>[^"]*)"|\[(?P<bracketed>[^\]]*)\]|(?P<word>\S+)')
FIELD_AFTER_BRACKETS = re.compile(r'"(?P<quoted>[^"]*)"|(?P<word>\S+)')
ELLIPSIS = "..."


def compile_pattern(text: str) -> Extraction:
    """A function that tells what a pattern finds in a message that matches. Raises InvalidPattern.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_TestMetricFilter.html
    """
    text = text.strip()
    if text.startswith("{"):
        if not text.endswith("}"):
            raise InvalidPattern("Invalid filter pattern: there is no closing brace")
        return _json_extraction(text[1:-1])
    if text.startswith("["):
        if not text.endswith("]"):
            raise InvalidPattern("Invalid filter pattern: there is no closing bracket")
        return _fields_extraction(text[1:-1])
    matches = _terms_predicate(text)
    return lambda message: {} if matches(message) else None


def _terms_predicate(text: str) -> Predicate:
    if len(text) > 1 and text.startswith("%") and text.endswith("%"):
        return _searching(text[1:-1])
    wanted: dict[str, list[str]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        found = TERM.match(text, position)
        if found is None:
            raise InvalidPattern(f"Invalid filter pattern at '{text[position:]}'")
        if (word := found["word"]) is not None and not PLAIN.fullmatch(word):
            raise InvalidPattern(f"Invalid character(s) in term '{word}'")
        wanted[found["sign"]].append(word if word is not None else _unescaped(found["quoted"]))
        position = found.end()
    # Beside terms that must or must not be there, AWS ignores those that may be there.
    optional = [] if wanted[""] or wanted["-"] else wanted["?"]
    return lambda message: (
        all(term in message for term in wanted[""])
        and not any(term in message for term in wanted["-"])
        and (not optional or any(term in message for term in optional))
    )


def _searching(expression: str) -> Predicate:
    try:
        pattern = Pattern(f"(?s:.*)(?:{expression})(?s:.*)")
    except PatternError as error:
        raise InvalidPattern(f"Invalid regular expression: {error}") from error
    return pattern.matches_all_of


def _json_extraction(text: str) -> Extraction:
    expression = _Expression(text)
    holds = expression.parse()

    def extract(message: str) -> dict[str, str] | None:
        try:
            document = parse_json(message)
        except ValueError:
            return None
        if not isinstance(document, dict) or not holds(lambda name: _select(document, name)):
            return None
        found = {name: _select(document, name) for name in expression.names}
        return {name: _text(values[0]) for name, values in found.items() if values}

    return extract


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _fields_extraction(text: str) -> Extraction:
    """Fields without a name are called by their positions, the first one 1."""
    names: list[str] = []
    conditions: list[Callable[[Callable[[str], list[Any]]], bool]] = []
    for part in _parted(text) if text.strip() else [ELLIPSIS]:
        if re.fullmatch(r"\w*", part) or part == ELLIPSIS:
            names.append(part)
            continue
        expression = _Expression(part)
        conditions.append(expression.parse())
        if len(expression.names) != 1:
            raise InvalidPattern(f"Invalid filter pattern: the field '{part}' has several names")
        names += expression.names
    if names.count(ELLIPSIS) > 1:
        raise InvalidPattern("Invalid filter pattern: there is more than one ellipsis")

    def extract(message: str) -> dict[str, str] | None:
        given = list(_fields_of(message))
        called = names
        if ELLIPSIS in names:
            before = names.index(ELLIPSIS)
            called = [*names[:before], *[""] * (len(given) - len(names) + 1), *names[before + 1 :]]
        if len(given) != len(called):
            return None
        values = {
            name or str(position): value
            for position, (name, value) in enumerate(zip(called, given, strict=True), 1)
        }
        if not all(condition(lambda name: [values[name]]) for condition in conditions):
            return None
        return {f"${name}": value for name, value in values.items()}

    return extract


def _fields_of(message: str) -> Iterator[str]:
    """The fields of a message: words, and texts in quotes or brackets.

    Behind the last closing bracket, opening ones are parts of words. To look for the end of each would take
    hours in a message of a megabyte.
    """
    last, position = message.rfind("]"), 0
    while found := (FIELD if position <= last else FIELD_AFTER_BRACKETS).search(message, position):
        yield next(one for one in found.groups() if one is not None)
        position = found.end()


def _parted(text: str) -> list[str]:
    """The fields of a pattern, separated by commas outside quotes and regular expressions."""
    parts = [""]
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|%(?:[^%\\]|\\.)+%|[^,"%]+|.', text, re.DOTALL):
        if piece == ",":
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts]


class _Expression:
    """Comparisons joined by && and ||, with parentheses; && binds closer."""

    def __init__(self, text: str):
        self.names: list[str] = []
        self._tokens: list[tuple[str, str]] = []
        position, text = 0, text.strip()
        while position < len(text):
            found = TOKEN.match(text, position)
            if found is None:
                raise InvalidPattern(f"Invalid filter pattern at '{text[position:]}'")
            self._tokens.append((found.lastgroup or "", found[found.lastgroup or 0]))
            position = found.end()

    def parse(self) -> Callable[[Callable[[str], list[Any]]], bool]:
        expression = self._either()
        if self._tokens:
            raise InvalidPattern(f"Invalid filter pattern: unexpected '{self._tokens[0][1]}'")
        return expression

    def _either(self) -> Callable[[Callable[[str], list[Any]]], bool]:
        choices = [self._both()]
        while self._takes("join", "||"):
            choices.append(self._both())
        return lambda values: any(choice(values) for choice in choices)

    def _both(self) -> Callable[[Callable[[str], list[Any]]], bool]:
        conditions = [self._one()]
        while self._takes("join", "&&"):
            conditions.append(self._one())
        return lambda values: all(condition(values) for condition in conditions)

    def _one(self) -> Callable[[Callable[[str], list[Any]]], bool]:
        if self._takes("join", "("):
            inner = self._either()
            if not self._takes("join", ")"):
                raise InvalidPattern("Invalid filter pattern: a parenthesis is not closed")
            return inner
        kind, name = self._next()
        if kind != "name":
            raise InvalidPattern(f"Invalid filter pattern: '{name}' is not a property")
        if name not in self.names:
            self.names.append(name)
        kind, operator = self._next()
        if kind == "word":
            return self._state(name, operator)
        if kind != "operator":
            raise InvalidPattern(f"Invalid filter pattern: '{operator}' is not an operator")
        kind, text = self._next()
        if kind == "name":
            kind = "word"
        operand = Operand.of(kind, _unescaped(text) if kind == "quoted" else text)
        return lambda values: any(compare(value, operator, operand) for value in values(name))

    def _state(self, name: str, word: str) -> Callable[[Callable[[str], list[Any]]], bool]:
        """IS NULL, IS TRUE, IS FALSE, NOT EXISTS."""
        state = f"{word} {self._next()[1]}".upper()
        if state == "NOT EXISTS":
            return lambda values: not values(name)
        constants = {"IS NULL": None, "IS TRUE": True, "IS FALSE": False}
        if state not in constants:
            raise InvalidPattern(f"Invalid filter pattern: '{state}' is not an operator")
        return lambda values: any(value is constants[state] for value in values(name))

    def _takes(self, kind: str, text: str) -> bool:
        if self._tokens and self._tokens[0] == (kind, text):
            del self._tokens[0]
            return True
        return False

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            raise InvalidPattern("Invalid filter pattern: it is incomplete")
        return self._tokens.pop(0)


def _select(document: Any, selector: str) -> list[Any]:
    """The values that a selector such as $.a.b[0] finds; none if there are none."""
    found = [document]
    for step in STEP.finditer(selector):
        name, index = step["name"] or step["quoted"], step["index"]
        if index is None:
            found = [one[name] for one in found if isinstance(one, dict) and name in one]
        elif index == "*":
            found = [element for one in found if isinstance(one, list) for element in one]
        else:
            found = [one[int(index)] for one in found if isinstance(one, list) and int(index) < len(one)]
    return found


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)
