"""Evaluates a template's intrinsic functions: Ref, Fn::GetAtt, Fn::Sub, conditions and the rest."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from localcloud.cloudformation.dynamic_references import is_reference
from localcloud.cloudformation.errors import ValidationError
from localcloud.cloudformation.function_arguments import WORDS

NO_VALUE = object()
"""The value of AWS::NoValue. The property or list item that holds it is left out."""
UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""Stands for a value that is known only after the deployment, as in AWS's change sets."""
MAX_CHARACTERS = 1024 * 1024
MAX_ITEMS = 10_000
"""Limits of a function's result. AWS documents none, but no template is longer than this many characters."""
VARIABLE = re.compile(r"\$\{(!?)([^}]*)\}")
"""To be looked for in the first part of `divide_behind_variables`."""


@dataclass
class Evaluator:
    """Evaluates expressions of one template.

    `ref` and `attribute` look up resources, `imported` the exports of other stacks. They raise
    ValidationError for unknown names.
    """

    template: Mapping[str, Any]
    parameters: Mapping[str, Any]
    pseudo: Mapping[str, Any]
    ref: Callable[[str], Any]
    attribute: Callable[[str, str], Any]
    imported: Callable[[str], str]
    _conditions: dict[str, bool] = field(default_factory=dict)
    _deciding: list[str] = field(default_factory=list)
    """The conditions being evaluated, each needed by the one before it."""

    def condition(self, name: str) -> bool:
        """Evaluates a condition of the template, once. Raises ValidationError."""
        if name not in self._conditions:
            declared = self.template.get("Conditions") or {}
            if name not in declared:
                raise ValidationError(f"Template format error: Unresolved condition {name}")
            if name in self._deciding:
                circle = ", ".join(self._deciding[self._deciding.index(name) :])
                raise ValidationError(f"Template format error: Circular dependency of conditions [{circle}]")
            self._deciding.append(name)
            self._conditions[name] = self._evaluate_condition(declared[name])
            self._deciding.pop()
        return self._conditions[name]

    def assuming(self, conditions: Mapping[str, bool]) -> "Evaluator":
        """An evaluator with these values for conditions.

        It treats parameters and resources as unknown, since their values belong to the branches that apply.
        """
        return replace(
            self,
            parameters=dict.fromkeys(self.parameters, UNKNOWN),
            ref=lambda name: UNKNOWN,
            attribute=lambda name, attribute: UNKNOWN,
            imported=lambda name: UNKNOWN,
            _conditions={**self._conditions, **conditions},
            _deciding=[],
        )

    def value(self, expression: Any) -> Any:
        """Evaluates every function in an expression. Raises ValidationError."""
        if isinstance(expression, dict):
            if len(expression) == 1:
                (name, argument) = next(iter(expression.items()))
                if name == "Ref":
                    return self._ref(argument)
                if isinstance(name, str) and name.startswith("Fn::"):
                    return self._function(name, argument)
            evaluated = {key: self.value(entry) for key, entry in expression.items()}
            return {key: entry for key, entry in evaluated.items() if entry is not NO_VALUE}
        if isinstance(expression, list):
            return [entry for item in expression if (entry := self.value(item)) is not NO_VALUE]
        return expression

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.ref(name)

    def _function(self, name: str, argument: Any) -> Any:
        method = getattr(self, "_fn_" + name.removeprefix("Fn::").lower(), None)
        if method is None:
            raise ValidationError(f"localcloud does not support the function {name}.")
        try:
            return method(argument)
        except (AttributeError, TypeError, ValueError, KeyError, IndexError) as wrong:
            fallback = f"Template error: {name} cannot take {json.dumps(argument, default=str)}: {wrong}"
            raise ValidationError(WORDS.get(name, fallback)) from wrong

    def _evaluate_condition(self, expression: Any) -> bool:
        if isinstance(expression, dict) and set(expression) == {"Condition"}:
            return self.condition(expression["Condition"])
        result = self.value(expression)
        return result if isinstance(result, bool) else str(result).lower() == "true"

    def _fn_getatt(self, argument: Any) -> Any:
        logical_id, name = argument.split(".", 1) if isinstance(argument, str) else argument
        return self.attribute(logical_id, self.value(name))

    def _fn_sub(self, argument: Any) -> str:
        text, variables = argument if isinstance(argument, list) else (argument, {})

        values = {name: _text(self.value(variable)) for name, variable in variables.items()}
        length = len(text)

        def value(match: re.Match[str]) -> str:
            literal, name = match[1], match[2].strip()
            if literal:
                return "${" + name + "}"
            if name in values:
                return values[name]
            if "." in name and name not in self.parameters:
                return _text(self._fn_getatt(name))
            return _text(self._ref(name))

        def fill(match: re.Match[str]) -> str:
            nonlocal length
            filled = value(match)
            length += len(filled)
            _check_length(length)
            return filled

        searched, rest = divide_behind_variables(text)
        return f"{VARIABLE.sub(fill, searched)}{rest}"

    def _fn_join(self, argument: Any) -> str:
        separator, items = argument
        values = self.value(items)
        if values == UNKNOWN:
            return UNKNOWN
        texts = [_text(item) for item in _list(values)]
        _check_length(len(separator) * len(texts) + sum(map(len, texts)))
        joined: str = separator.join(texts)
        return joined

    def _fn_split(self, argument: Any) -> list[str]:
        separator, text = argument
        whole = self.value(text)
        if UNKNOWN in whole:
            return [UNKNOWN]
        parts: list[str] = whole.split(separator, MAX_ITEMS)
        if len(parts) > MAX_ITEMS:
            raise ValidationError(
                f"Template error: a list that Fn::Split makes would have more than {MAX_ITEMS} items"
            )
        return parts

    def _fn_select(self, argument: Any) -> Any:
        index, items = argument
        values = self.value(items)
        if values in (UNKNOWN, [UNKNOWN]):
            return UNKNOWN
        number = int(self.value(index))
        if not 0 <= number < len(_list(values)):
            raise ValidationError(
                f"Template error: Fn::Select cannot select nonexistent value at index {number}"
            )
        return values[number]

    def _fn_base64(self, argument: Any) -> str:
        text = self.value(argument)
        if UNKNOWN in text:
            return UNKNOWN
        encoded = base64.b64encode(text.encode()).decode()
        _check_length(len(encoded))
        return encoded

    def _fn_findinmap(self, argument: Any) -> Any:
        table, first, second = (self.value(item) for item in argument)
        found = find_mapping(self.template, table).get(first, {})
        if second in found:
            return found[second]
        raise ValidationError(f"Template error: Unable to get mapping for {table}::{first}::{second}")

    def _fn_importvalue(self, argument: Any) -> str:
        return self.imported(self.value(argument))

    def _fn_getazs(self, argument: Any) -> list[str]:
        from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend

        region = self.value(argument) or self.pseudo["AWS::Region"]
        if region not in RegionsAndZonesBackend.zones:
            raise ValidationError(f"Template validation error: Invalid region in Fn::GetAZs: {region}")
        return [zone.name for zone in RegionsAndZonesBackend.zones[region]]

    def _fn_if(self, argument: Any) -> Any:
        name, then, otherwise = argument
        return self.value(then if self.condition(name) else otherwise)

    def _fn_equals(self, argument: Any) -> bool:
        left, right = (self.value(side) for side in argument)
        return left == right if isinstance(left, list | dict) else _text(left) == _text(right)

    def _fn_not(self, argument: Any) -> bool:
        return not self._evaluate_condition(argument[0])

    def _fn_and(self, argument: Any) -> bool:
        return all(self._evaluate_condition(item) for item in argument)

    def _fn_or(self, argument: Any) -> bool:
        return any(self._evaluate_condition(item) for item in argument)


