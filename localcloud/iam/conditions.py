"""The Condition element of IAM policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import base64
import functools
import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud.iam.condition_keys import is_filled

Context = Mapping[str, list[str]]
"""The condition keys of a request, in lower case, and their values."""
VARIABLE = re.compile(r"\$\{([^}]*)\}")


class UnknownOperator(Exception):
    """A policy uses an unsupported condition operator."""


class UnsupportedKey(Exception):
    """A policy uses a condition key that localcloud does not fill."""


def satisfied(block: Mapping[str, Mapping[str, object]], context: Context, variables: Context | None) -> bool:
    """Whether a request with this context meets every condition.

    `variables` are the policy's, as for `substitute`. Raises UnknownOperator, and UnsupportedKey if the other
    conditions leave it open.
    """
    unsupported = None
    for name, tests in block.items():
        for key, expected in tests.items():
            try:
                if not _holds(name, key, as_list(expected), context, variables):
                    return False
            except UnsupportedKey as error:
                unsupported = error
    if unsupported:
        raise unsupported
    return True


def as_list(value: object) -> list[Any]:
    """Wraps a single value in a list, since policies may omit the brackets."""
    return value if isinstance(value, list) else [value]


@functools.lru_cache(maxsize=4096)
def matches(pattern: str, text: str, *, ignore_case: bool = False) -> bool:
    """Matches IAM's wildcards: * stands for any characters, ? for one. Brackets have no meaning."""
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    first, *others = (
        "".join("." if character == "?" else re.escape(character) for character in part)
        for part in pattern.split("*")
    )
    # The text between two wildcards is matched where it is first found, without backtracking, which could
    # take exponential time.
    translated = first + "".join(f"(?>.*?{part})" for part in others[:-1])
    if others:
        translated += f".*{others[-1]}"
    return re.fullmatch(translated, text, flags) is not None


def substitute(text: str, variables: Context | None) -> str | None:
    """Replaces policy variables such as ${aws:username}. Returns None if the request lacks one of them.

    Without `variables`, "${" is plain text. Raises UnsupportedKey.
    """
    if variables is None or "${" not in text:
        return text
    missing = False

    def value(found: re.Match[str]) -> str:
        nonlocal missing
        name, _, default = found[1].partition(",")
        if name in ("*", "?", "$"):
            return name
        if values := values_of(name.strip(), variables):
            return values[0]
        if default:
            return default.strip().strip("'\"")
        missing = True
        return ""

    filled = VARIABLE.sub(value, text)
    return None if missing else filled


def values_of(key: str, context: Context) -> list[str]:
    """The values of a condition key; none if the request lacks it. Raises UnsupportedKey."""
    lowered = key.lower()
    if lowered not in context and not is_filled(lowered):
        raise UnsupportedKey(key)
    return context.get(lowered, [])


def _holds(name: str, key: str, expected: list[Any], context: Context, variables: Context | None) -> bool:
    qualifier, _, base = name.rpartition(":")
    if_exists = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    actual = values_of(key, context)
    if base == "Null":
        return all((not actual) == (_text(wanted) == "true") for wanted in expected)
    negated = base in NEGATED
    test = _test(NEGATED.get(base, base))
    if not actual:
        # A missing key fails a test, but passes a negated one and ForAllValues.
        return if_exists or negated or qualifier == "ForAllValues"
    filled = [text for wanted in expected if (text := substitute(_text(wanted), variables)) is not None]
    results = [any(_quietly(test, wanted, value) for wanted in filled) != negated for value in actual]
    if qualifier == "ForAnyValue":
        return any(results)
    return all(results) if qualifier == "ForAllValues" or negated else any(results)


def is_operator(name: str) -> bool:
    """Whether this is a condition operator, perhaps with a qualifier ("ForAnyValue:") or "IfExists"."""
    qualifier, _, base = name.rpartition(":")
    base = base.removesuffix("IfExists")
    return qualifier in QUALIFIERS and (base == "Null" or NEGATED.get(base, base) in TESTS)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quietly(test: Callable[[str, str], bool], wanted: str, value: str) -> bool:
    """Compares two values. A value of another type than the operator's does not match."""
    try:
        return test(wanted, value)
    except (ValueError, OverflowError):  # such as a date after the last one that Python has
        return False


def _arn_like(pattern: str, arn: str) -> bool:
    """Matches each of the six parts of an ARN separately."""
    patterns, parts = pattern.split(":", 5), arn.split(":", 5)
    return len(patterns) == len(parts) and all(map(matches, patterns, parts))


def _instant(text: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _ordered(
    convert: Callable[[str], object], compare: Callable[[Any, Any], bool]
) -> Callable[[str, str], bool]:
    return lambda wanted, value: compare(convert(value), convert(wanted))


QUALIFIERS = ("", "ForAllValues", "ForAnyValue")
COMPARISONS: Iterable[tuple[str, Callable[[Any, Any], bool]]] = (
    ("Equals", operator.eq),
    ("LessThan", operator.lt),
    ("LessThanEquals", operator.le),
    ("GreaterThan", operator.gt),
    ("GreaterThanEquals", operator.ge),
)
TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": operator.eq,
    "StringEqualsIgnoreCase": lambda wanted, value: wanted.lower() == value.lower(),
    "StringLike": matches,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
    "BinaryEquals": lambda wanted, value: base64.b64decode(wanted) == base64.b64decode(value),
    "IpAddress": lambda wanted, value: (
        ipaddress.ip_address(value) in ipaddress.ip_network(wanted, strict=False)
    ),
    **{f"Numeric{name}": _ordered(float, compare) for name, compare in COMPARISONS},
    **{f"Date{name}": _ordered(_instant, compare) for name, compare in COMPARISONS},
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
}


def _test(name: str) -> Callable[[str, str], bool]:
    if name not in TESTS:
        raise UnknownOperator(name)
    return TESTS[name]
