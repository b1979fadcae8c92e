"""Validates requests against botocore's model of an API, and against what localcloud supports of it."""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from localcloud.protocol.errors import ApiError, InvalidRequest
from localcloud.untrusted import Pattern, PatternError

Supported = Mapping[str, Any]
"""The supported members of a structure, each with those of a nested structure or None for all of it."""

OFF: tuple[Any, ...] = (None, False, "", [], {}, "None")
"""Values that unsupported members may have, since they have no effect."""
NUMBERS = {
    "byte": "a Byte",
    "short": "a Short",
    "integer": "an Integer",
    "long": "a Long",
    "float": "a Float",
    "double": "a Double",
}
ACCOUNT_DIGITS = 12
PATTERN_RULE = "Member must satisfy regular expression pattern: "
TAGS = (("Key", "Value"), ("TagKey", "TagValue"), ("key", "value"))
"""The members of a tag, in the services that have lists of them."""
TAGS_OF_S3 = "TagSet"
"""Which has words of its own for them (see s3/configurations.py)."""
DUPLICATE_TAGS = "Duplicate tag keys are not allowed"
LENGTHS = re.compile(r"WithLengthBetween(?P<min>\d+)And(?P<max>\d+)$")
"""API Gateway's models give the limits of texts by the names of their shapes."""
OWN_LIMITS: Mapping[str, frozenset[str]] = {"apigatewayv2": frozenset({"accessLogSettings.format"})}
"""Paths of texts whose length a service checks by rules of its own, not by those of its model."""
WIDER_ENUMS: Mapping[str, frozenset[str]] = {
    "QueueAttributeName": frozenset(
        {
            *("AWSTraceHeader", "ApproximateFirstReceiveTimestamp", "ApproximateReceiveCount"),
            *("DeadLetterQueueSourceArn", "MessageDeduplicationId", "MessageGroupId", "SenderId"),
            *("SentTimestamp", "SequenceNumber"),
        }
    )
}
"""Values that a service takes though its model lacks them, by the shape: ReceiveMessage's AttributeNames name
attributes of messages.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""
NULL = " null"
NOT_FINITE = ("NaN", "Infinity", "-Infinity")
"""What the JSON protocols write for these numbers."""


@dataclass(frozen=True)
class Violation:
    """A constraint that a request violates."""

    rule: str
    path: str = ""
    """That of the member; empty if the rule names it."""
    value: str = ""
    """The value as a message shows it, after a space."""
    is_joint: bool = False
    """Whether the rule is all that every element of a list or a map must meet."""

    def worded(self, *, with_value: bool, never_null: bool) -> str:
        rule = self.rule
        if self.is_joint:
            rule = f"{rule[:-1]}, Member must not be null]" if never_null else rule
        if not self.path:
            return rule
        value = self.value if with_value or self.value == NULL else ""
        return f"Value{value} at '{self.path}' failed to satisfy constraint: {rule}"


class Violations(InvalidRequest):
    """The request violates constraints of the API's model."""

    def __init__(self, found: Sequence[Violation]):
        self.found = found
        super().__init__(self.worded())

    def worded(self, *, with_values: bool = True, never_null: bool = False) -> str:
        """The message. `never_null` is for services whose lists and maps say that they have no nulls."""
        detected = f"{len(self.found)} validation error{'s' * (len(self.found) > 1)} detected"
        texts = [each.worded(with_value=with_values, never_null=never_null) for each in self.found]
        return f"{detected}: {'; '.join(texts)}"

    @property
    def paths(self) -> list[str]:
        return [each.path for each in self.found]

    @property
    def repeats_a_tag(self) -> bool:
        return any(not each.path and each.rule.startswith(DUPLICATE_TAGS) for each in self.found)


def validate(shape: Shape | None, request: Mapping[str, Any], service: str = "") -> None:
    """Validates a request against the input shape of its operation.

    The members may be in JSON's types or in those that boto3 takes. `service` is botocore's name of the
    service, which may have limits of its own. Raises ApiError in AWS's words: with the code
    SerializationException for a value of a wrong type, and Violations with all violated constraints.
    """
    unlimited = OWN_LIMITS.get(service, frozenset[str]())
    found = list(_problems(shape, request, "", unlimited)) if shape else []
    if found:
        raise Violations(found)


def check_types(shape: Shape | None, request: Mapping[str, Any]) -> None:
    """Raises ApiError for the first value of a wrong type, as `validate` does."""
    for _ in _problems(shape, request, "") if shape else ():
        pass


def require_supported(
    operation: str, request: Mapping[str, Any], supported: Supported, path: str = ""
) -> None:
    """Raises InvalidRequest for the first member that localcloud does not support."""
    for name, value in request.items():
        here = f"{path}{name}"
        if name not in supported:
            if value not in OFF:
                raise InvalidRequest(
                    f"{operation}: localcloud does not support the property {here} (given: {value!r:.80})."
                )
            continue
        nested = supported[name]
        if nested is None:
            continue
        for index, element in enumerate(value if isinstance(value, list) else [value]):
            position = f"[{index}]" if isinstance(value, list) else ""
            require_supported(operation, element, nested, f"{here}{position}.")


