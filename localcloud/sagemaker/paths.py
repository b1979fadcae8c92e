"""JSONPath as batch transform supports it, to select parts of a record.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html#data-processing-operators
has the operators; AWS follows https://github.com/json-path/JsonPath, in which a path that may find several
values gives a list, however many it finds.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

INDEX = r"-?[0-9]+|(?:-?[0-9]+)?:(?:-?[0-9]+)?"
NAME = r"'[^']+'|\"[^\"]+\""
STEP = re.compile(
    rf"""(?P<any>\.\*|\.?\[\s*\*\s*\])
    |\.(?P<name>[^\s.*'"()\[\]]+)
    |\.?\[\s*(?P<names>(?:{NAME})(?:\s*,\s*(?:{NAME}))*)\s*\]
    |\.?\[\s*(?P<indices>(?:{INDEX})(?:\s*,\s*(?:{INDEX}))*)\s*\]""",
    re.VERBOSE,
)

Values = Callable[[Any], Iterable[Any]]
"""The values that a step finds in a value. Raises LookupError where it finds nothing that it names."""


class JSONPath:
    """A path, as a function from a value to what it selects. Raises ValueError for an unsupported path."""

    def __init__(self, text: str):
        if not text.startswith("$"):
            raise ValueError("it must begin with $")
        self._steps: list[tuple[Values, bool]] = []
        """Each with whether it gives exactly one value."""
        self.is_of_columns = True
        """Whether it selects elements of a list, as the columns of a CSV row are selected."""
        position = 1
        while position < len(text):
            found = STEP.match(text, position)
            if found is None:
                raise ValueError(f"{text[position:]} is none of SageMaker's JSONPath operators")
            position = found.end()
            self._steps.append(_step(found, is_last=position == len(text)))
            self.is_of_columns = len(self._steps) == 1 and not (found["name"] or found["names"])

    def __call__(self, value: Any) -> Any:
        """Raises LookupError for a value that lacks what the path names."""
        found, is_single = [value], True
        for values, gives_one in self._steps:
            if is_single:
                found = list(values(found[0]))
            else:  # what is missing in one of several values is left out
                found = [each for one in found for each in _existing(values, one)]
            is_single = is_single and gives_one
        return found[0] if is_single else found


def _step(found: re.Match[str], *, is_last: bool) -> tuple[Values, bool]:
    if found["any"]:
        return _everything, False
    if found["name"]:
        return lambda value: [_member(value, found["name"])], True
    if found["names"]:
        names = [quoted[1:-1] for quoted in re.findall(NAME, found["names"])]
        if len(names) == 1:
            return lambda value: [_member(value, names[0])], True
        if not is_last:
            raise ValueError("several names are supported only at its end")
        return lambda value: [{name: value[name] for name in names if name in _object(value)}], True
    parts = [part.strip() for part in found["indices"].split(",")]
    if len(parts) == 1 and ":" not in parts[0]:
        return lambda value: [_list(value)[int(parts[0])]], True
    return lambda value: [each for part in parts for each in _elements(_list(value), part)], False


def _existing(values: Values, value: Any) -> Iterator[Any]:
    try:
        yield from values(value)
    except LookupError:
        return


def _everything(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return _list(value)


def _member(value: Any, name: str) -> Any:
    return _object(value)[name]


def _elements(value: list[Any], part: str) -> list[Any]:
    """The elements at an index or in a range of them; those that are missing are left out."""
    if ":" not in part:
        index = int(part)
        return [value[index]] if -len(value) <= index < len(value) else []
    start, end = (int(bound) if bound else None for bound in part.split(":"))
    return value[start:end]


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise LookupError("not an object")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise LookupError("not a list")
    return value