def find_mapping(template: Mapping[str, Any], name: Any) -> Mapping[str, Any]:
    """The mapping of this name. Raises ValidationError when there is none."""
    mappings: Mapping[str, Any] = template.get("Mappings") or {}
    if name not in mappings:
        raise ValidationError(
            f"Template error: Mapping named '{name}' is not present in the 'Mappings' section of template."
        )
    found: Mapping[str, Any] = mappings[name]
    return found


def _check_length(length: int) -> None:
    """Limits the length of texts: nested functions could build one that does not fit into memory."""
    if length > MAX_CHARACTERS:
        raise ValidationError(
            f"Template error: a text that a function makes would be longer than {MAX_CHARACTERS} characters"
        )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict) or value is NO_VALUE:
        raise ValueError("text is needed here, not a list, an object or AWS::NoValue")
    return str(value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("a list is needed here")
    return value


def is_unknown(value: Any) -> bool:
    """Whether a value is known only when resources are created: a text with UNKNOWN or a reference to a
    secret.
    """
    return isinstance(value, str) and (UNKNOWN in value or is_reference(value))


def has_unknown(value: Any) -> bool:
    """Whether a value is, or has in it, one that is known only when resources are created."""
    if isinstance(value, dict):
        return any(has_unknown(entry) for entry in value.values())
    if isinstance(value, list):
        return any(has_unknown(item) for item in value)
    return is_unknown(value)


def divide_behind_variables(text: str) -> tuple[str, str]:
    """Divides a text of Fn::Sub behind its last closing brace, and thus behind all its variables.

    There, VARIABLE would follow each opening brace to the end: half an hour in a megabyte of them.
    """
    end = text.rfind("}") + 1
    return text[:end], text[end:]


def references(expression: Any, evaluator: Evaluator) -> set[str]:
    """The logical ids and parameters that an expression refers to, without branches that do not apply."""
    found: set[str] = set()
    if isinstance(expression, list):
        for item in expression:
            found |= references(item, evaluator)
    elif isinstance(expression, dict):
        for name, argument in expression.items():
            if name == "Ref" and isinstance(argument, str):
                found.add(argument)
            elif name == "Fn::GetAtt":
                found.add(argument.split(".", 1)[0] if isinstance(argument, str) else argument[0])
            elif name == "Fn::Sub":
                text, variables = argument if isinstance(argument, list) else (argument, {})
                searched, _ = divide_behind_variables(text)
                names = {match[2].strip() for match in VARIABLE.finditer(searched) if not match[1]}
                found |= {name.split(".", 1)[0] for name in names - set(variables)}
                found |= references(list(variables.values()), evaluator)
            elif name == "Fn::If":
                found |= references(argument[1 if evaluator.condition(argument[0]) else 2], evaluator)
            else:
                found |= references(argument, evaluator)
    return found