def refuse_unsupported(operation: str, request: Mapping[str, Any], unsupported: Iterable[str]) -> None:
    """Raises InvalidRequest for the first member of the request that localcloud would ignore.

    `unsupported` are their paths, some with the value that is AWS's default: "Code.S3ObjectStorageMode=COPY".
    """
    for path, _, default in sorted(one.partition("=") for one in unsupported):
        value: Any = request
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        if value not in OFF and value != default:
            raise InvalidRequest(
                f"{operation}: localcloud does not support the property {path} (given: {value!r:.80})."
            )


def require_value(operation: str, path: str, value: Any, *allowed: Any) -> None:
    """Raises InvalidRequest for a value that is given and not supported."""
    if value is not None and value not in allowed:
        choices = " or ".join(map(str, allowed))
        raise InvalidRequest(f"{operation}: localcloud supports only {choices} for {path} (given: {value}).")


def _problems(
    shape: Shape, value: Any, path: str, unlimited: frozenset[str] = frozenset()
) -> Iterator[Violation]:
    """The violated constraints, but not those on the lengths of the texts at the paths `unlimited`."""
    kind = shape.type_name
    if isinstance(shape, StructureShape):
        if not shape.is_document_type:
            yield from _structure_problems(
                shape, _typed(value, Mapping, "a structure", path), path, unlimited
            )
    elif isinstance(shape, ListShape):
        items = _typed(value, Sequence, "a list", path)
        yield from _range_problems(shape, items, len(items), path, "length")
        if shape.member.type_name == "string":
            texts = [
                _typed(one, str, "a String", f"{path}.{index}.member") for index, one in enumerate(items, 1)
            ]
            yield from _joint_problems(shape.member, texts, items, path, "Member")
        else:
            for index, element in enumerate(items, 1):
                yield from _problems(shape.member, element, f"{path}.{index}.member", unlimited)
        if _is_of_tags(shape) and (repeated := _repeated(items)):
            yield Violation(f"{DUPLICATE_TAGS}: {', '.join(repeated)}")
    elif isinstance(shape, MapShape):
        entries = _typed(value, Mapping, "a map", path)
        yield from _range_problems(shape, entries, len(entries), path, "length")
        yield from _joint_problems(shape.key, list(entries), entries, path, "Map keys")
        if shape.value.type_name == "string":
            texts = [_typed(value, str, "a String", f"{path}.{key}") for key, value in entries.items()]
            yield from _joint_problems(shape.value, texts, entries, path, "Map value")
        else:
            for key, element in entries.items():
                yield from _problems(shape.value, element, f"{path}.{key}", unlimited)
    elif kind == "string":
        yield from _string_problems(shape, _typed(value, str, "a String", path), path, unlimited)
    elif kind == "boolean":
        _typed(value, bool, "a Boolean", path)
    elif kind in ("float", "double") and value in NOT_FINITE:
        return
    elif kind in NUMBERS:
        number = _typed(value, int | float, NUMBERS[kind], path)
        yield from _range_problems(shape, number, number, path, "value")


def _structure_problems(
    shape: StructureShape, value: Mapping[str, Any], path: str, unlimited: frozenset[str]
) -> Iterator[Violation]:
    members = _members(shape)
    for name in shape.required_members:
        if value.get(name, value.get(_wire_name(name, shape.members[name]))) is None:
            yield Violation("Member must not be null", _join(path, name), NULL)
    for name, member in value.items():
        if name not in members:
            yield Violation(f"Unknown member '{_join(path, name)}'")
        elif member is not None:
            yield from _problems(members[name], member, _join(path, name), unlimited)


@functools.lru_cache(maxsize=4096)
def _members(shape: StructureShape) -> Mapping[str, Shape]:
    """The members of a structure by either name."""
    members: dict[str, Shape] = dict(shape.members)
    return {_wire_name(name, member): member for name, member in members.items()} | members


def _wire_name(name: str, member: Shape) -> str:
    return str(member.serialization.get("name", name))


def _string_problems(shape: Shape, value: str, path: str, unlimited: frozenset[str]) -> Iterator[Violation]:
    for rule in _broken_rules(shape, value, path, is_limited=path not in unlimited):
        why = _why_no_arn(value) if rule.startswith(PATTERN_RULE) else ""
        yield Violation(rule + why, path, _quoted(shape, value))


def _joint_problems(
    shape: Shape, texts: Sequence[str], given: Any, path: str, which: str
) -> Iterator[Violation]:
    """The problem of a list or map with texts of one shape, which tells everything that they must meet."""
    if any(rule for text in texts for rule in _broken_rules(shape, text, path)):
        rules = f"{which} must satisfy constraint: [{', '.join(_rules(shape))}]"
        yield Violation(rules, path, _quoted(shape, given), is_joint=which != "Map keys")


def _rules(shape: Shape) -> Iterator[str]:
    """Everything that AWS's words demand of a string of this shape."""
    if allowed := getattr(shape, "enum", None):
        yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    low, high = _limits(shape)
    if high < math.inf:
        yield f"Member must have length less than or equal to {high}"
    if low > -math.inf:
        yield f"Member must have length greater than or equal to {low}"
    if text := shape.metadata.get("pattern"):
        yield f"{PATTERN_RULE}{text}"


def _broken_rules(shape: Shape, value: str, path: str, *, is_limited: bool = True) -> Iterator[str]:
    """What AWS's words demand of a string that does not meet it."""
    allowed = getattr(shape, "enum", None)
    if allowed and value not in allowed and value not in WIDER_ENUMS.get(shape.name, ()):
        yield f"Member must satisfy enum value set: [{', '.join(allowed)}]"
    if is_limited:
        yield from _broken_limits(shape, len(value), "length")
    text = shape.metadata.get("pattern")
    if text and (pattern := _pattern(text)) and not _matches(pattern, value, path):
        yield f"{PATTERN_RULE}{text}"


def _is_of_tags(shape: ListShape) -> bool:
    if "tag" not in shape.name.lower() or shape.name == TAGS_OF_S3:
        return False
    return isinstance(shape.member, StructureShape) and tuple(shape.member.members) in TAGS


def _repeated(tags: Sequence[Any]) -> list[str]:
    keys = [tag[name] for tag in tags for name in ("Key", "TagKey", "key") if name in tag]
    return sorted(key for key, count in Counter(keys).items() if count > 1)


def _why_no_arn(value: str) -> str:
    """The reason that is easily overlooked in an ARN, which AWS leaves to the pattern."""
    account = value.split(":")[4] if value.startswith("arn:") and value.count(":") >= 5 else ""
    if account.isdecimal() and len(account) != ACCOUNT_DIGITS:
        return f" (an account's id has {ACCOUNT_DIGITS} digits, and {account} has {len(account)})"
    return ""


def _range_problems(shape: Shape, value: Any, size: float, path: str, what: str) -> Iterator[Violation]:
    for rule in _broken_limits(shape, size, what):
        yield Violation(rule, path, _quoted(shape, value))


def _broken_limits(shape: Shape, size: float, what: str) -> Iterator[str]:
    low, high = _limits(shape)
    if size < low:
        yield f"Member must have {what} greater than or equal to {low}"
    if size > high:
        yield f"Member must have {what} less than or equal to {high}"


@functools.lru_cache(maxsize=4096)
def _limits(shape: Shape) -> tuple[float, float]:
    named = LENGTHS.search(shape.name)
    low = shape.metadata.get("min", int(named["min"]) if named else -math.inf)
    high = shape.metadata.get("max", int(named["max"]) if named else math.inf)
    return low, high


def _quoted(shape: Shape, value: Any) -> str:
    """A value in a message, which does not show what the model calls sensitive."""
    return "" if shape.metadata.get("sensitive") else f" '{_shown(value)}'"


def _shown(value: Any) -> str:
    """A value as Java prints it, since AWS's services are written in Java."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}={_shown(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_shown, value))}]"
    return str(value)


def _typed(value: Any, wanted: Any, name: str, path: str) -> Any:
    """Returns a value of the wanted type. Raises ApiError in the words of AWS's JSON protocols otherwise."""
    is_text = isinstance(value, str | bytes)
    fits = isinstance(value, bool) == (wanted is bool) and isinstance(value, wanted)
    if fits and (wanted is str or not is_text):
        return value
    if isinstance(value, Mapping):
        message = "Start of structure or map found where not expected"
    elif isinstance(value, Sequence) and not is_text:
        message = "Start of list found where not expected"
    else:
        kind = "STRING" if is_text else "NULL" if value is None else "NUMBER"
        kind = str(value).upper() if isinstance(value, bool) else kind
        message = f"{kind}_VALUE can not be converted to {name}"
    raise ApiError("SerializationException", f"{message} (at '{path}')" if path else message)


@functools.cache
def _pattern(text: str) -> Pattern | None:
    """Compiles a pattern of the model; None for unsupported syntax."""
    try:
        return Pattern(text)
    except PatternError:
        return None


def _matches(pattern: Pattern, value: str, path: str) -> bool:
    try:
        return pattern.matches_all_of(value)
    except PatternError as error:
        raise InvalidRequest(f"Value at '{path}' cannot be checked against its pattern: {error}.") from None


def _join(path: str, name: str) -> str:
    first_small = name[0].lower() + name[1:]
    return f"{path}.{first_small}" if path else first_small
